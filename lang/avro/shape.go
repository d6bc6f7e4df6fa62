package avro

import (
	"slices"

	"github.com/wireproof/wireproof/lang"
)

// sameShape reports whether Java takes the second of two definitions of a name
// for a repetition of the first: documentation, aliases and the default of an
// enum do not count, properties and the defaults of fields do.
func sameShape(a, b *Type) bool {
	if a == b {
		return true
	}
	if a == nil || b == nil || a.Kind != b.Kind || a.Name != b.Name || !sameProps(a.Props, b.Props) {
		return false
	}
	// Named types inside of a and b are the same node if they have the same name,
	// so the comparison ends.
	switch a.Kind {
	case Record:
		return slices.EqualFunc(a.Fields, b.Fields, sameField)
	case Enum:
		return slices.EqualFunc(a.Symbols, b.Symbols, func(x, y Symbol) bool { return x.Name == y.Name })
	case Fixed:
		return a.Size == b.Size
	case Array, Map:
		return sameShape(a.Items, b.Items)
	case Union:
		return slices.EqualFunc(a.Branches, b.Branches, sameShape)
	}
	return true
}

func sameField(a, b *Field) bool {
	return a.Name == b.Name && a.Order == b.Order && sameShape(a.Type, b.Type) &&
		(a.Default == nil) == (b.Default == nil) &&
		(a.Default == nil || sameValue(a.Default, b.Default)) &&
		sameProps(a.Props, b.Props)
}

func sameProps(a, b []lang.Member) bool {
	return len(a) == len(b) && sameValue(&lang.Value{Kind: lang.Object, Members: a}, &lang.Value{Kind: lang.Object, Members: b})
}

// sameValue reports whether two values print the same, whatever the order of
// their keys.
func sameValue(a, b *lang.Value) bool {
	if a.Kind != b.Kind || a.Bool != b.Bool || len(a.Items) != len(b.Items) || len(a.Members) != len(b.Members) {
		return false
	}
	if a.Str != b.Str && (a.Kind != lang.Number || javaNumber(a.Str) != javaNumber(b.Str)) {
		return false
	}
	for i, item := range a.Items {
		if !sameValue(item, b.Items[i]) {
			return false
		}
	}
	theirs := lastValues(b)
	for key, value := range lastValues(a) {
		if other := theirs[key]; other == nil || !sameValue(value, other) {
			return false
		}
	}
	return true
}

// lastValues returns the members of v by key; of a key that occurs twice the
// last one holds.
func lastValues(v *lang.Value) map[string]*lang.Value {
	out := make(map[string]*lang.Value, len(v.Members))
	for _, m := range v.Members {
		out[m.Key] = m.Value
	}
	return out
}
