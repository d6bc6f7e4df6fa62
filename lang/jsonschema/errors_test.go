package jsonschema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

const (
	s4  = `"$schema":"http://json-schema.org/draft-04/schema#",`
	s6  = `"$schema":"http://json-schema.org/draft-06/schema#",`
	s19 = `"$schema":"https://json-schema.org/draft/2019-09/schema",`
	s20 = `"$schema":"https://json-schema.org/draft/2020-12/schema",`
)

// TestMistakes holds what is refused, with which code and where.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, code, where, says string }{
		{"no text", ``, lang.CodeJSONSyntax, "s.json:1:1", "the end of the text"},
		{"no JSON", `{"type": }`, lang.CodeJSONSyntax, "s.json:1:10", ""},
		{"a comment", "{\n// x\n}", lang.CodeJSONSyntax, "s.json:2:1", "comment"},
		{"an array", `[]`, jsonschema.CodeNotSchema, "s.json:1:1", "found an array"},
		{"a string", `"string"`, jsonschema.CodeNotSchema, "s.json:1:1", "found a string"},
		{"null", `null`, jsonschema.CodeNotSchema, "s.json:1:1", "found null"},
		{"unknown type", "{\"properties\":\n {\"a\": {\"type\": \"text\"}}}", jsonschema.CodeInvalid, "s.json:2:17", "#/properties/a/type"},
		{"negative length", `{"minLength": -1}`, jsonschema.CodeInvalid, "s.json:1:15", "#/minLength"},
		{"length of text", `{"minLength": "1"}`, jsonschema.CodeInvalid, "s.json:1:15", "string"},
		{"properties of a list", `{"properties": []}`, jsonschema.CodeInvalid, "s.json:1:16", "object"},
		{"boolean in draft 4", `{` + s4 + `"not": true}`, jsonschema.CodeInvalid, "s.json:1:", "#/not"},
		{"empty required in draft 4", `{` + s4 + `"required": []}`, jsonschema.CodeInvalid, "s.json:1:", "#/required"},
		{"wrong const in draft 6", `{` + s6 + `"contains": 1}`, jsonschema.CodeInvalid, "s.json:1:", "#/contains"},
		{"wrong in 2019-09", `{` + s19 + `"dependentRequired": {"a": "b"}}`, jsonschema.CodeInvalid, "s.json:1:", "#/dependentRequired/a"},
		{"wrong in 2020-12", `{` + s20 + `"properties": {"a": {"prefixItems": {}}}}`, jsonschema.CodeInvalid, "s.json:1:", "#/properties/a/prefixItems"},
		{"bad expression", `{"properties": {"a": {"pattern": "a("}}}`, jsonschema.CodePattern, "s.json:1:34", "missing closing )"},
		{"bad expression as a key", `{"patternProperties": {"[": {}}}`, jsonschema.CodePattern, "s.json:1:24", "missing closing ]"},
		{"vast expression", `{"pattern": "` + strings.Repeat("a{1000}", 25) + `"}`, jsonschema.CodePattern, "s.json:1:13", "repeats too much"},
		{"reference to nothing", `{"properties": {"a": {"$ref": "#/definitions/b"}}}`, jsonschema.CodeRef, "s.json:1:31", `no "definitions"`},
		{"reference into nothing", `{"definitions": {}, "$ref": "#/definitions/b"}`, jsonschema.CodeRef, "s.json:1:29", `no "b"`},
		{"reference to no schema", `{"default": 3, "properties": {"a": {"$ref": "#/default"}}}`, jsonschema.CodeRef, "s.json:1:45", "a number"},
		{"reference to a name", `{"$ref": "#name"}`, jsonschema.CodeRef, "s.json:1:10", `"name"`},
		{"reference to a text", `{"$ref": "other.json"}`, jsonschema.CodeRef, "s.json:1:10", "nothing is fetched"},
		{"reference to a file", `{"$ref": "file:///etc/passwd"}`, jsonschema.CodeRef, "s.json:1:10", "nothing is fetched"},
		{"reference to the net", `{"$ref": "http://127.0.0.1:1/x.json"}`, jsonschema.CodeRef, "s.json:1:10", "nothing is fetched"},
		{"reference that is no address", `{"$ref": "http://[x"}`, jsonschema.CodeRef, "s.json:1:10", "no address"},
		{"reference in an unused definition", `{"definitions": {"a": {"$ref": "#/b"}}}`, jsonschema.CodeRef, "s.json:1:32", ""},
		{"reference to itself", `{"$ref": "#"}`, jsonschema.CodeRefLoop, "s.json:1:1", "only to itself"},
		{"references in a ring", `{"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}}`,
			jsonschema.CodeRefLoop, "s.json:1:23", "#/definitions/a"},
		{"ring with a title", `{` + s20 + `"$ref": "#", "title": "x"}`, jsonschema.CodeRefLoop, "s.json:1:1", ""},
		{"wrong where nobody looks", `{"x": {"type": 1}, "properties": {"a": {"$ref": "#/x"}}}`, jsonschema.CodeInvalid, "s.json:1:16", ""},
		{"name that is no address", `{"$id": "http://[x"}`, jsonschema.CodeID, "s.json:1:9", ""},
		{"long number", `{"maximum": 1e100000000}`, jsonschema.CodeNumber, "s.json:1:13", "1e100000000"},
		{"long number in a value", `{"default": [1e-99999999999999999999]}`, jsonschema.CodeNumber, "s.json:1:14", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := jsonschema.Parse(source(tt.text))
			if err == nil || s != nil {
				t.Fatalf("Parse(%s) = %v, %v, want %s", tt.text, s, err, tt.code)
			}
			if !slices.Contains(codes(err), tt.code) || !strings.HasPrefix(err.Error(), tt.where) || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Parse(%s):\n%v\nwant %s: %s: ...%s", tt.text, err, tt.where, tt.code, tt.says)
			}
		})
	}
}

