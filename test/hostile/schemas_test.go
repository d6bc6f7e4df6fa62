package hostile_test

import (
	"fmt"
	"strings"
	"testing"
)

// schemas are attacks on the parsers of the languages.
func schemas(t testing.TB) []attack {
	var out []attack
	add := func(name, typ, schema string, want int) {
		out = append(out, attack{name: typ + ": " + name, body: text(request(t, typ, schema)), want: want})
	}
	for _, typ := range []string{"AVRO", "JSON", "PROTOBUF"} {
		for _, c := range []string{"{", "}", "[", "(", "<", `"`, "/*", "\\", "'", ";", ",", "-", "\u202e", "\n{", "{\"a\":", "[[", "syntax=\"proto3\";message M{"} {
			n := 400_000 / len(c)
			if c == ";" && typ == "PROTOBUF" {
				n = 600_000 // empty statements are allowed, up to the limit of their number
			}
			add(fmt.Sprintf("400 KB of %q", c), typ, strings.Repeat(c, n), 422)
		}
		add("1 MB and a byte", typ, strings.Repeat(" ", 1<<20)+"a", 422)
		add("100,000 arrays", typ, nest(100_000, "[", "", "]"), 422)
		add("zero bytes", typ, strings.Repeat("\x00", 1000), 422)
		add("zero byte at the end", typ, "\"int\"\x00", 422)
		add("replacement characters", typ, "\xff\xfe\xfd", 422)
	}
	add("100,000 deep", "AVRO", nest(100_000, `{"type":"array","items":`, `"int"`, "}"), 422)
	add("1,000,000 symbols", "AVRO", `{"type":"enum","name":"E","symbols":[`+many(1_000_000, func(int) string { return `"a"` })+`]}`, 413)
	add("80,000 unknown names", "AVRO", `[`+many(80_000, func(i int) string { return fmt.Sprintf(`"n%d"`, i) })+`]`, 422)
	add("the same symbol", "AVRO", `{"type":"enum","name":"E","symbols":[`+many(200_000, func(int) string { return `"a"` })+`]}`, 422)
	add("the same field", "AVRO", `{"type":"record","name":"R","fields":[`+many(30_000, func(int) string { return `{"name":"a","type":"int"}` })+`]}`, 422)
	add("itself as union", "AVRO", `["R",{"type":"record","name":"R","fields":[]}]`, 422)
	add("huge fixed", "AVRO", `{"type":"fixed","name":"F","size":1e300}`, 422)
	add("long number", "AVRO", `{"type":"fixed","name":"F","size":`+strings.Repeat("9", 900_000)+`}`, 422)
	add("name with a newline", "AVRO", `{"type":"fixed","name":"F\nG","size":1}`, 422)

	add("100,000 deep", "JSON", nest(100_000, `{"not":`, "{}", "}"), 422)
	add("100,000 references", "JSON", nest(10_000, `{"allOf":[`, "{}", "]}"), 422)
	add("a ring of references", "JSON", `{"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}}}`, 422)
	add("a reference to itself", "JSON", `{"$ref":"#"}`, 422)
	add("long exponent", "JSON", `{"multipleOf":1e1000000000}`, 422)
	add("long number", "JSON", `{"maximum":`+strings.Repeat("9", 900_000)+`}`, 422)
	add("long pattern", "JSON", `{"pattern":"`+strings.Repeat("(a|", 100_000)+strings.Repeat(")", 100_000)+`"}`, 422)
	add("100,000 schemas", "JSON", `{"properties":{`+many(60_000, func(i int) string { return fmt.Sprintf(`"%d":{}`, i) })+`}}`, 422)
	add("a number", "JSON", `17`, 422)
	add("60,000 properties that are none", "JSON", `{"properties":{`+many(60_000, func(i int) string { return fmt.Sprintf(`"%d":1`, i) })+`}}`, 422)
	add("30,000 broken patterns", "JSON", `{"patternProperties":{`+many(30_000, func(i int) string { return fmt.Sprintf(`"(%d":true`, i) })+`}}`, 422)

	add("100,000 deep", "PROTOBUF", `syntax="proto3";`+nest(30_000, "message M{", "", "}"), 422)
	add("deep option", "PROTOBUF", `syntax="proto3";option (x)=`+nest(100_000, "{a:", "1", "}")+";", 422)
	add("100,000 fields of one name", "PROTOBUF", `syntax="proto3";message M{`+strings.Repeat("int32 a=1;", 90_000)+"}", 422)
	fields := func(field string) string {
		return strings.ReplaceAll(many(25_000, func(i int) string { return fmt.Sprintf("%s f%d=%d;", field, i, i+20_001) }), ",", "")
	}
	add("25,000 types that are not there", "PROTOBUF", `syntax="proto3";message M{`+fields("X")+"}", 422)
	add("25,000 fields without a label", "PROTOBUF", `message M{`+fields("int32")+"}", 422)
	add("25,000 fields and one mistake", "PROTOBUF", `syntax="proto3";message M{`+fields("int32")+"X x=1;}", 422)
	add("type that is not there", "PROTOBUF", `syntax="proto3";message M{`+strings.Repeat("a.", 100_000)+"B a=1;}", 422)
	add("huge tag", "PROTOBUF", `syntax="proto3";message M{int32 a=`+strings.Repeat("9", 50_000)+";}", 422)
	add("wide reserved range", "PROTOBUF", `syntax="proto3";message M{reserved 1 to 99999999999;}`, 422)
	add("long name", "PROTOBUF", `syntax="proto3";message `+strings.Repeat("M", 900_000)+"{}", 422)
	add("long comment that does not end", "PROTOBUF", `syntax="proto3";/*`+strings.Repeat("a", 900_000), 422)
	add("unknown syntax", "PROTOBUF", `syntax="proto9";`, 422)

	add("unknown language", strings.Repeat("X", 100_000), "{}", 422)
	return out
}
