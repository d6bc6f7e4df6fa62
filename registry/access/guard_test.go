package access

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry/api"
)

// everything lets everybody who is somebody do everything.
func everything() []Grant {
	return []Grant{{Who: []string{"*"}, May: []string{"*"}, Subjects: []string{"*"}, Contexts: []string{"*"}}}
}

func newGuard(t testing.TB, cfg Config) *Guard {
	t.Helper()
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// whoami answers with what a handler behind the guard learns.
func whoami(w http.ResponseWriter, r *http.Request) {
	p, _ := PrincipalFrom(r.Context())
	w.Header().Set("X-Request-ID", r.Header.Get("X-Request-ID"))
	fmt.Fprintf(w, "%s %v %s", p.Name, p.Groups, p.How)
}

type answer struct {
	status int
	body   string
	header http.Header
}

func ask(t testing.TB, h http.Handler, path string, header http.Header) answer {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if header != nil {
		r.Header = header
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Body.String(), w.Header()}
}

func auth(values ...string) http.Header { return http.Header{"Authorization": values} }

func basic(name, password string) http.Header {
	return auth("Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password)))
}

const refusal = `{"error_code":401,"message":"Unauthorized"}`

func TestWhoGetsIn(t *testing.T) {
	t.Parallel()
	key := newEC(t)
	iss := newIssuer(t, jwk("e", key.Public()))
	withBoth := Config{
		Realm: "the registry", Basic: &Basic{File: tempFile(t, "alice:"+hashed(t, "right")+":g\n")},
		Bearer: &Bearer{Issuer: iss.URL, Audience: []string{"registry"}}, Grants: everything(),
	}
	both := newGuard(t, withBoth)
	withBoth.Anonymous = &Anonymous{Groups: []string{"readers"}}
	anonymous := newGuard(t, withBoth)
	withBoth.Bearer, withBoth.Anonymous = nil, nil
	onlyBasic := newGuard(t, withBoth)
	onlyBearer := newGuard(t, Config{Bearer: &Bearer{Issuer: iss.URL, Audience: []string{"registry"}}, Grants: everything()})
	onlyCerts := newGuard(t, Config{MTLS: &MTLS{}, Grants: everything()})
	open := newGuard(t, Config{})
	token := "Bearer " + sign(t, jose.ES256, "e", key, iss.with(nil))

	askBasic, askBearer := `Basic realm="the registry"`, `Bearer realm="the registry"`
	for _, c := range []struct {
		name   string
		guard  *Guard
		header http.Header
		want   string   // empty means 401
		asked  []string // for
	}{
		{"nothing", both, nil, "", []string{askBasic, askBearer}},
		{"password", both, basic("alice", "right"), "alice [g] basic", nil},
		{"lower case", both, auth("bAsIc " + strings.TrimPrefix(basic("alice", "right").Get("Authorization"), "Basic ")), "alice [g] basic", nil},
		{"wrong password", both, basic("alice", "wrong"), "", []string{askBasic, askBearer}},
		{"unknown user", both, basic("mallory", "right"), "", []string{askBasic, askBearer}},
		{"long user", both, basic(strings.Repeat("a", 1000), "right"), "", []string{askBasic, askBearer}},
		{"not base64", both, auth("Basic !"), "", []string{askBasic, askBearer}},
		{"no colon", both, auth("Basic YWxpY2U="), "", []string{askBasic, askBearer}},
		{"empty", both, auth(""), "", []string{askBasic, askBearer}},
		{"token", both, auth(token), "svc [a b] bearer", nil},
		{"token with spaces", both, auth(strings.Replace(token, " ", "  ", 1) + " "), "svc [a b] bearer", nil},
		{"cut token", both, auth(token[:len(token)-9]), "", []string{askBasic, askBearer}},
		{"no token", both, auth("Bearer"), "", []string{askBasic, askBearer}},
		{"two headers", both, auth(token, basic("alice", "right").Get("Authorization")), "", []string{askBasic, askBearer}},
		{"other scheme", both, auth("Digest x"), "", []string{askBasic, askBearer}},
		{"token, not asked for", onlyBasic, auth(token), "", []string{askBasic}},
		{"password, not asked for", onlyBearer, basic("alice", "right"), "", []string{`Bearer realm="SchemaRegistry"`}},
		{"nobody", anonymous, nil, "anonymous [readers] anonymous", nil},
		{"nobody with a wrong password", anonymous, basic("alice", "wrong"), "", []string{askBasic, askBearer}},
		{"no certificate", onlyCerts, nil, "", nil},
		{"password for certificates", onlyCerts, basic("alice", "right"), "", nil},
		{"open, nobody is asked who reads", open, nil, " [] ", nil},
		{"open, with something", open, basic("alice", "right"), " [] ", nil},
	} {
		got := ask(t, c.guard.Wrap(http.HandlerFunc(whoami), nil), "/subjects", c.header)
		if c.want != "" {
			if got.status != 200 || got.body != c.want {
				t.Errorf("%s: %d %s, want %s", c.name, got.status, got.body, c.want)
			}
			continue
		}
		if got.status != 401 || got.body != refusal || got.header.Get("Content-Type") != contentType {
			t.Errorf("%s: %d %s as %s, want 401 %s", c.name, got.status, got.body, got.header.Get("Content-Type"), refusal)
		}
		if diff := cmp.Diff(c.asked, got.header["Www-Authenticate"]); diff != "" {
			t.Errorf("%s: WWW-Authenticate (-want +got):\n%s", c.name, diff)
		}
		if got.header.Get("X-Request-ID") == "" {
			t.Errorf("%s: the answer has no request id", c.name)
		}
	}
}

func TestPublicPaths(t *testing.T) {
	t.Parallel()
	g := newGuard(t, Config{MTLS: &MTLS{}, Grants: everything(), RateLimit: &RateLimit{PerSecond: 0.001, Burst: 1}})
	h := g.Wrap(http.HandlerFunc(whoami), func(path string) bool { return path == "/healthz" })
	for range 5 {
		if got := ask(t, h, "/healthz", auth("Basic rubbish")); got.status != 200 || got.body != " [] " {
			t.Errorf("a public path: %d %s, want it passed on", got.status, got.body)
		}
	}
	if got := ask(t, h, "/healthz/x", nil); got.status != 401 {
		t.Errorf("a path below: %d, want 401", got.status)
	}
}

func TestRequestFacts(t *testing.T) {
	t.Parallel()
	g := newGuard(t, Config{TrustedProxies: []string{"192.0.2.0/24"}, Anonymous: &Anonymous{}, Grants: everything()})
	var facts Request
	h := g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		facts = RequestFrom(r.Context())
		if r.Header.Get("X-Request-ID") != facts.ID {
			t.Error("the handler would answer with another id")
		}
	}), nil)
	ask(t, h, "/", http.Header{"X-Request-Id": {"id-1"}, "X-Forwarded-For": {"198.51.100.9"}}) // httptest's peer is 192.0.2.1
	if facts != (Request{"198.51.100.9", "id-1"}) {
		t.Errorf("facts %v", facts)
	}
	for _, odd := range []string{"", "a b", "a\x7f", "é", strings.Repeat("x", 129)} {
		if ask(t, h, "/", http.Header{"X-Request-Id": {odd}}); facts.ID == odd || facts.ID == "" {
			t.Errorf("request id %q stands in logs as %q, want a new one", odd, facts.ID)
		}
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	path := tempFile(t, "alice:"+hashed(t, "right")+"\nbob:"+hashed(t, "right")+"\n")
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, Config{Basic: &Basic{File: path}, Grants: everything(), RateLimit: &RateLimit{PerSecond: 0.5, Burst: 3}})
		bodies := 0
		h := g.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { bodies++ }), nil)
		for range 3 {
			if got := ask(t, h, "/", basic("alice", "right")); got.status != 200 {
				t.Fatalf("within the burst: %d", got.status)
			}
		}
		got := ask(t, h, "/", basic("alice", "right"))
		var e api.Error
		if err := json.Unmarshal([]byte(got.body), &e); err != nil || got.status != 429 || e.Code != 429 || got.header.Get("Retry-After") != "2" {
			t.Errorf("after the burst: %d, Retry-After %q, %s, want 429 in 2 s", got.status, got.header.Get("Retry-After"), got.body)
		}
		if got := ask(t, h, "/", basic("bob", "right")); got.status != 200 || bodies != 4 {
			t.Errorf("another client: %d, %d requests came through, want 200 and 4", got.status, bodies)
		}
		// Who is nobody counts by address.
		statuses := []int{}
		for range 4 {
			statuses = append(statuses, ask(t, h, "/", nil).status)
		}
		if !slices.Equal(statuses, []int{401, 401, 401, 429}) {
			t.Errorf("without credentials: %v", statuses)
		}
		time.Sleep(2 * time.Second)
		if got := ask(t, h, "/", basic("alice", "right")); got.status != 200 {
			t.Errorf("after the wait: %d", got.status)
		}
	})
}

