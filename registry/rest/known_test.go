package rest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/registry/rest"
)

// A pair is a server that leads and one that follows, on one log.
type pair struct {
	leader   *registry.Registry
	follower *httptest.Server
	forwards atomic.Int64 // requests that reached the leader
	gone     atomic.Bool  // nobody knows who leads
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{}
	log := memlog.New()
	start := func() *registry.Registry {
		reg, err := registrytest.OpenToy(t.Context(), log)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { reg.Close() })
		return reg
	}
	p.leader = start()
	leading := rest.New(p.leader, rest.Options{Leader: func() (string, bool) { return "", true }})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.forwards.Add(1)
		leading.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	p.follower = httptest.NewServer(rest.New(start(), rest.Options{MaxBody: 4096, Leader: func() (string, bool) {
		if p.gone.Load() {
			return "", false
		}
		return front.URL, false
	}}))
	t.Cleanup(p.follower.Close)
	return p
}

// register registers at the follower and returns the id, or else the error code,
// and how many requests reached the leader.
func (p *pair) register(t *testing.T, body, encoding string) (id, code int, forwards int64) {
	t.Helper()
	before := p.forwards.Load()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.follower.URL+"/subjects/a/versions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		ID   int
		Code int `json:"error_code"`
	}
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out.ID, out.Code, p.forwards.Load() - before
}

// A follower answers by itself what is there already, and nothing else: what is
// new, wrong or deleted for good goes to the leader, unchanged.
func TestFollowerKnows(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	want := func(what, body, encoding string, id, code int, forwards int64) {
		t.Helper()
		if gotID, gotCode, got := p.register(t, body, encoding); gotID != id || gotCode != code || got != forwards {
			t.Errorf("%s: id %d, code %d, %d requests to the leader; want %d, %d, %d", what, gotID, gotCode, got, id, code, forwards)
		}
	}
	const x, y = `{"schema":"x"}`, `{"schema":"x y"}`
	want("new", x, "", 1, 0, 1)
	want("known", x, "", 1, 0, 0)
	want("new and packed", packed(t, y), "gzip", 2, 0, 1)
	want("known and packed", packed(t, y), "gzip", 2, 0, 0)
	want("the older one", x, "", 1, 0, 0)
	want("incompatible", `{"schema":"z"}`, "", 0, int(api.IncompatibleSchema), 1)
	want("an import", `{"schema":"x","id":7}`, "", 0, int(api.OperationNotPermitted), 1)
	want("with the id that it has", `{"schema":"x","id":1}`, "", 1, 0, 0)
	want("no JSON", `{`, "", 0, int(api.BadRequest), 1)
	want("too large", `{"schema":"`+strings.Repeat("x", 5000)+`"}`, "", 0, int(api.BodyTooLarge), 0)
	for _, permanent := range []bool{false, true} {
		if _, err := p.leader.DeleteSubject(t.Context(), registry.SubjectDeletion{Subject: "a", Permanent: permanent}); err != nil {
			t.Fatal(err)
		}
	}
	want("deleted for good", x, "", 3, 0, 1)
	p.gone.Store(true)
	want("known without a leader", x, "", 3, 0, 0)
	want("new without a leader", `{"schema":"x w"}`, "", 0, int(api.NoLeader), 0)
}
