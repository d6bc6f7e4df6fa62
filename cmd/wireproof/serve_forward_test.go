package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/test/kafkatest"
	"github.com/wireproof/wireproof/test/nettest"
)

// A server that does not lead hands writes to the one that does, also where
// every connection needs certificates on both sides.
func TestServeForwardsOverTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	nettest.WriteCertificate(t, dir, 7)
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	args := append(kafkaArgs(kafkatest.Real(t)), "--tls-cert", cert, "--tls-key", key,
		"--set", "tls.client_ca="+cert, "--set", "tls.client_auth=require", "--set", "tls.peer_ca="+cert)

	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	send := func(method, url, body string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}

	leader := serveForTest(t, args...)
	eventually(t, "a leader", func() bool {
		_, metrics := send("GET", leader.url+"/metrics", "")
		return strings.Contains(metrics, "\nwireproof_registry_leader 1\n")
	})
	follower := serveForTest(t, args...)
	eventually(t, "readiness", func() bool {
		status, _ := send("GET", follower.url+"/readyz", "")
		return status == 200
	})
	if _, metrics := send("GET", follower.url+"/metrics", ""); !strings.Contains(metrics, "\nwireproof_registry_leader 0\n") {
		t.Error("the second server leads too")
	}
	if status, body := send("POST", follower.url+"/subjects/s/versions", aSchema); status != 200 {
		t.Errorf("register at the follower = %d %s", status, body)
	}
	for _, s := range []*serving{leader, follower} {
		if status, body := send("GET", s.url+"/subjects/s/versions", ""); status != 200 || body != "[1]" {
			t.Errorf("GET from %s = %d %s, want [1]", s.url, status, body)
		}
	}
}
