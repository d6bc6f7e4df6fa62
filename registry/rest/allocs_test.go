package rest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A schema by id is what every client asks for when it starts. Its body is
// rendered once; what is left is the request's id, its path in parts, and what
// carries them through. None of it grows with the number of schemas.
func TestByIDAllocates(t *testing.T) {
	const want = 5
	for _, n := range []int{1, 2000} {
		h := filled(t, n)
		r := httptest.NewRequest(http.MethodGet, "/schemas/ids/1", nil)
		w := &nowhere{header: http.Header{}}
		got := testing.AllocsPerRun(200, func() {
			clear(w.header)
			h.ServeHTTP(w, r)
		})
		if got != want {
			t.Errorf("GET by id with %d schemas: %v allocations, want %d", n, got, want)
		}
	}
}
