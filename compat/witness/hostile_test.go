package witness_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/all"
)

func many(n int, format string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = strings.ReplaceAll(format, "#", fmt.Sprint(i))
	}
	return strings.Join(parts, ",")
}

// nested puts a text into itself.
func nested(n int, around, leaf string) string {
	for i := range n {
		leaf = strings.ReplaceAll(strings.ReplaceAll(around, "#", fmt.Sprint(i)), "*", leaf)
	}
	return leaf
}

var hostile = []struct {
	name         string
	typ          lang.Type
	newer, older string
}{
	{"a record of records without end", lang.Avro, `{"type":"record","name":"R","fields":[{"name":"r","type":"R"}]}`,
		`{"type":"record","name":"R","fields":[{"name":"r","type":"R"},{"name":"s","type":"string"}]}`},
	{"doubling records", lang.Avro, doubling(40, "int"), doubling(40, "string")},
	{"wide records", lang.Avro, order(many(10000, `{"name":"a#","type":"int"}`)), order(many(10000, `{"name":"b#","type":"int"}`))},
	{"wide unions", lang.Avro, `[` + many(8000, `{"type":"fixed","name":"a#","size":1}`) + `]`, `[` + many(8000, `{"type":"fixed","name":"b#","size":1}`) + `]`},
	{"wide enums", lang.Avro, `{"type":"enum","name":"E","symbols":[` + many(20000, `"a#"`) + `]}`, `{"type":"enum","name":"E","symbols":[` + many(20000, `"b#"`) + `]}`},
	{"a long name", lang.Avro, `{"type":"record","name":"` + strings.Repeat("n", 300_000) + `","fields":[` + many(5000, `{"name":"a#","type":"int"}`) + `]}`,
		`{"type":"record","name":"` + strings.Repeat("n", 300_000) + `","fields":[]}`},
	{"a huge fixed", lang.Avro, `{"type":"fixed","name":"F","size":2000000000}`, `{"type":"fixed","name":"F","size":1999999999}`},
	{"unions within unions", lang.Avro,
		nested(30, `{"type":"record","name":"R#","fields":[{"name":"f","type":["null",*,{"type":"array","items":"string"}]}]}`, `"int"`),
		nested(30, `{"type":"record","name":"R#","fields":[{"name":"f","type":["null",*,{"type":"array","items":"string"}]}]}`, `"string"`)},
	{"a chain of records", lang.Avro, chain("int"), chain("string")},
	{"a bush of references", lang.JSON, bush(`{"type":"number"}`), bush(`{"type":"integer"}`)},
	{"many properties", lang.JSON, `{"properties":{` + many(8000, `"a#":{"type":"string"}`) + `}}`, `{"properties":{` + many(8000, `"b#":{"type":"string"}`) + `}}`},
	{"much required", lang.JSON, `{"required":[` + many(8000, `"a#"`) + `]}`, `{"properties":{` + many(8000, `"a#":{"type":"string"}`) + `},"required":[` + many(7999, `"a#"`) + `]}`},
	{"large limits", lang.JSON, `{"type":"string","minLength":100000000000}`, `{"type":"string","minLength":1000000000}`},
	{"many items", lang.JSON, `{"type":"array","minItems":100000000}`, `{"type":"array","minItems":10000000}`},
	{"repeats", lang.JSON, `{"type":"string","pattern":"^((a{50}){50}){2}$"}`, `{"type":"string","pattern":"^((b{50}){50}){2}$"}`},
	{"digits", lang.JSON, `{"type":"number","maximum":` + strings.Repeat("9", 900) + `}`, `{"type":"number","maximum":1` + strings.Repeat("9", 900) + `}`},
	{"combinations", lang.JSON, nested(8, `{"allOf":[*,{"properties":{"a":*}}]}`, `{"minimum":1}`), nested(8, `{"allOf":[*,{"properties":{"a":*}}]}`, `{"minimum":0}`)},
	{"required without end", lang.Protobuf, `syntax="proto2"; message M { required M m = 1; required int32 a = 2; }`, `syntax="proto2"; message M { required M m = 1; }`},
	{"wide messages", lang.Protobuf, `syntax="proto3"; message M { ` + wide(200, "string", "a") + ` }`, `syntax="proto3"; message M { ` + wide(200, "int32", "b") + ` }`},
	{"messages of messages", lang.Protobuf, mesh(25, "string"), mesh(25, "int32")},
}

