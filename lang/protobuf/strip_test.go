package protobuf_test

import (
	"strings"
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func TestWithoutExtensions(t *testing.T) {
	text := `syntax = "proto3";
package p;
import "google/protobuf/descriptor.proto";
option java_package = "x.y";
option (file) = "f";
extend google.protobuf.FileOptions { string file = 50001; }
extend google.protobuf.MessageOptions { string msg = 50001; }
extend google.protobuf.FieldOptions { string fld = 50001; }
extend google.protobuf.EnumOptions { string enm = 50001; }
extend google.protobuf.EnumValueOptions { string val = 50001; }
message M {
  option (msg) = "m";
  option deprecated = true;
  string a = 1 [(fld) = "a", deprecated = true];
  oneof o { string b = 2 [(fld) = "b"]; }
  message N { string c = 1 [(fld) = "c"]; }
}
enum E {
  option (enm) = "e";
  Z = 0 [(val) = "z"];
}
`
	s, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Path: "p.proto", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	got := s.WithoutExtensions()
	for _, gone := range []string{"(file)", "(msg)", "(fld)", "(enm)", "(val)"} {
		if strings.Contains(got, gone) {
			t.Errorf("%s is still there:\n%s", gone, got)
		}
	}
	for _, kept := range []string{"java_package", "deprecated = true", "string a = 1"} {
		if !strings.Contains(got, kept) {
			t.Errorf("%q is gone:\n%s", kept, got)
		}
	}
	again, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Path: "p.proto", Text: got})
	if err != nil {
		t.Fatalf("the text does not parse: %v\n%s", err, got)
	}
	if again.WithoutExtensions() != got || again.Canonical() != got {
		t.Errorf("stripping twice differs:\n%s\n%s", got, again.WithoutExtensions())
	}
	if !strings.Contains(s.Canonical(), "(fld)") {
		t.Error("the schema itself was changed")
	}
}

// A zero byte is white space to the compiler and an error to protoc.
func TestZeroByte(t *testing.T) {
	for _, text := range []string{"\x00", "syntax = \"proto3\";\n\x00", "syntax = \"proto3\"; message M { string a\x00 = 1; }"} {
		_, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Path: "p.proto", Text: text})
		if err == nil || !strings.Contains(err.Error(), "PROTO_SYNTAX: there is a zero byte") {
			t.Errorf("Parse(%q) error = %v, want one that names the zero byte", text, err)
		}
	}
}
