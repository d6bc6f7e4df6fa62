package access_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/access"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

// The audit log of the leader names the client of a write that a follower
// forwards, if the leader trusts the follower, and never whom a client claims to
// forward for.
func TestForwardedWriteIsAuditedWithItsClient(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		trusted []string
		remote  string
	}{
		{[]string{"127.0.0.1"}, "198.51.100.7"},
		{nil, "127.0.0.1"},
	} {
		grants := []access.Grant{{Who: []string{"*"}, May: []string{"*"}, Subjects: []string{"*"}}}
		leader := newProtected(t, access.Config{Grants: grants, TrustedProxies: c.trusted}, "ada")
		reg, err := registry.Open(t.Context(), memlog.New(), all.Languages(), registry.Rules(compat.Default()), registry.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer reg.Close()
		follower := rest.New(reg, rest.Options{Leader: func() (string, bool) { return leader.URL, false }})
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/subjects/s/versions", strings.NewReader(`{"schema":"\"int\""}`))
		r.RemoteAddr = "198.51.100.7:4711"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		r.SetBasicAuth("ada", canary+"ada")
		w := httptest.NewRecorder()
		follower.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("register at the follower = %d %s", w.Code, w.Body)
		}
		if err := leader.audit.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if line := leader.lines.String(); !strings.Contains(line, `"who":"ada"`) || !strings.Contains(line, `"remote":"`+c.remote+`"`) {
			t.Errorf("trusting %v, the leader writes %s, want the address %s", c.trusted, line, c.remote)
		}
	}
}