func doubling(n int, leaf string) string {
	text := `{"type":"record","name":"R0","fields":[{"name":"f","type":"` + leaf + `"}]}`
	for i := 1; i < n; i++ {
		text = fmt.Sprintf(`{"type":"record","name":"R%d","fields":[{"name":"a","type":%s},{"name":"b","type":"R%d"}]}`, i, text, i-1)
	}
	return text
}

func chain(leaf string) string {
	const n = 5000
	return "[" + strings.ReplaceAll(many(n, `{"type":"record","name":"R#","fields":[{"name":"f","type":["null","S#"],"default":null}]},`+
		`{"type":"record","name":"S#","fields":[{"name":"g","type":"`+leaf+`"}]}`), ",,", ",") + `,"null"]`
}

func bush(leaf string) string {
	return `{"definitions":{"d0":` + leaf + `,` + strings.ReplaceAll(many(60, `"e#":{"anyOf":[{"$ref":"d0"},{"properties":{"a":{"$ref":"d0"}}}]}`), `"d0"}`, `"#/definitions/d0"}`) +
		`},"$ref":"#/definitions/d0"}`
}

func wide(n int, typ, name string) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "%s %s%d = %d; ", typ, name, i, i)
	}
	return b.String()
}

// mesh has messages that all hold all.
func mesh(n int, leaf string) string {
	var b strings.Builder
	b.WriteString(`syntax="proto3"; `)
	for i := range n {
		fmt.Fprintf(&b, "message M%d { ", i)
		for j := range n {
			fmt.Fprintf(&b, "repeated M%d f%d = %d; ", j, j, j+1)
		}
		fmt.Fprintf(&b, "%s leaf = %d; } ", leaf, n+1)
	}
	return b.String()
}

// TestHostile: schemas that were made to do harm get no witness rather than a slow
// one, and what they get is true and of bounded size.
func TestHostile(t *testing.T) {
	t.Parallel()
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			newer, older := parseAny(t, tt.typ, "new", tt.newer), parseAny(t, tt.typ, "old", tt.older)
			pair := witness.NewPair(newer, older)
			report := compat.Default().Check(compat.Full, newer, []compat.Version{{Number: 1, Schema: older}})
			found, shown, large := report.Findings, 0, 0
			for _, f := range found[:min(len(found), 20)] {
				w, ok := pair.Build(f.Finding)
				if !ok {
					if errors.Is(pair.Err(), witness.ErrTooLarge) {
						large++
					}
					continue
				}
				if pair.Err() != nil {
					t.Errorf("a witness and %v", pair.Err())
				}
				if shown++; len(w.JSON)+len(w.Read)+len(w.Err)+len(w.Comment) > 4<<20 {
					t.Errorf("a witness has %d, %d, %d and %d bytes", len(w.JSON), len(w.Read), len(w.Err), len(w.Comment))
				}
			}
			if got := large + shown; got == 0 {
				t.Error("nothing is shown, and nothing says why")
			}
			w, err := witness.Prove(newer, older, rule.Readers, 20, 1)
			if w != nil && (err != nil || w.Err == "" && w.Read == "") {
				t.Errorf("%+v, %v", w, err)
			}
			t.Logf("%d findings, %d of the first 20 shown, %d too large; proof: %t, %v", len(found), shown, large, w != nil, err)
		})
	}
}

func parseAny(t testing.TB, typ lang.Type, path, text string) lang.Schema {
	t.Helper()
	for _, l := range all.Languages() {
		if l.Type() == typ {
			s, err := l.Parse(lang.Source{Type: typ, Path: path, Text: text})
			if err != nil {
				t.Fatalf("%v", err)
			}
			return s
		}
	}
	t.Fatalf("no language %s", typ)
	return nil
}
