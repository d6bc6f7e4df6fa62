package jsonschema_test

import (
	"strings"
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// TestReferences holds under which names other texts are found.
func TestReferences(t *testing.T) {
	t.Parallel()
	const text = `{"definitions":{"s":{"type":"string"}},"properties":{"x":{"type":"string"}}}`
	inner := ref("inner.json", `{"type":"integer"}`)
	for _, tt := range []struct {
		name, text string
		refs       []lang.Reference
		bad        string // the code, if it is refused
	}{
		{"relative", `{"$ref":"other.json"}`, []lang.Reference{ref("other.json", text)}, ""},
		{"with a path", `{"$ref":"a/other.json"}`, []lang.Reference{ref("a/other.json", text)}, ""},
		{"a word", `{"$ref":"other"}`, []lang.Reference{ref("other", text)}, ""},
		{"into it", `{"$ref":"other.json#/definitions/s"}`, []lang.Reference{ref("other.json", text)}, ""},
		{"absolute", `{"$ref":"http://x/other.json"}`, []lang.Reference{ref("http://x/other.json", text)}, ""},
		{"relative to an id", `{"$id":"http://x/a/b.json","$ref2":0,"properties":{"p":{"$ref":"other.json"}}}`,
			[]lang.Reference{ref("other.json", text)}, ""},
		{"absolute by an id", `{"$id":"http://x/a/b.json","properties":{"p":{"$ref":"other.json"}}}`,
			[]lang.Reference{ref("http://x/a/other.json", text)}, ""},
		{"a URN", `{"$ref":"urn:x:other#/definitions/s"}`, []lang.Reference{ref("urn:x:other", text)}, ""},
		{"of a reference", `{"$ref":"other.json"}`, []lang.Reference{ref("other.json", `{"$ref":"inner.json"}`, inner)}, ""},
		{"of a reference by its id", `{"$ref":"http://y/other.json"}`,
			[]lang.Reference{ref("http://y/other.json", `{"$id":"http://y/other.json","items":{"$ref":"inner.json"}}`, inner)}, ""},
		{"back to the first", `{"$id":"http://x/a.json","properties":{"p":{"$ref":"other.json"}}}`,
			[]lang.Reference{ref("other.json", `{"items":{"$ref":"http://x/a.json"}}`)}, ""},
		{"not there", `{"$ref":"other.json"}`, []lang.Reference{ref("another.json", text)}, jsonschema.CodeRef},
		{"nothing in it", `{"$ref":"other.json#/definitions/t"}`, []lang.Reference{ref("other.json", text)}, jsonschema.CodeRef},
		{"no JSON", `{"$ref":"other.json"}`, []lang.Reference{ref("other.json", `{`)}, lang.CodeJSONSyntax},
		{"no schema", `{"$ref":"other.json"}`, []lang.Reference{ref("other.json", `{"type":5}`)}, jsonschema.CodeInvalid},
		{"nobody asks", `{}`, []lang.Reference{ref("other.json", `{`)}, ""},
		{"a ring through texts", `{"$id":"http://x/a.json","items":{"$ref":"other.json"}}`,
			[]lang.Reference{ref("other.json", `{"$ref":"third.json"}`, ref("third.json", `{"$ref":"other.json"}`))}, jsonschema.CodeRefLoop},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := jsonschema.Parse(source(tt.text, tt.refs...))
			if tt.bad != "" {
				if got := codes(err); len(got) == 0 || got[0] != tt.bad {
					t.Errorf("Parse = %v, want %s", err, tt.bad)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			s.Root()
			if err := s.Validate([]byte(`{}`)); err != nil && codes(err)[0] != jsonschema.CodeDocument {
				t.Errorf("Validate = %v", err)
			}
		})
	}
}

// Where two texts have one name, the first holds.
func TestFirstReferenceHolds(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"$ref":"other.json"}`, ref("other.json", `{"type":"string"}`), ref("other.json", `{"type":"number"}`))
	if s.Validate([]byte(`"x"`)) != nil || s.Validate([]byte(`1`)) == nil {
		t.Error("the second text of a name is used")
	}
}

// TestValidate holds documents against schemas of every draft.
func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, good, bad string }{
		{"true", `true`, `1`, ``},
		{"false", `false`, ``, `1`},
		{"draft 4", `{` + s4 + `"maximum":1,"exclusiveMaximum":true}`, `0.9`, `1`},
		{"draft 6", `{` + s6 + `"contains":{"const":1}}`, `[2,1.0]`, `[2]`},
		{"draft 7", `{"if":{"type":"string"},"then":{"maxLength":1}}`, `"a"`, `"ab"`},
		{"draft 2019-09", `{` + s19 + `"dependentRequired":{"a":["b"]}}`, `{"b":1}`, `{"a":1}`},
		{"draft 2020-12", `{` + s20 + `"prefixItems":[{"type":"string"}],"items":false}`, `["a"]`, `["a","b"]`},
		{"unknown draft", `{"$schema":"http://example.com/d","if":true,"then":{"type":"string"}}`, `"a"`, `1`},
		{"names", `{"$id":"http://x/y","definitions":{"a":{"$id":"z","type":"string"}},"properties":{"p":{"$ref":"z"}}}`, `{"p":"a"}`, `{"p":1}`},
		{"odd names", `{"definitions":{"a b%/~ä":{"type":"string"}},"$ref":"#/definitions/a%20b%25~1~0ä"}`, `"a"`, `1`},
		{"itself", `{"properties":{"n":{"$ref":"#"}},"additionalProperties":false}`, `{"n":{"n":{}}}`, `{"n":{"m":1}}`},
		{"dynamic", `{` + s20 + `"$dynamicAnchor":"n","properties":{"n":{"$dynamicRef":"#n"}},"unevaluatedProperties":false}`, `{"n":{"n":{}}}`, `{"n":{"m":1}}`},
		{"recursive", `{` + s19 + `"properties":{"n":{"$recursiveRef":"#"}},"additionalProperties":false}`, `{"n":{"n":{}}}`, `{"n":{"m":1}}`},
		{"formats are not looked at", `{"format":"date"}`, `"x"`, ``},
		{"metaschema", `{"$ref":"http://json-schema.org/draft-07/schema#"}`, `{"type":"string"}`, `{"type":1}`},
		{"exact numbers", `{"maximum":9007199254740993}`, `9007199254740993`, `9007199254740994`},
		{"keys of values", `{"enum":[{"$ref":"#/x","$id":"y"}]}`, `{"$ref":"#/x","$id":"y"}`, `{}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, tt.text)
			if tt.good != "" {
				if err := s.Validate([]byte(tt.good)); err != nil {
					t.Errorf("%s: %s: %v", tt.text, tt.good, err)
				}
			}
			if tt.bad != "" {
				if got := codes(s.Validate([]byte(tt.bad))); len(got) == 0 || got[0] != jsonschema.CodeDocument {
					t.Errorf("%s: %s: %v, want %s", tt.text, tt.bad, got, jsonschema.CodeDocument)
				}
			}
		})
	}
}

func TestValidateSaysWhere(t *testing.T) {
	t.Parallel()
	err := parse(t, `{"properties":{"a":{"items":{"type":"string"}}}}`).Validate([]byte("{\"a\": [\"x\",\n 1]}"))
	if err == nil || !strings.HasPrefix(err.Error(), "document:2:2: JSON_SCHEMA_DOCUMENT: at #/a/1: ") {
		t.Errorf("Validate = %v", err)
	}
	for text, code := range map[string]string{
		`{`:           lang.CodeJSONSyntax,
		`1e999999999`: jsonschema.CodeNumber,
		`"\ud800"`:    lang.CodeJSONString,
	} {
		if got := codes(parse(t, `{"maximum":1}`).Validate([]byte(text))); len(got) != 1 || got[0] != code {
			t.Errorf("Validate(%s) = %v, want %s", text, got, code)
		}
	}
	for _, text := range []string{`{"pattern":"(?=a)"}`, `{"patternProperties":{"(?!a)":{}}}`, `{"allOf":[{"$ref":"#"}]}`} {
		if err := parse(t, text).Validate([]byte(`"a"`)); err == nil {
			t.Errorf("%s: a document is held against it", text)
		}
	}
}
