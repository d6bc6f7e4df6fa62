package jsonschema_test

import (
	"testing"

	"github.com/wireproof/wireproof/lang/jsonschema"
)

// FuzzParse holds that no text makes the parser panic, that canonical and
// normalized texts are their own, and that what was accepted can be built,
// tagged and used.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`true`, taggable, `{"$ref":"#"}`, `{"allOf":[{"$ref":"#/definitions/a"}],"definitions":{"a":{"$id":"x","items":[{}]}}}`,
		`{` + s4 + `"id":"a","maximum":1e3,"exclusiveMaximum":true}`,
		`{` + s19 + `"$anchor":"a","$recursiveAnchor":true,"items":{"$recursiveRef":"#"}}`,
		`{` + s20 + `"$dynamicAnchor":"a","prefixItems":[{"$dynamicRef":"#a"}],"unevaluatedItems":false}`,
		`{"patternProperties":{"^(a|b{3})[^c]$":{"pattern":"(?!x)"}},"dependencies":{"a":["b"],"c":{}}}`,
	} {
		f.Add(seed, `{"a":[1,"b",null]}`)
	}
	f.Fuzz(func(t *testing.T, text, document string) {
		s, err := jsonschema.Parse(source(text))
		if err != nil {
			if len(codes(err)) == 0 {
				t.Fatalf("%v is no list of mistakes", err)
			}
			return
		}
		for _, form := range []string{s.Canonical(), s.Normalized()} {
			again, err := jsonschema.Parse(source(form))
			if err != nil {
				t.Fatalf("%s: %v", form, err)
			}
			if again.Canonical() != form || again.Normalized() != s.Normalized() {
				t.Fatalf("%s became %s and %s", form, again.Canonical(), again.Normalized())
			}
		}
		s.Root()
		for _, tag := range s.Tags() {
			if _, err := s.WithTags(nil, s.Tags()); err != nil {
				t.Fatalf("%v: %v", tag, err)
			}
		}
		if err := s.Validate([]byte(document)); err != nil && len(codes(err)) == 0 {
			t.Fatalf("%v is no list of mistakes", err)
		}
	})
}
