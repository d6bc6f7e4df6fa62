package avrotest_test

import (
	"encoding/binary"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/codec/decimal"
	eventsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/events/v1"
	kindsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/kinds/v1"
)

func long(n int64) string { return string(binary.AppendVarint(nil, n)) }

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestForgedCountsDoNotAllocate(t *testing.T) {
	// buyer, no witness, subject "", and then the parties: 17 bytes each.
	head := strings.Repeat("\x00", 17) + "\x00" + "\x06\x00"
	for name, count := range map[string]string{
		"huge":               long(1 << 40),
		"largest":            long(math.MaxInt64),
		"smallest":           long(math.MinInt64) + long(0),
		"negative":           long(-1<<40) + long(8),
		"size beyond":        long(-1) + long(1<<40),
		"negative size":      long(-1) + long(-1),
		"one more than fits": long(101),
	} {
		data := head + count + strings.Repeat("\x00", 17*100)
		n := allocated(func() {
			if err := new(eventsv1.ContractSigned).DecodeAvro(data); err == nil {
				t.Errorf("%s: accepted", name)
			}
		})
		if n > 64<<10 {
			t.Errorf("%s: %d bytes allocated for %d bytes of data", name, n, len(data))
		}
	}
	sized := head + long(-2) + long(34) + strings.Repeat("\x00", 34) + "\x00"
	var c eventsv1.ContractSigned
	if err := c.DecodeAvro(sized); err != nil || len(c.Parties) != 2 {
		t.Errorf("a block with its size: %d parties, %v", len(c.Parties), err)
	}
}

// Room for an optional part is made when it is there, so what a message takes in
// memory is a small multiple of its size.
func TestAbsentPartsTakeNoRoom(t *testing.T) {
	const rows = 10_000
	data := long(rows) + strings.Repeat("\x02\x02\x00\x00", rows) + "\x00"
	var w kindsv1.Wide
	n := allocated(func() {
		if err := w.DecodeAvro(data); err != nil || len(w.Rows) != rows {
			t.Errorf("%d rows, %v", len(w.Rows), err)
		}
	})
	if n > 64*uint64(len(data)) {
		t.Errorf("%d bytes allocated for %d bytes of data", n, len(data))
	}
	page := &kindsv1.Page{1, 2}
	in := &kindsv1.Wide{Rows: []kindsv1.Row{{Number: ptr(int32(1)), Page: page}, {Page: page, Note: ptr("n")}}}
	var back kindsv1.Wide
	if err := back.DecodeAvro(encode(t, in)); err != nil || !cmp.Equal(in, &back) {
		t.Errorf("came back as %+v, %v", back, err)
	}
}

func TestItemsWithoutBytesAreBounded(t *testing.T) {
	t.Parallel()
	e := everything()
	e.Nulls = make([]struct{}, 1<<17)
	if err := new(kindsv1.Everything).DecodeAvro(encode(t, e)); err == nil || !strings.Contains(err.Error(), "take no bytes") {
		t.Errorf("DecodeAvro = %v, want an error: nothing bounds the count of nulls", err)
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 8<<10)
	order := &kindsv1.Order{
		ID: "o-1", Note: ptr("n"), Lines: []kindsv1.Line{{SKU: "s", Quantity: 300, Tags: map[string]string{"a": "b"}}}, Choice: &kindsv1.Line{},
	}
	signed, all := contract(), everything()
	all.Huge = decimal.New(7, 0) // one beyond 64 bits is a big.Int
	for name, f := range map[string]func() ([]byte, error){
		"order":      func() ([]byte, error) { return order.AppendAvro(buf) },
		"contract":   func() ([]byte, error) { return signed.AppendAvro(buf) },
		"everything": func() ([]byte, error) { return all.AppendAvro(buf) },
		"type":       func() ([]byte, error) { return kindsv1.OrderType().Append(buf, order) },
	} {
		if n := testing.AllocsPerRun(100, func() {
			if _, err := f(); err != nil {
				t.Error(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations, want 0", name, n)
		}
	}
}

func TestDecodeAllocatesOnlyTheValue(t *testing.T) {
	order := &kindsv1.Order{ID: "o-1", Note: ptr("n"), Lines: make([]kindsv1.Line, 3), Data: []byte("x")}
	data := encode(t, order)
	var got kindsv1.Order
	n := testing.AllocsPerRun(100, func() {
		got = kindsv1.Order{}
		if err := got.DecodeAvro(data); err != nil {
			t.Error(err)
		}
	})
	// The note, the lines, the data; and the Reader under the race detector.
	if n > 4 {
		t.Errorf("%v allocations, want 3", n)
	}
}

// What is read is written and read again as the same value.
func FuzzDecode(f *testing.F) {
	for _, v := range variants() {
		b, err := v.AppendAvro(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Fuzz(func(t *testing.T, data string) {
		fuzzLaw[kindsv1.Everything](t, data)
		fuzzLaw[kindsv1.Tree](t, data)
		fuzzLaw[eventsv1.ContractSigned](t, data)
		fuzzLaw[kindsv1.Order](t, data)
		_ = kindsv1.EverythingType().Decode(data, new(kindsv1.Everything))
	})
}

func fuzzLaw[T any, P value[T]](t *testing.T, data string) {
	var v, again T
	if err := P(&v).DecodeAvro(data); err != nil {
		if _, ok := err.(*avrowire.Error); !ok {
			t.Fatalf("DecodeAvro = %T %v, want an Error", err, err)
		}
		return
	}
	b, err := P(&v).AppendAvro(nil)
	if err != nil {
		t.Fatalf("%+v was read and is not written: %v", v, err)
	}
	if err := P(&again).DecodeAvro(string(b)); err != nil {
		t.Fatalf("%+v was written and is not read: %v", v, err)
	}
	if diff := cmp.Diff(v, again, equateNaNs); diff != "" {
		t.Fatalf("came back otherwise:\n%s", diff)
	}
}

// equateNaNs lets a number that is none be equal to itself.
var equateNaNs = cmp.Options{
	cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }),
	cmp.Comparer(func(a, b float32) bool { return a == b || math.IsNaN(float64(a)) && math.IsNaN(float64(b)) }),
}
