package hostile_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wireproof/wireproof/registry/rest"
)

// register sends a schema that must be accepted.
func (s *server) register(t testing.TB, subject, typ, text string, refs ...reference) {
	t.Helper()
	if got := s.post(t, "/subjects/"+subject+"/versions", request(t, typ, text, refs...)); got.status != 200 {
		t.Fatalf("%s: %d %.500s", subject, got.status, got.body)
	}
}

// everywhere sends a schema wherever one is parsed, and returns the answers.
func (s *server) everywhere(t testing.TB, subject, body string) map[string]answer {
	t.Helper()
	return map[string]answer{
		"register": s.post(t, "/subjects/"+subject+"/versions", body),
		"lookup":   s.post(t, "/subjects/"+subject, body),
		"check":    s.post(t, "/compatibility/subjects/"+subject+"/versions", body),
	}
}

// Two schemas on each level use both of the level below. What was sent grows with
// the levels, and the tree of references with their power of two.
func TestReferencesThatExplode(t *testing.T) {
	t.Parallel()
	for typ, text := range map[string]func(own string, uses []string) string{
		"AVRO": func(own string, uses []string) string {
			return fmt.Sprintf(`{"type":"record","name":"%s","fields":[%s]}`, own, many(len(uses), func(i int) string {
				return fmt.Sprintf(`{"name":"f%d","type":"%s"}`, i, uses[i])
			}))
		},
		"JSON": func(own string, uses []string) string {
			return fmt.Sprintf(`{"title":"%s","allOf":[true,%s]}`, own, many(2, func(i int) string {
				if len(uses) == 0 {
					return "true"
				}
				return fmt.Sprintf(`{"$ref":"%s"}`, uses[i])
			}))
		},
		"PROTOBUF": func(own string, uses []string) string {
			var b strings.Builder
			b.WriteString(`syntax="proto3";`)
			for _, u := range uses {
				fmt.Fprintf(&b, "import %q;", u)
			}
			return b.String() + "message " + own + "{}"
		},
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, rest.Options{})
			var below []string
			for level := range 20 {
				var names []string
				for _, side := range []string{"A", "B"} {
					own := fmt.Sprint(side, level)
					var refs []reference
					for _, name := range below {
						refs = append(refs, reference{name, name, 1})
					}
					got := s.post(t, "/subjects/"+own+"/versions", request(t, typ, text(own, below), refs...))
					if got.status != 200 {
						if err := got.refused(); err != nil || got.status != 422 || level < 5 {
							t.Errorf("level %d: %d %.300s: %v", level, got.status, got.body, err)
						}
						return
					}
					names = append(names, own)
				}
				below = names
			}
			t.Error("no number of levels is refused")
		})
	}
}

func TestReferencesThatLeadNowhere(t *testing.T) {
	t.Parallel()
	s := newServer(t, rest.Options{})
	s.register(t, "other", "PROTOBUF", `syntax="proto3";message M{}`)
	for name, body := range map[string]string{
		"itself":          request(t, "AVRO", `"int"`, reference{"a", "s", 1}),
		"not there":       request(t, "AVRO", `"int"`, reference{"a", "nowhere", 1}),
		"version 0":       request(t, "AVRO", `"int"`, reference{"a", "other", 0}),
		"huge version":    request(t, "AVRO", `"int"`, reference{"a", "other", 1 << 30}),
		"latest of none":  request(t, "AVRO", `"int"`, reference{"a", "nowhere", -1}),
		"other language":  request(t, "AVRO", `"int"`, reference{"a", "other", 1}),
		"no name":         request(t, "PROTOBUF", `syntax="proto3";`, reference{"", "other", 1}),
		"no subject":      request(t, "PROTOBUF", `syntax="proto3";`, reference{"a", "", 1}),
		"file":            request(t, "PROTOBUF", `syntax="proto3";`, reference{"a", "/etc/passwd", 1}),
		"3 MB subject":    request(t, "PROTOBUF", `syntax="proto3";`, reference{"a", strings.Repeat("s", 3_000_000), 1}),
		"30,000":          request(t, "PROTOBUF", `syntax="proto3";`, repeated(30_000, reference{"a", "other", 1})...),
		"30,000 to none":  request(t, "PROTOBUF", `syntax="proto3";`, repeated(30_000, reference{"a", "nowhere", 1})...),
		"one name, twice": request(t, "PROTOBUF", `syntax="proto3";import "a";`, repeated(2000, reference{"a", "other", 1})...),
	} {
		for how, got := range s.everywhere(t, "s", body) {
			if err := got.refused(); err != nil {
				t.Errorf("%s, %s: %d %.300s (%d bytes): %v", name, how, got.status, got.body, len(got.body), err)
			}
		}
	}
}

