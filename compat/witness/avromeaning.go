package witness

import (
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/wireproof/wireproof/lang/avro"
)

// A family holds logical types that measure the same thing in other units.
func unitOf(l avro.Logical) (family string, unit time.Duration) {
	switch l {
	case avro.Date:
		return "date", 24 * time.Hour
	case avro.TimeMillis:
		return "time", time.Millisecond
	case avro.TimeMicros:
		return "time", time.Microsecond
	case avro.TimestampMillis:
		return "timestamp", time.Millisecond
	case avro.TimestampMicros:
		return "timestamp", time.Microsecond
	case avro.TimestampNanos:
		return "timestamp", time.Nanosecond
	case avro.LocalTimestampMillis:
		return "local", time.Millisecond
	case avro.LocalTimestampMicros:
		return "local", time.Microsecond
	case avro.LocalTimestampNanos:
		return "local", time.Nanosecond
	}
	return "", 0
}

// meant returns what the value of a logical type stands for.
func meant(t *avro.Type, v *value) (string, bool) {
	family, unit := unitOf(t.Logical)
	perSecond := int64(1)
	if unit > 0 && unit <= time.Second {
		perSecond = int64(time.Second / unit)
	}
	switch family {
	case "date":
		if v.n < -1e6 || v.n > 1e6 {
			return "", false
		}
		return time.Unix(v.n*86400, 0).UTC().Format(time.DateOnly), true
	case "time":
		if v.n < 0 || v.n/perSecond >= 86400 {
			return "", false
		}
		return time.Unix(v.n/perSecond, v.n%perSecond*int64(unit)).UTC().Format("15:04:05.999999999"), true
	case "timestamp", "local":
		at := time.Unix(v.n/perSecond, v.n%perSecond*int64(unit)).UTC()
		if at.Year() < -9999 || at.Year() > 99999 {
			return "", false
		}
		layout := "2006-01-02T15:04:05.999999999"
		if family == "timestamp" {
			layout += "Z"
		}
		return at.Format(layout), true
	}
	if t.Logical == avro.Decimal && len(v.s) <= 64 {
		return decimalText(v.s, t.Scale), true
	}
	return "", false
}

// decimalText prints an unscaled two's complement number.
func decimalText(raw string, scale int) string {
	n := new(big.Int).SetBytes([]byte(raw))
	if raw != "" && raw[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
	}
	if scale == 0 || scale > 1000 {
		if scale > 0 {
			return fmt.Sprintf("%se-%d", n, scale)
		}
		return n.String()
	}
	digits := new(big.Int).Abs(n).String()
	if len(digits) <= scale {
		digits = strings.Repeat("0", scale+1-len(digits)) + digits
	}
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

// meaning reports a value whose bytes stand for something else in the reader.
func (r *reading) meaning(s site, v *value) {
	c := otherMeaning
	if s.reader.Logical == avro.NoLogical || s.writer.Logical == avro.NoLogical {
		if c = plainMeaning; !r.plain || s.reader.Logical == s.writer.Logical {
			return
		}
	}
	if s.reader.Logical == avro.Decimal && s.writer.Logical == avro.Decimal {
		r.digits(s, v)
	}
	if s.reader.Logical == s.writer.Logical && s.reader.Scale == s.writer.Scale {
		return
	}
	was, ok := meant(s.writer, v)
	is, ok2 := meant(s.reader, v)
	if was == is || !ok && !ok2 {
		return
	}
	r.faults = append(r.faults, fault{
		class: c, reader: keyOf(s.rPos), writer: keyOf(s.wPos),
		comment: fmt.Sprintf("%s is %s as %s, and %s as %s", s.path, said(s.writer, v, was), logicalName(s.writer), said(s.reader, v, is), logicalName(s.reader)),
	})
}

// digits reports a decimal with more digits than the reader has.
func (r *reading) digits(s site, v *value) {
	if s.reader.Precision >= s.writer.Precision || s.reader.Scale != s.writer.Scale || len(v.s) > 512 {
		return
	}
	text := strings.Trim(strings.ReplaceAll(decimalText(v.s, s.writer.Scale), ".", ""), "-")
	if n := len(strings.TrimLeft(text, "0")); n > s.reader.Precision {
		r.faults = append(r.faults, fault{
			class: otherMeaning, reader: keyOf(s.rPos), writer: keyOf(s.wPos),
			err: fmt.Sprintf("%s has %d digits, and the reader expects at most %d", s.path, n, s.reader.Precision),
		})
	}
}

// said is what a value is to one side: what it stands for, or what it is.
func said(t *avro.Type, v *value, text string) string {
	switch {
	case t.Logical == avro.NoLogical && len(v.s) <= 64:
		return string(appendJSON(nil, t, v, false))
	case text == "":
		return "out of range"
	}
	return text
}

func logicalName(t *avro.Type) string {
	switch t.Logical {
	case avro.NoLogical:
		return "plain " + t.Kind.String()
	case avro.Decimal:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision, t.Scale)
	}
	return t.Logical.String()
}

// telling returns values at which a logical type shows: a time that people know,
// the largest decimal.
func telling(s site) []*value {
	t := s.writer
	if t.Logical == avro.NoLogical {
		t = s.reader
	}
	if t.Kind != s.writer.Kind || t.Size != s.writer.Size || t.Logical == avro.NoLogical {
		return nil
	}
	if t == s.writer && t.Logical == s.reader.Logical && t.Precision == s.reader.Precision && t.Scale == s.reader.Scale {
		return nil
	}
	family, unit := unitOf(t.Logical)
	switch family {
	case "date":
		return []*value{{n: 20454}} // 2026-01-01
	case "time":
		return []*value{{n: int64(12 * time.Hour / unit)}}
	case "timestamp", "local":
		return []*value{{n: 1767225600 * int64(time.Second/unit)}} // 2026-01-01
	}
	if t.Logical != avro.Decimal || t.Precision > 1000 {
		return nil
	}
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(t.Precision)), nil)
	raw := append([]byte{0}, most.Sub(most, big.NewInt(1)).Bytes()...)
	one := []byte{1}
	if t.Kind == avro.Fixed {
		if len(raw) > t.Size {
			raw = raw[len(raw)-t.Size:]
		}
		raw = append(make([]byte, t.Size-len(raw)), raw...)
		one = append(make([]byte, max(t.Size-1, 0)), 1)[:t.Size]
	}
	return []*value{{s: string(one)}, {s: string(raw)}}
}
