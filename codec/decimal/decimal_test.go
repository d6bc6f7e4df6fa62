package decimal_test

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/codec/decimal"
)

func TestParseAndString(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "+7": "7", "19.99": "19.99", "-19.90": "-19.90", "0.05": "0.05", "-0.05": "-0.05", "007.5": "7.5",
		"9223372036854775807": "9223372036854775807", "9223372036854775808": "9223372036854775808",
		"-123456789012345678901234567890.12345": "-123456789012345678901234567890.12345",
	} {
		d, err := decimal.Parse(text)
		if err != nil || d.String() != want {
			t.Errorf("Parse(%q) = %v, %v; want %s", text, d, err, want)
		}
	}
	for _, text := range []string{"", "-", ".", "1.", ".5", "1e3", "1.2.3", "--1", "+-1", "1_000", " 1", "½", "0." + strings.Repeat("0", decimal.MaxScale+1), strings.Repeat("9", 20000)} {
		if d, err := decimal.Parse(text); err == nil {
			t.Errorf("Parse(%.20q) = %v, want an error", text, d)
		}
	}
}

func TestCmp(t *testing.T) {
	t.Parallel()
	order := []string{"-123456789012345678901234567890", "-2", "-1.999999999999999999999", "-0.1", "0", "0.00001", "1.5", "9223372036854775807", "9223372036854775807.1", "123456789012345678901234567890"}
	for i, a := range order {
		for j, b := range order {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := decimal.MustParse(a).Cmp(decimal.MustParse(b)); got != want {
				t.Errorf("%s.Cmp(%s) = %d, want %d", a, b, got, want)
			}
		}
	}
	if !decimal.MustParse("1.5").Equal(decimal.MustParse("1.500")) {
		t.Error("1.5 does not equal 1.500")
	}
	var zero decimal.Decimal
	if !zero.IsZero() || zero.String() != "0" || zero.Cmp(decimal.New(0, 5)) != 0 {
		t.Errorf("the zero Decimal is %v", zero)
	}
}

func TestRescale(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in    string
		scale int
		want  string
	}{
		{"1.5", 3, "1.500"}, {"1.500", 1, "1.5"}, {"1.501", 1, ""}, {"0.000", 0, "0"}, {"9223372036854775807", 2, "9223372036854775807.00"},
		{"9223372036854775807.00", 0, "9223372036854775807"}, {"9223372036854775807.01", 1, ""}, {"1", 40, "1." + strings.Repeat("0", 40)},
		{"0.0000000000000000000000001", 3, ""}, {"1", -1, ""}, {"1", decimal.MaxScale + 1, ""},
	} {
		got, err := decimal.MustParse(c.in).Rescale(c.scale)
		if (err != nil) != (c.want == "") || err == nil && got.String() != c.want {
			t.Errorf("%s.Rescale(%d) = %v, %v; want %q", c.in, c.scale, got, err, c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	type price struct{ Amount decimal.Decimal }
	b, err := json.Marshal(price{decimal.MustParse("19.90")})
	if err != nil || string(b) != `{"Amount":"19.90"}` {
		t.Errorf("Marshal = %s, %v", b, err)
	}
	for _, text := range []string{`{"Amount":"19.90"}`, `{"Amount":19.90}`} {
		var p price
		if err := json.Unmarshal([]byte(text), &p); err != nil || p.Amount.String() != "19.90" {
			t.Errorf("Unmarshal(%s) = %v, %v", text, p, err)
		}
	}
	var p price
	if err := json.Unmarshal([]byte(`{"Amount":1e3}`), &p); err == nil {
		t.Errorf("Unmarshal of an exponent = %v, want an error", p)
	}
}

func TestBytesKnown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "\x00", "1": "\x01", "-1": "\xff", "127": "\x7f", "128": "\x00\x80", "-128": "\x80", "-129": "\xff\x7f", "256": "\x01\x00",
		"9223372036854775807":  "\x7f\xff\xff\xff\xff\xff\xff\xff",
		"-9223372036854775808": "\x80\x00\x00\x00\x00\x00\x00\x00",
		"9223372036854775808":  "\x00\x80\x00\x00\x00\x00\x00\x00\x00",
		"-9223372036854775809": "\xff\x7f\xff\xff\xff\xff\xff\xff\xff",
		"18446744073709551616": "\x01\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		got, err := decimal.AppendBytes(nil, decimal.MustParse(text), 30, 0)
		if err != nil || string(got) != want {
			t.Errorf("AppendBytes(%s) = %x, %v; want %x", text, got, err, want)
		}
		back, err := decimal.FromBytes(want, 30, 0)
		if err != nil || back.String() != text {
			t.Errorf("FromBytes(%x) = %v, %v; want %s", want, back, err, text)
		}
		fixed, err := decimal.AppendFixed([]byte("x"), decimal.MustParse(text), 30, 0, 12)
		if err != nil || len(fixed) != 13 {
			t.Fatalf("AppendFixed(%s) = %x, %v", text, fixed, err)
		}
		if back, err := decimal.FromBytes(string(fixed[1:]), 30, 0); err != nil || back.String() != text {
			t.Errorf("FromBytes(%x) = %v, %v; want %s", fixed[1:], back, err, text)
		}
	}
}

