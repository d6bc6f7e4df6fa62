package avro_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

func mustParse(t *testing.T, text string, refs ...lang.Reference) *avro.Schema {
	t.Helper()
	s, err := avro.Parse(lang.Source{Type: lang.Avro, Path: "t.avsc", Text: text, References: refs})
	if err != nil {
		t.Fatalf("Parse(%s) = %v", text, err)
	}
	return s
}

func ref(name, text string, refs ...lang.Reference) lang.Reference {
	return lang.Reference{Name: name, Source: &lang.Source{Type: lang.Avro, Path: name, Text: text, References: refs}}
}

// codes returns the codes of the mistakes in err.
func codes(err error) []string {
	var list lang.ErrorList
	if !errors.As(err, &list) {
		return []string{fmt.Sprint(err)}
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Code)
	}
	return out
}

// Every node says where it is written.
func TestPlaces(t *testing.T) {
	t.Parallel()
	const text = `{"type": "record", "name": "R", "fields": [
  {"name": "f", "type": {"type": "fixed", "name": "F", "size": 12}},
  {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"], "default": "B"}, "default": "A"},
  {"name": "u", "type": ["null", "F", {"type": "array", "items": "E"}], "x": 1}
]}`
	r := mustParse(t, text).Root
	f, e, u := r.Field("f"), r.Field("e"), r.Field("u")
	for _, tc := range []struct {
		what string
		pos  lang.Pos
		text string
	}{
		{"record", r.Pos, text},
		{"its name", r.NamePos, `"R"`},
		{"field", f.Pos, `{"name": "f", "type": {"type": "fixed", "name": "F", "size": 12}}`},
		{"field name", f.NamePos, `"f"`},
		{"field type", f.TypePos, `{"type": "fixed", "name": "F", "size": 12}`},
		{"fixed", f.Type.Pos, `{"type": "fixed", "name": "F", "size": 12}`},
		{"fixed name", f.Type.NamePos, `"F"`},
		{"size", f.Type.SizePos, `12`},
		{"symbol", e.Type.Symbols[1].Pos, `"B"`},
		{"enum default", e.Type.DefaultPos, `"B"`},
		{"field default", e.Default.Pos, `"A"`},
		{"union", u.Type.Pos, `["null", "F", {"type": "array", "items": "E"}]`},
		{"branch null", u.Type.BranchPos[0], `"null"`},
		{"branch F", u.Type.BranchPos[1], `"F"`},
		{"primitive", u.Type.Branches[0].Pos, `"null"`},
		{"array", u.Type.Branches[2].Pos, `{"type": "array", "items": "E"}`},
		{"items", u.Type.Branches[2].ItemsPos, `"E"`},
		{"property", u.Props[0].KeyPos, `"x"`},
	} {
		if got := text[tc.pos.Start:tc.pos.End]; got != tc.text || !tc.pos.IsValid() || tc.pos.Path != "t.avsc" {
			t.Errorf("%s is at %s, %q; want %q", tc.what, tc.pos, got, tc.text)
		}
	}
	if u.Type.Branches[1] != f.Type {
		t.Error("a named type that is used twice is not one node")
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	country := ref("c.Country", `{"type": "enum", "name": "c.Country", "symbols": ["DE"]}`)
	address := ref("c.Address", `{"type": "record", "name": "c.Address", "fields": [{"name": "c", "type": "Country"}]}`, country)
	person := ref("c.Person", `{"type": "record", "name": "c.Person", "fields": [{"name": "c", "type": "Country"}, {"name": "a", "type": ["null", "Person"]}]}`, country)

	s := mustParse(t, `["c.Address", "c.Person", {"type": "map", "values": "c.Country"}]`, address, person)
	if len(s.Named) != 0 {
		t.Errorf("Named = %v, want none: the text defines nothing", s.Named)
	}
	if got := s.Canonical(); got != `["c.Address","c.Person",{"type":"map","values":"c.Country"}]` {
		t.Errorf("Canonical = %s", got)
	}
	const inlined = `[{"type":"record","name":"Address","namespace":"c","fields":[{"name":"c","type":{"type":"enum","name":"Country","symbols":["DE"]}}]},` +
		`{"type":"record","name":"Person","namespace":"c","fields":[{"name":"c","type":"Country"},{"name":"a","type":["null","Person"]}]},` +
		`{"type":"map","values":"c.Country"}]`
	if diff := cmp.Diff(inlined, s.Inlined()); diff != "" {
		t.Errorf("Inlined: -want +got\n%s", diff)
	}
	if s.Root.Branches[0].Field("c").Type != s.Root.Branches[2].Items {
		t.Error("a type that two references use is not one node")
	}
}

func TestReferencesFirstTextHolds(t *testing.T) {
	t.Parallel()
	s := mustParse(t, `["A", "B", "Id"]`,
		ref("A", `{"type": "record", "name": "A", "fields": [{"name": "id", "type": {"type": "fixed", "name": "Id", "size": 1}}]}`),
		ref("B", `{"type": "record", "name": "B", "fields": [{"name": "id", "type": {"type": "fixed", "name": "Id", "size": 2}}]}`))
	for _, typ := range []*avro.Type{s.Root.Branches[0].Fields[0].Type, s.Root.Branches[1].Fields[0].Type, s.Root.Branches[2]} {
		if typ.Size != 1 {
			t.Errorf("Id has size %d, want that of the first text", typ.Size)
		}
	}
}

func TestReferencesMistakes(t *testing.T) {
	t.Parallel()
	cyclic := lang.Source{Path: "self", Text: `{"type": "record", "name": "S", "fields": []}`}
	cyclic.References = []lang.Reference{{Name: "S", Source: &cyclic}}
	if _, err := avro.Parse(lang.Source{Text: `"S"`, References: cyclic.References}); err != nil {
		t.Errorf("a text that refers to itself: %v", err)
	}
	for _, tc := range []struct {
		name string
		refs []lang.Reference
		want string
	}{
		{"no text", []lang.Reference{{Name: "a.B"}}, `main:1:1: AVRO_NAME_UNKNOWN: nothing defines the type "a.B"; expected the text of the reference "a.B", which is not at hand`},
		{"bad text", []lang.Reference{ref("a.B", `{"type": "record"}`)}, `a.B:1:1: AVRO_NAME_MISSING`},
		{"no JSON", []lang.Reference{ref("a.B", `{`)}, `a.B:1:2: JSON_SYNTAX`},
		{"bad below", []lang.Reference{ref("a.B", `{"type": "fixed", "name": "a.B", "size": 1}`, ref("x", `1`))}, `x:1:1: AVRO_TYPE_INVALID`},
		{"other name", []lang.Reference{ref("a.B", `{"type": "fixed", "name": "a.C", "size": 1}`)}, `main:1:1: AVRO_NAME_UNKNOWN`},
	} {
		_, err := avro.Parse(lang.Source{Path: "main", Text: `"a.B"`, References: tc.refs})
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s: Parse = %v, want %s", tc.name, err, tc.want)
		}
	}
	var many []lang.Reference
	for i := range lang.MaxReferences + 1 {
		many = append(many, ref(fmt.Sprint("R", i), fmt.Sprintf(`{"type": "fixed", "name": "R%d", "size": 1}`, i)))
	}
	if _, err := avro.Parse(lang.Source{Text: `"R0"`, References: many}); codes(err)[0] != avro.CodeReferenceTooMany {
		t.Errorf("%d references: %v", len(many), err)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	const text = `{"type": "record", "name": "a.R", "fields": [
		{"name": "x", "type": "Later", "default": 7}, {"name": "y", "type": ["null", "S", "b.T"]}, {"name": "z", "type": "b.T"},
		{"name": "s", "type": {"type": "fixed", "name": "S", "size": 1}}, {"name": "m", "type": {"type": "map", "values": "R"}}]}`
	defined, used, err := avro.Names(lang.Source{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a.R", "a.S"}, defined); diff != "" {
		t.Errorf("defined: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a.Later", "b.T"}, used); diff != "" {
		t.Errorf("used: -want +got\n%s", diff)
	}
	if _, err := avro.Parse(lang.Source{Text: text}); !avro.IsUnknownName(err) {
		t.Errorf("IsUnknownName(%v) = false", err)
	}
	if _, _, err := avro.Names(lang.Source{Text: `["x y", {"type": "record"}]`}); err == nil || avro.IsUnknownName(err) {
		t.Errorf("Names of a broken text = %v", err)
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	l := avro.Language()
	if l.Type() != lang.Avro {
		t.Errorf("Type() = %s", l.Type())
	}
	if s, err := l.Parse(lang.Source{Text: `"nope"`}); s != nil || err == nil {
		t.Errorf("Parse = %v, %v; want a nil interface and an error", s, err)
	}
	src := lang.Source{Type: lang.Avro, Path: "p", Text: ` "int" `}
	s, err := l.Parse(src)
	if err != nil || s.Canonical() != `"int"` || !cmp.Equal(s.Source(), src) {
		t.Errorf("Parse = %+v, %v", s, err)
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		avro.Record.String(): "record", avro.Null.String(): "null", avro.Fixed.String(): "fixed", avro.Kind(99).String(): "kind 99",
		avro.NoLogical.String(): "", avro.LocalTimestampNanos.String(): "local-timestamp-nanos", avro.Logical(99).String(): "logical type 99",
		mustParse(t, `{"type": "fixed", "name": "a.b.F", "size": 1}`).Root.ShortName(): "F",
		mustParse(t, `["null"]`).Root.ShortName():                                      "union",
	} {
		if got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}

// Fingerprints that the specification's test data publishes.
func TestFingerprintVectors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{
		`"null"`: 0x63dd24e7cc258f8a, `"boolean"`: 0x9f42fc78a4d4f764, `"int"`: 0x7275d51a3f395c8f,
		`"long"`: 0xd054e14493f41db7, `"float"`: 0x4d7c02cb3ea8d790, `"double"`: 0x8e7535c032ab957e,
		`"bytes"`: 0x4fc016dac3201965, `"string"`: 0x8f014872634503c7,
	} {
		if got := mustParse(t, text).Fingerprint(); got != want {
			t.Errorf("Fingerprint(%s) = %#x, want %#x", text, got, want)
		}
	}
}

func TestCheckDefault(t *testing.T) {
	t.Parallel()
	const schema = `["null", {"type": "fixed", "name": "F", "size": 2}, {"type": "enum", "name": "E", "symbols": ["A"]}, "double"]`
	s := mustParse(t, schema)
	for value, ok := range map[string]bool{
		`null`: true, `"ab"`: true, `"\u00ff\u0000"`: true, `"\u0100b"`: false, `"abc"`: false, `"A"`: true, `"B"`: false,
		`1.5`: true, `"NaN"`: false, `true`: false, `[]`: false, `{}`: false,
	} {
		v, err := lang.ParseJSON("v", value)
		if err != nil {
			t.Fatal(err)
		}
		if got := avro.CheckDefault(s.Root, v); (got == nil) != ok || got != nil && got.Pos != v.Pos {
			t.Errorf("CheckDefault(%s) = %v, want ok %t", value, got, ok)
		}
	}
	double := mustParse(t, `"double"`).Root
	for value, ok := range map[string]bool{"NaN": true, "-Infinity": true, "nan": false, "1": false} {
		if got := avro.CheckDefault(double, &lang.Value{Kind: lang.String, Str: value}); (got == nil) != ok {
			t.Errorf("CheckDefault(double, %q) = %v, want ok %t", value, got, ok)
		}
	}
}
