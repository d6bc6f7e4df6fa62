package hostile_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/wireproof/wireproof/registry/rest"
)

// A hidden is a schema with a name, and one that needs the name.
type hidden struct{ typ, defines, uses, name string }

func hiddens() []hidden {
	return []hidden{
		{"AVRO", `{"type":"record","name":"Hidden","namespace":"secret","doc":"canary","fields":[]}`,
			`{"type":"record","name":"User","fields":[{"name":"f","type":"secret.Hidden"}]}`, "secret.Hidden"},
		{"PROTOBUF", "syntax=\"proto3\";package secret;\n// canary\nmessage Hidden{}",
			`syntax="proto3";import "secret.Hidden";message User{secret.Hidden f=1;}`, "secret.Hidden"},
		{"JSON", `{"$id":"https://secret.example/Hidden","title":"canary","type":"object"}`,
			`{"$ref":"https://secret.example/Hidden"}`, "https://secret.example/Hidden"},
	}
}

// What one request or one context defines, no other knows, unless it refers to
// it: not by name, not by id and not by an error.
func TestNamesDoNotLeak(t *testing.T) {
	t.Parallel()
	for _, h := range hiddens() {
		s := newServer(t, rest.Options{})
		s.register(t, ":.a:owner", h.typ, h.defines)
		for _, subject := range []string{":.b:user", "user", ":.a:user"} {
			for how, got := range s.everywhere(t, subject, request(t, h.typ, h.uses)) {
				if err := got.refused(); err != nil || strings.Contains(string(got.body), "canary") {
					t.Errorf("%s, %s in %s without a reference: %d %.300s: %v", h.typ, how, subject, got.status, got.body, err)
				}
			}
		}
		// The same bare name is another subject in another context.
		for _, subject := range []string{":.b:user", "user"} {
			for how, got := range s.everywhere(t, subject, request(t, h.typ, h.uses, reference{h.name, "owner", 1})) {
				if err := got.refused(); err != nil || strings.Contains(string(got.body), "canary") {
					t.Errorf("%s, %s in %s by a bare name: %d %.300s: %v", h.typ, how, subject, got.status, got.body, err)
				}
			}
		}
		s.register(t, ":.a:user", h.typ, h.uses, reference{h.name, "owner", 1})
		s.register(t, ":.b:marker", "AVRO", `"bytes"`)
		for path, want := range map[string]string{
			"/subjects?subjectPrefix=:.b:":                         `[":.b:marker"]`,
			"/contexts/.b/subjects":                                `[":.b:marker"]`,
			"/subjects?subjectPrefix=:.c:":                         `[]`,
			"/contexts/.b/schemas/ids/1/subjects":                  `[":.b:marker"]`,
			"/contexts/.b/schemas/ids/1/schema":                    `"bytes"`,
			"/contexts/.b/schemas/ids/2":                           "",
			"/schemas/ids/1":                                       "",
			"/contexts/.b/subjects/owner/versions":                 "",
			"/contexts/.b/subjects/owner/versions/1":               "",
			"/contexts/.b/config/owner":                            "",
			"/contexts/.b/subjects/user/versions/1":                "",
			"/contexts/.b/subjects/marker/versions/1/referencedby": `[]`,
		} {
			got := s.send(t, http.MethodGet, path, nil, nil)
			if want == "" && got.status != 404 || want != "" && string(got.body) != want ||
				strings.Contains(string(got.body), "canary") || strings.Contains(string(got.body), ".a:") {
				t.Errorf("%s: GET %s = %d %.300s, want %s", h.typ, path, got.status, got.body, want)
			}
		}
	}
}

// Many requests at once define one name each in their own way, and each sees its
// own definition only.
func TestNamesDoNotLeakBetweenRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t, rest.Options{})
	seed := rand.Uint64()
	t.Log("seed", seed)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)))
			for range 10 {
				field := fmt.Sprintf("f%d", r.IntN(1000))
				for typ, text := range map[string]string{
					"AVRO":     `{"type":"record","name":"Same","fields":[{"name":"` + field + `","type":"int"}]}`,
					"PROTOBUF": "syntax = \"proto3\";\n\nmessage Same {\n  int32 " + field + " = 1;\n}\n",
					"JSON":     `{"$id":"https://same.example/s","type":"object","properties":{"` + field + `":{"$ref":"#"}}}`,
				} {
					subject := fmt.Sprintf(":.c%d-%d:%s", w, r.IntN(1<<30), typ)
					got := s.post(t, "/subjects/"+subject+"/versions", request(t, typ, text))
					if got.status != 200 || strings.Count(string(got.body), "f") == 0 || !strings.Contains(string(got.body), field) {
						t.Errorf("%s: %d %.300s, want its own field %s", typ, got.status, got.body, field)
					}
					user := map[string]string{
						"AVRO": `["Same"]`, "PROTOBUF": `syntax="proto3";message U{Same s=1;}`, "JSON": `{"$ref":"https://same.example/s"}`,
					}[typ]
					if got := s.post(t, "/compatibility/subjects/"+subject+"/versions", request(t, typ, user)); got.status != 422 {
						t.Errorf("%s: a name of another request is known: %d %.300s", typ, got.status, got.body)
					}
				}
			}
		})
	}
	wg.Wait()
}
