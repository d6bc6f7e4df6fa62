package avrowire

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/wireproof/wireproof/codec/decimal"
)

// freeItems bounds the items of arrays that take no bytes, such as nulls: their
// count is bounded by nothing that was received.
const freeItems = 1 << 16

// ahead bounds the items for which room is made before they are read. What they
// take in memory may be many times what they take in the data.
const ahead = 1024

// A Reader reads the values of one message in turn. Its strings are parts of
// the message and cost nothing. The first mistake is kept; from then on every
// method returns a zero value at once, so code that reads need not check after
// each step, only where it loops. A Reader is for one goroutine.
type Reader struct {
	s     string
	off   int
	err   *Error
	depth int
	free  int
}

// NewReader returns a Reader of data.
func NewReader(data string) Reader { return Reader{s: data} }

// End returns the first mistake. Bytes that are left over are one.
func (r *Reader) End() error {
	if r.err != nil {
		return r.err
	}
	if r.off != len(r.s) {
		r.Fail("%d bytes after the value", len(r.s)-r.off)
		return r.err
	}
	return nil
}

// OK reports whether there was no mistake so far.
func (r *Reader) OK() bool { return r.err == nil }

// Fail records a mistake at the place that was reached, unless there was one
// before.
func (r *Reader) Fail(format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Offset: r.off, Msg: fmt.Sprintf(format, args...)}
	}
	// With nothing left, the inlined paths of the other methods fail too.
	r.s = r.s[:0]
	r.off = 0
}

// Enter begins a record of a recursive type. It returns false if it nests too
// deep; otherwise [Reader.Leave] has to follow.
func (r *Reader) Enter() bool {
	if r.depth++; r.depth > MaxDepth {
		r.Fail("nests deeper than %d levels", MaxDepth)
		return false
	}
	return r.err == nil
}

// Leave ends a record of a recursive type.
func (r *Reader) Leave() { r.depth-- }

// Long reads a long. Here and below the case of one byte comes first, for nearly
// all lengths, counts and branches are one.
func (r *Reader) Long() int64 {
	if i := r.off; uint(i) < uint(len(r.s)) && r.s[i] < 0x80 {
		r.off++
		return int64(r.s[i]>>1) ^ -int64(r.s[i]&1)
	}
	return r.longLong()
}

func (r *Reader) longLong() int64 {
	var u uint64
	for i := r.off; i < len(r.s); i++ {
		b, shift := r.s[i], 7*(i-r.off)
		if shift == 63 && b > 1 {
			break
		}
		u |= uint64(b&0x7f) << shift
		if b < 0x80 {
			r.off = i + 1
			return int64(u>>1) ^ -int64(u&1)
		}
	}
	if len(r.s)-r.off < 10 {
		r.Fail("the data ends inside a number")
	} else {
		r.Fail("number of more than 64 bits")
	}
	return 0
}

// Int reads an int.
func (r *Reader) Int() int32 {
	if i := r.off; uint(i) < uint(len(r.s)) && r.s[i] < 0x80 {
		r.off++
		return int32(r.s[i]>>1) ^ -int32(r.s[i]&1)
	}
	n := r.longLong()
	if n != int64(int32(n)) {
		r.Fail("%d does not fit into an int", n)
		return 0
	}
	return int32(n)
}

// Bool reads a boolean.
func (r *Reader) Bool() bool {
	if i := r.off; uint(i) < uint(len(r.s)) && r.s[i] <= 1 {
		r.off++
		return r.s[i] == 1
	}
	r.failBool()
	return false
}

func (r *Reader) failBool() {
	if r.off < len(r.s) {
		r.Fail("boolean is %d, want 0 or 1", r.s[r.off])
		return
	}
	r.Fail("the data ends before a boolean")
}

// Float reads a float.
func (r *Reader) Float() float32 {
	s := r.Fixed(4)
	if len(s) < 4 {
		return 0
	}
	return math.Float32frombits(uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24)
}

// Double reads a double.
func (r *Reader) Double() float64 {
	s := r.Fixed(8)
	if len(s) < 8 {
		return 0
	}
	return math.Float64frombits(uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56)
}

// Fixed reads n bytes; after a mistake it returns none.
func (r *Reader) Fixed(n int) string {
	if i := r.off; n <= len(r.s)-i {
		r.off = i + n
		return r.s[i : i+n]
	}
	r.failShort(n)
	return ""
}

func (r *Reader) failShort(n int) {
	r.Fail("the data ends: %d bytes are left of %d", len(r.s)-r.off, n)
}

// Text reads a string. It is a part of the data.
func (r *Reader) Text() string {
	if i := r.off; uint(i) < uint(len(r.s)) && r.s[i]&0x81 == 0 {
		if j := i + 1 + int(r.s[i]>>1); j <= len(r.s) {
			r.off = j
			return r.s[i+1 : j]
		}
	}
	return r.longText()
}

func (r *Reader) longText() string {
	n := r.longLong()
	if n < 0 || n > int64(len(r.s)-r.off) {
		r.Fail("length %d, but %d bytes are left", n, len(r.s)-r.off)
		return ""
	}
	return r.Fixed(int(n))
}

// Bytes reads bytes into a new slice, which is not nil.
func (r *Reader) Bytes() []byte {
	s := r.Text()
	return append(make([]byte, 0, len(s)), s...)
}

// Enum reads the index of one of n symbols.
func (r *Reader) Enum(n int) int32 {
	v := r.Long()
	if uint64(v) >= uint64(n) {
		r.Fail("symbol %d of an enum with %d", v, n)
		return 0
	}
	return int32(v)
}

