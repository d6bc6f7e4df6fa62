package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/registry/access"
	"github.com/wireproof/wireproof/test/nettest"
)

// secured are settings under which ann may do everything and bob may read.
const secured = `
auth:
  basic: { file: users }
  grants:
    - { who: ["user:ann"], may: ["*"], subjects: ["*"], contexts: ["*"] }
    - { who: ["user:bob"], may: [read], subjects: ["orders*"] }
audit: { file: audit.jsonl }
log: { level: debug }
`

// writeSecured writes these settings and the users with their passwords.
func writeSecured(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	users := ""
	for _, name := range []string{"ann", "bob"} {
		hash, err := bcrypt.GenerateFromPassword([]byte("canary-"+name), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		users += name + ":" + string(hash) + "\n"
	}
	for name, text := range map[string]string{"registry.yaml": secured, "users": users} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func as(user string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, "canary-"+user) }
}

// Who may do what, from the password to the line of the audit log, and no secret
// in any log.
func TestServeAccess(t *testing.T) {
	t.Parallel()
	dir := writeSecured(t)
	s := serveForTest(t, "--memory", "--config", filepath.Join(dir, "registry.yaml"))
	nobody := func(*http.Request) {}
	for _, tt := range []struct {
		method, path string
		who          func(*http.Request)
		want         int
	}{
		{"GET", "/subjects", nobody, 401},
		{"GET", "/subjects", func(r *http.Request) { r.SetBasicAuth("ann", "canary-wrong") }, 401},
		{"GET", "/subjects", func(r *http.Request) { r.Header.Set("Authorization", "Bearer canary-token") }, 401},
		{"GET", "/metrics", nobody, 401},
		{"GET", "/metrics", as("bob"), 200},
		{"GET", "/healthz", nobody, 200},
		{"GET", "/readyz", nobody, 200},
		{"GET", "/dek-registry/v1/keks", nobody, 404},
		{"POST", "/subjects/orders/versions", as("bob"), 403},
		{"POST", "/subjects/orders/versions", as("ann"), 200},
		{"POST", "/subjects/orders", as("bob"), 200},
		{"GET", "/subjects/payments/versions", as("bob"), 403},
		{"DELETE", "/subjects/orders", as("bob"), 403},
		{"PUT", "/mode", as("bob"), 403},
	} {
		if status, body := ask(t, tt.method, s.url+tt.path, aSchema, tt.who); status != tt.want {
			t.Errorf("%s %s = %d, want %d: %s", tt.method, tt.path, status, tt.want, body)
		}
	}
	s.waitFor("who=ann")
	s.stop()
	<-s.ended
	audit, err := os.ReadFile(filepath.Join(dir, "audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var line map[string]any
	first, _, _ := strings.Cut(string(audit), "\n")
	if err := json.Unmarshal([]byte(first), &line); err != nil || !strings.Contains(first, "ann") || !strings.Contains(first, "register") {
		t.Errorf("audit log = %s, want that ann has registered", audit)
	}
	if all := s.out.String() + string(audit); strings.Contains(all, "canary") {
		t.Errorf("a secret is in a log:\n%s", all)
	}
	if strings.Contains(s.out.String(), "everybody who reaches") || !strings.Contains(s.out.String(), "auth=on") {
		t.Error("the log does not know that credentials are asked for")
	}
}

// A server over TLS speaks HTTP/2, and shows a new certificate once its files
// have changed.
func TestServeTLSReloads(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	nettest.WriteCertificate(t, dir, 1)
	s := serveForTest(t, "--memory", "--tls-cert", filepath.Join(dir, "cert.pem"), "--tls-key", filepath.Join(dir, "key.pem"))
	if !strings.HasPrefix(s.url, "https://") {
		t.Fatalf("url = %s, want https", s.url)
	}
	// Each request has a connection of its own, for open ones keep what they have.
	get := func() (serial int64, major int) {
		pool := x509.NewCertPool()
		text, err := os.ReadFile(filepath.Join(dir, "cert.pem"))
		if err != nil || !pool.AppendCertsFromPEM(text) {
			t.Fatalf("the certificate cannot be read: %v", err)
		}
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool}}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get(s.url + "/subjects")
		if err != nil {
			return 0, 0 // the certificate is not yet the new one
		}
		defer resp.Body.Close()
		return resp.TLS.PeerCertificates[0].SerialNumber.Int64(), resp.ProtoMajor
	}
	if serial, major := get(); serial != 1 || major != 2 {
		t.Fatalf("GET over HTTP/%d with certificate %d, want HTTP/2 with 1", major, serial)
	}
	nettest.WriteCertificate(t, dir, 2)
	eventually(t, "the new certificate", func() bool {
		serial, _ := get()
		return serial == 2
	})
	insecure := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer insecure.CloseIdleConnections()
	res, err := (&http.Client{Transport: insecure}).Get(s.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := "wireproof_registry_certificate_expiry_timestamp_seconds 4.000000002e+09"; !strings.Contains(string(text), want) {
		t.Errorf("/metrics does not say %s", want)
	}
}

// The settings of access are all in the settings of the server, under the same
// keys, and reach it.
func TestAccessConfigIsWhole(t *testing.T) {
	t.Parallel()
	compareKeys(t, "auth", reflect.TypeFor[config.Auth](), reflect.TypeFor[access.Config]())
	compareKeys(t, "tls", reflect.TypeFor[config.ServerTLS](), reflect.TypeFor[access.TLSConfig]())

	var flags []config.Setting
	for _, v := range config.ServerVariables() {
		value := "7"
		switch {
		case !strings.HasPrefix(v.Key, "auth."):
			continue
		case v.Values != nil:
			value = v.Values[0]
		case v.Key == "auth.grants":
			value = `[{who: [a], may: [b], subjects: [c], contexts: [d]}]`
		case v.Key == "auth.mtls.groups":
			value = "{a: [b]}"
		case v.Key == "auth.bearer.leeway":
			value = "7s"
		case v.Key == "auth.bearer.jwks_url":
			value = "http://h/"
		case slices.Contains([]string{"auth.basic", "auth.bearer", "auth.mtls", "auth.anonymous", "auth.rate_limit"}, v.Key):
			continue
		}
		flags = append(flags, config.Setting{Key: v.Key, Value: value, Origin: "--set"})
	}
	flags = append(flags, config.Setting{Key: "tls.cert", Value: "x"}, config.Setting{Key: "tls.key", Value: "x"}, config.Setting{Key: "tls.client_ca", Value: "x"})
	cfg, err := config.LoadServer(config.ServerSource{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	everythingSet(t, "auth", reflect.ValueOf(accessConfig(cfg.Auth)))
}

// compareKeys checks that two structs have the same keys, but for those that only
// the server's has: it also carries what is not for package access.
func compareKeys(t *testing.T, path string, ours, theirs reflect.Type) {
	t.Helper()
	for ours.Kind() == reflect.Pointer || ours.Kind() == reflect.Slice {
		ours = ours.Elem()
	}
	for theirs.Kind() == reflect.Pointer || theirs.Kind() == reflect.Slice {
		theirs = theirs.Elem()
	}
	if theirs.Kind() != reflect.Struct {
		return
	}
	for i := range theirs.NumField() {
		key := theirs.Field(i).Tag.Get("yaml")
		if key == "-" {
			continue
		}
		found := false
		for j := range ours.NumField() {
			if ours.Field(j).Tag.Get("yaml") == key {
				found = true
				compareKeys(t, path+"."+key, ours.Field(j).Type, theirs.Field(i).Type)
			}
		}
		if !found {
			t.Errorf("package access knows %s.%s, the settings do not", path, key)
		}
	}
}

// everythingSet checks that no field with a key is empty.
func everythingSet(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			everythingSet(t, path, v.Elem())
			return
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if key := v.Type().Field(i).Tag.Get("yaml"); key != "-" {
				everythingSet(t, path+"."+key, v.Field(i))
			}
		}
		return
	case reflect.Slice:
		if v.Len() > 0 {
			everythingSet(t, path+"[0]", v.Index(0))
			return
		}
	}
	if v.IsZero() {
		t.Errorf("%s does not reach package access", path)
	}
}

// Somebody who hangs up while the store is read leaves nothing behind.
func TestEarlyRequestHangsUp(t *testing.T) {
	t.Parallel()
	h := newHealth(newLogger(&lockedBuffer{}, config.Log{Level: "info"}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	h.ServeHTTP(nil, (&http.Request{}).WithContext(ctx))
	if got := h.notReady(t.Context()); len(got) != 1 || got[0] != "the log is being read" {
		t.Errorf("notReady = %q", got)
	}
}
