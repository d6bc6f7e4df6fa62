package clients_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// identity writes a certificate for 127.0.0.1 and its key to files.
func identity(t *testing.T) (cert, key string) {
	t.Helper()
	dir := t.TempDir()
	// The certificate of the standard library's tests.
	srv := httptest.NewTLSServer(nil)
	srv.Close()
	pair := srv.TLS.Certificates[0]
	private, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// trusting returns connections for Go clients that believe a certificate.
func trusting(t *testing.T, ca string) *http.Client {
	t.Helper()
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// grants let user admin do everything and user reader read.
const grants = `auth.grants=[{who: ["user:admin"], may: ["*"], subjects: ["*"], contexts: ["*"]}, {who: ["user:reader"], may: ["read"], subjects: ["*"], contexts: ["*"]}]`

// serveSecured starts a registry that speaks TLS and wants a password. It returns
// its address, with the name and password of a user who may do everything, and
// the file of its certificate. User reader, password secret, may only read.
func serveSecured(t *testing.T) (url, ca string) {
	t.Helper()
	ca, key := identity(t)
	users := ""
	for name, password := range map[string]string{"admin": "all", "reader": "secret"} {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		users += name + ":" + string(hash) + "\n"
	}
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte(users), 0o600); err != nil {
		t.Fatal(err)
	}
	url = serve(t, "--memory", "--tls-cert", ca, "--tls-key", key, "--set", "auth.basic.file="+file, "--set", grants)
	return strings.Replace(url, "https://", "https://admin:all@", 1), ca
}
