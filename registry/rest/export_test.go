package rest

import (
	"net/http"
	"unsafe"
)

// Routes returns the methods and patterns of the table.
func Routes() (out [][2]string) {
	for _, rt := range table {
		out = append(out, [2]string{rt.method, rt.path})
	}
	return out
}

// PatternOf returns the pattern of the route that a request reaches, or "".
func PatternOf(r *http.Request) string {
	path, err := segments(r.URL)
	if err != nil {
		return ""
	}
	if path, _, err = intoContext(path, r.URL.Query()); err != nil {
		return ""
	}
	rt, _, err := match(discard{}, r.Method, path)
	if err != nil {
		return ""
	}
	return rt.path
}

// discard is a writer whose header nobody reads.
type discard struct{ http.ResponseWriter }

func (discard) Header() http.Header { return http.Header{} }

// Kept returns how many bytes of answers a handler keeps, the tables that find
// them included.
func Kept(h http.Handler) int {
	a := &h.(*handler).answers
	a.mu.RLock()
	defer a.mu.RUnlock()
	total := 0
	for _, page := range a.pages {
		total += int(unsafe.Sizeof(*page))
		for _, k := range page {
			if k != nil {
				total += len(k.body) + len(k.packed)
			}
		}
	}
	return total
}
