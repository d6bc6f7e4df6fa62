package avro

import (
	"fmt"

	"github.com/wireproof/wireproof/lang"
)

// isTypeAttribute returns the test for attributes that the specification gives
// to types of the kind; the rest are properties. As in Java, the names that
// any kind uses are nobody's properties.
func isTypeAttribute(k Kind) func(string) bool {
	return func(key string) bool {
		switch key {
		case "doc", "fields", "items", "name", "namespace", "size", "symbols", "values", "type", "aliases":
			return true
		case "default":
			return k == Enum
		}
		return false
	}
}

func isFieldAttribute(key string) bool {
	switch key {
	case "default", "doc", "name", "order", "type", "aliases":
		return true
	}
	return false
}

// props returns the members of v that are not attributes. Of a key that occurs
// twice the last value stands in the first place, as in a Java map.
func props(v *lang.Value, isAttribute func(string) bool) []lang.Member {
	var out []lang.Member
	at := map[string]int{}
	for _, m := range v.Members {
		if isAttribute(m.Key) {
			continue
		}
		if i, dup := at[m.Key]; dup {
			out[i] = m
			continue
		}
		at[m.Key] = len(out)
		out = append(out, m)
	}
	return out
}

// doc returns the documentation in v and whether there is any. Java ignores one
// that is no string.
func (p *parser) doc(v *lang.Value) (string, bool) {
	d := v.Get("doc")
	if d == nil {
		return "", false
	}
	if d.Kind != lang.String {
		p.lintf(d.Pos, LintAttributeType, "the doc is %s and has no effect, expected a string", describe(d))
		return "", false
	}
	return d.Str, true
}

// strings returns the strings in the array v, and reports what is none. A v of
// nil is an empty array.
func (p *parser) strings(v *lang.Value, code, what string) []*lang.Value {
	if v == nil {
		return nil
	}
	if v.Kind != lang.Array {
		p.errorf(v.Pos, code, "the %s are %s, expected an array of strings", what, describe(v))
		return nil
	}
	out := make([]*lang.Value, 0, len(v.Items))
	for _, item := range v.Items {
		if item.Kind != lang.String {
			p.errorf(item.Pos, code, "one of the %s is %s, expected a string", what, describe(item))
			continue
		}
		out = append(out, item)
	}
	return out
}

// describe names a JSON value in a message.
func describe(v *lang.Value) string {
	const most = 40
	switch v.Kind {
	case lang.Null:
		return "null"
	case lang.Bool:
		return fmt.Sprint(v.Bool)
	case lang.Number:
		if len(v.Str) > most {
			return "the number " + v.Str[:most] + "…"
		}
		return "the number " + v.Str
	case lang.String:
		return fmt.Sprintf("the string %.*q", most, v.Str)
	case lang.Array:
		return "an array"
	}
	return "an object"
}

func withArticle(noun string) string {
	switch noun[0] {
	case 'a', 'e', 'i', 'o', 'u':
		return "an " + noun
	}
	return "a " + noun
}

// orUnnamed names a type in a message even if it has no name.
func orUnnamed(t *Type) string {
	if t.Name == "" {
		return "the unnamed " + t.Kind.String()
	}
	return t.Name
}

// place says where old is, for a message at pos.
func place(old, pos lang.Pos) string {
	if old.Path != pos.Path {
		return old.String()
	}
	return fmt.Sprintf("%d:%d", old.Line, old.Col)
}
