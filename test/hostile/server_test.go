package hostile_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/access"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

// deadline is how long any answer may take. It is far more than any needs, so
// that a busy machine fails no test, and far less than a hang.
const deadline = 30 * time.Second

// A server is a registry in memory with all languages, as serve runs it: behind
// a guard, with its timeouts.
type server struct {
	*httptest.Server
	failures atomic.Int64 // answers with a status of 500 and above
}

// newServer starts one. A request must arrive within readWithin, if that is
// given.
func newServer(t testing.TB, opts rest.Options, readWithin ...time.Duration) *server {
	t.Helper()
	reg, err := registry.Open(t.Context(), memlog.New(), all.Languages(), registry.Rules(compat.Default()), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	guard, err := access.New(access.Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{}
	opts.OnError = func(r *http.Request, err error) {
		s.failures.Add(1)
		t.Errorf("%s %.80s: %.300v", r.Method, r.URL.Path, err)
	}
	s.Server = httptest.NewUnstartedServer(guard.Wrap(rest.New(reg, opts), rest.Public))
	s.Config.MaxHeaderBytes = 64 << 10
	s.Config.ReadHeaderTimeout = 10 * time.Second
	for _, d := range readWithin {
		s.Config.ReadHeaderTimeout, s.Config.ReadTimeout = d, d
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // refused requests are what is tested
	s.Start()
	t.Cleanup(func() {
		s.Close()
		reg.Close()
	})
	return s
}

// An answer is what came back.
type answer struct {
	status  int
	code    int // 0 if there is none
	message string
	body    []byte
}

// send sends a request and waits for the whole answer.
func (s *server) send(t testing.TB, method, path string, header http.Header, body io.Reader) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, body)
	if err != nil {
		t.Fatalf("%s %.100s: %v", method, path, err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatalf("%s %.100s: %v", method, path, err)
	}
	defer res.Body.Close()
	out := answer{status: res.StatusCode}
	if out.body, err = io.ReadAll(res.Body); err != nil {
		t.Fatalf("%s %.100s: %v", method, path, err)
	}
	var e struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(out.body, &e) == nil {
		out.code, out.message = e.Code, e.Message
	}
	return out
}

// post sends JSON text.
func (s *server) post(t testing.TB, path, body string) answer {
	t.Helper()
	return s.send(t, http.MethodPost, path, http.Header{"Content-Type": {"application/json"}}, strings.NewReader(body))
}

// request is the body that registers a schema.
func request(t testing.TB, typ, text string, refs ...reference) string {
	t.Helper()
	out, err := json.Marshal(map[string]any{"schemaType": typ, "schema": text, "references": refs})
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

type reference struct {
	Name    string `json:"name"`
	Subject string `json:"subject"`
	Version int    `json:"version"`
}

// refused reports whether an answer is a clear refusal: a 4xx in the protocol's
// own form, which is short whatever the request was.
func (a answer) refused() error {
	switch {
	case a.status < 400 || a.status > 499:
		return errors.New("it is no refusal")
	case a.status == http.StatusRequestHeaderFieldsTooLarge:
		return nil // net/http answers before the protocol begins
	case a.code == 0 || a.message == "":
		return errors.New("it has no error_code or message")
	case len(a.body) > 64<<10:
		return errors.New("it is as long as the attack")
	case bytes.ContainsFunc(a.body, func(r rune) bool { return r < ' ' }):
		return errors.New("it has control characters")
	}
	return nil
}

// heap returns the bytes of live objects, after what can be freed is.
func heap() uint64 {
	var m runtime.MemStats
	for range 3 { // finalizers and pools need more than one
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// peak watches the heap until stop is called, which returns the most it was.
func peak() (stop func() uint64) {
	end, most := make(chan struct{}), make(chan uint64)
	go func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		var max uint64
		for {
			metrics.Read(sample)
			if v := sample[0].Value.Uint64(); v > max {
				max = v
			}
			select {
			case <-end:
				most <- max
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	return func() uint64 { close(end); return <-most }
}