// Guesses get few tries, and do not lock out who is known.
func TestGuesses(t *testing.T) {
	t.Parallel()
	path := tempFile(t, "alice:"+hashed(t, "right")+"\nbob:"+hashed(t, "right")+"\n")
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, Config{Basic: &Basic{File: path}, Grants: everything()})
		h := g.Wrap(http.HandlerFunc(whoami), nil)
		ask(t, h, "/", basic("alice", "right"))
		count := map[int]int{}
		for i := range 100 {
			count[ask(t, h, "/", basic("alice", fmt.Sprint(i))).status]++
		}
		if count[401] != guessesBurst || count[429] != 100-guessesBurst {
			t.Errorf("answers to guesses: %v, want %d times 401, then 429", count, guessesBurst)
		}
		if got := ask(t, h, "/", basic("alice", "right")); got.status != 200 {
			t.Errorf("the password that was known before: %d", got.status)
		}
		if got := ask(t, h, "/", basic("bob", "right")); got.status != 200 {
			t.Errorf("another user: %d", got.status)
		}
		for i := range 200 {
			ask(t, h, "/", basic(fmt.Sprint("user", i), "x"))
		}
		if got := ask(t, h, "/", basic("carol", "x")); got.status != 429 {
			t.Errorf("after many users from one address: %d, want 429", got.status)
		}
	})
}

