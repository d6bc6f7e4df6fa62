package rest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/registry/rest"
)

// The answers that are kept take a few megabytes, however high and far apart the
// ids are that an import brought, and however long the texts.
func TestKeptAnswersAreBounded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{10, 400_000} {
		srv := newServer(t, rest.Options{})
		send(t, srv, http.MethodPut, "/mode", `{"mode":"IMPORT"}`, nil)
		n := 2000
		if size > 1000 {
			n = 50
		}
		for i := range n {
			id := 1<<31 - 1 - i*1024
			body := fmt.Sprintf(`{"schema":"{\"type\":\"fixed\",\"name\":\"F%d\",\"size\":1,\"doc\":\"%s\"}","id":%d,"version":1}`, i, strings.Repeat("x", size), id)
			if got := send(t, srv, http.MethodPost, fmt.Sprintf("/subjects/s%d/versions", i), body, nil); got.status != http.StatusOK {
				t.Fatalf("%+v", got)
			}
			if got := send(t, srv, http.MethodGet, fmt.Sprintf("/schemas/ids/%d", id), "", nil); got.status != http.StatusOK {
				t.Fatalf("%+v", got)
			}
		}
		if kept := rest.Kept(srv.Config.Handler); kept > 10<<20 {
			t.Errorf("%d schemas with texts of %d bytes: %d bytes of answers are kept, want at most 10 MiB", n, size, kept)
		}
	}
}
