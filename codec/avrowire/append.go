package avrowire

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/wireproof/wireproof/codec/decimal"
)

// AppendLong appends a long or an int. The case of one byte is written out so
// that it is inlined where it is called.
func AppendLong(dst []byte, v int64) []byte {
	if u := uint64(v<<1) ^ uint64(v>>63); u < 0x80 {
		return append(dst, byte(u))
	}
	return binary.AppendVarint(dst, v)
}

// AppendBool appends a boolean.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// AppendFloat appends a float.
func AppendFloat(dst []byte, v float32) []byte {
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
}

// AppendDouble appends a double.
func AppendDouble(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

// AppendString appends a string.
func AppendString(dst []byte, v string) []byte {
	if len(v) < 64 {
		return append(append(dst, byte(len(v)<<1)), v...)
	}
	return append(binary.AppendVarint(dst, int64(len(v))), v...)
}

// AppendBytes appends bytes.
func AppendBytes(dst []byte, v []byte) []byte {
	if len(v) < 64 {
		return append(append(dst, byte(len(v)<<1)), v...)
	}
	return append(binary.AppendVarint(dst, int64(len(v))), v...)
}

// AppendEnum appends the index of a symbol; there are n of them.
func AppendEnum(dst []byte, v int32, n int) ([]byte, error) {
	if uint32(v) >= uint32(n) {
		return dst, cannotEncode("%d is no symbol of the enum, which has %d", v, n)
	}
	return AppendLong(dst, int64(v)), nil
}

// AppendDecimal appends a decimal whose type is bytes.
func AppendDecimal(dst []byte, v decimal.Decimal, precision, scale int) ([]byte, error) {
	at := len(dst)
	out, err := decimal.AppendBytes(append(dst, 0), v, precision, scale)
	if err != nil {
		return dst, cannotEncode("decimal: %v", err)
	}
	return patchLength(out, at), nil
}

// patchLength writes the length of the bytes behind dst[at], for which one byte was left
// there.
func patchLength(dst []byte, at int) []byte {
	n := len(dst) - at - 1
	if n < 64 {
		dst[at] = byte(n << 1)
		return dst
	}
	body := append([]byte(nil), dst[at+1:]...)
	return append(binary.AppendVarint(dst[:at], int64(n)), body...)
}

// AppendDecimalFixed appends a decimal whose type is a fixed of the given size.
func AppendDecimalFixed(dst []byte, v decimal.Decimal, precision, scale, size int) ([]byte, error) {
	out, err := decimal.AppendFixed(dst, v, precision, scale, size)
	if err != nil {
		return dst, cannotEncode("decimal: %v", err)
	}
	return out, nil
}

// AppendBigDecimal appends a big-decimal, which carries its own scale. One that
// is larger than what [Reader.BigDecimal] reads is an error.
func AppendBigDecimal(dst []byte, v decimal.Decimal) ([]byte, error) {
	at := len(dst)
	if _, small := v.Int64(); !small {
		if n := v.Unscaled(); n.BitLen()/8+1 > maxBigDecimal {
			return dst, cannotEncode("big-decimal of %d bytes, want at most %d", n.BitLen()/8+1, maxBigDecimal)
		}
	}
	out, err := AppendDecimal(append(dst, 0), v, 0, v.Scale())
	if err != nil {
		return dst, err
	}
	return patchLength(AppendLong(out, int64(v.Scale())), at), nil
}

// AppendDate appends the calendar date that t shows in its own location, as days
// since 1970-01-01.
func AppendDate(dst []byte, t time.Time) ([]byte, error) {
	days := floorDiv(wallSeconds(t), 86400)
	if days != int64(int32(days)) {
		return dst, cannotEncode("date %d years from 1970 is out of range", days/365)
	}
	return AppendLong(dst, days), nil
}

// AppendTimeMillis appends the time of day as milliseconds since midnight; what
// is finer is cut off.
func AppendTimeMillis(dst []byte, d time.Duration) ([]byte, error) {
	if d < 0 || d >= day {
		return dst, noTimeOfDay(d)
	}
	return AppendLong(dst, d.Milliseconds()), nil
}

// AppendTimeMicros appends the time of day as microseconds since midnight; what
// is finer is cut off.
func AppendTimeMicros(dst []byte, d time.Duration) ([]byte, error) {
	if d < 0 || d >= day {
		return dst, noTimeOfDay(d)
	}
	return AppendLong(dst, d.Microseconds()), nil
}

func noTimeOfDay(d time.Duration) error {
	return cannotEncode("time of day %s is out of range, which is from 0 to less than %s", d, day)
}

// AppendTimestampMillis appends t as milliseconds since 1970-01-01 UTC; what is
// finer is cut off.
func AppendTimestampMillis(dst []byte, t time.Time) ([]byte, error) {
	n := t.UnixMilli()
	if time.UnixMilli(n).Unix() != t.Unix() {
		return dst, cannotEncode("timestamp of the year %d is out of range for milliseconds", t.Year())
	}
	return AppendLong(dst, n), nil
}

// AppendTimestampMicros appends t as microseconds since 1970-01-01 UTC; what is
// finer is cut off.
func AppendTimestampMicros(dst []byte, t time.Time) ([]byte, error) {
	n := t.UnixMicro()
	if time.UnixMicro(n).Unix() != t.Unix() {
		return dst, cannotEncode("timestamp of the year %d is out of range for microseconds", t.Year())
	}
	return AppendLong(dst, n), nil
}

// AppendTimestampNanos appends t as nanoseconds since 1970-01-01 UTC.
func AppendTimestampNanos(dst []byte, t time.Time) ([]byte, error) {
	n := t.UnixNano()
	if !time.Unix(0, n).Equal(t) {
		return dst, cannotEncode("timestamp of the year %d is out of range for nanoseconds, which reach from 1678 to 2262", t.Year())
	}
	return AppendLong(dst, n), nil
}

// Wall returns the instant at which a clock in UTC shows what t shows in its own
// location: local timestamps have no zone.
func Wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.Add(time.Duration(offset) * time.Second).UTC()
}

func wallSeconds(t time.Time) int64 {
	_, offset := t.Zone()
	return t.Unix() + int64(offset)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// NoBranch is the error of a union whose value is of none of its types.
func NoBranch() error {
	return cannotEncode("the union is nil, or not one of its types")
}

// TooDeep is the error of a value that nests deeper than [MaxDepth].
func TooDeep() error {
	return cannotEncode("nests deeper than %d levels; it may contain itself", MaxDepth)
}

// NilRecord is the error of a pointer that has to lead to a record.
func NilRecord() error { return cannotEncode("the record is a nil pointer") }
