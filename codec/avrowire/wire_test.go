package avrowire_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/codec/decimal"
)

func TestLong(t *testing.T) {
	t.Parallel()
	for shift := range 64 {
		for _, n := range []int64{1 << shift, 1<<shift - 1, -1 << shift, -1<<shift - 1} {
			got := avrowire.AppendLong(nil, n)
			if want := binary.AppendVarint(nil, n); string(got) != string(want) {
				t.Errorf("AppendLong(%d) = %x, want %x", n, got, want)
			}
			r := avrowire.NewReader(string(got))
			if back := r.Long(); back != n || r.End() != nil {
				t.Errorf("Long = %d, %v; want %d", back, r.End(), n)
			}
		}
	}
	for data, ok := range map[string]bool{
		"\x80\x00": true, // longer than need be, as some writers do
		"":         false, "\x80": false, strings.Repeat("\x80", 9): false, strings.Repeat("\xff", 9) + "\x01": true,
		strings.Repeat("\xff", 9) + "\x02": false, strings.Repeat("\x80", 10) + "\x00": false,
	} {
		r := avrowire.NewReader(data)
		if r.Long(); (r.End() == nil) != ok {
			t.Errorf("Long of %x: %v, want ok %t", data, r.End(), ok)
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		data string
		read func(r *avrowire.Reader)
	}{
		"int of 33 bits":        {string(binary.AppendVarint(nil, 1<<31)), func(r *avrowire.Reader) { r.Int() }},
		"boolean 2":             {"\x02", func(r *avrowire.Reader) { r.Bool() }},
		"no boolean":            {"", func(r *avrowire.Reader) { r.Bool() }},
		"short float":           {"abc", func(r *avrowire.Reader) { r.Float() }},
		"short double":          {"abcdefg", func(r *avrowire.Reader) { r.Double() }},
		"short fixed":           {"a", func(r *avrowire.Reader) { r.Fixed(2) }},
		"short text":            {"\x04a", func(r *avrowire.Reader) { r.Text() }},
		"negative length":       {"\x01", func(r *avrowire.Reader) { r.Text() }},
		"length beyond the end": {string(binary.AppendVarint(nil, math.MaxInt64)), func(r *avrowire.Reader) { r.Bytes() }},
		"symbol beyond":         {"\x06", func(r *avrowire.Reader) { r.Enum(3) }},
		"negative symbol":       {"\x01", func(r *avrowire.Reader) { r.Enum(3) }},
		"branch beyond":         {"\x04", func(r *avrowire.Reader) { r.Branch(2) }},
		"decimal of 3 digits":   {"\x04\x03\xe8", func(r *avrowire.Reader) { r.Decimal(3, 0) }},
		"big-decimal rest":      {"\x08\x02\x01\x00\x00", func(r *avrowire.Reader) { r.BigDecimal() }},
		"big-decimal scale":     {"\x08\x02\x01\xd1\x0f", func(r *avrowire.Reader) { r.BigDecimal() }},
		"time of day":           {string(binary.AppendVarint(nil, math.MaxInt64)), func(r *avrowire.Reader) { r.TimeMicros() }},
		"24:00":                 {string(binary.AppendVarint(nil, 86400e3)), func(r *avrowire.Reader) { r.TimeMillis() }},
		"before midnight":       {string(binary.AppendVarint(nil, -1)), func(r *avrowire.Reader) { r.TimeMicros() }},
	} {
		r := avrowire.NewReader(c.data)
		c.read(&r)
		var e *avrowire.Error
		if !errors.As(r.End(), &e) || r.OK() {
			t.Errorf("%s: %v, want an Error", name, r.End())
			continue
		}
		if r.Long() != 0 || r.Text() != "" || r.Bool() || r.Branch(9) != -1 || r.Block(1) != 0 || r.Double() != 0 || r.End() != error(e) {
			t.Errorf("%s: reading goes on after %v", name, e)
		}
	}
}

func TestLongTextAndBytes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 63, 64, 65, 8191, 8192} {
		want := strings.Repeat("x", n)
		r := avrowire.NewReader(string(avrowire.AppendBytes(avrowire.AppendString(nil, want), []byte(want))))
		if text, raw := r.Text(), r.Bytes(); text != want || string(raw) != want || raw == nil || r.End() != nil {
			t.Errorf("%d bytes came back as %d and %d, %v", n, len(text), len(raw), r.End())
		}
	}
}

