package rest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/internal/golden"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

// newServer serves an empty registry whose clock stands still.
func newServer(t testing.TB, opts rest.Options) *httptest.Server {
	t.Helper()
	now := func() time.Time { return time.UnixMilli(1_700_000_000_000) }
	reg, err := registry.Open(t.Context(), memlog.New(), all.Lenient(), registry.Rules(compat.Default()), registry.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(rest.New(reg, opts))
	t.Cleanup(func() {
		srv.Close()
		reg.Close()
	})
	return srv
}

// TestSessions plays the sessions in testdata. A line with ">" is a request, and
// the line with "<" after it the whole answer. Answers are protocol facts: read
// the diff of an update as you would read code.
func TestSessions(t *testing.T) {
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, c *golden.Case) {
		srv := newServer(t, rest.Options{Version: "1.2.3", Commit: "abc"})
		var out strings.Builder
		for line := range strings.Lines(c.File(t, "session")) {
			line = strings.TrimSuffix(line, "\n")
			req, isRequest := strings.CutPrefix(line, "> ")
			switch {
			case isRequest:
				fmt.Fprintf(&out, "%s\n< %s\n", line, play(t, srv, req))
			case !strings.HasPrefix(line, "<"):
				fmt.Fprintln(&out, line)
			}
		}
		c.Golden(t, "session", out.String())
	})
}

func play(t *testing.T, srv *httptest.Server, line string) string {
	t.Helper()
	method, rest, _ := strings.Cut(line, " ")
	path, body, _ := strings.Cut(rest, " ")
	resp := send(t, srv, method, path, body, nil)
	return strings.TrimSpace(fmt.Sprintf("%d %s", resp.status, strings.ReplaceAll(resp.body, "\n", `\n`)))
}

type answer struct {
	status int
	body   string
	header http.Header
}

func send(t testing.TB, srv *httptest.Server, method, path, body string, header http.Header) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, string(data), resp.Header}
}
