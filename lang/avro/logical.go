package avro

import (
	"math/bits"
	"strconv"

	"github.com/wireproof/wireproof/lang"
)

// logicalOf returns the logical type of a name.
func logicalOf(name string) (Logical, bool) {
	for l := Decimal; int(l) < len(logicalNames); l++ {
		if logicalNames[l] == name {
			return l, true
		}
	}
	return NoLogical, false
}

// logical reads the attribute logicalType of t. A name that the specification
// does not know is a property; one that does not fit is ignored and linted.
func (p *parser) logical(v *lang.Value, t *Type) {
	name := v.Get("logicalType")
	if name == nil {
		return
	}
	if name.Kind != lang.String {
		p.lintf(name.Pos, LintLogicalInvalid, "the logicalType is %s and has no effect, expected a string", describe(name))
		return
	}
	l, ok := logicalOf(name.Str)
	if !ok {
		return
	}
	if want := wrongBase(l, t); want != "" {
		p.lintf(name.Pos, LintLogicalInvalid, "%s is on %s and has no effect, expected it on %s", name.Str, baseOf(t), want)
		return
	}
	if l == Decimal && !p.decimal(v, t) {
		return
	}
	t.Logical = l
}

// wrongBase returns the type that l needs if t is another.
func wrongBase(l Logical, t *Type) string {
	need := func(ok bool, want string) string {
		if ok {
			return ""
		}
		return want
	}
	switch l {
	case Decimal:
		return need(t.Kind == Bytes || t.Kind == Fixed, "bytes or fixed")
	case BigDecimal:
		return need(t.Kind == Bytes, "bytes")
	case UUID:
		return need(t.Kind == String || t.Kind == Fixed && t.Size == 16, "string or fixed of size 16")
	case Date, TimeMillis:
		return need(t.Kind == Int, "int")
	case Duration:
		return need(t.Kind == Fixed && t.Size == 12, "fixed of size 12")
	}
	return need(t.Kind == Long, "long")
}

func baseOf(t *Type) string {
	if t.Kind == Fixed {
		return "fixed of size " + strconv.Itoa(t.Size)
	}
	return t.Kind.String()
}

// decimal reads precision and scale into t and reports whether they are valid.
func (p *parser) decimal(v *lang.Value, t *Type) bool {
	precision, ok := p.count(v, "precision", 1)
	if !ok {
		return false
	}
	if most := maxPrecision(t); t.Kind == Fixed && precision > most {
		p.lintf(v.Get("precision").Pos, LintLogicalInvalid, "the precision of the decimal is %d and the decimal has no effect, expected at most %d in %d bytes", precision, most, t.Size)
		return false
	}
	scale := 0
	if v.Get("scale") != nil {
		if scale, ok = p.count(v, "scale", 0); !ok {
			return false
		}
	}
	if scale > precision {
		p.lintf(v.Get("scale").Pos, LintLogicalInvalid, "the scale of the decimal is %d and the decimal has no effect, expected at most its precision %d", scale, precision)
		return false
	}
	t.Precision, t.Scale = precision, scale
	return true
}

// count reads a whole number of at least least.
func (p *parser) count(v *lang.Value, key string, least int) (int, bool) {
	n := v.Get(key)
	if n == nil {
		p.lintf(v.Get("logicalType").Pos, LintLogicalInvalid, "a decimal without %q has no effect, expected a whole number", key)
		return 0, false
	}
	i, err := strconv.ParseInt(n.Str, 10, 32)
	if n.Kind != lang.Number || err != nil || int(i) < least {
		p.lintf(n.Pos, LintLogicalInvalid, "the %s of the decimal is %s and the decimal has no effect, expected a whole number from %d", key, describe(n), least)
		return 0, false
	}
	return int(i), true
}

// maxPrecision returns how many decimal digits always fit into a fixed: the
// largest n with 10^n <= 2^(8·size-1), which is floor((8·size-1)·log10 2).
func maxPrecision(t *Type) int {
	if t.Size == 0 {
		return 0
	}
	// log10 2 in units of 2^-64: exact enough for every size of 31 bits.
	const log2 = 0x4d104d427de7fbcc
	hi, _ := bits.Mul64(uint64(8*t.Size-1), log2)
	return int(hi)
}

// misplacedLogical lints a logicalType beside the type of a field, where it has
// no effect.
func (p *parser) misplacedLogical(v *lang.Value, f *Field) {
	if name := v.Get("logicalType"); name != nil && name.Kind == lang.String && f.Type != nil && f.Type.Logical == NoLogical {
		p.lintf(name.Pos, LintLogicalMisplaced, "the logicalType %q of the field %q has no effect, expected it inside the type", name.Str, f.Name)
	}
}
