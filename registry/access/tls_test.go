package access

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{key: newEC(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.cert, err = x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.pem = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// issue returns a certificate and its key in PEM form.
func (a *authority) issue(t testing.TB, template x509.Certificate) (cert, key string) {
	t.Helper()
	own := newEC(t)
	template.SerialNumber = big.NewInt(2)
	template.NotBefore = time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	der, err := x509.CreateCertificate(rand.Reader, &template, a.cert, own.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}))
}

func (a *authority) client(t testing.TB, template x509.Certificate) *tls.Certificate {
	t.Helper()
	cert, err := tls.X509KeyPair(bytesOf(a.issue(t, template)))
	if err != nil {
		t.Fatal(err)
	}
	return &cert
}

func bytesOf(a, b string) ([]byte, []byte) { return []byte(a), []byte(b) }

func named(cn string) x509.Certificate {
	return x509.Certificate{Subject: pkix.Name{CommonName: cn}, DNSNames: []string{"localhost"}}
}

// serveTLS starts a server with the settings and a handler.
func serveTLS(t testing.TB, cfg *tls.Config, h http.Handler) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are what is tested
	srv.TLS = cfg
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return "https://localhost:" + srv.URL[strings.LastIndex(srv.URL, ":")+1:]
}

// dial makes a client without connections in reserve.
func dial(roots *authority, cert *tls.Certificate, version uint16) *http.Client {
	cfg := &tls.Config{RootCAs: roots.pool(), MaxVersion: version}
	if cert != nil {
		// Sent even if the server names other authorities.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
}

func fetch(c *http.Client, address string) (status int, body string, err error) {
	res, err := c.Get(address)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// files writes a server's certificate and returns the settings for it.
func (a *authority) files(t testing.TB) TLSConfig {
	t.Helper()
	dir := t.TempDir()
	cfg := TLSConfig{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	cert, key := a.issue(t, named("localhost"))
	writeFile(t, cfg.Cert, cert)
	writeFile(t, cfg.Key, key)
	return cfg
}

func TestServerTLS(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t, "ours"), newAuthority(t, "theirs")
	for _, mode := range []string{"none", "request", "require"} {
		cfg := ours.files(t)
		cfg.ClientAuth, cfg.ClientCA = mode, tempFile(t, ours.pem)
		set, err := ServerTLS(cfg)
		if err != nil {
			t.Fatal(err)
		}
		address := serveTLS(t, set, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "%s %d", r.Proto, len(r.TLS.VerifiedChains))
		}))
		for _, c := range []struct {
			name string
			cert *tls.Certificate
			want map[string]string // by mode; empty is a handshake that fails
		}{
			{"no certificate", nil, map[string]string{"none": "HTTP/2.0 0", "request": "HTTP/2.0 0"}},
			{"ours", ours.client(t, named("a")), map[string]string{"none": "HTTP/2.0 0", "request": "HTTP/2.0 1", "require": "HTTP/2.0 1"}},
			{"theirs", theirs.client(t, named("a")), map[string]string{"none": "HTTP/2.0 0"}},
			{"expired", ours.client(t, x509.Certificate{NotAfter: time.Now().Add(-time.Minute)}), map[string]string{"none": "HTTP/2.0 0"}},
		} {
			_, got, err := fetch(dial(ours, c.cert, 0), address)
			if got != c.want[mode] || (err == nil) != (c.want[mode] != "") {
				t.Errorf("%s, %s: %q, %v, want %q", mode, c.name, got, err, c.want[mode])
			}
		}
		if _, _, err := fetch(dial(ours, ours.client(t, named("a")), tls.VersionTLS11), address); err == nil {
			t.Errorf("%s: TLS 1.1 is accepted", mode)
		}
	}
}

func TestTLSFollowsItsFiles(t *testing.T) {
	t.Parallel()
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	cfg := first.files(t)
	cfg.ClientCA = tempFile(t, first.pem)
	cert, key := second.issue(t, named("localhost"))
	firstClient, secondClient := first.client(t, named("a")), second.client(t, named("b"))
	synctest.Test(t, func(t *testing.T) {
		var told complaints
		cfg.OnError = told.add
		set, err := ServerTLS(cfg)
		if err != nil {
			t.Fatal(err)
		}
		// signer is who signed what a client is shown, and trusted whom it must be.
		signer := func() (string, bool, bool) {
			now, err := set.GetConfigForClient(nil)
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(now.Certificates[0].Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			accepts := func(c *tls.Certificate) bool {
				_, err := c.Leaf.Verify(x509.VerifyOptions{
					Roots: now.ClientCAs, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}, CurrentTime: c.Leaf.NotBefore, // its authority was made before it, and may end before it
				})
				return err == nil
			}
			return leaf.Issuer.CommonName, accepts(firstClient), accepts(secondClient)
		}
		expect := func(when, wantSigner string, wantFirst, wantSecond bool) {
			t.Helper()
			time.Sleep(lookEvery)
			if s, a, b := signer(); s != wantSigner || a != wantFirst || b != wantSecond {
				t.Errorf("%s: signed by %s, clients %v %v, want %s, %v, %v", when, s, a, b, wantSigner, wantFirst, wantSecond)
			}
		}
		expect("at first", "first", true, false)
		writeFile(t, cfg.Cert, cert)
		expect("with half a pair", "first", true, false)
		expect("with half a pair, later", "first", true, false)
		if all := told.take(); len(all) != 1 || !strings.Contains(all[0].Error(), cfg.Key) {
			t.Errorf("reported %v, want one error that names the files", all)
		}
		writeFile(t, cfg.Key, key)
		expect("with a new pair", "second", true, false)
		writeFile(t, cfg.ClientCA, "rubbish")
		expect("with broken authorities", "second", true, false)
		writeFile(t, cfg.ClientCA, second.pem)
		expect("with new authorities", "second", false, true)
		if all := told.take(); len(all) != 1 || !strings.Contains(all[0].Error(), "no certificate") {
			t.Errorf("reported %v, want one error", all)
		}
	})
}

