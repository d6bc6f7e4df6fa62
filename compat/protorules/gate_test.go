package protorules_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/golden"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func parse(t testing.TB, path, text string, refs ...lang.Reference) *protobuf.Schema {
	t.Helper()
	s, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Path: path, Text: text, References: refs})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A change that both judges mind is one finding, in Buf's words and at Buf's place,
// under whichever category.
func TestGateMerges(t *testing.T) {
	t.Parallel()
	older := parse(t, "old name", "syntax = \"proto3\";\npackage p;\nmessage M {\n  int32 a = 1;\n  map<string, int32> b = 2;\n}\n")
	newer := parse(t, "dir/m.proto", "syntax = \"proto3\";\npackage p;\nmessage M {\n  string renamed = 1;\n  map<string, string> b = 2;\n}\n")
	for _, category := range []string{"FILE", "WIRE_JSON", "WIRE"} {
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			types := 0
			for _, f := range protorules.Gate(newer, older, only(t, "v2", category), dir) {
				if f.ErrorType == "" {
					if f.Breaks&(rule.Readers|rule.OldReaders) != 0 {
						t.Errorf("%s: %s alone breaks %d under %d", category, f.Rule.ID, f.Breaks, dir)
					}
					continue
				}
				types++
				if f.Breaks&(rule.Readers|rule.OldReaders) != dir {
					t.Errorf("%s: %s breaks %d, want %d", category, f.Rule.ID, f.Breaks, dir)
				}
				if f.ErrorType != "FIELD_SCALAR_KIND_CHANGED" || f.New.Path != "dir/m.proto" || f.Old.Path != "old name" || f.Message[:5] != "Field" {
					t.Errorf("%s: %+v", category, f)
				}
				if f.Rule.ID == "FIELD_WIRE_COMPATIBLE_TYPE" != (category == "WIRE") {
					t.Errorf("%s: the finding is of %s", category, f.Rule.ID)
				}
			}
			if types != 2 {
				t.Errorf("%s, %d: %d findings of types, want that of a and that of b's value", category, dir, types)
			}
		}
	}
}

// Whom a finding of Buf's alone breaks is for a message to show, but where none can.
func TestGateBeyondMessages(t *testing.T) {
	t.Parallel()
	const service = "message M { %s string a = 1 %s; reserved 9; } service S { rpc Get(M) returns (%s M); }"
	older := parse(t, "m.proto", "syntax = \"proto2\";"+fmt.Sprintf(service, "extensions 10 to 20; optional", "[deprecated = true]", ""))
	newer := parse(t, "m.proto", "syntax = \"proto2\"; option java_string_check_utf8 = true;"+strings.Replace(fmt.Sprintf(service, "optional", "", "stream"), "reserved 9;", "", 1))
	want := map[string]rule.Breaks{
		"EXTENSION_MESSAGE_NO_DELETE": rule.Readers, "FIELD_SAME_JAVA_UTF8_VALIDATION": rule.Readers,
		"RPC_SAME_SERVER_STREAMING": rule.Readers | rule.OldReaders, "RESERVED_MESSAGE_NO_DELETE": 0,
	}
	for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
		got := map[string]rule.Breaks{}
		for _, f := range protorules.Gate(newer, older, only(t, "v2", "FILE"), dir) {
			got[f.Rule.ID] = f.Breaks & (rule.Readers | rule.OldReaders)
		}
		for id, who := range want {
			if is, ok := got[id]; !ok || is != who&dir {
				t.Errorf("%s breaks %d (%t) under %d, want %d", id, is, ok, dir, who&dir)
			}
		}
	}
}

// What a schema refers to is compared; that a reference went is no finding.
func TestGateReferences(t *testing.T) {
	t.Parallel()
	ref := func(name, text string) lang.Reference {
		return lang.Reference{Name: name, Source: &lang.Source{Type: lang.Protobuf, Text: text}}
	}
	const main = "syntax = \"proto3\"; package p; import \"b.proto\";"
	older := parse(t, "m.proto", main+"import \"c.proto\"; message M { q.B b = 1; }",
		ref("b.proto", "syntax = \"proto3\"; package q; message B { int32 a = 1; int32 gone = 2; }"), ref("c.proto", "syntax = \"proto3\"; package r;"))
	newer := parse(t, "m.proto", main+"message M { q.B b = 1; }", ref("b.proto", "syntax = \"proto3\"; package q; message B { int32 a = 1; }"))
	found := protorules.Gate(newer, older, only(t, "v2", "FILE", "PACKAGE"), rule.Readers)
	if len(found) != 1 || found[0].Rule.ID != "FIELD_NO_DELETE" || found[0].New.Path != "b.proto" {
		t.Errorf("found:\n%s", printBuf(found))
	}
}

// Findings in imports are left out, on whichever side the import is, unless asked
// for.
func TestImportsAreLeftOut(t *testing.T) {
	t.Parallel()
	older := compileTexts(t, map[string]string{"a.proto": "syntax = \"proto3\"; import \"google/protobuf/duration.proto\";"})
	newer := compileTexts(t, map[string]string{"a.proto": "syntax = \"proto3\";"})
	set := only(t, "v2", "FILE")
	if found := protorules.Breaking(newer, older, set); len(found) > 0 {
		t.Errorf("found:\n%s", printBuf(found))
	}
	set.Imports = true
	found := protorules.Breaking(newer, older, set)
	if len(found) != 1 || found[0].Rule.ID != "FILE_NO_DELETE" {
		t.Errorf("found:\n%s", printBuf(found))
	}
}

// A schema, which may not have seen the compiler, gives the findings of the image
// of its file.
func TestSchemasAreImages(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/buf/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, path := range paths {
		c := golden.Load(t, path)
		oldText, ok := c.Lookup("old/a.proto")
		newText, ok2 := c.Lookup("new/a.proto")
		if _, more := c.Lookup("old/b.proto"); more || !ok || !ok2 {
			continue
		}
		set := only(t, "v2", "FILE", "PACKAGE", "WIRE_JSON", "WIRE", "CSR")
		want := printBuf(protorules.Breaking(image(t, c, "new"), image(t, c, "old"), set))
		got := printBuf(protorules.Breaking(parse(t, "a.proto", newText).Image(), parse(t, "a.proto", oldText).Image(), set))
		if got != want {
			t.Errorf("%s: schemas give\n%simages give\n%s", c.Name, got, want)
		}
		compared++
	}
	if compared < 20 {
		t.Errorf("only %d cases of one file", compared)
	}
}
