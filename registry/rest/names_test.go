package rest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry/api"
)

// Names in another case are fields that nobody knows; keys of maps are data.
func TestExactNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		into       any
		body, want string
	}{
		{api.RegisterRequest{}, `{"Schema":"a","schema":"b"}`, `{"______":"a","schema":"b"}`},
		{api.RegisterRequest{}, `{"schema":"b" , "SCHEMA" : "a"}`, `{"schema":"b" , "______" : "a"}`},
		{api.RegisterRequest{}, `{"\u0073chema":"b","\u0053chema":"a","ſchema":"c"}`, `{"\u0073chema":"b","___________":"a","_______":"c"}`},
		{api.RegisterRequest{}, `{"references":[{"Name":"n"},null,{"name":"n","SUBJECT":"s"}],"x":{"Schema":1},"id":1,"Id":[{}]}`,
			`{"references":[{"____":"n"},null,{"name":"n","_______":"s"}],"x":{"Schema":1},"id":1,"__":[{}]}`},
		{api.RegisterRequest{}, `{"metadata":{"Tags":{},"properties":{"Tags":"x","Properties":"y"},"tags":{"Schema":["Tags"]}}}`,
			`{"metadata":{"____":{},"properties":{"Tags":"x","Properties":"y"},"tags":{"Schema":["Tags"]}}}`},
		{api.RegisterRequest{}, `{"ruleSet":{"domainRules":[{"name":"r","Type":"CEL","params":{"Name":"v"}}]}}`,
			`{"ruleSet":{"domainRules":[{"name":"r","____":"CEL","params":{"Name":"v"}}]}}`},
		{api.RegisterRequest{}, `{"schema":"{\"Schema\":1}","schema\"":"\\","schemaTagsToAdd":[{"schemaEntity":{"EntityPath":"p"}}]}`,
			`{"schema":"{\"Schema\":1}","schema\"":"\\","schemaTagsToAdd":[{"schemaEntity":{"__________":"p"}}]}`},
		{api.ConfigUpdate{}, `{"Normalize":true,"overrideMetadata":{"Properties":{}},"compatibility":null,"Compatibility":"NONE"}`,
			`{"_________":true,"overrideMetadata":{"__________":{}},"compatibility":null,"_____________":"NONE"}`},
		{api.TagRequest{}, `{"NewVersion":2,"rulesToRemove":["RuleSet"]}`, `{"__________":2,"rulesToRemove":["RuleSet"]}`},
	} {
		got := []byte(c.body)
		exactNames(got, reflect.TypeOf(c.into))
		if string(got) != c.want {
			t.Errorf("%T: %s becomes\n%s, want\n%s", c.into, c.body, got, c.want)
		}
	}
}

// FuzzExactNames states that JSON stays JSON of the same length, that what the
// server writes itself stays as it is, and that afterwards a decoder finds no
// field of a request but by its exact name.
func FuzzExactNames(f *testing.F) {
	for _, seed := range []string{
		`{"schema":"\"int\""}`, `{"Schema":"x","references":[{"Name":"n","subject":"s","version":1}]}`, `{"metadata":{"PROPERTIES":{"a":"b"}},"ID":1}`,
		`{"ruleSet":{"domainRules":[{"Name":"r"}]},"\u0049d":7}`, `[`, `{"`, `{"a`, `{"schema"`, `{"schema":`, `{"schema":"\`, `null`, `{"references":[,]}`, `{}}`, `[[[[`, `{"x":[{"y":"]"}],"SCHEMA":""}`,
		`{"references":[}`, `{"references":[]`, `{,}`, `{"id":1 2}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got := []byte(body)
		exactNames(got, reflect.TypeFor[api.RegisterRequest]())
		if json.Valid(got) != json.Valid([]byte(body)) || len(got) != len(body) {
			t.Fatalf("%q becomes %q", body, got)
		}
		var req api.RegisterRequest
		if json.Unmarshal(got, &req) != nil {
			return
		}
		var keys map[string]json.RawMessage
		if err := json.Unmarshal(got, &keys); err != nil {
			t.Fatal(err)
		}
		for key := range keys {
			for name := range fieldsOf(reflect.TypeFor[api.RegisterRequest]()) {
				if key != name && strings.EqualFold(key, name) {
					t.Errorf("%q becomes %q, which still has %q", body, got, key)
				}
			}
		}
		written, err := json.Marshal(req)
		if err != nil {
			t.Fatal(err)
		}
		same := append([]byte(nil), written...)
		exactNames(same, reflect.TypeFor[*api.RegisterRequest]())
		if diff := cmp.Diff(string(written), string(same)); diff != "" {
			t.Errorf("what is spelled right is changed:\n%s", diff)
		}
	})
}
