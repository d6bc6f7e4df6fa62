package jsonschema

import (
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/wireproof/wireproof/lang"
)

func itoa(i int) string { return strconv.Itoa(i) }

// distinct returns v with each key once: where the first stood, with the last
// value, which is what a reader that keeps an ordered map makes of it. With
// sorted set, keys are in order at every level.
func distinct(v *lang.Value, sorted bool) *lang.Value {
	switch v.Kind {
	case lang.Array:
		out := *v
		out.Items = make([]*lang.Value, len(v.Items))
		for i, item := range v.Items {
			out.Items[i] = distinct(item, sorted)
		}
		return &out
	case lang.Object:
		out := *v
		out.Members = make([]lang.Member, 0, len(v.Members))
		at := make(map[string]int, len(v.Members))
		for _, m := range v.Members {
			i, again := at[m.Key]
			if !again {
				i = len(out.Members)
				at[m.Key] = i
				out.Members = append(out.Members, m)
			}
			out.Members[i].Value = m.Value
		}
		for i := range out.Members {
			out.Members[i].Value = distinct(out.Members[i].Value, sorted)
		}
		if sorted {
			slices.SortFunc(out.Members, func(a, b lang.Member) int { return compareUTF16(a.Key, b.Key) })
		}
		return &out
	}
	return v
}

// compareUTF16 orders strings as Java does, by UTF-16 code units. It differs
// from the order of bytes where a character beyond the first plane meets one of
// the last of it.
func compareUTF16(a, b string) int {
	for a != "" && b != "" {
		x, n := utf8.DecodeRuneInString(a)
		y, m := utf8.DecodeRuneInString(b)
		if x != y {
			if (x >= 0x10000) != (y >= 0x10000) {
				return int(unit(x)) - int(unit(y))
			}
			return int(x) - int(y)
		}
		a, b = a[n:], b[m:]
	}
	return len(a) - len(b)
}

// unit returns the first UTF-16 code unit of r, near enough to compare it with
// one of another plane.
func unit(r rune) rune {
	if r >= 0x10000 {
		return 0xd800
	}
	return r
}
