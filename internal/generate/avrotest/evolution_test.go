package avrotest_test

import (
	"errors"
	"strings"
	"testing"

	twmb "github.com/twmb/avro"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/codec/decimal"
	kindsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/kinds/v1"
	"github.com/wireproof/wireproof/lang"
)

// writers are old and new versions of the Order of the fixtures, each with a
// value in it.
var writers = map[string]struct {
	fields string
	value  map[string]any
}{
	"only the id": {`{"name":"id","type":"string"}`, map[string]any{"id": "o-1"}},
	"id as bytes": {`{"name":"id","type":"bytes"}`, map[string]any{"id": []byte("o-1")}},
	"promotions": {`{"name":"id","type":"string"},{"name":"amount","type":"float"},{"name":"count","type":"int"},{"name":"data","type":"string"}`,
		map[string]any{"id": "o-1", "amount": float32(0.5), "count": -70, "data": "text"}},
	"long to double":       {`{"name":"id","type":"string"},{"name":"amount","type":"long"}`, map[string]any{"id": "o-1", "amount": int64(1 << 40)}},
	"alias":                {`{"name":"total","type":"double"},{"name":"id","type":"string"}`, map[string]any{"id": "o-1", "total": 9.25}},
	"value becomes union":  {`{"name":"id","type":"string"},{"name":"note","type":"string"}`, map[string]any{"id": "o-1", "note": "n"}},
	"union becomes value":  {`{"name":"id","type":["null","string"]}`, map[string]any{"id": "o-1"}},
	"union to other union": {`{"name":"id","type":"string"},{"name":"choice","type":["string","int","null"]}`, map[string]any{"id": "o-1", "choice": int32(7)}},
	"int into union":       {`{"name":"id","type":"string"},{"name":"choice","type":"int"}`, map[string]any{"id": "o-1", "choice": int32(-7)}},
	"enum": {`{"name":"id","type":"string"},{"name":"state","type":{"type":"enum","name":"State","symbols":["DONE","LOST","OPEN"]}}`,
		map[string]any{"id": "o-1", "state": "DONE"}},
	"enum default": {`{"name":"id","type":"string"},{"name":"state","type":{"type":"enum","name":"State","symbols":["DONE","LOST","OPEN"]}}`,
		map[string]any{"id": "o-1", "state": "LOST"}},
	"items": {`{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
			{"name":"weight","type":"double"},{"name":"quantity","type":"int"},{"name":"sku","type":"string"}]}}},{"name":"id","type":"string"}`,
		map[string]any{"id": "o-1", "lines": []any{map[string]any{"weight": 1.5, "quantity": int32(3), "sku": "a"}, map[string]any{"weight": 0.0, "quantity": int32(4), "sku": "b"}}}},
	"items by alias": {`{"name":"id","type":"string"},{"name":"first","type":{"type":"record","name":"Row","fields":[{"name":"sku","type":"string"}]}}`,
		map[string]any{"id": "o-1", "first": map[string]any{"sku": "s"}}},
	"removed": {`{"name":"a","type":{"type":"array","items":["null",{"type":"map","values":"long"}]}},{"name":"b","type":{"type":"fixed","name":"B","size":3}},
			{"name":"c","type":["null","boolean"]},{"name":"id","type":"string"},{"name":"d","type":{"type":"record","name":"D","fields":[{"name":"d","type":["null","D"]},{"name":"f","type":"float"}]}},
			{"name":"e","type":{"type":"enum","name":"E","symbols":["X"]}},{"name":"n","type":"null"}`,
		map[string]any{"a": []any{nil, map[string]any{"k": int64(5)}}, "b": []byte{1, 2, 3}, "c": true, "id": "o-1",
			"d": map[string]any{"d": map[string]any{"d": nil, "f": float32(2)}, "f": float32(1)}, "e": "X", "n": nil}},
	"every field in reverse": {`{"name":"data","type":"bytes"},{"name":"key","type":{"type":"fixed","name":"Key","size":2}},{"name":"choice","type":["null","long","string"]},
			{"name":"at","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
			{"name":"state","type":{"type":"enum","name":"State","symbols":["UNKNOWN","OPEN","DONE"]}},{"name":"note","type":["null","string"]},
			{"name":"count","type":"long"},{"name":"amount","type":"double"},{"name":"id","type":"string"}`,
		map[string]any{"data": []byte("d"), "key": []byte("kk"), "choice": "c", "at": int64(77), "price": []byte{1, 2}, "state": "OPEN", "note": "n", "count": int64(4), "amount": 2.5, "id": "o-1"}},
}

