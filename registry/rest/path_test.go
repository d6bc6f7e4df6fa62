package rest

import (
	"net/url"
	"strings"
	"testing"
)

// The table of section "context paths" of the protocol.
func TestIntoContext(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"/contexts/.a/subjects/s/versions":                      "/subjects/:.a:s/versions",
		"/contexts/a/subjects":                                  "/subjects?subjectPrefix=:.a:",
		"/contexts/a/subjects?subjectPrefix=x":                  "/subjects?subjectPrefix=:.a:x",
		"/contexts/a/subjects?subjectPrefix=:.b:x":              "/subjects?subjectPrefix=:.b:x",
		"/contexts/a/subjects?subjectPrefix=:*:x":               "/subjects?subjectPrefix=:*:x",
		"/contexts/./subjects/s":                                "/subjects/:.:s",
		"/contexts/:.:/subjects/s":                              "/subjects/:.:s",
		"/contexts/.a/subjects/:.b:s":                           "/subjects/:.b:s",
		"/contexts/.a/subjects/:*:s":                            "/subjects/:*:s",
		"/contexts/.a/subjects/subjects/versions":               "/subjects/:.a:subjects/versions",
		"/contexts/.a/schemas":                                  "/schemas?subjectPrefix=:.a:",
		"/contexts/.a/schemas/ids/1?subject=s":                  "/schemas/ids/1?subject=:.a:s",
		"/contexts/.a/schemas/ids/1/versions":                   "/schemas/ids/1/versions?subject=:.a:",
		"/contexts/.a/schemas/guids/g":                          "/schemas/guids/g",
		"/contexts/.a/schemas/types":                            "/schemas/types",
		"/contexts/.a/compatibility/subjects/s/versions/1":      "/compatibility/subjects/:.a:s/versions/1",
		"/contexts/.a/config":                                   "/config/:.a:",
		"/contexts/.a/mode":                                     "/mode/:.a:",
		"/contexts/.a/config/s":                                 "/config/:.a:s",
		"/contexts/.a/subjects/s/versions/1/referencedby":       "/subjects/:.a:s/versions/1/referencedby",
		"/contexts/.a":                                          "/contexts/.a",
		"/contexts":                                             "/contexts",
		"/subjects/contexts/versions":                           "/subjects/contexts/versions",
		"/contexts/.a/subjects/x%2Fy%20z/versions?deleted=true": "/subjects/:.a:x/y z/versions?deleted=true",
		"/contexts/a:b/subjects":                                "",
		"/contexts/:.a:/subjects":                               "",
		"/contexts//subjects":                                   "",
	} {
		u, err := url.Parse(from)
		if err != nil {
			t.Fatal(err)
		}
		path, err := segments(u)
		if err != nil {
			t.Fatal(err)
		}
		path, query, err := intoContext(path, u.Query())
		got := ""
		if err == nil {
			got = "/" + strings.Join(path, "/")
			if len(query) > 0 {
				text, err := url.QueryUnescape(query.Encode())
				if err != nil {
					t.Fatal(err)
				}
				got += "?" + text
			}
		}
		if got != want {
			t.Errorf("%s becomes %q, %v, want %q", from, got, err, want)
		}
	}
}