// A running server shows its new certificate to new connections.
func TestTLSReloadsWhileServing(t *testing.T) {
	t.Parallel()
	first, second := newAuthority(t, "first"), newAuthority(t, "second")
	cfg := first.files(t)
	set, err := ServerTLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	address := serveTLS(t, set, http.NotFoundHandler())
	if _, _, err := fetch(dial(first, nil, 0), address); err != nil {
		t.Fatal(err)
	}
	cert, key := second.issue(t, named("localhost"))
	writeFile(t, cfg.Cert, cert)
	writeFile(t, cfg.Key, key)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, _, err = fetch(dial(second, nil, 0), address); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not used", err)
		}
	}
}

func TestTLSMistakes(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	for want, spoil := range map[string]func(*TLSConfig){
		"tls: cert or key is empty":  func(c *TLSConfig) { c.Key = "" },
		`tls.min_version: "1.1"`:     func(c *TLSConfig) { c.MinVersion = "1.1" },
		`tls.client_auth: "maybe"`:   func(c *TLSConfig) { c.ClientAuth = "maybe" },
		"tls.client_ca: it is empty": func(c *TLSConfig) { c.ClientAuth = "require" },
		"tls: stat":                  func(c *TLSConfig) { c.Cert += ".none" },
		"tls: ":                      func(c *TLSConfig) { c.Key = tempFile(t, "canary") },
		"tls: /":                     func(c *TLSConfig) { c.ClientCA = tempFile(t, "canary") },
	} {
		cfg := ca.files(t)
		spoil(&cfg)
		_, err := ServerTLS(cfg)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("error %v, want %s…", err, want)
		}
	}
	cfg := ca.files(t)
	cfg.MinVersion = "1.3"
	set, err := ServerTLS(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := fetch(dial(ca, nil, tls.VersionTLS12), serveTLS(t, set, http.NotFoundHandler())); err == nil {
		t.Error("TLS 1.2 is accepted where 1.3 is the least")
	}
}

func TestCertificateNames(t *testing.T) {
	t.Parallel()
	uri, err := url.Parse("spiffe://example/svc")
	if err != nil {
		t.Fatal(err)
	}
	leaf := &x509.Certificate{
		Subject: pkix.Name{CommonName: "svc"}, DNSNames: []string{"svc.example", "other.example"}, URIs: []*url.URL{uri},
		EmailAddresses: []string{"svc@example"}, NotAfter: time.Now().Add(time.Hour),
	}
	conn := &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}, PeerCertificates: []*x509.Certificate{leaf}}
	for which, want := range map[string]string{
		"": "{x:svc [x:g] mtls}", "cn": "{x:svc [x:g] mtls}", "dns": "{x:svc.example [] mtls}",
		"uri": "{x:spiffe://example/svc [] mtls}", "email": "{x:svc@example [] mtls}",
	} {
		c, err := newCertificates(MTLS{Name: which, Prefix: "x:", Groups: map[string][]string{"svc": {"g"}}})
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := c.principal(conn); !ok || fmt.Sprint(p) != want {
			t.Errorf("%q: %v, %v, want %s", which, p, ok, want)
		}
		empty := &x509.Certificate{NotAfter: leaf.NotAfter}
		old := *leaf
		old.NotAfter = time.Now().Add(-time.Second)
		for name, bad := range map[string]*tls.ConnectionState{
			"no TLS": nil, "no certificate": {}, "not verified": {PeerCertificates: conn.PeerCertificates},
			"no name": {VerifiedChains: [][]*x509.Certificate{{empty}}}, "expired since": {VerifiedChains: [][]*x509.Certificate{{&old}}},
		} {
			if p, ok := c.principal(bad); ok {
				t.Errorf("%q, %s: %v, want nobody", which, name, p)
			}
		}
	}
	if _, err := newCertificates(MTLS{Name: "ou"}); err == nil || !strings.HasPrefix(err.Error(), `mtls.name: "ou"`) {
		t.Errorf("error %v", err)
	}
}
