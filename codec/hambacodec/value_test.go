package hambacodec

import (
	"math"
	"math/big"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/hamba/avro/v2"
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
