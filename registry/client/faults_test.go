package client_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// serve runs a handler and counts its requests.
func serve(t *testing.T, h http.HandlerFunc) (url string, requests *atomic.Int32) {
	t.Helper()
	requests = new(atomic.Int32)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		h(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, requests
}

func fail(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

func answer(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) }
}

// cut ends the connection before an answer.
func cut(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

// nobody returns a URL at which nobody answers.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func TestFailover(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]http.HandlerFunc{
		"internal error":      fail(500, `{"error_code":500,"message":"x"}`),
		"cannot forward":      fail(500, `{"error_code":50003,"message":"x"}`),
		"no leader":           fail(500, `{"error_code":50004,"message":"Leader not known."}`),
		"bad gateway":         fail(502, "<html>"),
		"shutting down":       fail(503, "<html>"),
		"gateway timeout":     fail(504, "<html>"),
		"connection is ended": cut,
	} {
		bad, asked := serve(t, broken)
		good, served := serve(t, answer(`[]`))
		c := client.New(bad+","+good, client.Retries(0, 0))
		for range 3 {
			if _, err := c.Subjects(t.Context()); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if asked.Load() != 1 || served.Load() != 3 {
			t.Errorf("%s: the broken server was asked %d times, the other %d; want 1 and 3: the client stays with what works", name, asked.Load(), served.Load())
		}
		if c.URL() != good {
			t.Errorf("%s: URL = %s, want %s", name, c.URL(), good)
		}
	}
}

func TestFailoverOfConnections(t *testing.T) {
	t.Parallel()
	good, served := serve(t, answer(`[1]`))
	// A deletion that was never sent is as safe to send elsewhere as anything.
	c := client.New(nobody(t), client.URLs(good), client.Retries(0, 0))
	if got, err := c.Delete(t.Context(), "a", false); err != nil || len(got) != 1 || served.Load() != 1 {
		t.Errorf("Delete = %v, %v after %d requests, want that the second server does it", got, err, served.Load())
	}
	// One that may have been done is not repeated.
	broken, _ := serve(t, cut)
	good, served = serve(t, answer(`[1]`))
	if _, err := client.New(broken, client.URLs(good)).Delete(t.Context(), "a", false); err == nil || served.Load() != 0 {
		t.Errorf("Delete = %v, and the second server was asked %d times, want an error and 0", err, served.Load())
	}
	// Nor if only the leader could have done it, unless no leader is known.
	for code, want := range map[string]int32{"50003": 0, "50004": 1} {
		broken, _ := serve(t, fail(500, `{"error_code":`+code+`,"message":"x"}`))
		good, served := serve(t, answer(`[1]`))
		_, err := client.New(broken, client.URLs(good)).Delete(t.Context(), "a", false)
		if (err == nil) != (want == 1) || served.Load() != want {
			t.Errorf("after %s: %v, and the second server was asked %d times, want %d", code, err, served.Load(), want)
		}
	}
	// A registration is: the registry knows what it has.
	broken, _ = serve(t, cut)
	good, _ = serve(t, answer(`{"id":1,"version":1}`))
	if id, err := client.New(broken, client.URLs(good)).Register(t.Context(), "a", lang.Source{Text: "x"}); id != 1 || err != nil {
		t.Errorf("Register = %d, %v, want 1", id, err)
	}
}

// What one server refuses, the others would too.
func TestRefusalsAreFinal(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 409, 422} {
		first, _ := serve(t, fail(status, `{"error_code":40401,"message":"x"}`))
		second, asked := serve(t, answer(`[]`))
		_, err := client.New(first + ", " + second).Subjects(t.Context())
		if !errors.Is(err, api.SubjectNotFound) || asked.Load() != 0 {
			t.Errorf("%d: %v, and the second server was asked %d times, want 0", status, err, asked.Load())
		}
	}
}

func TestAllServersFail(t *testing.T) {
	t.Parallel()
	first, one := serve(t, fail(503, "closed"))
	second, two := serve(t, fail(500, `{"error_code":50004,"message":"Leader not known."}`))
	_, err := client.New(first+","+second, client.Retries(2, 0)).Subjects(t.Context())
	if one.Load() != 3 || two.Load() != 3 {
		t.Errorf("asked %d and %d times, want 3 each", one.Load(), two.Load())
	}
	for _, want := range []string{first, second, "closed", "Leader not known."} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}

