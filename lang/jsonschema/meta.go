package jsonschema

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/wireproof/wireproof/lang"
)

// metaschemas are compiled when first used and never change.
var metaschemas = map[Draft]func() (*v6.Schema, error){
	Draft4:    sync.OnceValues(Draft4.compile),
	Draft6:    sync.OnceValues(Draft6.compile),
	Draft7:    sync.OnceValues(Draft7.compile),
	Draft2019: sync.OnceValues(Draft2019.compile),
	Draft2020: sync.OnceValues(Draft2020.compile),
}

func (d Draft) compile() (*v6.Schema, error) { return newCompiler().Compile(d.URL()) }

// newCompiler returns a compiler that knows the metaschemas and fetches nothing.
// Addresses and expressions are not its business: what is wrong with those is
// reported where they stand, and what only looks odd is no mistake.
func newCompiler() *v6.Compiler {
	c := v6.NewCompiler()
	c.UseLoader(nothing{})
	c.UseRegexpEngine(func(p string) (v6.Regexp, error) {
		compile := sync.OnceValues(func() (*regexp.Regexp, error) { return Compile(p) })
		return expression{p, compile}, nil
	})
	for _, name := range []string{"uri", "uri-reference", "iri", "iri-reference", "uri-template"} {
		c.RegisterFormat(&v6.Format{Name: name, Validate: func(any) error { return nil }})
	}
	return c
}

type nothing struct{}

// Load refuses every address.
func (nothing) Load(address string) (any, error) {
	return nil, errors.New(strconv.Quote(short(address)) + " is not among the references, and nothing is fetched")
}

// An expression is compiled when it is first needed: the metaschemas ask of each
// whether it is one, and would compile it for that.
type expression struct {
	text    string
	compile func() (*regexp.Regexp, error)
}

// MatchString reports whether the expression finds anything.
func (e expression) MatchString(s string) bool {
	re, err := e.compile()
	return err == nil && re.MatchString(s)
}

func (e expression) String() string { return e.text }

// obeys reports what the metaschema of the draft says against the schema v.
func (u *universe) obeys(v *lang.Value, d Draft) error {
	meta, err := metaschemas[d]()
	if err != nil {
		return mistake(v.Pos, CodeInvalid, "the metaschema cannot be used: %v", err)
	}
	err = meta.Validate(u.skeleton(v))
	var bad *v6.ValidationError
	if err == nil || !errors.As(err, &bad) {
		return err
	}
	return mistakes(v, bad, CodeInvalid).Err()
}

// skeleton returns what the metaschema is asked about: the schema without the
// values in it, which may be anything.
func (u *universe) skeleton(v *lang.Value) any {
	switch v.Kind {
	case lang.Array:
		out := make([]any, len(v.Items))
		for i, item := range v.Items {
			out[i] = u.skeleton(item)
		}
		return out
	case lang.Object:
		_, schema := u.places[v]
		out := make(map[string]any, len(v.Members))
		for _, m := range v.Members {
			switch {
			case schema && m.Key == "enum" && m.Value.Kind == lang.Array && len(m.Value.Items) > 0:
				out[m.Key] = []any{nil}
			case schema && (m.Key == "const" || m.Key == "default"):
				out[m.Key] = nil
			case schema && m.Key == "examples" && m.Value.Kind == lang.Array:
				out[m.Key] = []any{}
			default:
				out[m.Key] = u.skeleton(m.Value)
			}
		}
		return out
	}
	return plain(v)
}

// plain returns v as the validator takes it.
func plain(v *lang.Value) any {
	switch v.Kind {
	case lang.Bool:
		return v.Bool
	case lang.Number:
		return json.Number(v.Str)
	case lang.String:
		return v.Str
	case lang.Array:
		out := make([]any, len(v.Items))
		for i, item := range v.Items {
			out[i] = plain(item)
		}
		return out
	case lang.Object:
		out := make(map[string]any, len(v.Members))
		for _, m := range v.Members {
			out[m.Key] = plain(m.Value)
		}
		return out
	}
	return nil
}

// mistakes words what a validator found in root, one for each place.
func mistakes(root *lang.Value, bad *v6.ValidationError, code string) lang.ErrorList {
	var out lang.ErrorList
	seen := map[string]bool{}
	var walk func(e *v6.ValidationError)
	walk = func(e *v6.ValidationError) {
		if len(out) >= maxMistakes {
			return
		}
		if len(e.Causes) > 0 && !isChoice(e) {
			for _, c := range e.Causes {
				walk(c)
			}
			return
		}
		at := pointerTo(e.InstanceLocation...)
		if seen[at] {
			return
		}
		seen[at] = true
		out = append(out, &lang.Error{
			Pos: positionOf(root, e.InstanceLocation), Code: code,
			Msg: "at #" + short(at) + ": " + strings.Join(reasons(e, nil), ", or "),
		})
	}
	walk(bad)
	return out
}

func isChoice(e *v6.ValidationError) bool {
	switch e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		return true
	}
	return false
}

// reasons words one mistake; of a choice it takes what speaks against each.
func reasons(e *v6.ValidationError, have []string) []string {
	if len(e.Causes) > 0 {
		for _, c := range e.Causes {
			if len(have) < 3 {
				have = reasons(c, have)
			}
		}
		return have
	}
	alone := v6.ValidationError{ErrorKind: e.ErrorKind}
	said := short(strings.TrimPrefix(alone.Error(), "at '': "))
	for _, h := range have {
		if h == said {
			return have
		}
	}
	return append(have, said)
}

// positionOf finds the place of a value, or of the last one on the way to it.
func positionOf(v *lang.Value, path []string) lang.Pos {
	for _, step := range path {
		var next *lang.Value
		if v.Kind == lang.Array {
			if i, err := strconv.Atoi(step); err == nil && 0 <= i && i < len(v.Items) {
				next = v.Items[i]
			}
		} else {
			next = v.Get(step)
		}
		if next == nil {
			break
		}
		v = next
	}
	return v.Pos
}
