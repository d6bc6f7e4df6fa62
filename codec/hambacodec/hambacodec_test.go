package hambacodec_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/codec/hambacodec"
	"github.com/wireproof/wireproof/lang"
)

type order struct {
	ID     string            `avro:"id"`
	Count  int               `avro:"count"`
	Total  *big.Rat          `avro:"total"`
	Placed time.Time         `avro:"placed"`
	Note   *string           `avro:"note"`
	Items  []item            `avro:"items"`
	Tags   map[string]string `avro:"tags"`
	State  string            `avro:"state"`
	Hash   [4]byte           `avro:"hash"`
	Ship   *address          `avro:"ship"`
	Gift   bool              `avro:"gift"`
	Weight float64           `avro:"weight"`
}

type item struct {
	SKU string `avro:"sku"`
	Qty int64  `avro:"qty"`
}

type address struct {
	Street string `avro:"street"`
}

const orderText = `{"type":"record","name":"Order","namespace":"shop","fields":[
  {"name":"id","type":"string"},
  {"name":"count","type":"int"},
  {"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":6,"scale":2}},
  {"name":"placed","type":{"type":"long","logicalType":"timestamp-millis"}},
  {"name":"note","type":["null","string"],"default":null},
  {"name":"items","type":{"type":"array","items":{"type":"record","name":"Item","fields":[
    {"name":"sku","type":"string"},{"name":"qty","type":"long"}]}}},
  {"name":"tags","type":{"type":"map","values":"string"}},
  {"name":"state","type":{"type":"enum","name":"State","symbols":["NEW","PAID"]}},
  {"name":"hash","type":{"type":"fixed","name":"Hash","size":4}},
  {"name":"ship","type":["null","shop.Address"],"default":null},
  {"name":"gift","type":"boolean"},
  {"name":"weight","type":"double"}
]}`

