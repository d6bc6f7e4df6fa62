package jsonrules

import (
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/lang"
)

// A sum stands for what a JSON value means: equal values have equal sums, however
// they are written.
type sum [sha256.Size]byte

// sums remembers the sums of values, so that a tree is read once.
type sums map[*lang.Value]sum

// of returns the sum of v; nil is a value of its own.
func (s sums) of(v *lang.Value) sum {
	if v == nil {
		return sum{}
	}
	if have, ok := s[v]; ok {
		return have
	}
	var b []byte
	switch v.Kind {
	case lang.Number:
		b = append(b, 'n')
		b = append(b, plainNumber(v.Str)...)
	case lang.String:
		b = append(b, 's')
		b = append(b, v.Str...)
	case lang.Array:
		b = append(b, 'a')
		for _, item := range v.Items {
			of := s.of(item)
			b = append(b, of[:]...)
		}
	case lang.Object:
		last := make(map[string]*lang.Value, len(v.Members))
		for _, m := range v.Members {
			last[m.Key] = m.Value
		}
		keys := make([]string, 0, len(last))
		for k := range last {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b = append(b, 'o')
		for _, k := range keys {
			key, value := sha256.Sum256([]byte(k)), s.of(last[k])
			b = append(append(b, key[:]...), value[:]...)
		}
	case lang.Bool:
		b = append(b, 'b', strconv.FormatBool(v.Bool)[0])
	default:
		b = append(b, 'z')
	}
	out := sum(sha256.Sum256(b))
	s[v] = out
	return out
}

func (s sums) equal(a, b *lang.Value) bool { return (a == nil) == (b == nil) && s.of(a) == s.of(b) }

// plainNumber writes a number with its digits and an exponent alone, so that 10,
// 10.0 and 1e1 are one.
func plainNumber(text string) string {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	e, _ := strconv.Atoi(exponent)
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, part, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+part, "0")
	e -= len(part)
	short := strings.TrimRight(digits, "0")
	e += len(digits) - len(short)
	switch {
	case short == "":
		return "0"
	case negative:
		short = "-" + short
	}
	return short + "e" + strconv.Itoa(e)
}
