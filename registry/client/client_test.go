package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
	"github.com/wireproof/wireproof/registry/registrytest"
)

const (
	moneyAvro = `{"type":"record","name":"Money","namespace":"m","fields":[{"name":"cents","type":"long"}]}`
	orderAvro = `{"type":"record","name":"Order","fields":[{"name":"total","type":"m.Money"}]}`
)

// order is a schema that refers to another file.
func order() lang.Source {
	money := lang.Source{Type: lang.Avro, Path: "money.avsc", Text: moneyAvro}
	return lang.Source{
		Type: lang.Avro, Path: "order.avsc", Text: orderAvro,
		References: []lang.Reference{{Name: "m.Money", Source: &money}},
	}
}

// counted returns a client whose requests are counted.
func counted(t *testing.T, url string, opts ...client.Option) (*client.Client, *atomic.Int32) {
	t.Helper()
	var n atomic.Int32
	hc := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		n.Add(1)
		return http.DefaultTransport.RoundTrip(r)
	})}
	return client.New(url, append(opts, client.HTTPClient(hc))...), &n
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRegisterAndRead(t *testing.T) {
	t.Parallel()
	srv := registrytest.New(t)
	c, requests := counted(t, srv.URL)
	ctx := t.Context()

	if _, err := c.Lookup(ctx, "orders/value", order()); !errors.Is(err, codec.ErrNotRegistered) || !errors.Is(err, api.SubjectNotFound) {
		t.Fatalf("Lookup before Register = %v, want codec.ErrNotRegistered", err)
	}
	id, err := c.Register(ctx, "orders/value", order())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Lookup(ctx, "orders/value", order()); err != nil || got != id {
		t.Fatalf("Lookup = %d, %v, want %d", got, err, id)
	}
	other := order()
	other.Text = strings.Replace(orderAvro, "total", "sum", 1)
	if _, err := c.Lookup(ctx, "orders/value", other); !errors.Is(err, codec.ErrNotRegistered) {
		t.Errorf("Lookup of another text = %v, want codec.ErrNotRegistered", err)
	}
	if _, err := c.Register(ctx, "orders/value", other); !errors.Is(err, api.IncompatibleSchema) {
		t.Errorf("Register of an incompatible text = %v, want api.IncompatibleSchema", err)
	}

	src, err := c.SchemaByID(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	money := lang.Source{Type: lang.Avro, Path: "m.Money v1", Text: moneyAvro}
	want := lang.Source{
		Type: lang.Avro, Path: "schema id 2", Text: orderAvro,
		References: []lang.Reference{{Name: "m.Money", Subject: "m.Money", Version: 1, Source: &money}},
	}
	if diff := cmp.Diff(want, src); diff != "" {
		t.Errorf("SchemaByID differs (-want +got):\n%s", diff)
	}
	before := requests.Load()
	if _, err := c.SchemaByID(ctx, id); err != nil {
		t.Error(err)
	}
	if _, err := c.Lookup(ctx, "orders/value", order()); err != nil {
		t.Error(err)
	}
	if got := requests.Load(); got != before {
		t.Errorf("%d requests for what is known already, want 0", got-before)
	}
	for _, unknown := range []uint32{99, 1 << 31} {
		if _, err := c.SchemaByID(ctx, unknown); !errors.Is(err, codec.ErrUnknownID) {
			t.Errorf("SchemaByID(%d) = %v, want codec.ErrUnknownID", unknown, err)
		}
	}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	srv := registrytest.New(t)
	c := client.New(srv.URL + "/")
	ctx := t.Context()
	if _, err := c.Register(ctx, "orders/value", order()); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Subjects(ctx); err != nil || !cmp.Equal(got, []string{"m.Money", "orders/value"}) {
		t.Errorf("Subjects = %q, %v", got, err)
	}
	if got, err := c.Versions(ctx, "orders/value"); err != nil || !cmp.Equal(got, []int{1}) {
		t.Errorf("Versions = %v, %v", got, err)
	}
	latest, err := c.Latest(ctx, "orders/value")
	if err != nil || latest.Version != 1 || latest.Schema != orderAvro {
		t.Errorf("Latest = %+v, %v", latest, err)
	}
	if src, err := c.SourceOf(ctx, latest); err != nil || src.References[0].Source.Text != moneyAvro || src.Path != "orders/value v1" {
		t.Errorf("SourceOf = %+v, %v", src, err)
	}
	if _, err := c.Version(ctx, "orders/value", 7); !errors.Is(err, api.VersionNotFound) {
		t.Errorf("Version(7) = %v, want api.VersionNotFound", err)
	}
	other := order()
	other.Text = strings.Replace(orderAvro, "total", "sum", 1)
	req, err := c.Request(ctx, other)
	if err != nil {
		t.Fatal(err)
	}
	if ok, why, err := c.CheckCompatibility(ctx, "orders/value", req); ok || len(why) == 0 || err != nil {
		t.Errorf("CheckCompatibility = %v, %q, %v, want false and why", ok, why, err)
	}
	if ok, why, err := c.CheckCompatibility(ctx, "new", req); !ok || len(why) != 0 || err != nil {
		t.Errorf("CheckCompatibility of a new subject = %v, %q, %v, want true", ok, why, err)
	}
	for _, subject := range []string{"", "orders/value"} {
		if got, err := c.Level(ctx, subject); err != nil || got != "BACKWARD" {
			t.Errorf("Level(%q) = %s, %v, want BACKWARD", subject, got, err)
		}
		if err := c.SetLevel(ctx, subject, "FULL"); err != nil {
			t.Error(err)
		}
		if got, err := c.Level(ctx, subject); err != nil || got != "FULL" {
			t.Errorf("Level(%q) = %s, %v, want FULL", subject, got, err)
		}
		if err := c.DeleteLevel(ctx, subject); err != nil {
			t.Error(err)
		}
	}
	if err := c.DeleteVersion(ctx, "m.Money", 1, false); !errors.Is(err, api.ReferenceExists) {
		t.Errorf("DeleteVersion of what others need = %v, want api.ReferenceExists", err)
	}
	for _, permanent := range []bool{false, true} {
		if got, err := c.Delete(ctx, "orders/value", permanent); err != nil || !cmp.Equal(got, []int{1}) {
			t.Errorf("Delete(permanent %v) = %v, %v, want [1]", permanent, got, err)
		}
	}
}

// answers serves the given statuses in turn, then an empty list.
func answers(t *testing.T, statuses ...int) (url string, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := int(requests.Add(1)); n <= len(statuses) {
			w.WriteHeader(statuses[n-1])
			io.WriteString(w, "<html>not from a registry</html>")
			return
		}
		io.WriteString(w, "[]")
	}))
	t.Cleanup(srv.Close)
	return srv.URL, requests
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		statuses []int
		requests int32
		ok       bool
	}{
		{"none is needed", nil, 1, true},
		{"one after each that may pass", []int{408, 429, 500}, 4, true},
		{"and after these", []int{502, 503, 504}, 4, true},
		{"but not for ever", []int{503, 503, 503, 503, 503}, 4, false},
		{"and not when it is final", []int{404}, 1, false},
		{"or forbidden", []int{401}, 1, false},
		{"or not there", []int{501}, 1, false},
	} {
		url, requests := answers(t, c.statuses...)
		_, err := client.New(url, client.Retries(3, 0)).Subjects(t.Context())
		if (err == nil) != c.ok || requests.Load() != c.requests {
			t.Errorf("%s: %v after %d requests, want success %v after %d", c.name, err, requests.Load(), c.ok, c.requests)
		}
		if err != nil && !strings.Contains(err.Error(), "not from a registry") {
			t.Errorf("%s: %v, want what was answered in it", c.name, err)
		}
	}
	url, requests := answers(t, 503, 503)
	if _, err := client.New(url, client.Retries(3, 0)).Delete(t.Context(), "a", false); err == nil || requests.Load() != 1 {
		t.Errorf("Delete was sent %d times, want once", requests.Load())
	}
}

func TestContextEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := client.New("http://x", client.Retries(3, time.Hour), stub(func(*http.Request) (int, string) { return 503, "" }))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Subjects(ctx)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, api.Unavailable) {
			t.Errorf("Subjects = %v, want that the context ended, and the last answer", err)
		}
	})
}

func TestErrorsAreClear(t *testing.T) {
	t.Parallel()
	nobody := httptest.NewServer(nil)
	nobody.Close()
	nonsense := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") }))
	t.Cleanup(nonsense.Close)
	for url, want := range map[string]string{
		strings.Replace(nobody.URL, "http://", "http://me:secret@", 1): "connection refused",
		nonsense.URL:                 "not what a schema registry sends",
		"localhost:8081":             "expected one like http://localhost:8081",
		"http://me:secret@bad:port/": "expected one like http://localhost:8081",
		"":                           "expected one like http://localhost:8081",
	} {
		_, err := client.New(url, client.Retries(0, 0)).Subjects(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", url, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error holds the password: %v", url, err)
		}
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	var got atomic.Value
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization") + "|" + r.Header.Get("X-Team"))
		io.WriteString(w, "[]")
	}))
	t.Cleanup(srv.Close)
	withUser := strings.Replace(srv.URL, "http://", "http://me:p%40ss@", 1)
	for _, c := range []struct {
		client *client.Client
		want   string
	}{
		{client.New(srv.URL), "|"},
		{client.New(withUser), "Basic bWU6cEBzcw==|"},
		{client.New(srv.URL, client.Basic("me", "p@ss")), "Basic bWU6cEBzcw==|"},
		{client.New(withUser, client.Bearer("token")), "Bearer token|"},
		{client.New(srv.URL, client.Header("X-Team", "orders")), "|orders"},
	} {
		if _, err := c.client.Subjects(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got.Load() != c.want {
			t.Errorf("sent %q, want %q", got.Load(), c.want)
		}
	}
	noToken := errors.New("no token today")
	c := client.New(srv.URL, client.BearerFunc(func(context.Context) (string, error) { return "", noToken }))
	if _, err := c.Subjects(t.Context()); !errors.Is(err, noToken) {
		t.Errorf("Subjects = %v, want the error of the token", err)
	}
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "[]") }))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // refusals are expected
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	mine := srv.TLS.Certificates // any certificate will do
	if _, err := client.New(srv.URL, client.TLS(&tls.Config{RootCAs: roots, Certificates: mine})).Subjects(t.Context()); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
	for name, cfg := range map[string]*tls.Config{
		"without a certificate":            {RootCAs: roots},
		"without trust in the certificate": {RootCAs: x509.NewCertPool(), Certificates: mine},
	} {
		if _, err := client.New(srv.URL, client.TLS(cfg), client.Retries(0, 0)).Subjects(t.Context()); err == nil {
			t.Errorf("%s: success, want an error", name)
		}
	}
}

// A registry that answers nonsense must not keep a client busy for ever.
func TestCycle(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"schema":"\"a\"","references":[{"name":"a","subject":"a","version":1}]}`)
	}))
	t.Cleanup(srv.Close)
	if _, err := client.New(srv.URL).SchemaByID(t.Context(), 1); err == nil || !strings.Contains(err.Error(), "refers to itself") {
		t.Errorf("SchemaByID of a cycle = %v, want that it refers to itself", err)
	}
}
