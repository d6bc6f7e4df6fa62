package decimal

import (
	"fmt"
	"math/big"
)

// Two's complement, most significant byte first: how Avro writes a decimal.

// AppendBytes appends d as the shortest two's complement integer of the given
// scale. It fails if d has more digits after the point than scale, or more
// digits in all than precision; on error it returns dst as it was.
func AppendBytes(dst []byte, d Decimal, precision, scale int) ([]byte, error) {
	d, err := fit(d, precision, scale)
	if err != nil {
		return dst, err
	}
	if d.large == nil {
		n := d.small
		for shift := 8 * (shortest(n) - 1); shift >= 0; shift -= 8 {
			dst = append(dst, byte(n>>shift))
		}
		return dst, nil
	}
	return appendLarge(dst, d.large, largeSize(d.large)), nil
}

// AppendFixed is [AppendBytes] for exactly size bytes, filled with the sign.
func AppendFixed(dst []byte, d Decimal, precision, scale, size int) ([]byte, error) {
	d, err := fit(d, precision, scale)
	if err != nil {
		return dst, err
	}
	need := shortest(d.small)
	if d.large != nil {
		need = largeSize(d.large)
	}
	if need > size {
		return dst, fmt.Errorf("%s does not fit into %d bytes", abridge(d.String()), size)
	}
	if d.large != nil {
		return appendLarge(dst, d.large, size), nil
	}
	for i := size - 1; i >= 0; i-- {
		dst = append(dst, byte(d.small>>min(8*i, 63)))
	}
	return dst, nil
}

// FromBytes reads a two's complement integer of the given scale. No bytes are 0.
// It fails if the number has more digits than precision; a precision of 0 does
// not bound it.
func FromBytes(s string, precision, scale int) (Decimal, error) {
	if scale < 0 || scale > MaxScale {
		return Decimal{}, fmt.Errorf("scale %d is outside 0 to %d", scale, MaxScale)
	}
	for len(s) > 8 && (s[0] == 0 && s[1] < 0x80 || s[0] == 0xff && s[1] >= 0x80) {
		s = s[1:]
	}
	if len(s) <= 8 {
		var n int64
		if s != "" && s[0] >= 0x80 {
			n = -1
		}
		for i := range len(s) {
			n = n<<8 | int64(s[i])
		}
		d := Decimal{small: n, scale: int32(scale)}
		return d, checkPrecision(d, precision)
	}
	// 10 bits hold at least 3 digits, so this many bytes are always too many;
	// it keeps hostile bytes from becoming a big integer.
	if precision > 0 && len(s) > precision/2+2 {
		return Decimal{}, fmt.Errorf("%d bytes hold more than %d digits", len(s), precision)
	}
	n := new(big.Int).SetBytes([]byte(s))
	if s[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(s))))
	}
	d := FromBig(n, scale)
	return d, checkPrecision(d, precision)
}

// fit returns d in the given scale if that is exact and within precision.
func fit(d Decimal, precision, scale int) (Decimal, error) {
	if int(d.scale) != scale {
		var err error
		if d, err = d.Rescale(scale); err != nil {
			return d, err
		}
	}
	return d, checkPrecision(d, precision)
}

func checkPrecision(d Decimal, precision int) error {
	if precision <= 0 {
		return nil
	}
	if d.large == nil {
		if precision >= len(powers) || -powers[precision] < d.small && d.small < powers[precision] {
			return nil
		}
	} else if bits := d.large.BitLen(); bits/4 < precision && (bits/3 < precision || d.large.CmpAbs(power(int32(precision))) < 0) {
		// A digit is more than 3 bits and less than 4, so the power is not computed
		// where it would be much longer than the number.
		return nil
	}
	return fmt.Errorf("%s has more than %d digits", abridge(d.String()), precision)
}

// shortest returns how many bytes of two's complement hold n.
func shortest(n int64) int {
	size := 1
	for n < -0x80 || n > 0x7f {
		n >>= 8
		size++
	}
	return size
}

// largeSize is shortest for big integers.
func largeSize(n *big.Int) int {
	if n.Sign() < 0 {
		// -128 needs 8 bits as 128 does not: count those of -n-1.
		return new(big.Int).Not(n).BitLen()/8 + 1
	}
	return n.BitLen()/8 + 1
}

func appendLarge(dst []byte, n *big.Int, size int) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, size)...)
	if n.Sign() >= 0 {
		n.FillBytes(dst[at:])
		return dst
	}
	new(big.Int).Not(n).FillBytes(dst[at:])
	for i := at; i < len(dst); i++ {
		dst[i] = ^dst[i]
	}
	return dst
}