// Branch reads which of n branches of a union follows; -1 after a mistake.
func (r *Reader) Branch(n int) int {
	if i := r.off; uint(i) < uint(len(r.s)) && r.s[i]&0x81 == 0 && int(r.s[i]>>1) < n {
		r.off++
		return int(r.s[i] >> 1)
	}
	v := r.Long()
	if r.err != nil {
		return -1
	}
	if uint64(v) >= uint64(n) {
		r.Fail("branch %d of a union with %d", v, n)
		return -1
	}
	return int(v)
}

// Block reads how many items of an array or map follow; 0 ends it, and follows
// a mistake. An item takes at least size bytes, and a count that asks for more
// than what is left is a mistake.
func (r *Reader) Block(size int) int {
	if i := r.off; uint(i) < uint(len(r.s)) && r.s[i] == 0 {
		r.off++
		return 0
	}
	n := r.Long()
	if n < 0 {
		if n == math.MinInt64 {
			r.Fail("count %d of items", n)
			return 0
		}
		n = -n
		if bytes := r.Long(); bytes < 0 || bytes > int64(len(r.s)-r.off) {
			r.Fail("block of %d bytes, but %d are left", bytes, len(r.s)-r.off)
			return 0
		}
	}
	if size == 0 {
		if n > int64(freeItems-r.free) {
			r.Fail("more than %d items that take no bytes", freeItems)
			return 0
		}
		r.free += int(n)
	} else if n > int64((len(r.s)-r.off)/size) {
		r.Fail("%d items of at least %d bytes, but %d bytes are left", n, size, len(r.s)-r.off)
		return 0
	}
	if r.err != nil {
		return 0
	}
	return int(n)
}

// Box returns box, or a new one if there is none. Values that may be null are
// kept in one box for each record, so that pointers to them cost one allocation.
func Box[T any](box *T) *T {
	if box == nil {
		return new(T)
	}
	return box
}

// Grow makes room in s for n more items, or for as many of them as it is wise to
// believe in before they are read.
func Grow[T any](s []T, n int) []T { return slices.Grow(s, min(n, ahead)) }

// MapSize returns how much of the size of a map to ask for; see [Grow].
func MapSize(n int) int { return min(n, ahead) }

// Decimal reads a decimal whose type is bytes.
func (r *Reader) Decimal(precision, scale int) decimal.Decimal {
	return r.decimal(r.Text(), precision, scale)
}

// DecimalFixed reads a decimal whose type is a fixed of the given size.
func (r *Reader) DecimalFixed(precision, scale, size int) decimal.Decimal {
	return r.decimal(r.Fixed(size), precision, scale)
}

func (r *Reader) decimal(s string, precision, scale int) decimal.Decimal {
	d, err := decimal.FromBytes(s, precision, scale)
	if err != nil {
		r.Fail("decimal: %v", err)
	}
	return d
}

// maxBigDecimal bounds the bytes of a big-decimal: its schema has no precision,
// and printing a number takes more than linear time.
const maxBigDecimal = 4096

// BigDecimal reads a big-decimal, which carries its own scale.
func (r *Reader) BigDecimal() decimal.Decimal {
	inner := NewReader(r.Text())
	digits, scale := inner.Text(), inner.Int()
	if err := inner.End(); err != nil {
		r.Fail("big-decimal: %s", inner.err.Msg)
		return decimal.Decimal{}
	}
	if len(digits) > maxBigDecimal {
		r.Fail("big-decimal of %d bytes, want at most %d", len(digits), maxBigDecimal)
		return decimal.Decimal{}
	}
	if scale < 0 && scale >= -decimal.MaxScale {
		return r.whole(digits, -int64(scale))
	}
	return r.decimal(digits, 0, int(scale))
}

// whole returns digits with so many zeros after them: Java writes 1000 as 1E+3
// once its zeros were stripped.
func (r *Reader) whole(digits string, zeros int64) decimal.Decimal {
	n := r.decimal(digits, 0, 0).Unscaled()
	n.Mul(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(zeros), nil))
	if size := n.BitLen()/8 + 1; size > maxBigDecimal {
		r.Fail("big-decimal of %d bytes, want at most %d", size, maxBigDecimal)
		return decimal.Decimal{}
	}
	return decimal.FromBig(n, 0)
}

// Date reads a date, as midnight in UTC.
func (r *Reader) Date() time.Time { return time.Unix(int64(r.Int())*86400, 0).UTC() }

// day is how long a time of day is less than.
const day = 24 * time.Hour

// TimeMillis reads a time of day, since midnight.
func (r *Reader) TimeMillis() time.Duration {
	n := r.Int()
	if n < 0 || n >= int32(day/time.Millisecond) {
		r.Fail("%d milliseconds are no time of day", n)
		return 0
	}
	return time.Duration(n) * time.Millisecond
}

// TimeMicros reads a time of day, since midnight.
func (r *Reader) TimeMicros() time.Duration {
	n := r.Long()
	if n < 0 || n >= int64(day/time.Microsecond) {
		r.Fail("%d microseconds are no time of day", n)
		return 0
	}
	return time.Duration(n) * time.Microsecond
}

// TimestampMillis reads a timestamp, in UTC.
func (r *Reader) TimestampMillis() time.Time { return time.UnixMilli(r.Long()).UTC() }

// TimestampMicros reads a timestamp, in UTC.
func (r *Reader) TimestampMicros() time.Time { return time.UnixMicro(r.Long()).UTC() }

// TimestampNanos reads a timestamp, in UTC.
func (r *Reader) TimestampNanos() time.Time { return time.Unix(0, r.Long()).UTC() }
