package clients_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// serveSecured starts a registry that speaks TLS and wants a password. It returns
// its address, with the name and password of a user who may do everything, and
// the file of its certificate. User reader, password secret, may only read.
func serveSecured(t *testing.T) (url, ca string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// The certificate of the standard library's tests is valid for 127.0.0.1.
	srv := httptest.NewTLSServer(nil)
	srv.Close()
	pair := srv.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	ca = write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})))
	keyFile := write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	users := ""
	for name, password := range map[string]string{"admin": "all", "reader": "secret"} {
		hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		users += name + ":" + string(hash) + "\n"
	}
	url = serve(t, "--memory", "--tls-cert", ca, "--tls-key", keyFile,
		"--set", "auth.basic.file="+write("users", users),
		"--set", `auth.grants=[{who: ["user:admin"], may: ["*"], subjects: ["*"], contexts: ["*"]}, {who: ["user:reader"], may: ["read"], subjects: ["*"], contexts: ["*"]}]`)
	return strings.Replace(url, "https://", "https://admin:all@", 1), ca
}