func TestIssuerDownIsNotTheClientsFault(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	g := newGuard(t, Config{Bearer: &Bearer{Issuer: srv.URL, Audience: []string{"registry"}}, Grants: everything()})
	token := sign(t, jose.ES256, "e", newEC(t), claims{})
	got := ask(t, g.Wrap(http.HandlerFunc(whoami), nil), "/", auth("Bearer "+token))
	if got.status != 503 || got.header.Get("Retry-After") == "" || got.header.Get("WWW-Authenticate") != "" {
		t.Errorf("%d %s %v, want 503", got.status, got.body, got.header)
	}
}

func TestConfigMistakes(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		"grants: nobody can say who":      {Grants: everything()},
		"grants: there are none":          {Anonymous: &Anonymous{}},
		"rate_limit.per_second: 0":        {RateLimit: &RateLimit{}},
		"rate_limit: burst or clients":    {RateLimit: &RateLimit{PerSecond: 1, Burst: -1}},
		"realm: ":                         {Realm: "a\"b"},
		"trusted_proxies[1]: \"x\"":       {TrustedProxies: []string{"::1", "x"}},
		"grants[0].may: \"fly\"":          {MTLS: &MTLS{}, Grants: []Grant{{Who: []string{"*"}, May: []string{"fly"}}}},
		"basic: stat":                     {Basic: &Basic{File: "/does/not/exist"}, Grants: everything()},
		"bearer.issuer: it is empty":      {Bearer: &Bearer{}, Grants: everything()},
		"mtls.name: \"serial\"; expected": {MTLS: &MTLS{Name: "serial"}, Grants: everything()},
	} {
		if _, err := New(cfg); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want %s…", err, want)
		}
	}
}

// What is refused is refused before the body is read.
func TestRefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	g := newGuard(t, Config{MTLS: &MTLS{}, Grants: everything()})
	r := httptest.NewRequest(http.MethodPost, "/subjects/a/versions", untouched{t})
	w := httptest.NewRecorder()
	g.Wrap(http.HandlerFunc(whoami), nil).ServeHTTP(w, r)
	if w.Code != 401 {
		t.Errorf("status %d, want 401", w.Code)
	}
	r = httptest.NewRequest(http.MethodHead, "/subjects", nil)
	w = httptest.NewRecorder()
	g.Wrap(http.HandlerFunc(whoami), nil).ServeHTTP(w, r)
	if w.Code != 401 || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d with %d bytes, want 401 without a body", w.Code, w.Body.Len())
	}
}

type untouched struct{ t *testing.T }

func (u untouched) Read([]byte) (int, error) {
	u.t.Error("the body of a refused request is read")
	return 0, io.EOF
}
