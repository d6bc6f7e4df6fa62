package witness

import (
	"cmp"
	"math/big"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

func text(s string) *lang.Value   { return &lang.Value{Kind: lang.String, Str: s} }
func number(s string) *lang.Value { return &lang.Value{Kind: lang.Number, Str: s} }
func array(items ...*lang.Value) *lang.Value {
	return &lang.Value{Kind: lang.Array, Items: items}
}
func object(members ...lang.Member) *lang.Value {
	return &lang.Value{Kind: lang.Object, Members: members}
}

// anything holds a value of each type.
func anything() []*lang.Value {
	return []*lang.Value{
		text(""), number("0"), {Kind: lang.Bool, Bool: true}, {}, object(), array(), text("a"), number("1"), number("0.5"),
		{Kind: lang.Bool}, object(lang.Member{Key: "x", Value: &lang.Value{}}), array(&lang.Value{}), number("-1"), text("ab"),
	}
}

const maxText = 20_000 // of a string that a length asks for

// texts returns strings at the edges of a schema: inside and outside.
func (g *jsonGenerator) texts(n *jsonschema.Node) []*lang.Value {
	var out []*lang.Value
	lengths := []int{0, 1, 2}
	for _, l := range n.Limits {
		if at := l.Number; at.IsInt() && at.Num().IsInt64() && at.Num().Int64() < maxText {
			size := int(at.Num().Int64())
			lengths = append(lengths, size-1, size, size+1)
		} else {
			g.skipped = true
		}
	}
	slices.Sort(lengths)
	seeds := []string{""}
	if n.Pattern != nil {
		seeds = append(seeds, matching(n.Pattern.Str)...)
		g.skipped = g.skipped || len(seeds) == 1
		for _, s := range seeds {
			out = append(out, text(s))
			for _, odd := range []string{"c", "0", "A", " "} {
				out = append(out, text(s+odd), text(odd+s), text(odd))
			}
		}
	}
	for _, size := range slices.Compact(lengths) {
		for _, s := range seeds {
			if has := utf8.RuneCountInString(s); has <= size && g.steps.take(1+size/16) {
				fill := "a"
				if s != "" {
					last, _ := utf8.DecodeLastRuneInString(s)
					fill = string(last)
				}
				out = append(out, text(s+strings.Repeat(fill, size-has)))
			}
		}
	}
	return out
}

// matching returns short texts in which an expression finds something, most of the
// time.
func matching(p string) []string {
	tree, err := syntax.Parse(p, syntax.Perl)
	if err != nil {
		return nil
	}
	var out []string
	for variant := range 4 {
		left := 200
		s := spell(tree, variant, &left)
		if left > 0 && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// spell returns a text for an expression; the variant says which of several.
func spell(re *syntax.Regexp, variant int, left *int) string {
	if *left--; *left <= 0 {
		return ""
	}
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		if len(re.Rune) == 0 {
			return ""
		}
		at := 2 * (variant % (len(re.Rune) / 2))
		for _, c := range "abA0" {
			if variant < 2 && c >= re.Rune[at] && c <= re.Rune[at+1] {
				return string(c)
			}
		}
		return string(re.Rune[at])
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "a"
	case syntax.OpConcat, syntax.OpCapture:
		var out strings.Builder
		for _, sub := range re.Sub {
			out.WriteString(spell(sub, variant, left))
		}
		return out.String()
	case syntax.OpAlternate:
		return spell(re.Sub[variant%len(re.Sub)], variant, left)
	case syntax.OpStar, syntax.OpQuest:
		return strings.Repeat(spell(re.Sub[0], variant, left), variant%2)
	case syntax.OpPlus:
		return strings.Repeat(spell(re.Sub[0], variant, left), 1+variant%2)
	case syntax.OpRepeat:
		times := re.Min
		if variant%2 == 1 && re.Max != re.Min {
			times++
		}
		one := spell(re.Sub[0], variant, left)
		if *left -= times * len(one); *left <= 0 {
			return ""
		}
		return strings.Repeat(one, times)
	}
	return ""
}

// numbers returns numbers at the edges of a schema, inside and outside.
func (g *jsonGenerator) numbers(n *jsonschema.Node) []*lang.Value {
	half, one := big.NewRat(1, 2), big.NewRat(1, 1)
	rats := []*big.Rat{new(big.Rat), one, half, big.NewRat(-1, 1), big.NewRat(3, 2)}
	for _, l := range n.Limits {
		at := l.Number
		if at.Num().BitLen() > 512 || at.Denom().BitLen() > 512 {
			g.skipped = true
			continue
		}
		for _, d := range []*big.Rat{new(big.Rat), one, half} {
			rats = append(rats, new(big.Rat).Add(at, d), new(big.Rat).Sub(at, d))
		}
		// Whole numbers about it, and some multiples.
		floor := new(big.Rat).SetInt(new(big.Int).Div(at.Num(), at.Denom()))
		rats = append(rats, floor, new(big.Rat).Add(floor, one))
		if m := n.Limits["multipleOf"]; m != nil && m.Number.Sign() > 0 {
			q := new(big.Rat).Quo(at, m.Number)
			k := new(big.Int).Div(q.Num(), q.Denom())
			for d := int64(-1); d <= 2; d++ {
				rats = append(rats, new(big.Rat).Mul(m.Number, new(big.Rat).SetInt(new(big.Int).Add(k, big.NewInt(d)))))
			}
		}
	}
	if m := n.Limits["multipleOf"]; m != nil && m.Number.Num().BitLen() < 512 {
		rats = append(rats, new(big.Rat).Mul(m.Number, half))
		for k := int64(-1); k <= 6; k++ {
			rats = append(rats, new(big.Rat).Mul(m.Number, big.NewRat(k, 1)))
		}
	}
	slices.SortFunc(rats, func(a, b *big.Rat) int { return cmp.Or(new(big.Rat).Abs(a).Cmp(new(big.Rat).Abs(b)), a.Cmp(b)) })
	var out []*lang.Value
	for _, r := range rats {
		if s, ok := ratText(r); ok {
			out = append(out, number(s))
		}
	}
	return out
}

// ratText prints a number as JSON does, if it has a finite text.
func ratText(r *big.Rat) (string, bool) {
	if r.IsInt() {
		return r.Num().String(), true
	}
	digits, exact := r.FloatPrec()
	if !exact || digits > 50 {
		return "", false
	}
	return r.FloatString(digits), true
}

func (g *jsonGenerator) limitOf(n *jsonschema.Node, key string) (int, bool) {
	l := n.Limits[key]
	if l == nil {
		return 0, false
	}
	f, _ := l.Number.Float64()
	if f < 0 || f > 1000 {
		g.skipped = true
		return 0, false
	}
	return int(f), true
}

func with(o *lang.Value, key string, v *lang.Value) *lang.Value {
	out := object()
	done := false
	for _, m := range o.Members {
		if m.Key == key {
			m.Value, done = v, true
		}
		out.Members = append(out.Members, m)
	}
	if !done {
		out.Members = append(out.Members, lang.Member{Key: key, Value: v})
	}
	return out
}

// spare returns the i-th name for a property that nobody names.
func spare(i int) string {
	if i == 0 {
		return "x"
	}
	return "x" + strconv.Itoa(i)
}

func weigh(v *lang.Value) int {
	n := 1 + len(v.Str)
	for _, item := range v.Items {
		n += weigh(item)
	}
	for _, m := range v.Members {
		n += 1 + len(m.Key) + weigh(m.Value)
	}
	return n
}