func TestEveryMistakeIsReported(t *testing.T) {
	t.Parallel()
	_, err := jsonschema.Parse(source(`{"properties": {"a": {"$ref": "#/x"}, "b": {"pattern": "("}, "c": {"$ref": "#y"}}}`))
	if got := codes(err); len(got) != 3 {
		t.Errorf("Parse = %v, want three mistakes", err)
	}
	_, err = jsonschema.Parse(source(`{"properties": {` + strings.TrimSuffix(strings.Repeat(`"a": {"type": 1},`, 3), ",") + `, "b": {"maxLength": -1}}}`))
	if got := codes(err); len(got) != 2 {
		t.Errorf("Parse = %v, want two mistakes: a key counts once", err)
	}
}

// TestAccepted holds what looks odd and is right, or is what people write.
func TestAccepted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"pattern": "^(?!x)(?<year>\\d{4})\\1\\cA\\/$"}`, // ECMAScript
		`{"patternProperties": {"^(?=a)": {}}}`,
		`{"$ref": "#/definitions/a", "definitions": {"a": {}}}`,
		`{"properties": {"$ref": {"type": "string"}}}`,
		`{"enum": [{"$ref": "#/nowhere"}, 1, 1.0, {"type": 5}]}`,
		`{"default": {"$ref": 5}, "const": {"pattern": "("}, "examples": [{"$id": "http://[x"}]}`,
		`{"x-ours": {"$ref": "#/nowhere", "type": 7}}`,
		`{"$defs": {"a": {"type": "string"}}, "properties": {"b": {"$ref": "#/$defs/a"}}}`,
		`{"components": {"a": {"type": "string"}}, "properties": {"b": {"$ref": "#/components/a"}}}`,
		`{"properties": {"a": {"$ref": "#/properties/b"}, "b": {"type": "object", "properties": {"c": {"$ref": "#"}}}}}`,
		`{"properties": {"a/b~c%": {}, "d": {"$ref": "#/properties/a~1b~0c%25"}}}`,
		`{"$id": "http://example.com/a.json", "properties": {"a": {"$ref": "a.json"}, "b": {"$ref": "/a.json#/properties/a"}}}`,
		`{"$id": "#root", "properties": {"a": {"$ref": "#root"}}}`,
		`{"definitions": {"a": {"$id": "#x", "type": "string"}}, "properties": {"a": {"$ref": "#x"}}}`,
		`{"definitions": {"a": {"$id": "item.json", "definitions": {"b": {}}, "items": {"$ref": "#/definitions/b"}}}, "properties": {"a": {"$ref": "item.json"}}}`,
		`{` + s4 + `"id": "http://x/y", "properties": {"id": {"type": "string"}, "a": {"$ref": "y#"}}}`,
		`{` + s4 + `"maximum": 1, "exclusiveMaximum": true}`,
		`{` + s19 + `"$defs": {"a": {"$anchor": "x"}}, "properties": {"a": {"$ref": "#x"}}}`,
		`{` + s20 + `"$dynamicAnchor": "n", "items": {"$dynamicRef": "#n"}}`,
		`{` + s20 + `"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}, "maxLength": 3}`,
		`{` + s20 + `"allOf": [{"$ref": "#"}]}`,
		`{"$ref": "http://json-schema.org/draft-07/schema#"}`,
		`{"$ref": "https://json-schema.org/draft/2020-12/schema"}`,
		`{"$id": "urn:example:a", "properties": {"a": {"$ref": "#/properties/b"}, "b": {}}}`,
		`{"$id": "not a nice address"}`,
		`{"pattern": "((a{100}){10}){1000}"}`, // Java takes it
		`{"type": "object", "javaType": "a.B", "confluent:tags": ["PII"]}`,
		"\ufeff{}",
	} {
		s, err := jsonschema.Parse(source(text))
		if err != nil {
			t.Errorf("Parse(%s): %v", text, err)
			continue
		}
		s.Root()
	}
}
