package rest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/registry/rest"
)

// nowhere is a response that nobody reads.
type nowhere struct {
	header http.Header
	bytes  int
}

func (n *nowhere) Header() http.Header { return n.header }
func (n *nowhere) WriteHeader(int)     {}
func (n *nowhere) Write(p []byte) (int, error) {
	n.bytes += len(p)
	return len(p), nil
}

// filled returns a handler that serves n schemas.
func filled(t testing.TB, n int) http.Handler {
	srv := newServer(t, rest.Options{})
	for i := range n {
		body := fmt.Sprintf(`{"schema":"{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[{\"name\":\"a\",\"type\":\"string\"},{\"name\":\"b\",\"type\":\"long\"}]}"}`, i)
		w := httptest.NewRecorder()
		srv.Config.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, fmt.Sprintf("/subjects/s%d-value/versions", i), strings.NewReader(body)))
		if w.Code != http.StatusOK {
			t.Fatal(w.Code, w.Body)
		}
	}
	return srv.Config.Handler
}

func BenchmarkByID(b *testing.B) {
	for _, n := range []int{1, 1000, 20000} {
		h := filled(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/schemas/ids/%d", n/2+1), nil)
			w := &nowhere{header: http.Header{}}
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}

func BenchmarkRegister(b *testing.B) {
	for _, again := range []bool{false, true} {
		b.Run(fmt.Sprintf("again=%v", again), func(b *testing.B) {
			h := filled(b, 1000)
			n := 0
			for b.Loop() {
				if !again || n == 0 {
					n++
				}
				body := fmt.Sprintf(`{"schema":"{\"type\":\"record\",\"name\":\"Q%d\",\"fields\":[{\"name\":\"a\",\"type\":\"string\"},{\"name\":\"b\",\"type\":\"long\"}]}"}`, n)
				r := httptest.NewRequest(http.MethodPost, fmt.Sprintf("/subjects/q%d-value/versions", n), strings.NewReader(body))
				h.ServeHTTP(&nowhere{header: http.Header{}}, r)
			}
		})
	}
}
