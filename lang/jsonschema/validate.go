package jsonschema

import (
	"errors"
	"net/url"
	"strings"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wireproof/wireproof/lang"
)

const (
	// maxCompiled is how many schemas are compiled to hold documents against,
	// and maxCompiledSteps how large their regular expressions are in all.
	maxCompiled      = 5_000
	maxCompiledSteps = 1_000_000
)

// Validate holds a JSON document against the schema. Formats are not looked at,
// as the drafts leave to everybody. The error is a [lang.ErrorList]: its codes
// are [CodeDocument] where the document does not fit, [CodeUnchecked] if this
// package cannot tell, and those of JSON if the document is none.
func (s *Schema) Validate(document []byte) error {
	const path = "document"
	v, err := lang.ParseJSON(path, string(document))
	if err != nil {
		return err
	}
	if err := checkNumbers(v); err != nil {
		return err
	}
	s.compileOnce.Do(func() { s.compiled, s.compileErr = s.compile() })
	if s.compileErr != nil {
		return mistake(lang.Pos{Path: s.source.Path}, CodeUnchecked, "no document can be held against the schema: %v", s.compileErr)
	}
	err = s.compiled.Validate(plain(v))
	var bad *v6.ValidationError
	if err == nil || !errors.As(err, &bad) {
		return err
	}
	return mistakes(v, bad, CodeDocument).Err()
}

// compile gives every text to the validator with its references spelled as
// addresses of this package. Which text an address means was decided once, in
// [Parse]; a second opinion could only differ.
func (s *Schema) compile() (*v6.Schema, error) {
	u := s.universe
	if len(u.places) > maxCompiled {
		return nil, errors.New("it is too large")
	}
	total := 0
	for v := range u.places {
		n, err := patternSteps(v)
		if total += n; err != nil {
			return nil, err
		} else if total > maxCompiledSteps {
			return nil, errors.New("its regular expressions are too large")
		}
	}
	c := newCompiler()
	for _, doc := range u.docs {
		text := u.spelled(doc.root)
		if object, ok := text.(map[string]any); ok {
			object["$schema"] = doc.draft.URL()
		}
		if err := c.AddResource(doc.address(), text); err != nil {
			return nil, err
		}
	}
	return c.Compile(u.docs[0].address())
}

func (d *document) address() string { return "wireproof:///" + itoa(d.number) }

// spelled returns a schema with its names taken away and its references spelled
// out.
func (u *universe) spelled(v *lang.Value) any {
	switch v.Kind {
	case lang.Array:
		out := make([]any, len(v.Items))
		for i, item := range v.Items {
			out[i] = u.spelled(item)
		}
		return out
	case lang.Object:
		at, schema := u.places[v]
		if !schema {
			out := make(map[string]any, len(v.Members))
			for _, m := range v.Members {
				out[m.Key] = u.spelled(m.Value)
			}
			return out
		}
		return u.spelledSchema(v, at)
	}
	return plain(v)
}

func (u *universe) spelledSchema(v *lang.Value, at place) any {
	draft := at.resource.doc.draft
	out := make(map[string]any, len(v.Members))
	for _, m := range v.Members {
		switch m.Key {
		case draft.idKey(), "$schema", "$anchor", "format":
		case "enum", "const", "default", "examples":
			out[m.Key] = plain(m.Value)
		case "$ref", "$dynamicRef", "$recursiveRef":
			if to, ok := u.refs[v]; ok && to != nil && m.Value.Kind == lang.String {
				out[m.Key] = u.spelledRef(to, m.Key, m.Value.Str)
			} else if ok {
				out[m.Key] = m.Value.Str
			}
		default:
			out[m.Key] = u.spelled(m.Value)
		}
	}
	return out
}

func (u *universe) spelledRef(to *lang.Value, key, ref string) string {
	at := u.places[to]
	address := at.resource.doc.address()
	if _, fragment, _ := strings.Cut(ref, "#"); key == "$dynamicRef" && fragment != "" && fragment[0] != '/' {
		return address + "#" + fragment // by its name, or it would not be dynamic
	}
	return address + "#" + (&url.URL{Fragment: at.pointer}).EscapedFragment()
}

// patternSteps returns the size of the regular expressions of one schema.
func patternSteps(v *lang.Value) (int, error) {
	var all []string
	if p := v.Get("pattern"); p != nil && p.Kind == lang.String {
		all = append(all, p.Str)
	}
	if held := v.Get("patternProperties"); held != nil {
		for _, m := range held.Members {
			all = append(all, m.Key)
		}
	}
	total := 0
	for _, p := range all {
		n, err := checkPatternSteps(p)
		if err != nil {
			return 0, errors.New("of the expression " + quote(p) + ", " + err.Error())
		}
		total += n
	}
	return total, nil
}
