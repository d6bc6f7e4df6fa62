package rest

import "net/http"

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