func repeated(n int, r reference) []reference {
	out := make([]reference, n)
	for i := range out {
		out[i] = r
	}
	return out
}

// No schema makes the server read a file or call anybody.
func TestNothingIsFetched(t *testing.T) {
	t.Parallel()
	const canary = "canary-5e1c"
	file := filepath.Join(t.TempDir(), "schema.json")
	if err := os.WriteFile(file, []byte(`{"title":"`+canary+`","syntax":"proto3"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	var called atomic.Int64
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			called.Add(1)
			conn.Close()
		}
	}()
	s := newServer(t, rest.Options{})
	places := []string{
		"http://" + listener.Addr().String() + "/a.json", "https://" + listener.Addr().String() + "/a.json",
		"//" + listener.Addr().String() + "/a.json", "file://" + file, "file:" + file, file,
		"../../../../../../../../.." + file, "jar:file://" + file + "!/a", "data:application/json,{}", "/etc/passwd", "/dev/zero", "/proc/self/environ",
	}
	for i, place := range places {
		subject := fmt.Sprintf("s%d", i)
		quoted, _ := json.Marshal(place)
		q := string(quoted)
		for name, body := range map[string]string{
			"ref":        request(t, "JSON", `{"$ref":`+q+`}`),
			"property":   request(t, "JSON", `{"properties":{"a":{"$ref":`+q+`}}}`),
			"dynamicRef": request(t, "JSON", `{"$schema":"https://json-schema.org/draft/2020-12/schema","$dynamicRef":`+q+`}`),
			"base":       request(t, "JSON", `{"$id":`+q+`,"$ref":"other.json"}`),
			"import":     request(t, "PROTOBUF", `syntax="proto3";import `+q+`;`),
			"public":     request(t, "PROTOBUF", `syntax="proto3";import public `+q+`;`),
			"weak":       request(t, "PROTOBUF", `syntax="proto2";import weak `+q+`;`),
			"type":       request(t, "AVRO", q),
			"field":      request(t, "AVRO", `{"type":"record","name":"R","fields":[{"name":"f","type":`+q+`}]}`),
			"reference":  request(t, "JSON", `{"$ref":"a"}`, reference{"a", place, 1}),
			"schemaType": request(t, place, `{}`),
		} {
			for how, got := range s.everywhere(t, subject, body) {
				if err := got.refused(); err != nil {
					t.Errorf("%s of %s, %s: %d %.300s: %v", name, place, how, got.status, got.body, err)
				}
				if strings.Contains(string(got.body), canary) {
					t.Errorf("%s of %s, %s: the file is in the answer", name, place, how)
				}
			}
		}
		// A dialect nobody knows is no reason to ask for it either.
		for how, got := range s.everywhere(t, subject, request(t, "JSON", `{"$schema":`+q+`,"type":"string"}`)) {
			if got.status >= http.StatusInternalServerError {
				t.Errorf("$schema %s, %s: %d %.300s", place, how, got.status, got.body)
			}
		}
	}
	if n := called.Load(); n != 0 {
		t.Errorf("the server called out %d times", n)
	}
}
