package protobuf

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/lang"
)

func codes(err error) []string {
	var list lang.ErrorList
	if !errors.As(err, &list) {
		return nil
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Code)
	}
	return out
}

func TestEveryMistakeIsReportedWithItsPlace(t *testing.T) {
	_, err := Parse(sourceOf("syntax = \"proto3\";\nimport \"nope.proto\";\nmessage A {\n  Nope a = 1;\n  int32 a = 1;\n}\n"))
	var list lang.ErrorList
	if !errors.As(err, &list) {
		t.Fatalf("got %T %v, want a lang.ErrorList", err, err)
	}
	var got []string
	for _, e := range list {
		got = append(got, e.Pos.String()+" "+e.Code)
	}
	want := []string{"in.proto:2:1 PROTO_IMPORT", "in.proto:4:3 PROTO_UNKNOWN_NAME", "in.proto:4:8 PROTO_DUPLICATE", "in.proto:5:13 PROTO_INVALID"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("mistakes (-want +got):\n%s\n%v", d, err)
	}
}

func TestNothingButReferencesIsReachable(t *testing.T) {
	for _, path := range []string{"/etc/passwd", "../lang.proto", "doc.go", "testdata/x.proto", "http://localhost/x.proto"} {
		_, err := Parse(sourceOf(`syntax = "proto3"; import "` + path + `"; message A {}`))
		if err == nil {
			t.Errorf("import %q was found", path)
		}
	}
}

func TestReferences(t *testing.T) {
	base := &lang.Source{Type: lang.Protobuf, Path: "base-value v2", Text: `syntax = "proto3"; package base; message Money { int64 units = 1; }`}
	mid := &lang.Source{Type: lang.Protobuf, Path: "mid.proto", Text: `syntax = "proto3"; package mid; import "base/money.proto"; message Line { base.Money price = 1; }`,
		References: []lang.Reference{{Name: "base/money.proto", Source: base}}}
	src := sourceOf(`syntax = "proto3"; import "mid.proto"; import "google/protobuf/duration.proto"; message A { mid.Line l = 1; google.protobuf.Duration d = 2; }`)
	src.References = []lang.Reference{{Name: "mid.proto", Source: mid}, {Name: "base/money.proto", Source: base}}
	s, err := Parse(src)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.File().Messages().ByName("A").Fields().ByNumber(1).Message().FullName(); got != "mid.Line" {
		t.Errorf("the type of A.l is %s, want mid.Line", got)
	}
	checkForms(t, s)

	other := *base
	other.Text += "message More {}"
	src.References[1].Source = &other
	if got := codes(second(Parse(src))); !slices.Equal(got, []string{"PROTO_REFERENCE_CLASH"}) {
		t.Errorf("two texts under one path: codes %v", got)
	}
}

func second[T any](_ T, err error) error { return err }

func TestMistakesInReferencesNameTheirPath(t *testing.T) {
	src := sourceOf(`syntax = "proto3"; import "dep.proto"; message A { D d = 1; }`)
	src.References = []lang.Reference{{Name: "dep.proto", Source: &lang.Source{Text: "syntax = \"proto3\";\nmessage D { Missing m = 1; }"}}}
	err := second(Parse(src))
	if err == nil || !strings.Contains(err.Error(), "dep.proto:2:13: PROTO_UNKNOWN_NAME") {
		t.Errorf("got %v", err)
	}
}

func TestPathOfARegisteredVersionStaysInPositions(t *testing.T) {
	src := sourceOf("message A { optional B b = 1; }")
	src.Path = "payments-value v3"
	err := second(Parse(src))
	if err == nil || !strings.HasPrefix(err.Error(), "payments-value v3:1:22: PROTO_UNKNOWN_NAME") {
		t.Errorf("got %v", err)
	}
}