func writerOf(fields string) lang.Source {
	return lang.Source{Type: lang.Avro, Path: "writer.avsc", Text: `{"type":"record","name":"Order","namespace":"kinds.v1","fields":[` + fields + `]}`}
}

// Each old writer's data is read as twmb/avro reads it.
func TestEvolutionAgreesWithTwmb(t *testing.T) {
	t.Parallel()
	reader := oracle(t, kindsv1.OrderSchema())
	for name, c := range writers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := writerOf(c.fields)
			writer := oracle(t, src)
			data, err := writer.Encode(c.value)
			if err != nil {
				t.Fatal(err)
			}
			resolved, err := twmb.Resolve(writer, reader)
			var want string
			if err == nil {
				var native any
				if _, err := resolved.Decode(data, &native); err != nil {
					t.Fatal(err)
				}
				b, err := reader.Encode(native)
				if err != nil {
					t.Fatal(err)
				}
				want = string(b)
			} else if name != "union becomes value" { // which only we read, as the specification says
				t.Fatal(err)
			}
			decode, err := kindsv1.OrderType().Resolve(src)
			if err != nil {
				t.Fatal(err)
			}
			var got kindsv1.Order
			if err := decode(string(data), &got); err != nil {
				t.Fatal(err)
			}
			if ours := encode(t, &got); want != "" && ours != want {
				t.Errorf("read as %+v\n ours   %x\n theirs %x", got, ours, want)
			}
			if got.ID != "o-1" {
				t.Errorf("id %q", got.ID)
			}
			for n := range len(data) {
				if err := decode(string(data[:n]), new(kindsv1.Order)); err == nil {
					t.Errorf("%d of %d bytes are accepted", n, len(data))
				}
			}
			if err := decode(string(data)+"x", new(kindsv1.Order)); err == nil {
				t.Error("a byte after the value is accepted")
			}
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	decode, err := kindsv1.OrderType().Resolve(writerOf(`{"name":"id","type":"string"}`))
	if err != nil {
		t.Fatal(err)
	}
	var got kindsv1.Order
	if err := decode("\x02x", &got); err != nil {
		t.Fatal(err)
	}
	want := kindsv1.Order{
		ID: "x", Amount: 1.5, Count: -3, State: kindsv1.StateOpen, Price: decimal.MustParse("-2.55"), At: got.At, Key: kindsv1.Key{0, 255},
		First: kindsv1.Line{SKU: "none", Quantity: 1, Tags: map[string]string{"a": "b"}}, Data: []byte{},
	}
	if diff := cmp.Diff(want, got); diff != "" || got.At.UnixMicro() != 0 {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestRootByAlias(t *testing.T) {
	t.Parallel()
	src := lang.Source{Type: lang.Avro, Path: "writer.avsc", Text: `{"type":"record","name":"kinds.v0.Purchase","fields":[{"name":"id","type":"string"}]}`}
	decode, err := kindsv1.OrderType().Resolve(src)
	if err != nil {
		t.Fatal(err)
	}
	var got kindsv1.Order
	if err := decode("\x02x", &got); err != nil || got.ID != "x" {
		t.Errorf("%+v, %v", got, err)
	}
}

// The unit of a timestamp is part of its meaning.
func TestUnitsAreConverted(t *testing.T) {
	t.Parallel()
	for logical, want := range map[string]int64{"timestamp-millis": 1700000000123000, "timestamp-nanos": 1700000000, "timestamp-micros": 1700000000123} {
		src := writerOf(`{"name":"id","type":"string"},{"name":"at","type":{"type":"long","logicalType":"` + logical + `"}}`)
		decode, err := kindsv1.OrderType().Resolve(src)
		if err != nil {
			t.Fatal(err)
		}
		var got kindsv1.Order
		if err := decode("\x00"+long(1700000000123), &got); err != nil || got.At.UnixMicro() != want {
			t.Errorf("%s: %d, %v; want %d", logical, got.At.UnixMicro(), err, want)
		}
	}
}

func TestRefusedWriters(t *testing.T) {
	t.Parallel()
	for fields, want := range map[string]string{
		`{"name":"amount","type":"double"}`: `field "id": the writer lacks it`,
		`{"name":"id","type":"long"}`:       `field "id": long cannot be read as string`,
		`{"name":"id","type":"string"},{"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}}`: "scale 3 cannot be read",
		`{"name":"id","type":"string"},{"name":"key","type":{"type":"fixed","name":"Key","size":3}}`:                             "fixed Key",
		`{"name":"id","type":"string"},{"name":"first","type":{"type":"record","name":"Other","fields":[]}}`:                     "record",
		`{"name":"id","type":"string"},{"name":"count","type":["null","string"]}`:                                                `field "count"`,
		`{"name":"id","type":`: "parse the writer's schema",
	} {
		if _, err := kindsv1.OrderType().Resolve(writerOf(fields)); err == nil || !strings.Contains(err.Error(), want) && !strings.Contains(err.Error(), strings.Replace(want, "Key", "kinds.v1.Key", 1)) {
			t.Errorf("%s: Resolve = %v, want %q", fields, err, want)
		}
	}
}

// What a message does not use does not stop it.
func TestUnreadablePartsAreLazy(t *testing.T) {
	t.Parallel()
	decode, err := kindsv1.OrderType().Resolve(writerOf(`{"name":"id","type":["string","long"]},
		{"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[]}}},
		{"name":"choice","type":["null",{"type":"map","values":"int"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for data, path := range map[string]string{"\x00\x02x\x00\x00": "", "\x02\x02\x00\x00": "id", "\x00\x02x\x02\x00\x00": "lines[0]", "\x00\x02x\x00\x02\x00": "choice"} {
		err := decode(data, new(kindsv1.Order))
		var e *avrowire.Error
		if path == "" && err != nil || path != "" && (!errors.As(err, &e) || e.Path != path) {
			t.Errorf("%x: %v, want an error at %q", data, err, path)
		}
	}
}

// Defaults must not let a small message become a large one.
func TestAmplificationIsBounded(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 1<<16)
	reader := lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":{"type":"record","name":"I","fields":[
		{"name":"n","type":"null"},{"name":"s","type":"string","default":"` + big + `"}]}}}]}`}
	writer := lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"R","fields":[{"name":"a","type":{"type":"array","items":{"type":"record","name":"I","fields":[{"name":"n","type":"null"}]}}}]}`}
	decode, err := avrowire.Resolver(reader, func(v *string, data string) error { *v = data; return nil })(writer)
	if err != nil {
		t.Fatal(err)
	}
	var out string
	if err := decode(long(3)+long(0), &out); err != nil || len(out) < 3*len(big) {
		t.Errorf("3 items: %d bytes, %v", len(out), err)
	}
	if err := decode(long(60000)+long(0), &out); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("60000 items of no bytes: %v, want an error", err)
	}
}

// Whatever bytes an old writer is said to have written, reading them ends, and
// what is read can be written.
func FuzzEvolution(f *testing.F) {
	var all []func(string, *kindsv1.Order) error
	for name, c := range writers {
		decode, err := kindsv1.OrderType().Resolve(writerOf(c.fields))
		if err != nil {
			f.Fatal(name, err)
		}
		all = append(all, decode)
	}
	f.Add("\x06o-1\x00\x00\x00\x00")
	f.Fuzz(func(t *testing.T, data string) {
		for _, decode := range all {
			var v kindsv1.Order
			if decode(data, &v) == nil {
				if _, err := v.AppendAvro(nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
