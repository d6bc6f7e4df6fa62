package rest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/rest"
)

// access allows what its table says: "verb subject", a star standing for any.
type access map[string]bool

func (a access) Allows(_ context.Context, verb api.Verb, subject string) bool {
	return a[string(verb)+" "+subject] || a[string(verb)+" *"] || a["all"]
}

// Every route asks for what it needs and for nothing else.
func TestAccess(t *testing.T) {
	t.Parallel()
	const schema = `{"schema":"\"int\""}`
	for _, c := range []struct{ method, path, body, needs string }{
		{"GET", "/", "", ""},
		{"GET", "/schemas/types", "", ""},
		{"GET", "/subjects", "", ""},
		{"GET", "/contexts", "", ""},
		{"GET", "/schemas", "", ""},
		{"POST", "/subjects/a", schema, "read a"},
		{"GET", "/subjects/a/versions", "", "read a"},
		{"GET", "/subjects/a/versions/1", "", "read a"},
		{"GET", "/subjects/nick/versions/1", "", "read a"},
		{"GET", "/subjects/a/versions/1/schema", "", "read a"},
		{"GET", "/subjects/a/versions/1/referencedby", "", "read a"},
		{"GET", "/subjects/far/versions/1", "", "read far, read :.c:far"},
		{"POST", "/subjects/far", schema, "read far, read :.c:far"},
		{"GET", "/contexts/.c/subjects/far/versions/1", "", "read :.c:far"},
		{"POST", "/compatibility/subjects/a/versions/latest", schema, "read a"},
		{"POST", "/subjects/a/versions", schema, "write a"},
		{"POST", "/subjects/a/versions?force=true", schema, "write a, configure a"},
		{"POST", "/subjects/a/versions", `{"schema":"\"int\"","id":1}`, "write a, admin a"},
		{"POST", "/subjects/u/versions", `{"schema":"{\"type\":\"array\",\"items\":\"R\"}","references":[{"name":"R","subject":"r","version":1}]}`, "write u, read r"},
		{"POST", "/subjects/a/versions/1/tags", `{}`, "write a"},
		{"GET", "/schemas/ids/1", "", "read a"},
		{"GET", "/schemas/ids/1/schema", "", "read b"}, // b has it too
		{"GET", "/schemas/guids/9bb36034-609d-6c0a-ac85-54ea006d4f77", "", ""},
		{"GET", "/config", "", "read "},
		{"GET", "/config/a?defaultToGlobal=true", "", "read a"},
		{"PUT", "/config/a", `{"normalize":true}`, "configure a"},
		{"PUT", "/config", `{"normalize":true}`, "configure "},
		{"PUT", "/contexts/.c/config", `{"normalize":true}`, "configure :.c:"},
		{"DELETE", "/config/a", "", "configure a"},
		{"PUT", "/mode/a", `{"mode":"READWRITE"}`, "admin a"},
		{"DELETE", "/mode/a", "", "admin a"},
		{"DELETE", "/contexts/.d", "", "delete :.d:"},
		{"DELETE", "/subjects/b/versions/1", "", "delete b"},
		{"DELETE", "/subjects/b", "", "delete b"},
	} {
		allow := access{"all": true}
		srv := newServer(t, rest.Options{Access: allow})
		for _, s := range []string{"a", "b", ":.c:far"} {
			send(t, srv, "POST", "/subjects/"+s+"/versions", schema, nil)
		}
		send(t, srv, "POST", "/subjects/r/versions", `{"schema":"{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}"}`, nil)
		send(t, srv, "PUT", "/config/nick", `{"alias":"a"}`, nil)
		delete(allow, "all")
		needs := strings.Split(c.needs, ", ")
		for i, need := range needs {
			if need == "" {
				continue
			}
			got := send(t, srv, c.method, c.path, c.body, nil)
			if i > 0 && strings.HasPrefix(need, "read :.") {
				// What a bare name finds elsewhere is not there for who may not read it.
				if got.status != http.StatusNotFound {
					t.Errorf("%s %s with %v: %d %s, want 404", c.method, c.path, needs[:i], got.status, got.body)
				}
			} else if got.status != http.StatusForbidden || got.body != `{"error_code":403,"message":"Forbidden"}` {
				t.Errorf("%s %s with %v: %d %s, want 403", c.method, c.path, needs[:i], got.status, got.body)
			}
			allow[need] = true
		}
		if got := send(t, srv, c.method, c.path, c.body, nil); got.status == http.StatusForbidden && c.needs != "" || got.status >= 500 {
			t.Errorf("%s %s with %v: %d %s, want it allowed", c.method, c.path, needs, got.status, got.body)
		}
	}
}

