package filestore

import "hash/crc32"

// sums tells the CRC-32C of any part of its bytes without reading that part: what is
// torn may hold a head of a frame at every 24th byte, each of which claims the rest.
//
// Behind n bytes more, a sum c has become c·x^8n modulo the polynomial, plus the sum of
// those bytes. So the sums of two beginnings tell that of what lies between them.
type sums struct {
	b  []byte
	at []uint32 // of the first 0, sumEach, 2·sumEach … bytes
}

const sumEach = 1 << 10

func sumsOf(b []byte) *sums {
	s := &sums{b: b, at: []uint32{0}}
	for i := sumEach; i <= len(b); i += sumEach {
		s.at = append(s.at, crc32.Update(s.at[len(s.at)-1], table, b[i-sumEach:i]))
	}
	return s
}

// before returns the sum of the first i bytes.
func (s *sums) before(i int) uint32 {
	k := i / sumEach
	return crc32.Update(s.at[k], table, s.b[k*sumEach:i])
}

// after returns the sum of something whose sum is c, with b[i:j] behind it.
func (s *sums) after(c uint32, i, j int) uint32 {
	return times(power(j-i), c^s.before(i)) ^ s.before(j)
}

// The polynomials here are those of CRC-32C: bit 31 is x^0, bit 0 is x^31.

// squares are x^1, x^2, x^4, x^8 …
var squares = func() (out [48]uint32) {
	out[0] = 1 << 30
	for i := 1; i < len(out); i++ {
		out[i] = times(out[i-1], out[i-1])
	}
	return out
}()

// power returns x^8n.
func power(n int) uint32 {
	p := uint32(1) << 31
	for k := 3; n > 0; n, k = n>>1, k+1 {
		if n&1 == 1 {
			p = times(squares[k], p)
		}
	}
	return p
}

// times returns a·b.
func times(a, b uint32) (p uint32) {
	for m := uint32(1) << 31; m > 0; m >>= 1 {
		if a&m != 0 {
			p ^= b
		}
		if b&1 == 1 {
			b = b>>1 ^ crc32.Castagnoli
		} else {
			b >>= 1
		}
	}
	return p
}