func TestHostileTextIsRefused(t *testing.T) {
	tests := map[string]string{
		"PROTO_LIMIT_SIZE":  "//" + strings.Repeat("x", maxText),
		"PROTO_LIMIT_DEPTH": `option x = ` + strings.Repeat("{a:", 100_000),
		"PROTO_LIMIT_COUNT": "message A {" + strings.Repeat("reserved 1;", maxStatements+1),
		"PROTO_LIMIT_TOKEN": "message " + strings.Repeat("x", maxToken+1) + " {}",
	}
	for want, text := range tests {
		if got := codes(second(Parse(sourceOf(text)))); !slices.Equal(got, []string{want}) {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	// Brackets in strings and comments are no depth.
	mustParse(t, "// "+strings.Repeat("{", 1000)+"\nsyntax = \"proto3\"; option go_package = \""+strings.Repeat("[", 1000)+"\";")
}

func TestPlaces(t *testing.T) {
	text := `syntax = "proto3";
package p.v1;
message A {
  message B { enum E { E_NONE = 0; E_ONE = 1; } }
  oneof pick { string s = 4; }
  map<string, B> bs = 2;
}
message C {}
service S { rpc Do(A) returns (C); }
`
	s := mustParse(t, text)
	for _, tt := range []struct {
		got  lang.Pos
		want string
	}{
		{s.PackagePos(), "p.v1"},
		{s.MessagePos("p.v1.A"), "A"},
		{s.MessagePos("p.v1.A.B"), "B"},
		{s.EnumPos("p.v1.A.B.E"), "E"},
		{s.EnumValuePos("p.v1.A.B.E", 1), "E_ONE"},
		{s.OneofPos("p.v1.A.pick"), "pick"},
		{s.FieldPos("p.v1.A", 4), "s"},
		{s.FieldTypePos("p.v1.A", 2), "map<string, B>"},
		{s.FieldNumberPos("p.v1.A", 2), "2"},
		{s.ServicePos("p.v1.S"), "S"},
		{s.MethodPos("p.v1.S.Do"), "Do"},
	} {
		if got := text[tt.got.Start:tt.got.End]; got != tt.want || !tt.got.IsValid() {
			t.Errorf("%s: found %q, want %q", tt.got, got, tt.want)
		}
	}
	if p := s.MessagePos("p.v1.Nope"); p.IsValid() || p.Path != "in.proto" {
		t.Errorf("an element that is not there has the place %v", p)
	}
}

func TestMessagesCountsOnlyMessagesOfTheText(t *testing.T) {
	s := mustParse(t, `syntax = "proto3"; package p; enum E { Z = 0; } message A { map<string, string> m = 1; message X {} enum F { Y = 0; } message W { message V {} } } message B {}`)
	var got []string
	for _, m := range s.Messages() {
		b := []byte(m.FullName + " ")
		for _, i := range m.Indexes {
			b = append(b, '/', byte('0'+i))
		}
		got = append(got, string(b))
	}
	want := []string{"p.A /0", "p.A.X /0/0", "p.A.W /0/1", "p.A.W.V /0/1/0", "p.B /1"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("messages (-want +got):\n%s", d)
	}
}

// Without maps, the indexes are those of the descriptor of the canonical text.
func TestIndexesCountGroups(t *testing.T) {
	s := mustParse(t, `syntax = "proto2"; package p;
		message M { message A {} optional group G = 1 {} message B {} oneof o { group H = 2 {} } message C { message D {} } extensions 9; extend M { optional group I = 9 {} } message E {} }
		message N {}`)
	stored := mustParse(t, s.Canonical())
	for _, m := range s.Messages() {
		ms := stored.File().Messages()
		var name string
		for _, i := range m.Indexes {
			name = string(ms.Get(i).FullName())
			ms = ms.Get(i).Messages()
		}
		if name != m.FullName {
			t.Errorf("%s has the indexes %v, which are those of %s", m.FullName, m.Indexes, name)
		}
	}
}

func TestOutline(t *testing.T) {
	text := `// import "comment.proto";
syntax = "proto3"; package a.b;
import "x.proto"; option (o) = { import: "no.proto" };
message M { string s = 1; } import public "y" ".proto";
import weak "z.proto"`
	got, err := Imports(text + ";")
	if d := cmp.Diff([]string{"x.proto", "y.proto", "z.proto"}, got); d != "" || err != nil {
		t.Errorf("imports (-want +got):\n%s%v", d, err)
	}
	if got := Package(text); got != "a.b" {
		t.Errorf("package %q", got)
	}
	if got, err := Imports(text); err == nil || len(got) != 2 {
		t.Errorf("an import without its semicolon: %v, %v", got, err)
	}
}

func TestCompileSetHasComments(t *testing.T) {
	set, err := CompileSet(sourceOf("syntax = \"proto3\";\n// Says hello.\nmessage A {}\n"))
	if err != nil {
		t.Fatal(err)
	}
	f := set.File[len(set.File)-1]
	for _, l := range f.GetSourceCodeInfo().GetLocation() {
		if l.GetLeadingComments() == " Says hello.\n" {
			return
		}
	}
	t.Error("the comment is not in the source info")
}

// Fixtures with bytes and fragments thrown in: each is refused with places, or
// accepted and then printed faithfully.
func TestDamagedText(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	fragments := []string{"{", "}", "[", "=", "1", ";", "oneof o {", "map<string,", "reserved ", "\"", "/*", "//", "extend M {", "-", "(", ".", "\x00", "\xff"}
	for _, files := range fixtures(t) {
		for range 30 {
			b := files["in.proto"]
			for range 1 + r.IntN(2) {
				at, end := r.IntN(len(b)), r.IntN(len(b))
				switch r.IntN(3) {
				case 0:
					b = b[:at] + fragments[r.IntN(len(fragments))] + b[at:]
				case 1:
					b = b[:at] + b[min(len(b), at+1+r.IntN(8)):]
				default:
					b = b[:at] + b[end:min(len(b), end+r.IntN(30))] + b[at:]
				}
			}
			checkText(t, b)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, files := range fixturesF(f) {
		f.Add(files)
	}
	f.Add("edition = \"2023\"; message A { oneof o { int32 x = 1; } }")
	f.Add("\ufeffmessage A{")
	f.Add("option x = <a: [1, {b: -inf}]>;")
	f.Fuzz(checkText)
}

func checkText(t *testing.T, text string) {
	_, _ = Imports(text)
	s, err := Parse(sourceOf(text))
	if err != nil {
		var list lang.ErrorList
		if !errors.As(err, &list) || len(list) == 0 {
			t.Fatalf("got %T, want a list with mistakes", err)
		}
		return
	}
	checkForms(t, s)
	for _, m := range s.Messages() {
		if !m.Pos.IsValid() {
			t.Fatalf("%s has no place", m.FullName)
		}
	}
}

func fixturesF(f *testing.F) []string {
	f.Helper()
	return []string{
		`syntax = "proto2"; message M { required group G = 1 { optional int32 a = 1 [default = 0x1F]; } extensions 5 to max; }`,
		`syntax = "proto3"; package p; message M { map<int32, M> m = 1; reserved 4, 5 to 6; reserved "a"; } enum E { A = 0; }`,
	}
}

func TestMessageDoc(t *testing.T) {
	s := mustParse(t, "syntax = \"proto3\";\n// Not this.\n\n// First line.\n//\n//   - second\nmessage A {\n  /* Block\n   * of two.\n   */\n  message B {}\n  message C {}\n}\n/* One. */\nmessage D {}\n")
	for name, want := range map[string]string{"A": "First line.\n\n  - second", "A.B": "Block\nof two.", "A.C": "", "D": "One.", "Nope": ""} {
		if got := s.MessageDoc(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
