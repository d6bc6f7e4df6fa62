package witness

import (
	"math/big"
	"regexp"
	"unicode/utf8"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// A judge says which values a part of a schema takes. It knows less than a
// validator, and where it does not know it says yes: it only steers the search,
// and the validator has the last word.
type judge struct {
	steps       *budget
	expressions map[string]*regexp.Regexp // nil for one that Go does not have
}

func (j *judge) expression(p string) *regexp.Regexp {
	re, ok := j.expressions[p]
	if !ok && len(j.expressions) < 200 {
		re, _ = jsonschema.Compile(p)
		j.expressions[p] = re
	}
	return re
}

// finds reports whether an expression finds anything in a text.
func (j *judge) finds(p, text string) bool {
	if !j.steps.take(1 + len(p)*len(text)/256) {
		return false
	}
	re := j.expression(p)
	return re != nil && re.MatchString(text)
}

// accepts reports whether n takes v.
func (j *judge) accepts(n *jsonschema.Node, v *lang.Value, depth int) bool {
	if n = n.Resolved(); n == nil || depth <= 0 || !j.steps.take(1) {
		return true
	}
	switch n.Kind {
	case jsonschema.False:
		return false
	case jsonschema.String:
		return n.Implied && v.Kind != lang.String || v.Kind == lang.String && j.text(n, v)
	case jsonschema.Number:
		return n.Implied && v.Kind != lang.Number || v.Kind == lang.Number && numberFits(n, v)
	case jsonschema.Boolean:
		return v.Kind == lang.Bool
	case jsonschema.Null:
		return v.Kind == lang.Null
	case jsonschema.Enum, jsonschema.Const:
		for _, one := range n.Values {
			if sameJSON(one, v) {
				return true
			}
		}
		return false
	case jsonschema.Not:
		return !j.accepts(n.Negated, v, depth-1)
	case jsonschema.Combined:
		return j.combined(n, v, depth)
	case jsonschema.Object:
		return n.Implied && v.Kind != lang.Object || v.Kind == lang.Object && j.object(n, v, depth)
	case jsonschema.Array:
		return n.Implied && v.Kind != lang.Array || v.Kind == lang.Array && j.array(n, v, depth)
	}
	return true
}

func (j *judge) combined(n *jsonschema.Node, v *lang.Value, depth int) bool {
	held := 0
	for _, m := range n.Members {
		if j.accepts(m, v, depth-1) {
			held++
		}
	}
	switch n.Criterion {
	case jsonschema.Any:
		return held > 0
	case jsonschema.One:
		return held == 1
	}
	return held == len(n.Members)
}

func within(n *jsonschema.Node, low, high string, size int) bool {
	if len(n.Limits) == 0 {
		return true
	}
	is := big.NewRat(int64(size), 1)
	if l := n.Limits[low]; l != nil && is.Cmp(l.Number) < 0 {
		return false
	}
	l := n.Limits[high]
	return l == nil || is.Cmp(l.Number) <= 0
}

func (j *judge) text(n *jsonschema.Node, v *lang.Value) bool {
	if !within(n, "minLength", "maxLength", utf8.RuneCountInString(v.Str)) {
		return false
	}
	return n.Pattern == nil || j.expression(n.Pattern.Str) == nil || j.finds(n.Pattern.Str, v.Str)
}

func numberFits(n *jsonschema.Node, v *lang.Value) bool {
	if len(n.Limits) == 0 && !n.Integer {
		return true
	}
	is, ok := new(big.Rat).SetString(v.Str)
	if !ok || len(v.Str) > 1000 {
		return true
	}
	if n.Integer && !is.IsInt() {
		return false
	}
	bound := func(key string, sign int, open bool) bool {
		l := n.Limits[key]
		if l == nil {
			return true
		}
		c := is.Cmp(l.Number) * sign
		return c < 0 || c == 0 && !open
	}
	if m := n.Limits["multipleOf"]; m != nil && m.Number.Sign() != 0 && !new(big.Rat).Quo(is, m.Number).IsInt() {
		return false
	}
	return bound("maximum", 1, n.ExclusiveMaximum) && bound("minimum", -1, n.ExclusiveMinimum) &&
		bound("exclusiveMaximum", 1, true) && bound("exclusiveMinimum", -1, true)
}

func (j *judge) object(n *jsonschema.Node, v *lang.Value, depth int) bool {
	if !within(n, "minProperties", "maxProperties", len(v.Members)) {
		return false
	}
	for _, name := range n.RequiredOrder {
		if v.Get(name) == nil {
			return false
		}
	}
	for _, m := range v.Members {
		for _, part := range j.parts(n, m.Key) {
			if !j.accepts(part, m.Value, depth-1) {
				return false
			}
		}
		for _, name := range n.DependentNames[m.Key] {
			if v.Get(name) == nil {
				return false
			}
		}
		if d := n.DependentSchemas[m.Key]; d != nil && !j.accepts(d, v, depth-1) {
			return false
		}
	}
	return true
}

var nothing = &jsonschema.Node{Kind: jsonschema.False}

// parts returns the schemas that a property must meet.
func (j *judge) parts(n *jsonschema.Node, name string) []*jsonschema.Node {
	var out []*jsonschema.Node
	if p := n.Property(name); p != nil {
		out = append(out, p)
	}
	for _, p := range n.PatternProperties {
		if j.finds(p.Name, name) {
			out = append(out, p.Node)
		}
	}
	if len(out) > 0 {
		return out
	}
	return restOf(n)
}

// restOf returns the schema of what no keyword names. Whether unevaluated parts
// were looked at elsewhere is left to the validator.
func restOf(n *jsonschema.Node) []*jsonschema.Node {
	switch {
	case n.Additional.Forbidden:
		return []*jsonschema.Node{nothing}
	case n.Additional.Schema != nil:
		return []*jsonschema.Node{n.Additional.Schema}
	}
	return nil
}

func (j *judge) array(n *jsonschema.Node, v *lang.Value, depth int) bool {
	if !within(n, "minItems", "maxItems", len(v.Items)) || !containing(n, v) {
		return false
	}
	for i, item := range v.Items {
		for _, part := range itemParts(n, i) {
			if !j.accepts(part, item, depth-1) {
				return false
			}
		}
		if n.UniqueItems {
			for _, before := range v.Items[:i] {
				if !j.steps.take(1) || sameJSON(before, item) {
					return false
				}
			}
		}
	}
	return true
}

// containing counts the items that fit "contains", as far as that asks for a type or
// a value and nothing else: the nodes do not hold it.
func containing(n *jsonschema.Node, v *lang.Value) bool {
	held := n.Value.Get("contains")
	if held == nil || len(held.Members) != 1 {
		return true
	}
	types := map[lang.ValueKind]string{
		lang.Null: "null", lang.Bool: "boolean", lang.Number: "number", lang.String: "string", lang.Array: "array", lang.Object: "object",
	}
	fit, want := 0, held.Members[0].Value
	for _, item := range v.Items {
		switch held.Members[0].Key {
		case "type":
			if types[item.Kind] == want.Str {
				fit++
			}
		case "const":
			if sameJSON(item, want) {
				fit++
			}
		default:
			return true
		}
	}
	return (fit > 0 || n.Limits["minContains"] != nil) && within(n, "minContains", "maxContains", fit)
}

func itemParts(n *jsonschema.Node, i int) []*jsonschema.Node {
	switch {
	case n.Items != nil:
		return []*jsonschema.Node{n.Items}
	case i < len(n.Tuple):
		return []*jsonschema.Node{n.Tuple[i]}
	case len(n.Tuple) > 0 || n.Additional.Value != nil && n.Items == nil:
		return restOf(n)
	}
	return nil
}

// sameJSON reports whether two values are equal for JSON Schema: 1 is 1.0.
func sameJSON(a, b *lang.Value) bool {
	if a.Kind != b.Kind || a.Bool != b.Bool || len(a.Items) != len(b.Items) || len(a.Members) != len(b.Members) {
		return false
	}
	if a.Kind == lang.Number && a.Str != b.Str {
		x, ok := new(big.Rat).SetString(a.Str)
		y, ok2 := new(big.Rat).SetString(b.Str)
		return ok && ok2 && x.Cmp(y) == 0
	}
	if a.Str != b.Str {
		return false
	}
	for i := range a.Items {
		if !sameJSON(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for _, m := range a.Members {
		if other := b.Get(m.Key); other == nil || !sameJSON(m.Value, other) {
			return false
		}
	}
	return true
}
