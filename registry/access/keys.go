package access

import (
	"context"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys     = 100
	maxKeySet   = 1 << 20 // bytes
	minRSA      = 2048    // bits
	fetchWithin = 10 * time.Second
	keysFresh   = time.Hour        // then they are fetched again
	keysStale   = 24 * time.Hour   // then they are no longer believed
	fetchEvery  = 10 * time.Second // at most; unknown keys would else make us a hammer
)

// errBusy and errNoKeys say that credentials could not be checked, which is not
// the client's fault.
var (
	errBusy   = errors.New("too many logins at once")
	errNoKeys = errors.New("the keys of the token issuer are not at hand")
)

// A keySource finds the keys that may have signed a token.
type keySource interface {
	find(ctx context.Context, header jose.Header) ([]*jose.JSONWebKey, error)
}

func newKeySource(cfg Bearer, report func(error)) (keySource, error) {
	if cfg.JWKSFile != "" && cfg.JWKSURL != "" {
		return nil, errors.New("bearer: both jwks_file and jwks_url are set; expected one")
	}
	if cfg.JWKSFile != "" {
		file, err := newReloading(func() (keySet, error) { return loadKeys(cfg.JWKSFile) }, report, cfg.JWKSFile)
		if err != nil {
			return nil, fmt.Errorf("bearer.jwks_file: %w", err)
		}
		return keyFile{file}, nil
	}
	roots, err := loadPool(cfg.CA)
	if err != nil {
		return nil, fmt.Errorf("bearer.ca: %w", err)
	}
	r := &remoteKeys{issuer: cfg.Issuer, url: cfg.JWKSURL, report: report, client: newKeyClient(roots), busy: make(chan struct{}, 1)}
	if cfg.JWKSURL != "" {
		return r, secure("bearer.jwks_url", cfg.JWKSURL)
	}
	return r, secure("bearer.issuer", cfg.Issuer)
}

// newKeyClient makes a client that waits for nobody long and follows no redirect
// to another place.
func newKeyClient(roots *x509.CertPool) *http.Client {
	return &http.Client{
		Timeout:       fetchWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			IdleConnTimeout: time.Minute, MaxIdleConns: 2, MaxResponseHeaderBytes: 64 << 10,
		},
	}
}

// secure refuses to fetch keys where somebody in between could change them.
func secure(setting, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil {
		return fmt.Errorf("%s: it is not a URL without user and password", setting)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && !(u.Scheme == "http" && local) {
		return fmt.Errorf("%s: its scheme is %q; expected https, or http to this machine", setting, u.Scheme)
	}
	return nil
}

// A keySet is what an issuer signs with.
type keySet []jose.JSONWebKey

// parseKeys reads a JWK set and leaves out what cannot have signed a token.
func parseKeys(text []byte) (keySet, error) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(text, &raw) != nil {
		return nil, errors.New("it is not a JWK set")
	}
	if len(raw.Keys) > maxKeys {
		return nil, fmt.Errorf("it has %d keys, expected at most %d", len(raw.Keys), maxKeys)
	}
	var out keySet
	for _, r := range raw.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(r) != nil || k.Use != "" && k.Use != "sig" {
			continue // of a kind that this program does not know, or for something else
		}
		k = k.Public() // a shared secret has none, and is then not valid
		if pub, ok := k.Key.(*rsa.PublicKey); !k.Valid() || ok && pub.N.BitLen() < minRSA {
			continue
		}
		out = append(out, k)
	}
	if len(out) == 0 {
		return nil, errors.New("it has no public key for signatures that can be used")
	}
	return out, nil
}

// find returns the keys that fit the header of a token.
func (s keySet) find(h jose.Header) []*jose.JSONWebKey {
	var out []*jose.JSONWebKey
	for i := range s {
		k := &s[i]
		if (h.KeyID == "" || k.KeyID == h.KeyID) && (k.Algorithm == "" || k.Algorithm == h.Algorithm) {
			out = append(out, k)
		}
	}
	return out
}

func loadKeys(path string) (keySet, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeySet))
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

// A keyFile is a key set in a file.
type keyFile struct{ keys *reloading[keySet] }

func (f keyFile) find(_ context.Context, h jose.Header) ([]*jose.JSONWebKey, error) {
	return f.keys.get().find(h), nil
}

// remoteKeys is a key set that the issuer serves. Who has a key that is known
// waits for nobody, however slow the issuer is.
type remoteKeys struct {
	issuer string
	url    string // empty if the issuer's discovery document says it
	client *http.Client
	report func(error)
	last   atomic.Pointer[fetched] // nil until keys have come once

	busy  chan struct{} // holds a token while somebody uses the field below
	tried time.Time     // when somebody last asked for keys
}

// fetched is a key set with the time when it came.
type fetched struct {
	keys keySet
	at   time.Time
}

func (r *remoteKeys) find(ctx context.Context, h jose.Header) ([]*jose.JSONWebKey, error) {
	if last := r.last.Load(); last != nil && time.Since(last.at) < keysStale {
		if found := last.keys.find(h); len(found) > 0 {
			if time.Since(last.at) >= keysFresh {
				r.renew(ctx)
			}
			return found, nil
		}
	}
	select {
	case r.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, errNoKeys
	}
	r.refresh(ctx)
	<-r.busy
	last := r.last.Load()
	if last == nil || time.Since(last.at) >= keysStale {
		return nil, errNoKeys
	}
	return last.keys.find(h), nil
}

// renew fetches the keys while the old ones still do, unless somebody is at it.
// What it starts ends with the timeout of a fetch.
func (r *remoteKeys) renew(ctx context.Context) {
	select {
	case r.busy <- struct{}{}:
		go func() {
			r.refresh(ctx)
			<-r.busy
		}()
	default:
	}
}

// refresh fetches the keys, unless somebody has just tried. The caller holds the
// token of busy.
func (r *remoteKeys) refresh(ctx context.Context) {
	if time.Since(r.tried) < fetchEvery {
		return
	}
	r.tried = time.Now()
	// Whoever asked first may go away; others want the keys too.
	keys, err := r.fetch(context.WithoutCancel(ctx))
	if err != nil {
		r.report(fmt.Errorf("fetch the keys of the token issuer: %w", err))
		return
	}
	r.last.Store(&fetched{keys, time.Now()})
}

func (r *remoteKeys) fetch(ctx context.Context) (keySet, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	at := r.url
	if at == "" {
		var err error
		if at, err = r.discover(ctx); err != nil {
			return nil, err
		}
	}
	text, err := r.get(ctx, at)
	if err != nil {
		return nil, err
	}
	keys, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	return keys, nil
}

// discover asks the issuer where its keys are.
func (r *remoteKeys) discover(ctx context.Context) (string, error) {
	at := strings.TrimSuffix(r.issuer, "/") + "/.well-known/openid-configuration"
	text, err := r.get(ctx, at)
	if err != nil {
		return "", err
	}
	var doc struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if json.Unmarshal(text, &doc) != nil {
		return "", fmt.Errorf("%s: it is not a discovery document", at)
	}
	if doc.Issuer != r.issuer {
		return "", fmt.Errorf("%s: the issuer there is %q, expected %q", at, doc.Issuer, r.issuer)
	}
	return doc.Keys, secure(at+": jwks_uri", doc.Keys)
}

func (r *remoteKeys) get(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d, expected 200", address, res.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxKeySet {
		return nil, fmt.Errorf("%s: more than %d bytes", address, maxKeySet)
	}
	return text, nil
}

// loadPool reads certificates of authorities; an empty path means the system's.
func loadPool(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: it has no certificate in PEM form", path)
	}
	return pool, nil
}
