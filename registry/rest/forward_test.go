package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry/api"
)

// follower returns a server that forwards everything it may, and answers 418 if
// it is to answer itself.
func follower(t *testing.T, leader func() (string, bool), caughtUp func(context.Context) error) *httptest.Server {
	t.Helper()
	client := newForwardClient(nil)
	t.Cleanup(client.CloseIdleConnections)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-ID", "id of "+r.Header.Get("X-Request-ID"))
		relayed, err := forward(w, r, registering, &Options{MaxBody: 100, Leader: leader}, client, caughtUp)
		var e *api.Error
		switch {
		case errors.As(err, &e):
			http.Error(w, e.Message, e.Code.Status())
		case err != nil:
			t.Errorf("forward = %v, want an error of the protocol", err)
		case relayed == nil:
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func ask(t *testing.T, method, url, body string, header http.Header) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Header
}

func TestForwardRepeatsTheRequest(t *testing.T) {
	t.Parallel()
	type seen struct {
		Method, URI, Body string
		Header            map[string]string
	}
	got := make(chan seen, 1)
	leader := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s := seen{r.Method, r.RequestURI, string(body), map[string]string{}}
		for name := range r.Header {
			s.Header[name] = r.Header.Get(name)
		}
		got <- s
		w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(http.StatusConflict)
		io.WriteString(w, `{"error_code":40901}`)
	}))
	defer leader.Close()
	srv := follower(t, func() (string, bool) { return leader.URL + "/", false }, func(context.Context) error {
		t.Error("there is nothing to catch up with after an error")
		return nil
	})
	status, body, header := ask(t, http.MethodPost, srv.URL+"/subjects/a%2Fb%20c/versions?normalize=true&x=%2B", `{"schema":"x"}`, http.Header{
		"Content-Type": {"application/json"}, "Accept": {"a/b"}, "Authorization": {"Basic eA=="}, "Confluent-Accept-Unknown-Properties": {"true"},
		"X-Forwarded-For": {"203.0.113.9", "198.51.100.2, 192.0.2.7"},
		"X-Request-Id":    {"7"}, "Cookie": {"secret"}, "Accept-Encoding": {"gzip"}, "User-Agent": {"mine"},
	})
	if status != http.StatusConflict || body != `{"error_code":40901}` || header.Get("Content-Type") != "application/vnd.schemaregistry.v1+json" || header.Get("Location") != "" {
		t.Errorf("the answer is %d %s, %v; want the leader's", status, body, header)
	}
	want := seen{http.MethodPost, "/subjects/a%2Fb%20c/versions?normalize=true&x=%2B", `{"schema":"x"}`, map[string]string{
		"Content-Type": "application/json", "Accept": "a/b", "Authorization": "Basic eA==", "Confluent-Accept-Unknown-Properties": "true",
		"X-Forwarded-For": "203.0.113.9, 198.51.100.2, 192.0.2.7, 127.0.0.1", "X-Request-Id": "id of 7", "X-Forward": "true", "Content-Length": "14", "User-Agent": "Go-http-client/1.1",
	}}
	if diff := cmp.Diff(want, <-got); diff != "" {
		t.Errorf("the leader saw (-want +got):\n%s", diff)
	}
}

// A client that is told of a success can read what it wrote at once.
func TestForwardCatchesUp(t *testing.T) {
	t.Parallel()
	written, read := false, false
	leader := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { written = true }))
	defer leader.Close()
	srv := follower(t, func() (string, bool) { return leader.URL, false }, func(ctx context.Context) error {
		if _, bounded := ctx.Deadline(); !written || !bounded {
			t.Errorf("written %v, bounded %v; want a bounded wait after the write", written, bounded)
		}
		read = true
		return errors.New("not yet")
	})
	if status, _, _ := ask(t, http.MethodDelete, srv.URL+"/subjects/s", "", nil); status != http.StatusOK || !read {
		t.Errorf("status %d, caught up %v; want 200 and true", status, read)
	}
}

// A change that a follower made itself would be lost, or made twice.
func TestWritesAreForwarded(t *testing.T) {
	t.Parallel()
	for _, rt := range routes() {
		reads := rt.method == http.MethodGet || rt.verb == api.Read || rt.path == "/"
		if rt.writes() == reads {
			t.Errorf("%s %s with the deed %q: only what reads has none", rt.method, rt.path, rt.deed.request)
		}
	}
}

func TestNotForwarded(t *testing.T) {
	t.Parallel()
	// It cuts every connection. A closed server would free its port for others.
	leader := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(leader.Close)
	known := func() (string, bool) { return leader.URL, false }
	for _, row := range []struct {
		name   string
		leader func() (string, bool)
		header http.Header
		body   string
		status int
		text   string
	}{
		{"every server writes", nil, nil, "", http.StatusTeapot, ""},
		{"this is the leader", func() (string, bool) { return leader.URL, true }, nil, "", http.StatusTeapot, ""},
		{"this is the leader of whoever forwarded", func() (string, bool) { return "", true }, http.Header{forwardHeader: {"true"}}, "", http.StatusTeapot, ""},
		{"no leader", func() (string, bool) { return "", false }, nil, "", 500, "Leader not known.\n"},
		{"forwarded already", known, http.Header{forwardHeader: {"true"}}, "", 500, "Leader not known.\n"},
		{"leader is gone", known, nil, "{}", 500, "Error while forwarding register schema request to the leader\n"},
		{"too large", known, nil, strings.Repeat("x", 101), 413, "HTTP 413 Request Entity Too Large: the limit is 100 bytes\n"},
	} {
		srv := follower(t, row.leader, nil)
		if status, text, _ := ask(t, http.MethodPost, srv.URL+"/config", row.body, row.header); status != row.status || text != row.text {
			t.Errorf("%s: %d %q, want %d %q", row.name, status, text, row.status, row.text)
		}
	}
}
