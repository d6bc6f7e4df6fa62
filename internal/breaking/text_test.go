package breaking

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang/protobuf"
)

var headerTexts = []string{
	"",
	"syntax = \"proto3\";\npackage a.b;\nimport \"x.proto\";\nimport public 'y.proto';\n",
	"// Copyright\n/* import \"no.proto\"; */\nsyntax = \"proto3\";\npackage a;\nmessage M { string import = 1; }\nimport \"late.proto\";\n",
	"import /* why */ \"a.proto\";\npackage b;",
	"import \"a\" \"b.proto\";",
	"import\"a.proto\";package p ;",
	"option (x) = { s: \"package no; import \\\"no.proto\\\";\" }; package yes;",
	"edition = \"2023\"; import option \"o.proto\"; import weak \"w.proto\";",
	"message M {}\npackage late;\nimport \"a.proto\";",
	"\ufeffpackage bom;",
	"package a . b;",
	"importer \"x\"; xpackage y;",
}

func TestHeader(t *testing.T) {
	t.Parallel()
	for _, text := range headerTexts {
		checkHeader(t, text)
	}
}

// checkHeader holds the fast reader of headers against the scanner of the language:
// it may see an import too many, in a comment, and must not miss one.
func checkHeader(t *testing.T, text string) {
	t.Helper()
	want, err := protobuf.Imports(text)
	if err != nil {
		return
	}
	got := scanHeader([]byte(text))
	if pkg := protobuf.Package(text); got.pkg != pkg && !got.odd {
		t.Errorf("package of %q = %q, want %q", text, got.pkg, pkg)
	}
	for _, name := range want {
		if !got.odd && !slices.Contains(got.imports, name) {
			t.Errorf("imports of %q = %q, want %q among them", text, got.imports, name)
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, text := range headerTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !strings.Contains(text, "\\") { // nobody agrees on escapes in names
			checkHeader(t, text)
		}
	})
}

func TestBlank(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"// c\nmessage M {} // d":        "    \nmessage M {}     ",
		"/* ä */ x /* b\nc */\n":         "/* ä */ x     \n    \n",
		"s = \"// no\"; // é\n":          "s = \"// no\";      \n",
		"x /* not ended":                 "x /* not ended",
		"a / b /":                        "a / b /",
		"s = 'it\\'s // here'; // there": "s = 'it\\'s // here';         ",
	} {
		got := []byte(text)
		blankComments(got)
		if string(got) != want {
			t.Errorf("%q becomes\n%q, want\n%q", text, got, want)
		}
	}
}

const blankedSchema = `// File.
syntax = "proto2";
package a; // Package.
import "google/protobuf/descriptor.proto";
/* Options
   of fields. */
extend google.protobuf.FieldOptions { optional string note = 50000; optional M deep = 50001; }
extend google.protobuf.MethodOptions { optional M rule = 50000; }
option java_package = "a"; /* after */
message M { // Here.
  optional string s = 1 [(note) = "x // y", deprecated = true]; // There.
  optional M m = 2 [(deep) = { s: "]" m { s: "}" } }];
  repeated int32 n = 3 [packed = true, (deep).s = "a", (note) = 'b'];
  oneof o { int32 p = 4 [ (note) = "/*" ]; }
  /* before */ optional bytes b = 5 [default = "/*x*/"];
}
enum E { option allow_alias = true; A = 0; B = 0; reserved 3 to max; }
service S { rpc C(M) returns (stream M) { option (rule) = { s: "x" }; option idempotency_level = IDEMPOTENT; } }
`

// What is blanked changes no descriptor.
func TestBlankedSchema(t *testing.T) {
	t.Parallel()
	compile := func(text string) *descriptorpb.FileDescriptorProto {
		im, err := protobuf.CompileImage(context.Background(), []string{"a.proto"}, func(path string) (string, error) {
			if path != "a.proto" {
				return "", fs.ErrNotExist
			}
			return text, nil
		}, protobuf.ImageOptions{})
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		return protodesc.ToFileDescriptorProto(im.File("a.proto").Descriptor)
	}
	want := compile(blankedSchema)
	text := []byte(blankedSchema)
	blankComments(text)
	if diff := cmp.Diff(want.String(), compile(string(text)).String()); diff != "" {
		t.Errorf("without comments: %s", diff)
	}
	if strings.Count(string(text), "\n") != strings.Count(blankedSchema, "\n") || len(text) != len(blankedSchema) {
		t.Error("lines or offsets moved")
	}
}

func FuzzBlank(f *testing.F) {
	f.Add(blankedSchema)
	for _, text := range headerTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := []byte(text)
		blankComments(got)
		for i := range got {
			if got[i] != text[i] && (got[i] != ' ' || text[i] == '\n') {
				t.Fatalf("%q: byte %d became %q", text, i, got[i])
			}
		}
	})
}
