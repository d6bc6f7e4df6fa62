package access

import (
	"net/http"
	"strings"
	"testing"
)

// Over real connections a certificate says who sends a request, and a header
// that is sent with it counts instead of it.
func TestCertificatesOverTLS(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	cfg := ours.files(t)
	cfg.ClientAuth, cfg.ClientCA = "request", tempFile(t, ours.pem)
	set, err := ServerTLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	g := newGuard(t, Config{
		MTLS:   &MTLS{Groups: map[string][]string{"svc": {"writers"}}, Prefix: "cert:"},
		Basic:  &Basic{File: tempFile(t, "alice:"+hashed(t, "right")+"\n")},
		Grants: everything(),
	})
	address := serveTLS(t, set, g.Wrap(http.HandlerFunc(whoami), nil))
	svc := dial(ours, ours.client(t, named("svc")), 0)
	if status, body, err := fetch(svc, address); err != nil || status != 200 || body != "cert:svc [cert:writers] mtls" {
		t.Errorf("with a certificate: %d %s, %v", status, body, err)
	}
	for _, header := range []http.Header{{"X-Forward": {"true"}}, {"X-Forward": {"other"}}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header
		res, err := svc.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 401 {
			t.Errorf("with the certificate of a server that forwards: %d, want 401", res.StatusCode)
		}
	}
	if status, body, err := fetch(dial(ours, nil, 0), address); err != nil || status != 401 || body != refusal {
		t.Errorf("without one: %d %s, %v", status, body, err)
	}
	if _, _, err := fetch(dial(ours, theirs.client(t, named("svc")), 0), address); err == nil {
		t.Error("a certificate of others is accepted")
	}
	for user, want := range map[string]string{"alice:right": "alice [] basic", "alice:wrong": refusal} {
		withUser := strings.Replace(address, "https://", "https://"+user+"@", 1)
		if _, body, err := fetch(svc, withUser); err != nil || body != want {
			t.Errorf("a certificate and %s: %s, %v, want %s", user, body, err, want)
		}
	}
}
