package access

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// An issuer is an OpenID provider as far as a server of tokens' users sees it.
type issuer struct {
	*httptest.Server
	keys    atomic.Pointer[jose.JSONWebKeySet]
	name    atomic.Pointer[string] // what it says that it is called, if not its URL
	fetches atomic.Int64
}

func newIssuer(t testing.TB, keys ...jose.JSONWebKey) *issuer {
	t.Helper()
	i := &issuer{}
	i.keys.Store(&jose.JSONWebKeySet{Keys: keys})
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		name := i.URL
		if other := i.name.Load(); other != nil {
			name = *other
		}
		json.NewEncoder(w).Encode(map[string]string{"issuer": name, "jwks_uri": i.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) {
		i.fetches.Add(1)
		json.NewEncoder(w).Encode(i.keys.Load())
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func newRSA(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newEC(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func jwk(kid string, key crypto.PublicKey) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: kid, Use: "sig"}
}

type claims = map[string]any

// sign makes a token; an empty kid is left out.
func sign(t testing.TB, alg jose.SignatureAlgorithm, kid string, key any, c claims) string {
	t.Helper()
	opts := (&jose.SignerOptions{}).WithType("JWT")
	if kid != "" {
		opts = opts.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// with returns c with some claims changed; nil takes one away.
func (i *issuer) with(changes claims) claims {
	c := claims{"iss": i.URL, "aud": "registry", "sub": "svc", "groups": []string{"a", "b"}, "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func unsigned(header string, c claims) string {
	body, _ := json.Marshal(c)
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(header)) + "." + b64(body) + "."
}

func TestBearer(t *testing.T) {
	t.Parallel()
	rsaKey, ecKey, weak, stranger := newRSA(t, 2048), newEC(t), newRSA(t, 1024), newRSA(t, 2048)
	pub, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encryption := jwk("enc", stranger.Public())
	encryption.Use = "enc"
	only512 := jwk("only512", rsaKey.Public())
	only512.Algorithm = "RS512"
	iss := newIssuer(t, jwk("r", rsaKey.Public()), jwk("e", ecKey.Public()), jwk("d", pub), jwk("w", weak.Public()),
		encryption, only512, jose.JSONWebKey{Key: []byte("a shared secret of 32 bytes, no less"), KeyID: "oct"})
	check, err := newTokens(Bearer{Issuer: iss.URL, Audience: []string{"other", "registry"}}, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	in := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	rs := func(changes claims) string { return sign(t, jose.RS256, "r", rsaKey, iss.with(changes)) }
	for name, token := range map[string]string{
		"RS256":           rs(nil),
		"PS256":           sign(t, jose.PS256, "r", rsaKey, iss.with(nil)),
		"ES256":           sign(t, jose.ES256, "e", ecKey, iss.with(nil)),
		"EdDSA":           sign(t, jose.EdDSA, "d", edKey, iss.with(nil)),
		"no kid":          sign(t, jose.ES256, "", ecKey, iss.with(nil)),
		"many audiences":  rs(claims{"aud": []string{"x", "registry"}}),
		"just expired":    rs(claims{"exp": in(-30 * time.Second)}),
		"almost valid":    rs(claims{"nbf": in(30 * time.Second)}),
		"groups as text":  rs(claims{"groups": "a, b"}),
		"groups as scope": rs(claims{"groups": "a b"}),
	} {
		got, err := check.verify(t.Context(), token)
		if want := (Principal{Name: "svc", Groups: []string{"a", "b"}, How: HowBearer}); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, want)
		}
	}
	hmacKey, err := jwk("r", rsaKey.Public()).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	good := rs(nil)
	for name, token := range map[string]string{
		"empty":              "",
		"rubbish":            "a.b.c",
		"alg none":           unsigned(`{"alg":"none","kid":"r"}`, iss.with(nil)),
		"no alg":             unsigned(`{"kid":"r"}`, iss.with(nil)),
		"HS256 with public":  sign(t, jose.HS256, "r", hmacKey, iss.with(nil)),
		"HS256 with secret":  sign(t, jose.HS256, "oct", []byte("a shared secret of 32 bytes, no less"), iss.with(nil)),
		"RS512 not listed":   sign(t, jose.RS512, "only512", rsaKey, iss.with(nil)),
		"key for RS512 only": sign(t, jose.RS256, "only512", rsaKey, iss.with(nil)),
		"weak key":           sign(t, jose.RS256, "w", weak, iss.with(nil)),
		"key for encryption": sign(t, jose.RS256, "enc", stranger, iss.with(nil)),
		"stranger":           sign(t, jose.RS256, "r", stranger, iss.with(nil)),
		"stranger, no kid":   sign(t, jose.RS256, "", stranger, iss.with(nil)),
		"other key's kid":    sign(t, jose.ES256, "r", ecKey, iss.with(nil)),
		"unknown kid":        sign(t, jose.RS256, "nobody", rsaKey, iss.with(nil)),
		"cut":                good[:len(good)-4],
		"other claims":       strings.Join([]string{strings.Split(good, ".")[0], strings.Split(rs(claims{"sub": "root"}), ".")[1], strings.Split(good, ".")[2]}, "."),
		"other issuer":       rs(claims{"iss": "https://evil.example"}),
		"no issuer":          rs(claims{"iss": nil}),
		"other audience":     rs(claims{"aud": "billing"}),
		"no audience":        rs(claims{"aud": nil}),
		"expired":            rs(claims{"exp": in(-2 * time.Minute)}),
		"never expires":      rs(claims{"exp": nil}),
		"not yet":            rs(claims{"nbf": in(2 * time.Minute)}),
		"no name":            rs(claims{"sub": nil}),
		"empty name":         rs(claims{"sub": ""}),
		"name with newline":  rs(claims{"sub": "svc\nroot"}),
		"long name":          rs(claims{"sub": strings.Repeat("x", 300)}),
		"groups of numbers":  rs(claims{"groups": []int{1}}),
		"empty group":        rs(claims{"groups": []string{""}}),
		"too many groups":    rs(claims{"groups": make([]string, 1001)}),
		"long":               rs(claims{"x": strings.Repeat("x", maxToken)}),
		"JSON form":          `{"payload":"","signatures":[]}`,
	} {
		if got, err := check.verify(t.Context(), token); !errors.Is(err, errCredentials) || got.Name != "" {
			t.Errorf("%s: %v, %v, want it refused", name, got, err)
		}
	}
	if n := iss.fetches.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times, want once: the unknown kid came too soon", n)
	}
}

func TestBearerClaims(t *testing.T) {
	t.Parallel()
	key := newEC(t)
	iss := newIssuer(t)
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk("e", key.Public())}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Bearer{
		Issuer: iss.URL, JWKSFile: tempFile(t, string(set)), Audience: []string{"registry"}, Algorithms: []string{"ES256"},
		Leeway: -1, NameClaim: "preferred_username", GroupsClaim: "realm_access.roles", Prefix: "oidc:",
	}
	check, err := newTokens(cfg, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	verify := func(changes claims) (Principal, error) {
		return check.verify(t.Context(), sign(t, jose.ES256, "e", key, iss.with(changes)))
	}
	roles := claims{"roles": []string{"r"}}
	for _, c := range []struct {
		changes claims
		want    string
	}{
		{claims{"preferred_username": "ann", "realm_access": roles}, "{oidc:ann [oidc:r] bearer}"},
		{claims{"preferred_username": "ann"}, "{oidc:ann [] bearer}"},
		{claims{"preferred_username": "ann", "realm_access": "r"}, "{oidc:ann [] bearer}"},
		{claims{"preferred_username": "ann", "realm_access.roles": "flat"}, "{oidc:ann [oidc:flat] bearer}"},
	} {
		if got, err := verify(c.changes); err != nil || fmt.Sprint(got) != c.want {
			t.Errorf("claims %v: %v, %v, want %s", c.changes, got, err, c.want)
		}
	}
	for _, changes := range []claims{
		{"preferred_username": "ann", "exp": time.Now().Add(-time.Second * 5).Unix()},
		{"realm_access": roles},
		{"preferred_username": []string{"ann"}},
	} {
		if got, err := verify(changes); !errors.Is(err, errCredentials) {
			t.Errorf("claims %v: %v, %v, want them refused", changes, got, err)
		}
	}
	if iss.fetches.Load() != 0 {
		t.Error("keys were fetched although a file has them")
	}
}

func TestBearerMistakes(t *testing.T) {
	t.Parallel()
	right := Bearer{Issuer: "https://issuer.example", Audience: []string{"a"}}
	for want, spoil := range map[string]func(*Bearer){
		"bearer.issuer: it is empty":              func(b *Bearer) { b.Issuer = "" },
		"bearer.audience: it is empty":            func(b *Bearer) { b.Audience = nil },
		`bearer.algorithms: "none"`:               func(b *Bearer) { b.Algorithms = []string{"RS256", "none"} },
		`bearer.algorithms: "HS256"`:              func(b *Bearer) { b.Algorithms = []string{"HS256"} },
		`bearer.issuer: its scheme is "http"`:     func(b *Bearer) { b.Issuer = "http://issuer.example" },
		`bearer.issuer: it is not a URL without`:  func(b *Bearer) { b.Issuer = "https://me:canary@issuer.example" },
		`bearer.jwks_url: its scheme is "file"`:   func(b *Bearer) { b.JWKSURL = "file://localhost/etc/keys" },
		`bearer.jwks_url: it is not a URL`:        func(b *Bearer) { b.JWKSURL = "/etc/keys" },
		"bearer: both jwks_file and jwks_url are": func(b *Bearer) { b.JWKSFile, b.JWKSURL = "x", "https://x" },
		"bearer.jwks_file: stat":                  func(b *Bearer) { b.JWKSFile = t.TempDir() + "/none" },
		"bearer.jwks_file: ":                      func(b *Bearer) { b.JWKSFile = tempFile(t, "canary") },
		"bearer.ca: ":                             func(b *Bearer) { b.CA = tempFile(t, "canary") },
	} {
		b := right
		spoil(&b)
		if _, err := newTokens(b, nil); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("error %v, want %s…", err, want)
		}
	}
	if _, err := newTokens(right, nil); err != nil {
		t.Error(err)
	}
	for text, want := range map[string]string{
		`{`:           "not a JWK set",
		`{"keys":[]}`: "no public key",
		`{"keys":[{"kty":"oct","k":"Y2FuYXJ5"},{"kty":"new"},7]}`:                "no public key",
		`{"keys":[` + strings.TrimSuffix(strings.Repeat("{},", 101), ",") + `]}`: "101 keys",
	} {
		if _, err := parseKeys([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseKeys(%.40s) = %v, want %s", text, err, want)
		}
	}
}

// answers serves each request from a function, without a network.
type answers func(*http.Request) (*http.Response, error)

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r) }

// An issuer may say at any time that its keys are elsewhere.
func TestKeysMove(t *testing.T) {
	t.Parallel()
	set := func(kid string) string {
		text, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{jwk(kid, newEC(t).Public())}})
		return string(text)
	}
	keys := map[string]string{"one": set("one"), "two": set("two")}
	synctest.Test(t, func(t *testing.T) {
		var at atomic.Pointer[string]
		r := &remoteKeys{issuer: "https://issuer.example", busy: make(chan struct{}, 1), report: func(error) {}}
		r.client = &http.Client{Timeout: fetchWithin, Transport: answers(func(req *http.Request) (*http.Response, error) {
			text := keys[*at.Load()]
			switch req.URL.Path {
			case "/.well-known/openid-configuration":
				text = `{"issuer":"https://issuer.example","jwks_uri":"https://issuer.example/` + *at.Load() + `"}`
			case "/" + *at.Load():
			default:
				return &http.Response{StatusCode: 404, Body: http.NoBody, Request: req}, nil
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(text)), Request: req}, nil
		})}
		for _, kid := range []string{"one", "two"} {
			at.Store(&kid)
			if found, err := r.find(t.Context(), jose.Header{KeyID: kid, Algorithm: "ES256"}); len(found) != 1 {
				t.Errorf("key %s: %d, %v, want it found where the issuer says that it is", kid, len(found), err)
			}
			time.Sleep(fetchEvery)
		}
	})
}