// Lists show what may be read, and nothing tells that there is more.
func TestListsShowWhatMayBeRead(t *testing.T) {
	t.Parallel()
	allow := access{"all": true}
	srv := newServer(t, rest.Options{Access: allow})
	for _, s := range []string{"a", "b", ":.c:a"} {
		send(t, srv, "POST", "/subjects/"+s+"/versions", `{"schema":"\"int\""}`, nil)
		send(t, srv, "PUT", "/config/"+s, `{"compatibility":"FULL"}`, nil)
	}
	delete(allow, "all")
	allow["read b"] = true
	for path, want := range map[string]string{
		"/subjects":                    `["b"]`,
		"/subjects?limit=1":            `["b"]`,
		"/schemas/ids/1/subjects":      `["b"]`,
		"/schemas/ids/1/versions":      `[{"subject":"b","version":1}]`,
		"/contexts":                    `[]`,
		"/v1/metadata/scopes":          `["b"]`,
		"/subjects?subjectPrefix=:.c:": `[]`,
	} {
		if got := send(t, srv, "GET", path, "", nil); got.body != want {
			t.Errorf("GET %s = %d %s, want %s", path, got.status, got.body, want)
		}
	}
	if got := send(t, srv, "GET", "/schemas?subjectPrefix=:*:", "", nil); strings.Contains(got.body, `"a"`) || !strings.Contains(got.body, `"b"`) {
		t.Errorf("GET /schemas = %s, want b alone", got.body)
	}
}

// What never changes may be kept, by everybody only if everybody may ask; of
// the rest a client can ask whether it has changed.
func TestCaching(t *testing.T) {
	t.Parallel()
	open := newServer(t, rest.Options{})
	closed := newServer(t, rest.Options{Access: access{"all": true}})
	for _, c := range []struct {
		path, open, closed string
	}{
		{"/schemas/ids/1", "public, max-age=31536000, immutable", "private, max-age=31536000, immutable"},
		{"/schemas/ids/1/schema", "public, max-age=31536000, immutable", "private, max-age=31536000, immutable"},
		{"/schemas/ids/1?fetchMaxId=true", "no-cache", "no-cache"},
		{"/subjects", "no-cache", "no-cache"},
		{"/subjects/a/versions/latest", "no-cache", "no-cache"},
		{"/schemas/ids/9", "no-store", "no-store"},
	} {
		for srv, want := range map[string]string{open.URL: c.open, closed.URL: c.closed} {
			s := open
			if srv == closed.URL {
				s = closed
			}
			send(t, s, "POST", "/subjects/a/versions", `{"schema":"\"int\""}`, nil)
			got := send(t, s, "GET", c.path, "", nil)
			if got.header.Get("Cache-Control") != want {
				t.Errorf("GET %s: Cache-Control %q, want %q", c.path, got.header.Get("Cache-Control"), want)
			}
			tag := got.header.Get("ETag")
			if (tag != "") != (got.status == http.StatusOK) {
				t.Errorf("GET %s: %d with ETag %q", c.path, got.status, tag)
			}
			if tag == "" {
				continue
			}
			strong := strings.TrimPrefix(tag, "W/")
			for _, has := range [][]string{{tag}, {strong}, {"*"}, {`"x", ` + tag}, {`"x"`, tag}} {
				again := send(t, s, "GET", c.path, "", http.Header{"If-None-Match": has})
				if again.status != http.StatusNotModified || again.body != "" || again.header.Get("ETag") != tag || again.header.Get("Cache-Control") != want {
					t.Errorf("GET %s with If-None-Match %q: %d %q, want 304 and nothing", c.path, has, again.status, again.body)
				}
			}
		}
	}
	before := send(t, open, "GET", "/subjects", "", nil).header.Get("ETag")
	send(t, open, "POST", "/subjects/b/versions", `{"schema":"\"int\""}`, nil)
	if got := send(t, open, "GET", "/subjects", "", http.Header{"If-None-Match": {before}}); got.status != http.StatusOK {
		t.Errorf("GET /subjects with an old ETag: %d, want 200", got.status)
	}
}