func TestDecimals(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0.00", "-19.99", strings.Repeat("9", 100) + ".01", "-" + strings.Repeat("7", 160) + ".00"} {
		want := decimal.MustParse(text)
		b, err := avrowire.AppendDecimal([]byte("x"), want, 200, 2)
		if err != nil {
			t.Fatal(err)
		}
		b, err = avrowire.AppendBigDecimal(b, want)
		if err != nil {
			t.Fatal(err)
		}
		b, err = avrowire.AppendDecimalFixed(b, want, 200, 2, 90)
		if err != nil {
			t.Fatal(err)
		}
		r := avrowire.NewReader(string(b[1:]))
		for _, got := range []decimal.Decimal{r.Decimal(200, 2), r.BigDecimal(), r.DecimalFixed(200, 2, 90)} {
			if !got.Equal(want) {
				t.Errorf("%s came back as %s", want, got)
			}
		}
		if err := r.End(); err != nil {
			t.Error(err)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(1965, 3, 4, 5, 6, 7, 890_000_000, time.FixedZone("", -3*3600))
	b := avrowire.AppendLong(nil, at.UnixMilli())
	b = avrowire.AppendLong(b, at.UnixMicro())
	b, err := avrowire.AppendTimestampNanos(b, at)
	if err != nil {
		t.Fatal(err)
	}
	b, err = avrowire.AppendDate(b, at)
	if err != nil {
		t.Fatal(err)
	}
	r := avrowire.NewReader(string(b))
	for _, got := range []time.Time{r.TimestampMillis(), r.TimestampMicros(), r.TimestampNanos()} {
		if !got.Equal(at) {
			t.Errorf("%v came back as %v", at, got)
		}
	}
	if day := r.Date(); day != time.Date(1965, 3, 4, 0, 0, 0, 0, time.UTC) || r.End() != nil {
		t.Errorf("date %v, %v", day, r.End())
	}
	if _, err := avrowire.AppendTimestampNanos(nil, time.Date(2262, 4, 12, 0, 0, 0, 0, time.UTC)); err == nil {
		t.Error("the year 2262 is past the end of nanoseconds, and was encoded")
	}
}

func TestErrorPath(t *testing.T) {
	t.Parallel()
	inner := avrowire.At(errors.New("broken"), "sku")
	err := avrowire.At(inner, "orders", avrowire.Key(`a"b`), 3)
	if got, want := err.Error(), `avro: orders["a\"b"][3].sku: broken`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	r := avrowire.NewReader("abc")
	if got, want := r.End().Error(), "avro: 3 bytes after the value (byte 0)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Java writes 1E+3, which is what 1000 becomes without its zeros, with a scale below 0.
func TestBigDecimalOfNegativeScale(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"\x06\x02\x01\x05": "1000", "\x06\x02\xfb\x01": "-50", "\x06\x02\x00\x05": "0",
		"\x14\x10\x7f\xff\xff\xff\xff\xff\xff\xff\x01": "92233720368547758070",
	} {
		r := avrowire.NewReader(data)
		d := r.BigDecimal()
		if err := r.End(); err != nil || d.String() != want {
			t.Errorf("%x is read as %s, %v; want %s", data, d, err, want)
		}
	}
	// Of 4096 bytes, and a thousand digits more: too large to be written again.
	digits := "\x7f" + strings.Repeat("\xff", 4095)
	inner := string(avrowire.AppendLong(avrowire.AppendString(nil, digits), -1000))
	r := avrowire.NewReader(string(avrowire.AppendString(nil, inner)))
	if r.BigDecimal(); r.End() == nil {
		t.Error("a number of 10,000 digits and 1,000 zeros is read")
	}
}

// A path is for people, and for a header of a dead letter: hostile data makes it no
// longer than it is read, and what went wrong stays in sight.
func TestPathsAreShort(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"type":"record","name":"R","fields":[{"name":"next","type":["null","R"]},{"name":"m","type":{"type":"map","values":"boolean"}}]}`)
	p, err := avrowire.NewPlan(s, s)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("é\x00", 1<<16)
	for name, data := range map[string]string{
		"depth": strings.Repeat("\x02", 9000) + "\x00\x02\x02k\x02",
		"key":   "\x00\x02" + string(avrowire.AppendString(nil, text)) + "\x02",
	} {
		_, err := p.Transcode(data)
		if err == nil || len(err.Error()) > 1000 || !strings.Contains(err.Error(), "boolean is 2") || !utf8.ValidString(err.Error()) {
			t.Errorf("%s: an error of %d bytes: %.100s", name, len(fmt.Sprint(err)), fmt.Sprint(err))
		}
	}
	err = errors.New("reason")
	for range 1000 {
		err = avrowire.At(err, "next", 3, avrowire.Key(text))
	}
	if len(err.Error()) > 1000 || !strings.HasPrefix(err.Error(), `avro: next[3]["é`) || !strings.HasSuffix(err.Error(), ": reason") {
		t.Errorf("an error of %d bytes: %.100s", len(err.Error()), err)
	}
}