func TestRemoteKeys(t *testing.T) {
	t.Parallel()
	set := func(kids ...string) []byte {
		var s jose.JSONWebKeySet
		for _, kid := range kids {
			s.Keys = append(s.Keys, jwk(kid, newEC(t).Public()))
		}
		text, _ := json.Marshal(s)
		return text
	}
	one, two := set("one"), set("two")
	synctest.Test(t, func(t *testing.T) {
		var body atomic.Pointer[[]byte] // nil: the issuer is down
		var asked, told atomic.Int64
		r := &remoteKeys{url: "https://issuer.example/keys", busy: make(chan struct{}, 1), report: func(error) { told.Add(1) }}
		r.client = &http.Client{Timeout: fetchWithin, Transport: answers(func(req *http.Request) (*http.Response, error) {
			asked.Add(1)
			time.Sleep(time.Second)
			b := body.Load()
			if b == nil {
				return nil, errors.New("down")
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(bytes.NewReader(*b)), Request: req}, nil
		})}
		find := func(kid string) (int, error) {
			keys, err := r.find(t.Context(), jose.Header{KeyID: kid, Algorithm: "ES256"})
			return len(keys), err
		}
		if _, err := find("one"); !errors.Is(err, errNoKeys) || told.Load() != 1 {
			t.Errorf("issuer down: %v, want that there are no keys", err)
		}
		body.Store(&one)
		if _, err := find("one"); !errors.Is(err, errNoKeys) || asked.Load() != 1 {
			t.Errorf("asked again at once (%d times)", asked.Load())
		}
		time.Sleep(fetchEvery)
		done := make(chan int)
		for range 50 { // who comes while somebody fetches waits for that
			go func() { n, _ := find("one"); done <- n }()
		}
		for range 50 {
			if <-done != 1 {
				t.Error("a key that the issuer has was not found")
			}
		}
		if asked.Load() != 2 {
			t.Errorf("asked %d times, want twice", asked.Load())
		}
		// Unknown keys make us ask, but not often, and hold up nobody else.
		time.Sleep(fetchEvery)
		go find("evil")
		synctest.Wait()
		before := time.Now()
		if n, err := find("one"); n != 1 || err != nil || time.Since(before) > 0 {
			t.Errorf("%d keys, %v after %v, want the known one at once", n, err, time.Since(before))
		}
		for range 100 {
			if n, err := find("evil"); n != 0 || err != nil {
				t.Errorf("an unknown key: %d, %v", n, err)
			}
		}
		if asked.Load() != 3 {
			t.Errorf("asked %d times, want 3", asked.Load())
		}
		// A new key is found within seconds, an old one goes.
		body.Store(&two)
		time.Sleep(fetchEvery)
		if n, _ := find("two"); n != 1 {
			t.Error("the new key was not found")
		}
		if n, _ := find("one"); n != 0 {
			t.Error("the old key is believed")
		}
		// While the issuer is down the keys last for a day.
		body.Store(nil)
		time.Sleep(keysStale - time.Minute)
		if n, err := find("two"); n != 1 || err != nil {
			t.Errorf("after 23 h: %d, %v, want the key", n, err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := find("two"); !errors.Is(err, errNoKeys) {
			t.Errorf("after a day: %v, want that there are no keys", err)
		}
		// Who does not want to wait need not.
		r.busy <- struct{}{}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.find(ctx, jose.Header{}); !errors.Is(err, errNoKeys) {
			t.Errorf("a slow issuer and a short wait: %v", err)
		}
		<-r.busy
	})
}

func TestHostileIssuer(t *testing.T) {
	t.Parallel()
	key := newEC(t)
	other := "https://other.example"
	for name, serve := range map[string]http.HandlerFunc{
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys2", http.StatusFound) },
		"huge":     func(w http.ResponseWriter, r *http.Request) { io.Copy(w, io.LimitReader(zeros{}, 10<<20)) },
		"error":    func(w http.ResponseWriter, r *http.Request) { http.Error(w, "canary", 500) },
		"html":     func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "<html>canary") },
	} {
		srv := httptest.NewServer(serve)
		t.Cleanup(srv.Close)
		var told complaints
		check, err := newTokens(Bearer{Issuer: "x", JWKSURL: srv.URL + "/keys", Audience: []string{"a"}}, told.add)
		if err != nil {
			t.Fatal(err)
		}
		_, err = check.verify(t.Context(), sign(t, jose.ES256, "e", key, claims{}))
		if all := told.take(); !errors.Is(err, errNoKeys) || len(all) != 1 || strings.Contains(fmt.Sprint(all), "canary") {
			t.Errorf("%s: %v, reported %v", name, err, all)
		}
	}
	iss := newIssuer(t, jwk("e", key.Public()))
	iss.name.Store(&other)
	var told complaints
	check, err := newTokens(Bearer{Issuer: iss.URL, Audience: []string{"registry"}}, told.add)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := check.verify(t.Context(), sign(t, jose.ES256, "e", key, iss.with(nil))); !errors.Is(err, errNoKeys) ||
		!slices.ContainsFunc(told.take(), func(err error) bool { return strings.Contains(err.Error(), other) }) {
		t.Errorf("a discovery document of another issuer: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// No token that is not signed by the issuer is for anybody.
func FuzzToken(f *testing.F) {
	key := newEC(f)
	iss := newIssuer(f, jwk("e", key.Public()))
	check, err := newTokens(Bearer{Issuer: iss.URL, Audience: []string{"registry"}}, func(error) {})
	if err != nil {
		f.Fatal(err)
	}
	good := sign(f, jose.ES256, "e", key, iss.with(nil))
	f.Add(good)
	f.Add(unsigned(`{"alg":"none"}`, iss.with(nil)))
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		if p, err := check.verify(t.Context(), token); err == nil && p.Name != "svc" {
			t.Errorf("%q is %v", token, p)
		}
	})
}