// Many callers, a server that comes and goes: every caller gets an answer.
func TestFailoverUnderLoad(t *testing.T) {
	t.Parallel()
	var down atomic.Int32 // which server is down
	urls := make([]string, 3)
	for i := range urls {
		urls[i], _ = serve(t, func(w http.ResponseWriter, r *http.Request) {
			if down.Load() == int32(i) {
				cut(w, r)
			}
			io.WriteString(w, `[1]`)
		})
	}
	c := client.New(strings.Join(urls, ","), client.Retries(20, time.Millisecond))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for range 50 {
				if g == 0 {
					down.Store((down.Load() + 1) % 3)
				}
				if _, err := c.Versions(t.Context(), "s"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestCredentialsReachEveryServer(t *testing.T) {
	t.Parallel()
	var got []string
	note := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			got = append(got, r.Header.Get("Authorization"))
			w.WriteHeader(status)
			io.WriteString(w, "[]")
		}
	}
	first, _ := serve(t, note(503))
	second, _ := serve(t, note(200))
	if _, err := client.New(strings.Replace(first, "//", "//me:p@", 1) + "," + second).Subjects(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != "Basic bWU6cA==" || got[1] != got[0] {
		t.Errorf("sent %q, want the same to both", got)
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var got atomic.Value
	note := func(w http.ResponseWriter, r *http.Request) {
		got.Store(r.Header.Get("Authorization") + r.Header.Get("X-Key") + r.Header.Get("Cookie"))
		io.WriteString(w, `[]`)
	}
	other, _ := serve(t, note)
	var target string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/here/subjects" {
			note(w, r)
			return
		}
		http.Redirect(w, r, target, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(srv.Close)
	reg := func(opts ...client.Option) *client.Client {
		return client.New(srv.URL, append(opts, client.Bearer("secret"), client.Header("X-Key", "hidden"), client.Header("Cookie", "c=1"))...)
	}
	for to, want := range map[string]string{
		srv.URL + "/here/subjects": "Bearer secrethiddenc=1",
		other + "/subjects":        "", // another port may be another's
		// The same server under another name, as far as the client knows.
		strings.Replace(srv.URL, "127.0.0.1", "localhost", 1) + "/here/subjects": "",
	} {
		target = to
		if _, err := reg().Subjects(t.Context()); err != nil || got.Load() != want {
			t.Errorf("redirected to %s: sent %q, %v, want %q", to, got.Load(), err, want)
		}
	}
	target = other + "/subjects"
	got.Store("nothing")
	certified := client.TLS(&tls.Config{Certificates: []tls.Certificate{{}}})
	if _, err := reg(certified).Subjects(t.Context()); err == nil || !strings.Contains(err.Error(), "must not see the client's certificate") || got.Load() != "nothing" {
		t.Errorf("with a certificate: %v, sent %q, want a refusal", err, got.Load())
	}
	target = srv.URL + "/again"
	if _, err := reg(client.Retries(0, 0)).Subjects(t.Context()); err == nil || !strings.Contains(err.Error(), "10 redirects") {
		t.Errorf("in circles: %v, want an end", err)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	reg, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) == 1 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		io.WriteString(w, "[]")
	})
	// The hour that the server asks for is cut to ten seconds, which the context
	// does not have.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := client.New(reg).Subjects(ctx); !errors.Is(err, context.DeadlineExceeded) || n.Load() != 1 {
		t.Errorf("Subjects = %v after %d requests, want that it waits", err, n.Load())
	}
}

// A URL of which one part is none says so, whatever the others are.
func TestOneBadURL(t *testing.T) {
	t.Parallel()
	good, _ := serve(t, answer(`[]`))
	_, err := client.New(good + ",nonsense").Subjects(t.Context())
	if err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("Subjects = %v, want that it names the URL", err)
	}
	if _, err := url.Parse(client.New(good).URLs()[0]); err != nil {
		t.Error(err)
	}
}