func orderSource() lang.Source {
	address := lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"shop.Address","fields":[{"name":"street","type":"string"}]}`}
	return lang.Source{Type: lang.Avro, Text: orderText, References: []lang.Reference{{Name: "shop.Address", Source: &address}}}
}

func orderType(t testing.TB) *codec.Type[order] {
	t.Helper()
	typ, err := hambacodec.Type[order]("shop.Order", orderSource())
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func sample() *order {
	note := "as a gift"
	return &order{
		ID: "o-1", Count: -3, Total: big.NewRat(1999, 100), Placed: time.UnixMilli(1_700_000_000_123).UTC(),
		Note: &note, Items: []item{{"a", 1}, {"b", math.MinInt64}}, Tags: map[string]string{"k": "v"},
		State: "PAID", Hash: [4]byte{1, 2, 3, 4}, Ship: &address{"Main St"}, Gift: true, Weight: 0.5,
	}
}

func avroSource(text string) lang.Source { return lang.Source{Type: lang.Avro, Text: text} }

// record returns a schema with one field v of the given type.
func record(fieldType string) lang.Source {
	return avroSource(`{"type":"record","name":"R","fields":[{"name":"v","type":` + fieldType + `}]}`)
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	typ, want := orderType(t), sample()
	data, err := typ.Append([]byte("x"), want)
	if err != nil {
		t.Fatal(err)
	}
	var got order
	if err := typ.Decode(string(data[1:]), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got, cmp.Comparer(func(a, b *big.Rat) bool { return a.Cmp(b) == 0 })); diff != "" {
		t.Errorf("round trip (-want +got):\n%s", diff)
	}
}

// Truncated anywhere or with anything behind it, data is an error that knows its place.
func TestEveryTruncationAndTrailingBytesAreErrors(t *testing.T) {
	t.Parallel()
	typ := orderType(t)
	data, err := typ.Append(nil, sample())
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		if err := typ.Decode(string(data[:n]), new(order)); !isPlaced(err) {
			t.Errorf("Decode of the first %d of %d bytes = %v, want an error with its place", n, len(data), err)
		}
	}
	err = typ.Decode(string(data)+"\x00", new(order))
	if !isPlaced(err) || !strings.Contains(err.Error(), "1 bytes after the value") {
		t.Errorf("Decode with a byte behind = %v", err)
	}
}

func isPlaced(err error) bool {
	var p interface{ Place() (string, int) }
	return errors.As(err, &p)
}

func TestErrorsNameThePath(t *testing.T) {
	t.Parallel()
	typ := orderType(t)
	data, err := typ.Append(nil, sample())
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(data), "\x02b") // the length of the second item's SKU
	data[at] = 0x7e
	err = typ.Decode(string(data), new(order))
	var p interface{ Place() (string, int) }
	if !errors.As(err, &p) {
		t.Fatalf("Decode = %v", err)
	}
	if path, offset := p.Place(); path != "items[1].sku" || offset != at {
		t.Errorf("Place() = %q, %d; want items[1].sku, %d", path, offset, at)
	}
}

type list struct {
	V []int32 `avro:"v"`
}

// Seven bytes that claim 2^40 elements are an error at once, and cost nothing.
func TestForgedCountsAllocateNothing(t *testing.T) {
	for name, c := range map[string]struct {
		schema string
		data   []byte
	}{
		"array":          {`{"type":"array","items":"int"}`, binary.AppendVarint(nil, 1<<40)},
		"sized array":    {`{"type":"array","items":"int"}`, append(binary.AppendVarint(nil, -1<<40), 2)},
		"smallest count": {`{"type":"array","items":"int"}`, append(binary.AppendVarint(nil, math.MinInt64), 0, 0)},
		"records":        {`{"type":"array","items":{"type":"record","name":"E","fields":[]}}`, binary.AppendVarint(nil, 1<<40)},
		"nulls":          {`{"type":"array","items":"null"}`, binary.AppendVarint(nil, 1<<20)},
	} {
		src := record(c.schema)
		typ, err := hambacodec.Type[list]("R", src)
		if err != nil {
			t.Fatal(err)
		}
		if err := typ.Decode("", new(list)); err == nil {
			t.Errorf("%s: no error for no data", name)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err = typ.Decode(string(c.data), new(list))
		runtime.ReadMemStats(&after)
		if !isPlaced(err) {
			t.Errorf("%s: Decode(%x) = %v, want an error with its place", name, c.data, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: Decode(%x) allocated %d bytes", name, c.data, n)
		}
	}
}

// Many small blocks of elements that take no bytes are bounded together.
func TestElementsWithoutBytesAreBounded(t *testing.T) {
	t.Parallel()
	type nulls struct {
		V []*int32 `avro:"v"`
	}
	typ, err := hambacodec.Type[nulls]("R", record(`{"type":"array","items":"null"}`))
	if err != nil {
		t.Fatal(err)
	}
	data := strings.Repeat(string(binary.AppendVarint(nil, 1<<15)), 10) + "\x00"
	if err := typ.Decode(data, new(nulls)); !isPlaced(err) {
		t.Errorf("Decode = %v, want an error with its place", err)
	}
}

type node struct {
	Next *node `avro:"next"`
}

const nodeText = `{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}`

// A recursion as deep as the data is long would end the process.
func TestDepthIsBounded(t *testing.T) {
	t.Parallel()
	typ, err := hambacodec.Type[node]("N", avroSource(nodeText))
	if err != nil {
		t.Fatal(err)
	}
	var n node
	if err := typ.Decode(strings.Repeat("\x02", 100)+"\x00", &n); err != nil || n.Next.Next.Next == nil {
		t.Errorf("Decode of 100 nodes = %v", err)
	}
	if err := typ.Decode(strings.Repeat("\x02", 10_000_000)+"\x00", new(node)); !isPlaced(err) || !strings.Contains(err.Error(), "deep") {
		t.Errorf("Decode of 10,000,000 nodes = %.200v, want an error", err)
	}
}

// hamba/avro resolves a recursive schema until the stack is full.
func TestRecursiveWriterIsRefused(t *testing.T) {
	t.Parallel()
	typ, err := hambacodec.Type[node]("N", avroSource(nodeText))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := typ.Resolve(avroSource(nodeText + " ")); err != nil {
		t.Errorf("Resolve of its own layout = %v", err)
	}
	other := `{"type":"record","name":"N","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","N"]}]}`
	if _, err := typ.Resolve(avroSource(other)); err == nil || !strings.Contains(err.Error(), "recursive") {
		t.Errorf("Resolve of another recursive schema = %v, want an error", err)
	}
}

// Thirty records that each use the next one twice are a billion when written out.
func TestWriterThatGrowsWhenWrittenOutIsRefused(t *testing.T) {
	t.Parallel()
	typ, err := hambacodec.Type[list]("R", record(`{"type":"array","items":"int"}`))
	if err != nil {
		t.Fatal(err)
	}
	inner := `"int"`
	for i := range 30 {
		inner = fmt.Sprintf(`{"type":"record","name":"X%d","fields":[{"name":"a","type":%s},{"name":"b","type":"X%d"}]}`, i, inner, i-1)
		inner = strings.ReplaceAll(inner, `"X-1"`, `"int"`)
	}
	if _, err := typ.Resolve(record(inner)); err == nil || !strings.Contains(err.Error(), "written out") {
		t.Errorf("Resolve = %v, want an error", err)
	}
}

// A Go int that does not fit is an error, where hamba/avro writes 0.
func TestIntIsNotTruncated(t *testing.T) {
	t.Parallel()
	typ := orderType(t)
	for _, n := range []int{1 << 40, math.MaxInt32 + 1, math.MinInt32 - 1} {
		v := sample()
		v.Count = n
		got, err := typ.Append([]byte("x"), v)
		if err == nil || string(got) != "x" || !strings.Contains(err.Error(), "field count") {
			t.Errorf("Append with count %d = %q, %v; want an error that names the field", n, got, err)
		}
	}
	type unions struct {
		V any `avro:"v"`
	}
	u, err := hambacodec.Type[unions]("R", record(`["null","int","string"]`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := u.Append(nil, &unions{1 << 40}); err == nil {
		t.Errorf("Append of 1<<40 into a union with int = %x, want an error", got)
	}
	if _, err := u.Append(nil, &unions{7}); err != nil {
		t.Errorf("Append of 7 into a union with int = %v", err)
	}
}

// 1/3 is an error, where hamba/avro writes 0.33.
func TestDecimalIsNotRounded(t *testing.T) {
	t.Parallel()
	typ := orderType(t)
	for _, r := range []*big.Rat{big.NewRat(1, 3), big.NewRat(1, 1000), big.NewRat(10_000, 1), big.NewRat(-10_000, 1)} {
		v := sample()
		v.Total = r
		if got, err := typ.Append(nil, v); err == nil || !strings.Contains(err.Error(), "field total") {
			t.Errorf("Append with total %s = %x, %v; want an error that names the field", r, got, err)
		}
	}
	v := sample()
	v.Total = big.NewRat(-999_999, 100)
	if _, err := typ.Append(nil, v); err != nil {
		t.Errorf("Append of -9999.99 = %v", err)
	}
}

func TestGoTypesThatAreTooNarrowAreRefused(t *testing.T) {
	t.Parallel()
	type small struct {
		V int8 `avro:"v"`
	}
	type deep struct {
		V map[string][]*small `avro:"v"`
	}
	type unsigned struct {
		V uint32 `avro:"v"`
	}
	_, err := hambacodec.Type[small]("R", record(`"int"`))
	_, errDeep := hambacodec.Type[deep]("R", record(`{"type":"map","values":{"type":"array","items":["null",{"type":"record","name":"S","fields":[{"name":"v","type":"int"}]}]}}`))
	_, errUnsigned := hambacodec.Type[unsigned]("R", record(`"long"`))
	for _, err := range []error{err, errDeep, errUnsigned} {
		if err == nil || !strings.Contains(err.Error(), "does not hold every Avro") {
			t.Errorf("Type = %v, want an error", err)
		}
	}
}

func TestResolveReadsOldWriters(t *testing.T) {
	t.Parallel()
	type reader struct {
		ID    string `avro:"id"`
		N     int64  `avro:"n"`
		Added string `avro:"added"`
	}
	typ, err := hambacodec.Type[reader]("R", avroSource(`{"type":"record","name":"R","fields":[
		{"name":"id","type":"string"},{"name":"n","type":"long"},{"name":"added","type":"string","default":"none"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	decode, err := typ.Resolve(avroSource(`{"type":"record","name":"R","fields":[
		{"name":"n","type":"int"},{"name":"gone","type":{"type":"array","items":"string"}},{"name":"id","type":"string"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var got reader
	if err := decode("\x0e\x02\x02x\x00\x04ab", &got); err != nil || got != (reader{"ab", 7, "none"}) {
		t.Errorf("decode = %+v, %v", got, err)
	}
	if err := decode("\x0e\x02\x02x\x00\x04ab\x00", &got); err == nil {
		t.Error("trailing byte of an old writer is no error")
	}
	if _, err := typ.Resolve(avroSource(`{"type":"record","name":"R","fields":[{"name":"n","type":"string"}]}`)); err == nil {
		t.Error("Resolve of a schema without id and with another n succeeded")
	}
	if _, err := typ.Resolve(lang.Source{Type: lang.Protobuf}); err == nil {
		t.Error("Resolve of a Protobuf schema succeeded")
	}
}

// A decimal of another scale or a time of another unit would be another value.
func TestOtherMeaningIsRefused(t *testing.T) {
	t.Parallel()
	decimal := func(scale int) string {
		return fmt.Sprintf(`{"type":"bytes","logicalType":"decimal","precision":6,"scale":%d}`, scale)
	}
	millis, micros := `{"type":"long","logicalType":"timestamp-millis"}`, `{"type":"long","logicalType":"timestamp-micros"}`
	type rat struct {
		V *big.Rat `avro:"v"`
	}
	type when struct {
		V []time.Time `avro:"v"`
	}
	r, err := hambacodec.Type[rat]("R", record(decimal(3)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resolve(record(decimal(2))); err == nil || !strings.Contains(err.Error(), "scale 2") {
		t.Errorf("Resolve of another scale = %v, want an error", err)
	}
	array := func(items string) lang.Source { return record(`{"type":"array","items":` + items + `}`) }
	w, err := hambacodec.Type[when]("R", array(millis))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Resolve(array(micros)); err == nil || !strings.Contains(err.Error(), "timestamp-micros") {
		t.Errorf("Resolve of another unit = %v, want an error", err)
	}
}

func TestUnionOfRecords(t *testing.T) {
	t.Parallel()
	type a struct {
		N int `avro:"n"`
	}
	type b struct {
		N int64 `avro:"n"`
	}
	type holder struct {
		V any `avro:"v"`
	}
	src := record(`[{"type":"record","name":"A","fields":[{"name":"n","type":"int"}]},{"type":"record","name":"B","fields":[{"name":"n","type":"long"}]}]`)
	typ, err := hambacodec.Type[holder]("R", src, hambacodec.Union("A", &a{}), hambacodec.Union("B", &b{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []any{&a{7}, &b{1 << 40}} {
		data, err := typ.Append(nil, &holder{want})
		if err != nil {
			t.Fatal(err)
		}
		var got holder
		if err := typ.Decode(string(data), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.V); diff != "" {
			t.Errorf("union (-want +got):\n%s", diff)
		}
	}
}

// Two programs' types in one process do not see each other's names.
func TestNothingIsShared(t *testing.T) {
	t.Parallel()
	orderType(t)
	if _, err := hambacodec.Type[list]("R", record(`"shop.Item"`)); err == nil {
		t.Error("a name of another schema resolved")
	}
}

func TestTypeRefuses(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]lang.Source{
		"no JSON":      avroSource(`{`),
		"no record":    avroSource(`"int"`),
		"another name": avroSource(`{"type":"record","name":"Q","fields":[]}`),
		"no Avro":      {Type: lang.Protobuf, Text: `message R {}`},
		"bad reference": {Text: `{"type":"record","name":"R","fields":[]}`, References: []lang.Reference{
			{Name: "x", Source: &lang.Source{Text: "{"}}}},
	} {
		if _, err := hambacodec.Type[list]("R", src); err == nil {
			t.Errorf("%s: Type succeeded", name)
		}
	}
}

// Whatever passes the check, hamba/avro decodes without a panic; and what it
// decodes it encodes again to a value that is read as the same one.
func FuzzDecode(f *testing.F) {
	typ := orderType(f)
	data, err := typ.Append(nil, sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	f.Add("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	nodes, err := hambacodec.Type[node]("N", avroSource(nodeText))
	if err != nil {
		f.Fatal(err)
	}
	f.Add("\x02\x02\x00")
	f.Fuzz(func(t *testing.T, data string) {
		_ = nodes.Decode(data, new(node))
		var v order
		if err := typ.Decode(data, &v); err != nil {
			if strings.Contains(err.Error(), "panicked") {
				t.Fatal(err)
			}
			return
		}
		again, err := typ.Append(nil, &v)
		if err != nil {
			return // a decimal beyond its precision, or a time outside Go's
		}
		var second order
		if err := typ.Decode(string(again), &second); err != nil {
			t.Fatalf("Decode of %x, which was encoded = %v", again, err)
		}
	})
}
