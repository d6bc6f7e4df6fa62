package hambacodec

import (
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hamba/avro/v2"

	"github.com/wireproof/wireproof/lang"
)

// The short way never lets a number pass that the long way refuses.
func TestFitsIsNeverTooGenerous(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	agreed := 0
	for range 20_000 {
		precision, scale := 1+random.IntN(20), random.IntN(20)
		r := big.NewRat(random.Int64N(math.MaxInt64)>>random.IntN(63)*(1-2*random.Int64N(2)), 1+random.Int64N(1000)>>random.IntN(10))
		ten := func(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }
		scaled := new(big.Rat).Mul(r, new(big.Rat).SetInt(ten(scale)))
		want := scaled.IsInt() && scaled.Num().CmpAbs(ten(precision)) < 0
		if got := fits(r, precision, scale); got && !want {
			t.Fatalf("fits(%s, %d, %d) = true", r, precision, scale)
		} else if got {
			agreed++
		}
	}
	if agreed == 0 {
		t.Error("the short way was never taken")
	}
}

// A struct without a number that could be written wrongly is not looked at.
func TestGuardIsIdleWhereNothingCanGoWrong(t *testing.T) {
	t.Parallel()
	schema, err := avro.ParseWithCache(`{"type":"record","name":"R","fields":[{"name":"a","type":"string"},{"name":"b","type":{"type":"array","items":["null","int"]}}]}`, "", &avro.SchemaCache{})
	if err != nil {
		t.Fatal(err)
	}
	type safe struct {
		A string   `avro:"a"`
		B []*int32 `avro:"b"`
	}
	type wide struct {
		A string `avro:"a"`
		B []*int `avro:"b"`
	}
	if !newGuard(schema, reflect.TypeFor[safe]()).idle {
		t.Error("a struct with int32 is looked at")
	}
	if newGuard(schema, reflect.TypeFor[wide]()).idle {
		t.Error("a struct with int is not looked at")
	}
}

// Fields are found as hamba/avro finds them: by tag, by name, in embedded structs.
func TestGuardFindsFields(t *testing.T) {
	t.Parallel()
	type Base struct {
		N int `avro:"n"`
	}
	type tagged struct{ Base }
	type named struct {
		N int // by its own name
	}
	type pointed struct{ *Base }
	for name, c := range map[string]struct {
		field string
		value any
		want  bool
	}{
		"embedded":     {"n", tagged{Base{1 << 40}}, true},
		"name":         {"N", named{1 << 40}, true},
		"no such":      {"other", named{1 << 40}, false},
		"pointer":      {"n", pointed{&Base{1 << 40}}, true},
		"nil embedded": {"n", pointed{}, false},
		"map":          {"n", map[string]any{"n": 1 << 40}, true},
		"in range":     {"n", map[string]any{"n": math.MinInt32}, false},
	} {
		cache := &avro.SchemaCache{}
		schema, err := avro.ParseWithCache(`{"type":"record","name":"R","fields":[{"name":"`+c.field+`","type":"int"}]}`, "", cache)
		if err != nil {
			t.Fatal(err)
		}
		err = newGuard(schema, reflect.TypeOf(c.value)).checkValue(schema, reflect.ValueOf(c.value))
		if (err != nil) != c.want {
			t.Errorf("%s: checkValue = %v, want an error: %v", name, err, c.want)
		}
	}
}

// hamba/avro cuts days off towards 1970, and numbers off at their 32 or 64 bits.
func TestTimesThatWouldBeOthers(t *testing.T) {
	t.Parallel()
	type event struct {
		V *time.Time `avro:"v"`
	}
	noon := time.Date(1969, 12, 31, 12, 0, 0, 0, time.UTC)
	far := time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		logical string
		v       time.Time
		ok      bool
	}{
		{"int date", noon, false}, {"int date", noon.Add(-12 * time.Hour), true}, {"int date", noon.Add(24 * time.Hour), true},
		{"int date", time.Unix(math.MaxInt32*86400, 0), true}, {"int date", time.Unix((math.MaxInt32+1)*86400, 0), false},
		{"long timestamp-micros", far, false}, {"long timestamp-millis", far, true}, {"long timestamp-millis", time.Unix(1<<60, 0), false},
		{"long local-timestamp-micros", far, false}, {"long timestamp-micros", noon, true},
	} {
		kind, logical, _ := strings.Cut(c.logical, " ")
		text := `{"type":"record","name":"R","fields":[{"name":"v","type":["null",{"type":"` + kind + `","logicalType":"` + logical + `"}]}]}`
		typ, err := Type[event]("R", lang.Source{Type: lang.Avro, Text: text})
		if err != nil {
			t.Fatal(err)
		}
		if out, err := typ.Append(nil, &event{&c.v}); (err == nil) != c.ok {
			t.Errorf("%s of %s: %x, %v; want an error: %t", c.logical, c.v, out, err, !c.ok)
		}
	}
}

// Data of another unit is refused also where a union lies between.
func TestOtherUnitIntoUnionIsRefused(t *testing.T) {
	t.Parallel()
	type event struct {
		V *time.Time `avro:"v"`
	}
	source := func(typ string) lang.Source {
		return lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"R","fields":[{"name":"v","type":` + typ + `}]}`}
	}
	typ, err := Type[event]("R", source(`["null",{"type":"long","logicalType":"timestamp-millis"}]`))
	if err != nil {
		t.Fatal(err)
	}
	for _, writer := range []string{`{"type":"int","logicalType":"date"}`, `["null",{"type":"int","logicalType":"date"}]`} {
		if decode, err := typ.Resolve(source(writer)); err == nil {
			var v event
			t.Errorf("%s is resolved; 1 becomes %v, %v", writer, decode("\x02\x02", &v), v.V)
		}
	}
}

// A precision is a number in a schema, which costs nothing by itself.
func TestHugePrecision(t *testing.T) {
	t.Parallel()
	type event struct {
		V *big.Rat `avro:"v"`
	}
	typ, err := Type[event]("R", lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"R","fields":[{"name":"v","type":{"type":"bytes","logicalType":"decimal","precision":2147483647}}]}`})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := typ.Append(nil, &event{new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 100))})
		done <- err
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the number is still being checked")
	}
}

// In a union with a long, hamba/avro writes an int64 as one, and an int as an int.
func TestLongBesideInt(t *testing.T) {
	t.Parallel()
	type event struct {
		V any `avro:"v"`
	}
	typ, err := Type[event]("R", lang.Source{Type: lang.Avro, Text: `{"type":"record","name":"R","fields":[{"name":"v","type":["null","int","long"]}]}`})
	if err != nil {
		t.Fatal(err)
	}
	for v, ok := range map[any]bool{int64(1) << 40: true, int64(5): true, 1 << 40: false, 5: true} {
		out, err := typ.Append(nil, &event{v})
		var back event
		if err == nil {
			err = typ.Decode(string(out), &back)
		}
		if (err == nil) != ok || ok && back.V != v {
			t.Errorf("%T %v: %x, read as %v, %v", v, v, out, back.V, err)
		}
	}
}

// A schema without a type is taken for Avro, also by who reads its data.
func TestSchemaWithoutType(t *testing.T) {
	t.Parallel()
	type event struct {
		V int32 `avro:"v"`
	}
	typ, err := Type[event]("R", lang.Source{Text: `{"type":"record","name":"R","fields":[{"name":"v","type":"int"}]}`})
	if err != nil {
		t.Fatal(err)
	}
	if typ.Source.Type != lang.Avro {
		t.Errorf("the type of the schema is %q: what is registered as Avro is then refused as another", typ.Source.Type)
	}
}
