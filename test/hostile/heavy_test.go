package hostile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/registry/rest"
)

// A pair is two versions that cost as much to compare as their size allows.
type pair struct{ name, typ, older, newer string }

func pairs() []pair {
	avroUnion := func(n int, field string) string {
		return `{"type":"record","name":"R","fields":[{"name":"u","type":[` + many(n, func(i int) string {
			return fmt.Sprintf(`{"type":"record","name":"N%d","fields":[{"name":"%s","type":"int"},{"name":"r","type":["null","R"]}]}`, i, field)
		}) + `]}]}`
	}
	avroMesh := func(n int, last string) string {
		return `{"type":"record","name":"R0","fields":[` + many(n, func(i int) string {
			typ := fmt.Sprintf(`"R%d"`, i)
			if i > 0 {
				typ = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[%s]}`, i, many(i, func(j int) string {
					return fmt.Sprintf(`{"name":"f%d","type":["null","R%d"]}`, j, j)
				}))
			}
			return fmt.Sprintf(`{"name":"f%d","type":["null",%s]}`, i, typ)
		}) + `,{"name":"last","type":"` + last + `"}]}`
	}
	choice := func(n int, word string, each func(i int) string) string {
		return `{"` + word + `":[` + many(n, each) + `]}`
	}
	object := func(typ string) func(int) string {
		return func(i int) string {
			return fmt.Sprintf(`{"type":"object","properties":{"a%d":{"type":"%s"},"b":{"type":"integer"}}}`, i, typ)
		}
	}
	doubling := func(levels int, leaf string) string {
		return `{"$ref":"#/definitions/d0","definitions":{` + many(levels, func(i int) string {
			next := fmt.Sprintf(`{"$ref":"#/definitions/d%d"}`, i+1)
			if i == levels-1 {
				next = leaf
			}
			return fmt.Sprintf(`"d%d":{"properties":{"l":%s,"r":%s}}`, i, next, next)
		}) + `}}`
	}
	protoMesh := func(n int, typ string) string {
		var b strings.Builder
		b.WriteString(`syntax="proto3";`)
		for i := range n {
			fmt.Fprintf(&b, "message M%d{", i)
			for j := range n {
				fmt.Fprintf(&b, "M%d f%d=%d;", j, j, j+1)
			}
			fmt.Fprintf(&b, "%s last=%d;}", typ, n+1)
		}
		return b.String()
	}
	return []pair{
		{"wide union", "AVRO", avroUnion(1000, "a"), avroUnion(1000, "b")},
		{"mesh of records", "AVRO", avroMesh(120, "int"), avroMesh(120, "string")},
		{"10,000 symbols", "AVRO",
			`{"type":"enum","name":"E","symbols":[` + many(10_000, func(i int) string { return fmt.Sprintf(`"a%d"`, i) }) + `]}`,
			`{"type":"enum","name":"E","symbols":[` + many(10_000, func(i int) string { return fmt.Sprintf(`"b%d"`, i) }) + `]}`},
		{"wide anyOf", "JSON", choice(300, "anyOf", object("string")), choice(300, "anyOf", object("integer"))},
		{"wide oneOf", "JSON", choice(300, "oneOf", object("string")), choice(300, "oneOf", object("integer"))},
		{"wide allOf", "JSON", choice(300, "allOf", object("string")), choice(300, "allOf", object("integer"))},
		{"nested anyOf", "JSON",
			choice(12, "anyOf", func(int) string {
				return choice(12, "anyOf", func(int) string { return choice(12, "oneOf", object("string")) })
			}),
			choice(12, "anyOf", func(int) string {
				return choice(12, "anyOf", func(int) string { return choice(12, "oneOf", object("integer")) })
			})},
		{"doubling references", "JSON", doubling(60, `{"type":"string"}`), doubling(60, `{"type":"integer"}`)},
		{"ring of two sizes", "JSON",
			`{"$ref":"#/definitions/a","definitions":{"a":{"items":{"$ref":"#/definitions/b"}},"b":{"items":{"$ref":"#/definitions/a"}}}}`,
			`{"$ref":"#/definitions/a","definitions":{"a":{"items":{"$ref":"#/definitions/b"}},"b":{"items":{"$ref":"#/definitions/c"}},"c":{"items":{"$ref":"#/definitions/a"},"type":"array"}}}`},
		{"repeated repetition", "JSON", `{"pattern":"((((a{1000}){1000}){1000}){1000})"}`, `{"pattern":"(a+)+$"}`},
		{"10,000 properties", "JSON",
			`{"properties":{` + many(10_000, func(i int) string { return fmt.Sprintf(`"p%d":{"type":"string"}`, i) }) + `}}`,
			`{"properties":{` + many(10_000, func(i int) string { return fmt.Sprintf(`"p%d":{"type":"integer"}`, i) }) + `}}`},
		{"mesh of messages", "PROTOBUF", protoMesh(60, "int32"), protoMesh(60, "string")},
		{"10,000 fields", "PROTOBUF",
			"syntax=\"proto3\";message M{" + strings.ReplaceAll(many(10_000, func(i int) string { return fmt.Sprintf("int32 f%d=%d;", i, i+20_000) }), ",", "") + "}",
			"syntax=\"proto3\";message M{" + strings.ReplaceAll(many(10_000, func(i int) string { return fmt.Sprintf("string f%d=%d;", i, i+20_000) }), ",", "") + "}"},
	}
}

// What is accepted is compared in time too, and the answer is no flood.
func TestHeavyComparisons(t *testing.T) {
	s := newServer(t, rest.Options{})
	stop := peak()
	for i, p := range pairs() {
		subject := fmt.Sprintf("s%d", i)
		first := s.post(t, "/subjects/"+subject+"/versions", request(t, p.typ, p.older))
		if first.status != 200 {
			t.Errorf("%s %s: the first version: %d %.300s", p.typ, p.name, first.status, first.body)
			continue
		}
		body := request(t, p.typ, p.newer)
		check := s.post(t, "/compatibility/subjects/"+subject+"/versions?verbose=true", body)
		if check.status != 200 {
			t.Errorf("%s %s: check: %d %.300s", p.typ, p.name, check.status, check.body)
		}
		second := s.post(t, "/subjects/"+subject+"/versions", body)
		if second.status != 200 && second.status != 409 {
			t.Errorf("%s %s: the second version: %d %.300s", p.typ, p.name, second.status, second.body)
		}
	}
	most := stop()
	t.Logf("heap at most %d KiB", most>>10)
	if most > 512<<20 {
		t.Errorf("the heap grew to %d MiB, want at most 512", most>>20)
	}
}
