package clients_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/riferrei/srclient"
	"github.com/twmb/franz-go/pkg/sr"
)

// An issuer is an OpenID provider that gives tokens to clients with a secret.
type issuer struct {
	*httptest.Server
	key *ecdsa.PrivateKey
}

// newIssuer starts one with the certificate of [identity]. The secret of every
// client is "secret".
func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, value any) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(value)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		name, secret, ok := r.BasicAuth()
		if !ok || secret != "secret" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "schemas" {
			w.WriteHeader(http.StatusUnauthorized)
			answer(w, map[string]string{"error": "invalid_client"})
			return
		}
		token, err := i.token(i.key, name, "registry", time.Hour)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		answer(w, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
	})
	i.Server = httptest.NewTLSServer(mux)
	t.Cleanup(i.Close)
	return i
}

// token signs that somebody is name, towards an audience and for a time from now.
func (i *issuer) token(key *ecdsa.PrivateKey, name, audience string, valid time.Duration) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", "k"))
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: i.URL, Subject: name, Audience: jwt.Audience{audience}, Expiry: jwt.NewNumericDate(time.Now().Add(valid)),
	}).Serialize()
}

// tokens returns those of admin and reader, and some that must not let anybody in.
func (i *issuer) tokens(t *testing.T) (good, bad map[string]string) {
	t.Helper()
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	make := func(key *ecdsa.PrivateKey, name, audience string, valid time.Duration) string {
		token, err := i.token(key, name, audience, valid)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good = map[string]string{"admin": make(i.key, "admin", "registry", time.Hour), "reader": make(i.key, "reader", "registry", time.Hour)}
	bad = map[string]string{
		"expired":        make(i.key, "admin", "registry", -time.Hour),
		"other audience": make(i.key, "admin", "warehouse", time.Hour),
		"other key":      make(stranger, "admin", "registry", time.Hour),
		"no token":       "admin",
	}
	return good, bad
}

// serveBearer starts a registry that speaks TLS and wants tokens of an issuer. It
// returns its address and the file of its certificate, which is also the issuer's.
func serveBearer(t *testing.T, i *issuer) (url, ca string) {
	t.Helper()
	ca, key := identity(t)
	return serve(t, "--memory", "--tls-cert", ca, "--tls-key", key, "--set", "auth.bearer.issuer="+i.URL,
		"--set", "auth.bearer.audience=registry", "--set", "auth.bearer.ca="+ca, "--set", grants), ca
}

// TestBearer lets the clients that can send bearer tokens in with them: a token
// that they are given, and where a client offers it, one that it gets from the
// issuer with its secret.
func TestBearer(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	good, bad := i.tokens(t)
	text, err := json.Marshal(map[string]any{"good": good, "bad": bad, "endpoint": i.URL + "/token"})
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []language{python, javascript} {
		t.Run(l.dir, func(t *testing.T) {
			l.args(t)
			l.env(t)
			url, ca := serveBearer(t, i)
			file := "bearer" + l.extension
			l.run(t, []job{{file, file, url}}, "WORK="+t.TempDir(), "TOKENS="+string(text), "CA="+ca, "SSL_CERT_FILE="+ca, "NODE_EXTRA_CA_CERTS="+ca)
		})
	}
	t.Run("srclient", func(t *testing.T) { srclientBearer(t, i, good, bad) })
	t.Run("franz", func(t *testing.T) { franzBearer(t, i, good, bad) })
}

func srclientBearer(t *testing.T, i *issuer, good, bad map[string]string) {
	url, ca := serveBearer(t, i)
	https := trusting(t, ca)
	as := func(token string) *srclient.SchemaRegistryClient {
		c := srclient.NewSchemaRegistryClient(url, srclient.WithClient(https))
		c.SetBearerToken(token)
		return c
	}
	made, err := as(good["admin"]).CreateSchema("bearer", first, srclient.Avro)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := as(good["reader"]).LookupSchema("bearer", first, srclient.Avro); err != nil || found.ID() != made.ID() {
		t.Errorf("a reader looks up %v, %v", found, err)
	}
	refused := func(who, token string, want int) {
		_, err := as(token).CreateSchema("bearer", second, srclient.Avro)
		if e := (srclient.Error{}); !errors.As(err, &e) || e.Code != want {
			t.Errorf("%s registers: %v, want code %d", who, err, want)
		}
	}
	refused("reader", good["reader"], 403)
	for who, token := range bad {
		refused(who, token, 401)
	}
}

func franzBearer(t *testing.T, i *issuer, good, bad map[string]string) {
	url, ca := serveBearer(t, i)
	https := trusting(t, ca)
	as := func(token string) *sr.Client {
		c, err := sr.NewClient(sr.URLs(url), sr.HTTPClient(https), sr.BearerToken(token))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	made, err := as(good["admin"]).CreateSchema(t.Context(), "bearer", sr.Schema{Schema: first})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := as(good["reader"]).LookupSchema(t.Context(), "bearer", sr.Schema{Schema: first}); err != nil || found.ID != made.ID {
		t.Errorf("a reader looks up %v, %v", found, err)
	}
	refused := func(who, token string, want int) {
		_, err := as(token).CreateSchema(t.Context(), "bearer", sr.Schema{Schema: second})
		if e := (*sr.ResponseError)(nil); !errors.As(err, &e) || e.StatusCode != want || e.ErrorCode != want {
			t.Errorf("%s registers: %v, want code %d", who, err, want)
		}
	}
	refused("reader", good["reader"], 403)
	for who, token := range bad {
		refused(who, token, 401)
	}
}
