package avrotest_test

import (
	"strings"
	"testing"

	kindsv1 "github.com/wireproof/wireproof/internal/generate/avrotest/gen/kinds/v1"
	"github.com/wireproof/wireproof/test/javaoracle"
)

// Each old writer's data means the same to Java, read by itself through
// resolution, as what we have read and written again in the new schema.
func TestEvolutionAgreesWithJava(t *testing.T) {
	java := javaoracle.Start(t)
	reader := kindsv1.OrderSchema().Text
	for name, c := range writers {
		src := writerOf(c.fields)
		data, err := oracle(t, src).Encode(c.value)
		if err != nil {
			t.Fatal(err)
		}
		want, rest, err := java.Decode(src.Text, reader, data)
		if err != nil || rest != 0 {
			t.Errorf("%s: Java: %v, %d bytes left", name, err, rest)
			continue
		}
		decode, err := kindsv1.OrderType().Resolve(src)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var got kindsv1.Order
		if err := decode(string(data), &got); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ours, rest, err := java.Decode(reader, reader, []byte(encode(t, &got)))
		if err != nil || rest != 0 || ours != want {
			t.Errorf("%s: %v, %d bytes left\n ours %s\n Java %s", name, err, rest, ours, want)
		}
	}
}

// Java reads what we write, to its end, and sees what we meant.
func TestAgreesWithJava(t *testing.T) {
	java := javaoracle.Start(t)
	schema := kindsv1.EverythingSchema().Text
	values := []string{
		"null", "true", "-1", "0.5", `"s"`, `"b"`, `{"id":2,"names":{}}`, `"GREEN"`, `"\u0001\u0000\u0000\u0000"`, `["a","b"]`, `{"null":null}`,
	}
	for i, v := range variants() {
		text, rest, err := java.Decode(schema, schema, []byte(encode(t, v)))
		if err != nil || rest != 0 {
			t.Errorf("variant %d: Java: %v, %d bytes left", i, err, rest)
			continue
		}
		for _, want := range []string{
			`"value":` + values[i] + `,"values":[1,"s",1772281815123]`, `"small":-70,"large":1099511627776,"single":1.5,"double_":-2.25`,
			`"day":-1,"opens":90000,"closes":1500,"at_ms":1772281815123,"at_us":1772281815123456,"at_ns":1772281815123456789`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("variant %d: Java reads %.3000s\nwithout %s", i, text, want)
			}
		}
	}
}
