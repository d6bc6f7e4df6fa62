package jsonschema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

func source(text string, refs ...lang.Reference) lang.Source {
	return lang.Source{Type: lang.JSON, Path: "s.json", Text: text, References: refs}
}

func ref(name, text string, refs ...lang.Reference) lang.Reference {
	src := source(text, refs...)
	src.Path = name
	return lang.Reference{Name: name, Source: &src}
}

func parse(t testing.TB, text string, refs ...lang.Reference) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.Parse(source(text, refs...))
	if err != nil {
		t.Fatalf("Parse(%s): %v", text, err)
	}
	return s
}

func codes(err error) []string {
	var list lang.ErrorList
	if !errors.As(err, &list) {
		return nil
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Code)
	}
	return out
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, canonical, normalized string }{
		{"true", ` true `, `true`, `true`},
		{"false", `false`, `false`, `false`},
		{"empty", `{ }`, `{}`, `{}`},
		{"order", `{"type": "object", "$id": "x"}`, `{"type":"object","$id":"x"}`, `{"$id":"x","type":"object"}`},
		{
			"numbers stay as they are", `{"maximum": 1.0, "minimum": -0.00, "default": 1E+5}`,
			`{"maximum":1.0,"minimum":-0.00,"default":1E+5}`, `{"default":1E+5,"maximum":1.0,"minimum":-0.00}`,
		},
		{
			"characters", "{\"title\": \"\\u00e4\\/\\u0001 é😀\"}",
			"{\"title\":\"ä/\\u0001 é😀\"}", "{\"title\":\"ä/\\u0001 é😀\"}",
		},
		{
			"arrays keep their order", `{"required": ["b", "a"], "enum": [{"z": 1, "a": [2, 1]}]}`,
			`{"required":["b","a"],"enum":[{"z":1,"a":[2,1]}]}`, `{"enum":[{"a":[2,1],"z":1}],"required":["b","a"]}`,
		},
		{
			"a key twice", `{"title": "a", "type": "object", "title": "b"}`,
			`{"title":"b","type":"object"}`, `{"title":"b","type":"object"}`,
		},
		{
			"keys in the order of Java", `{"x": {"` + "\uffee" + `": 1, "😀": 2, "a": 3}}`,
			`{"x":{"` + "\uffee" + `":1,"😀":2,"a":3}}`, `{"x":{"a":3,"😀":2,"` + "\uffee" + `":1}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := parse(t, tt.text)
			if s.Canonical() != tt.canonical || s.Normalized() != tt.normalized {
				t.Errorf("canonical  %s, want %s\nnormalized %s, want %s", s.Canonical(), tt.canonical, s.Normalized(), tt.normalized)
			}
			if again := parse(t, s.Canonical()); again.Canonical() != s.Canonical() || again.Normalized() != s.Normalized() {
				t.Errorf("the canonical text is not its own: %s", again.Canonical())
			}
			if again := parse(t, s.Normalized()); again.Canonical() != s.Normalized() || again.Normalized() != s.Normalized() {
				t.Errorf("the normalized text is not its own: %s", again.Normalized())
			}
		})
	}
}

func TestDraft(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]jsonschema.Draft{
		"http://json-schema.org/draft-04/schema#":      jsonschema.Draft4,
		"https://json-schema.org/draft-06/schema":      jsonschema.Draft6,
		"http://json-schema.org/draft-07/schema#":      jsonschema.Draft7,
		"https://json-schema.org/draft/2019-09/schema": jsonschema.Draft2019,
		"http://json-schema.org/draft/2020-12/schema#": jsonschema.Draft2020,
		"https://example.com/a-dialect-of-our-own":     jsonschema.Draft7,
		"http://json-schema.org/draft-03/schema#":      jsonschema.Draft7,
		"": jsonschema.Draft7,
	} {
		if got := parse(t, `{"$schema": "`+address+`"}`).Draft(); got != want {
			t.Errorf("$schema %q is draft %d, want %d", address, got, want)
		}
	}
	if got := parse(t, `{}`).Draft(); got != jsonschema.Draft7 {
		t.Errorf("without $schema: draft %d, want 7", got)
	}
}

func TestTopLevelFields(t *testing.T) {
	t.Parallel()
	got := strings.Join(parse(t, `{"properties": {"b": {"properties": {"c": {}}}, "a": true}}`).TopLevelFields(), " ")
	if got != "b a" || parse(t, `true`).TopLevelFields() != nil {
		t.Errorf("TopLevelFields = %s, want b a", got)
	}
}
