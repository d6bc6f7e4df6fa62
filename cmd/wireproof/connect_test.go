package main

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/registry/registrytest"
)

// guarded serves a registry over TLS to those whom allow lets in.
func guarded(t *testing.T, allow func(*http.Request) bool) (address, ca string) {
	t.Helper()
	behind, err := url.Parse(registrytest.New(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(behind)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if allow(r) {
			proxy.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"error_code":401,"message":"Unauthorized"}`))
	}))
	t.Cleanup(server.Close)
	ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	return server.URL, ca
}

// Push signs in as the settings say: with a certificate authority, and a password
// or a token from the environment.
func TestPushSignsIn(t *testing.T) {
	for _, tt := range []struct {
		name, settings string
		allow          func(*http.Request) bool
	}{
		{"basic", "auth: basic, user_env: WP_USER, password_env: WP_PASSWORD", func(r *http.Request) bool {
			user, password, _ := r.BasicAuth()
			return user == "anna" && password == "right"
		}},
		{"bearer", "auth: bearer, token_env: WP_TOKEN", func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer good" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address, ca := guarded(t, tt.allow)
			s := pushShell(t)
			s.write("ca.pem", ca)
			s.write("wireproof.yaml", pushSettings+"environments:\n  prod: { registry: \""+address+"\", "+tt.settings+", tls: { ca: ca.pem } }\n")
			t.Setenv("WP_USER", "anna")
			t.Setenv("WP_PASSWORD", "right")
			t.Setenv("WP_TOKEN", "good")
			if _, complaints := s.run(exitOK, "push"); !strings.Contains(complaints, "3 new versions") {
				t.Errorf("push says %q", complaints)
			}
			t.Setenv("WP_PASSWORD", "wrong-secret")
			t.Setenv("WP_TOKEN", "wrong-secret")
			for _, command := range []string{"push", "check"} {
				args := []string{command}
				if command == "check" {
					args = append(args, "--against", "registry")
				}
				if _, complaints := s.run(exitDenied, args...); strings.Contains(complaints, "wrong-secret") {
					t.Errorf("%s prints the secret: %q", command, complaints)
				}
			}
		})
	}
}

// A secret that is not set is said before anything is sent.
func TestSecretThatIsNotSet(t *testing.T) {
	s := pushShell(t)
	s.write("wireproof.yaml", pushSettings+"environments:\n  prod: { registry: \"http://127.0.0.1:1\", auth: bearer, token_env: WP_NO_SUCH_TOKEN }\n")
	if _, complaints := s.run(exitDenied, "push"); !strings.Contains(complaints, "token_env is WP_NO_SUCH_TOKEN, which is not set") {
		t.Errorf("push says %q", complaints)
	}
}
