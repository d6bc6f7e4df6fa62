// Package decimal is the fixed-point number of generated types: an integer and
// the number of its digits that stand after the point. 19.99 is 1999 with scale
// 2, and stays exactly that: there is no binary fraction and no ratio inside.
//
// It does no arithmetic beyond comparing. Services that calculate convert to the
// library of their choice through [Decimal.Unscaled] and [Decimal.Scale], or
// through [Decimal.String].
package decimal

import (
	"cmp"
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// MaxScale bounds the digits after the point, and so the work that hostile text
// can cause.
const MaxScale = 1000

// maxDigits bounds the digits of a number that is parsed from text.
const maxDigits = 10000

// A Decimal is an exact decimal number. It is a value: it may be copied, and no
// method changes it. The zero Decimal is 0.
//
// Compare with [Decimal.Equal] or [Decimal.Cmp], not with ==: 1.5 and 1.50 are
// the same number in two representations.
type Decimal struct {
	small int64
	large *big.Int // if not nil, the unscaled value, which int64 does not hold
	scale int32
}

// New returns unscaled × 10^-scale: New(1999, 2) is 19.99. It panics if scale is
// negative or above [MaxScale].
func New(unscaled int64, scale int) Decimal {
	checkScale(scale)
	return Decimal{small: unscaled, scale: int32(scale)}
}

// FromBig returns unscaled × 10^-scale; it keeps a copy of unscaled. It panics
// if scale is negative or above [MaxScale].
func FromBig(unscaled *big.Int, scale int) Decimal {
	checkScale(scale)
	if unscaled.IsInt64() {
		return Decimal{small: unscaled.Int64(), scale: int32(scale)}
	}
	return Decimal{large: new(big.Int).Set(unscaled), scale: int32(scale)}
}

func checkScale(scale int) {
	if scale < 0 || scale > MaxScale {
		panic(fmt.Sprintf("decimal: scale %d is outside 0 to %d", scale, MaxScale))
	}
}

// Parse reads an optional sign, digits, and an optional point with digits. The
// number of digits after the point becomes the scale.
func Parse(s string) (Decimal, error) {
	digits := s
	if digits != "" && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || point && fraction == "" || !isDigits(whole) || !isDigits(fraction) {
		return Decimal{}, fmt.Errorf("decimal %q: expected digits, such as -12.50", abridge(s))
	}
	if len(fraction) > MaxScale || len(digits) > maxDigits {
		return Decimal{}, fmt.Errorf("decimal %q: more than %d digits, or %d after the point", abridge(s), maxDigits, MaxScale)
	}
	text := strings.TrimPrefix(s, "+")
	if point {
		text = strings.Replace(text, ".", "", 1)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Decimal{small: n, scale: int32(len(fraction))}, nil
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return Decimal{}, fmt.Errorf("decimal %q: expected digits, such as -12.50", abridge(s))
	}
	return FromBig(n, len(fraction)), nil
}

// MustParse is [Parse] for text that is known to be right; it panics otherwise.
func MustParse(s string) Decimal {
	d, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return d
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func abridge(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// String returns d with exactly Scale digits after the point; [Parse] reads it.
func (d Decimal) String() string {
	b, _ := d.AppendText(nil)
	return string(b)
}

// AppendText appends what String returns. The error is always nil.
func (d Decimal) AppendText(dst []byte) ([]byte, error) {
	if d.scale == 0 {
		if d.large != nil {
			return d.large.Append(dst, 10), nil
		}
		return strconv.AppendInt(dst, d.small, 10), nil
	}
	var digits string
	if d.large != nil {
		digits = d.large.String()
	} else {
		digits = strconv.FormatInt(d.small, 10)
	}
	if digits[0] == '-' {
		dst, digits = append(dst, '-'), digits[1:]
	}
	if missing := int(d.scale) + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	at := len(digits) - int(d.scale)
	dst = append(append(dst, digits[:at]...), '.')
	return append(dst, digits[at:]...), nil
}

// MarshalText returns what String returns.
func (d Decimal) MarshalText() ([]byte, error) { return d.AppendText(nil) }

// UnmarshalText is [Parse].
func (d *Decimal) UnmarshalText(text []byte) error {
	x, err := Parse(string(text))
	if err != nil {
		return err
	}
	*d = x
	return nil
}

// MarshalJSON returns d as a JSON string, for many readers of JSON turn numbers
// into binary fractions.
func (d Decimal) MarshalJSON() ([]byte, error) {
	b, err := d.AppendText([]byte{'"'})
	return append(b, '"'), err
}

// UnmarshalJSON reads a JSON string or a JSON number without an exponent. As is
// the custom, null leaves d alone.
func (d *Decimal) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	if n := len(text); n >= 2 && text[0] == '"' && text[n-1] == '"' {
		text = text[1 : n-1]
	}
	return d.UnmarshalText(text)
}

// Scale returns the number of digits after the point.
func (d Decimal) Scale() int { return int(d.scale) }

// Unscaled returns the value without its point, as a new integer: 1999 for 19.99.
func (d Decimal) Unscaled() *big.Int {
	if d.large != nil {
		return new(big.Int).Set(d.large)
	}
	return big.NewInt(d.small)
}

// Int64 returns the value without its point, if it fits.
func (d Decimal) Int64() (unscaled int64, ok bool) { return d.small, d.large == nil }

// Sign returns -1, 0 or +1.
func (d Decimal) Sign() int {
	if d.large != nil {
		return d.large.Sign()
	}
	return cmp.Compare(d.small, 0)
}

// IsZero reports whether d is 0, in any scale.
func (d Decimal) IsZero() bool { return d.Sign() == 0 }

// Cmp returns -1 if d is less than x, +1 if it is greater, and 0 if they are the
// same number.
func (d Decimal) Cmp(x Decimal) int {
	if d.scale == x.scale && d.large == nil && x.large == nil {
		return cmp.Compare(d.small, x.small)
	}
	if s, t := d.Sign(), x.Sign(); s != t || s == 0 {
		return cmp.Compare(s, t)
	}
	scale := max(d.scale, x.scale)
	a, _ := d.rescaled(scale)
	b, _ := x.rescaled(scale)
	return a.Unscaled().Cmp(b.Unscaled())
}

// Equal reports whether d and x are the same number.
func (d Decimal) Equal(x Decimal) bool { return d.Cmp(x) == 0 }

// Rescale returns the same number with another scale. It fails if that would
// lose digits, or if scale is negative or above [MaxScale].
func (d Decimal) Rescale(scale int) (Decimal, error) {
	if scale < 0 || scale > MaxScale {
		return Decimal{}, fmt.Errorf("scale %d is outside 0 to %d", scale, MaxScale)
	}
	x, ok := d.rescaled(int32(scale))
	if !ok {
		return Decimal{}, fmt.Errorf("%s has more than %d digits after the point", abridge(d.String()), scale)
	}
	return x, nil
}

// rescaled returns the same number with another scale, and false if that would
// lose digits.
func (d Decimal) rescaled(scale int32) (Decimal, bool) {
	if scale == d.scale {
		return d, true
	}
	if d.Sign() == 0 {
		return Decimal{scale: scale}, true
	}
	if scale > d.scale {
		if p := scale - d.scale; d.large == nil && int(p) < len(powers) {
			if n := d.small * powers[p]; n/powers[p] == d.small {
				return Decimal{small: n, scale: scale}, true
			}
		}
		n := d.Unscaled()
		return FromBig(n.Mul(n, power(scale-d.scale)), int(scale)), true
	}
	if p := d.scale - scale; d.large == nil {
		if int(p) >= len(powers) || d.small%powers[p] != 0 {
			return Decimal{}, false
		}
		return Decimal{small: d.small / powers[p], scale: scale}, true
	}
	n, rest := new(big.Int).QuoRem(d.large, power(d.scale-scale), new(big.Int))
	if rest.Sign() != 0 {
		return Decimal{}, false
	}
	return FromBig(n, int(scale)), true
}

// powers are the powers of ten that int64 holds.
var powers = [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

func power(n int32) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}
