package jsonrules

import (
	"math/big"
	"strconv"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// compare adds the differences of two schemas that are there and no references.
func (w *walker) compare(r *result, o, u *jsonschema.Node) {
	if o.Kind != jsonschema.Combined && u.Kind == jsonschema.Combined && w.intoMember(r, o, u) {
		return
	}
	if o.Kind == jsonschema.Combined && u.Kind != jsonschema.Combined && w.outOfMember(r, o, u) {
		return
	}
	if o.Kind != u.Kind {
		if o.Kind == jsonschema.False || u.Kind == jsonschema.Empty || u.Kind == jsonschema.True || bothBytes(o, u) {
			return
		}
		w.add(r, "TYPE_CHANGED", "", keyword(o, "type"), keyword(u, "type"), said{o: describe(o), u: describe(u)})
		return
	}
	w.annotations(r, o, u)
	switch o.Kind {
	case jsonschema.String:
		w.text(r, o, u)
	case jsonschema.Number:
		w.number(r, o, u)
	case jsonschema.Enum:
		w.values(r, o, u)
	case jsonschema.Const:
		if !w.sums.equal(o.Values[0], u.Values[0]) {
			w.at(r, "ENUM_ARRAY_CHANGED", "const", o, u, said{name: "const"})
		}
	case jsonschema.Not:
		w.negated(r, o, u)
	case jsonschema.Combined:
		w.combined(r, o, u)
	case jsonschema.Object:
		w.object(r, o, u)
	case jsonschema.Array:
		w.array(r, o, u)
	case jsonschema.Conditional:
		w.ignored(r, "JSON_CONDITIONAL_CHANGED", o, u, "if", "then", "else")
	}
	if o.Implied && !u.Implied {
		w.at(r, "JSON_TYPE_INSISTED", "type", o, u, said{u: describe(u)})
	}
}

// negated compares what is excluded, with the sides swapped: less must be. What
// was found there is not listed, but for warnings: the verdict may rest on what
// was not compared.
func (w *walker) negated(r *result, o, u *jsonschema.Node) {
	swapped := w.pair(u.Negated, o.Negated)
	if swapped.incompatible {
		w.at(r, "NOT_TYPE_EXTENDED", "not", o, u, said{})
		return
	}
	w.at(r, "NOT_TYPE_NARROWED", "not", o, u, said{})
	for _, d := range swapped.diffs {
		if d.kind.ours {
			d.path, d.oPos, d.uPos = d.path.below("/not"), d.uPos, d.oPos
			r.keep(d)
		}
	}
}

// intoMember compares an original that is no combination with the members of an
// update that is one, and reports whether that settled it.
func (w *walker) intoMember(r *result, o, u *jsonschema.Node) bool {
	single := len(u.Members) == 1
	if !single && u.Criterion == jsonschema.All {
		return false
	}
	for _, m := range u.Members {
		part := w.pair(o, m)
		if part.incompatible || w.over {
			continue
		}
		w.take(r, "", part)
		if !single {
			w.add(r, "SUM_TYPE_EXTENDED", "", o.Pos, u.Pos, said{})
		}
		return true
	}
	return false
}

// outOfMember compares the members of an original that is a combination with an
// update that is none, and reports whether that settled it.
func (w *walker) outOfMember(r *result, o, u *jsonschema.Node) bool {
	single := len(o.Members) == 1
	if !single && o.Criterion != jsonschema.All {
		return false
	}
	for _, m := range o.Members {
		part := w.pair(m, u)
		if part.incompatible || w.over {
			continue
		}
		w.take(r, "", part)
		if !single {
			w.add(r, "PRODUCT_TYPE_NARROWED", "", o.Pos, u.Pos, said{})
		}
		return true
	}
	return false
}

// bothBytes reports whether both sides are what Kafka Connect writes for bytes,
// which it has spelled in more than one way.
func bothBytes(o, u *jsonschema.Node) bool {
	bytes := func(n *jsonschema.Node) bool {
		v := n.Value.Get("connect.type")
		return v != nil && v.Kind == lang.String && v.Str == "bytes"
	}
	return bytes(o) && bytes(u)
}

func (w *walker) annotations(r *result, o, u *jsonschema.Node) {
	for _, a := range []struct {
		name, key string
		o, u      *lang.Value
	}{
		{"ID_CHANGED", "id", o.ID, u.ID},
		{"TITLE_CHANGED", "title", o.Title, u.Title},
		{"DESCRIPTION_CHANGED", "description", o.Description, u.Description},
		{"DEFAULT_CHANGED", "default", o.Default, u.Default},
	} {
		if !w.sums.equal(a.o, a.u) {
			w.add(r, a.name, "", keyword(o, a.key), keyword(u, a.key), said{name: a.key})
		}
	}
}

// ignored warns of a change in keywords that the protocol does not compare.
func (w *walker) ignored(r *result, name string, o, u *jsonschema.Node, keys ...string) {
	for _, key := range keys {
		if !w.sums.equal(o.Value.Get(key), u.Value.Get(key)) {
			w.at(r, name, key, o, u, said{name: key})
			return
		}
	}
}

// limit compares a number that bounds a value. The name is that of the types.
func (w *walker) limit(r *result, name, key string, o, u *jsonschema.Node) {
	was, is := o.Limits[key], u.Limits[key]
	s := said{name: key}
	if was != nil {
		s.o = cut(was.Value.Str)
	}
	if is != nil {
		s.u = cut(is.Value.Str)
	}
	switch {
	case was == nil && is == nil:
	case was == nil:
		w.at(r, name+"_ADDED", key, o, u, s)
	case is == nil:
		w.at(r, name+"_REMOVED", key, o, u, s)
	case was.Number.Cmp(is.Number) < 0:
		w.at(r, name+"_INCREASED", key, o, u, s)
	case was.Number.Cmp(is.Number) > 0:
		w.at(r, name+"_DECREASED", key, o, u, s)
	}
}

func (w *walker) text(r *result, o, u *jsonschema.Node) {
	w.limit(r, "MAX_LENGTH", "maxLength", o, u)
	w.limit(r, "MIN_LENGTH", "minLength", o, u)
	s := said{name: "pattern"}
	switch {
	case o.Pattern == nil && u.Pattern == nil:
	case o.Pattern == nil:
		w.at(r, "PATTERN_ADDED", "pattern", o, u, s)
	case u.Pattern == nil:
		w.at(r, "PATTERN_REMOVED", "pattern", o, u, s)
	case o.Pattern.Str != u.Pattern.Str:
		w.at(r, "PATTERN_CHANGED", "pattern", o, u, s)
	}
	w.ignored(r, "JSON_FORMAT_CHANGED", o, u, "format")
}

func (w *walker) number(r *result, o, u *jsonschema.Node) {
	w.limit(r, "MAXIMUM", "maximum", o, u)
	w.limit(r, "MINIMUM", "minimum", o, u)
	w.limit(r, "EXCLUSIVE_MAXIMUM", "exclusiveMaximum", o, u)
	w.limit(r, "EXCLUSIVE_MINIMUM", "exclusiveMinimum", o, u)
	w.multiple(r, o, u)
	switch {
	case o.Integer && !u.Integer:
		w.add(r, "TYPE_EXTENDED", "", keyword(o, "type"), keyword(u, "type"), said{})
	case !o.Integer && u.Integer:
		w.add(r, "TYPE_NARROWED", "", keyword(o, "type"), keyword(u, "type"), said{})
	}
	if !o.ExclusiveMaximum && u.ExclusiveMaximum {
		w.at(r, "JSON_EXCLUSIVE_FLAG_ADDED", "exclusiveMaximum", o, u, said{name: "exclusiveMaximum"})
	}
	if !o.ExclusiveMinimum && u.ExclusiveMinimum {
		w.at(r, "JSON_EXCLUSIVE_FLAG_ADDED", "exclusiveMinimum", o, u, said{name: "exclusiveMinimum"})
	}
}

func (w *walker) multiple(r *result, o, u *jsonschema.Node) {
	const key = "multipleOf"
	was, is := o.Limits[key], u.Limits[key]
	if was == nil || is == nil {
		w.limit(r, "MULTIPLE_OF", key, o, u) // only _ADDED and _REMOVED are left
		return
	}
	s := said{name: key, o: cut(was.Value.Str), u: cut(is.Value.Str)}
	switch {
	case was.Number.Cmp(is.Number) == 0:
	case divides(was.Number, is.Number):
		w.at(r, "MULTIPLE_OF_EXPANDED", key, o, u, s)
	case divides(is.Number, was.Number):
		w.at(r, "MULTIPLE_OF_REDUCED", key, o, u, s)
	default:
		w.at(r, "MULTIPLE_OF_CHANGED", key, o, u, s)
	}
}

// divides reports whether b is a whole multiple of a.
func divides(a, b *big.Rat) bool {
	return a.Sign() != 0 && new(big.Rat).Quo(b, a).IsInt()
}

func (w *walker) values(r *result, o, u *jsonschema.Node) {
	set := func(values []*lang.Value) map[sum]bool {
		out := make(map[sum]bool, len(values))
		for _, v := range values {
			out[w.sums.of(v)] = true
		}
		return out
	}
	was, is := set(o.Values), set(u.Values)
	common := 0
	for s := range was {
		if is[s] {
			common++
		}
	}
	s := said{name: "enum", o: strconv.Itoa(len(was)), u: strconv.Itoa(len(is))}
	switch {
	case common == len(was) && common == len(is):
	case common == len(was):
		w.at(r, "ENUM_ARRAY_EXTENDED", "enum", o, u, s)
	case common == len(is):
		w.at(r, "ENUM_ARRAY_NARROWED", "enum", o, u, s)
	default:
		w.at(r, "ENUM_ARRAY_CHANGED", "enum", o, u, s)
	}
}