func TestBytesRefused(t *testing.T) {
	t.Parallel()
	dst := []byte("keep")
	for _, c := range []struct {
		text             string
		precision, scale int
	}{{"100", 2, 0}, {"-100", 2, 0}, {"0.001", 9, 2}, {"10", 3, 2}, {"1" + strings.Repeat("0", 30), 30, 0}} {
		if got, err := decimal.AppendBytes(dst, decimal.MustParse(c.text), c.precision, c.scale); err == nil || string(got) != "keep" {
			t.Errorf("AppendBytes(%s, %d, %d) = %x, %v; want an error and dst as it was", c.text, c.precision, c.scale, got, err)
		}
	}
	if got, err := decimal.AppendFixed(dst, decimal.New(128, 0), 9, 0, 1); err == nil {
		t.Errorf("AppendFixed(128, 1 byte) = %x, want an error", got)
	}
	if d, err := decimal.FromBytes("\x64", 2, 0); err == nil {
		t.Errorf("FromBytes(100, precision 2) = %v, want an error", d)
	}
	if d, err := decimal.FromBytes("\x01"+strings.Repeat("\x00", 1<<20), 38, 0); err == nil {
		t.Errorf("FromBytes of a megabyte = %v, want an error", d)
	}
	if d, err := decimal.FromBytes(strings.Repeat("\xff", 1<<20), 1, 0); err != nil || d.String() != "-1" {
		t.Errorf("FromBytes of a megabyte of sign = %v, %v; want -1", d, err)
	}
}

func TestLargestOfEachPrecisionFits(t *testing.T) {
	t.Parallel()
	for p := 1; p <= 100; p++ {
		for _, sign := range []string{"", "-"} {
			want := decimal.MustParse(sign + strings.Repeat("9", p))
			b, err := decimal.AppendBytes(nil, want, p, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := decimal.FromBytes(string(b), p, 0); err != nil || !got.Equal(want) {
				t.Errorf("%d digits came back as %v, %v", p, got, err)
			}
		}
	}
}

func TestFromBig(t *testing.T) {
	t.Parallel()
	n := new(big.Int).Lsh(big.NewInt(1), 70)
	d := decimal.FromBig(n, 2)
	n.SetInt64(1)
	if want := "11805916207174113034.24"; d.String() != want {
		t.Errorf("FromBig = %v, want %s: the argument must be copied", d, want)
	}
	if _, ok := d.Int64(); ok {
		t.Error("Int64 says that 2^70 fits")
	}
	if n, ok := decimal.FromBig(big.NewInt(math.MinInt64), 0).Int64(); !ok || n != math.MinInt64 {
		t.Errorf("Int64 = %d, %t", n, ok)
	}
}

func TestSmallDecimalsDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 64)
	d := decimal.MustParse("19.99")
	if n := testing.AllocsPerRun(100, func() {
		b, _ := decimal.AppendBytes(buf, d, 18, 2)
		if x, err := decimal.FromBytes("\x07\xcf", 18, 2); err != nil || !x.Equal(d) || len(b) != 2 {
			t.Error("19.99 did not come back")
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// What is read is written again as the same number.
func FuzzFromBytes(f *testing.F) {
	f.Add("", 5, 2)
	f.Add("\xff\x7f", 5, 2)
	f.Add("\x00\x80\x00\x00\x00\x00\x00\x00\x00", 20, 0)
	f.Fuzz(func(t *testing.T, s string, precision, scale int) {
		d, err := decimal.FromBytes(s, precision, scale)
		if err != nil {
			return
		}
		b, err := decimal.AppendBytes(nil, d, precision, scale)
		if err != nil {
			t.Fatalf("%v was read but not written: %v", d, err)
		}
		if again, err := decimal.FromBytes(string(b), precision, scale); err != nil || !again.Equal(d) {
			t.Fatalf("%v came back as %v, %v", d, again, err)
		}
		if text, err := decimal.Parse(d.String()); len(s) < 1000 && (err != nil || !text.Equal(d)) {
			t.Fatalf("%v parsed as %v, %v", d, text, err)
		}
	})
}

// A schema may say any precision; what is checked against it is the number, which
// is as long as its data.
func TestHugePrecisionCostsNothing(t *testing.T) {
	t.Parallel()
	done := make(chan error, 1)
	go func() {
		data := "\x7f" + strings.Repeat("\xff", 99)
		d, err := decimal.FromBytes(data, math.MaxInt32, 0)
		if err == nil {
			_, err = decimal.AppendBytes(nil, d, math.MaxInt32, 0)
		}
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("a number of 100 bytes is still being checked")
	}
}

// The number of digits is exact on both sides of each power of ten.
func TestPrecisionOfLargeNumbers(t *testing.T) {
	t.Parallel()
	for digits := 20; digits < 400; digits++ {
		least := decimal.MustParse("1" + strings.Repeat("0", digits-1))
		most := decimal.MustParse("-" + strings.Repeat("9", digits))
		for _, d := range []decimal.Decimal{least, most} {
			if _, err := decimal.AppendBytes(nil, d, digits, 0); err != nil {
				t.Errorf("%d digits: %v", digits, err)
			}
			if _, err := decimal.AppendBytes(nil, d, digits-1, 0); err == nil {
				t.Errorf("%d digits are taken for %d", digits, digits-1)
			}
		}
	}
}
