package protobuf

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"

	"github.com/wireproof/wireproof/lang"
)

// What the descriptors of the packages googleapis/type/* of Go module
// google.golang.org/genproto, v0.0.0-20260217215200-42d3e9bedb6d, hash to. The
// module draws in a hundred others, so the files are declared here instead.
var genproto = map[string]string{
	"calendar_period": "cddbf48de68fb7b6686cd761705d7d638123cee91c857e3d0c26e43896d4b9ae",
	"color":           "1f7988dac2a0e8afd7b2bbb3744b6533cba9360bc9fba5a4a29602127302e426",
	"date":            "72fb885810b6f82c7710097ff317ff19250ffbdac4307227328224e1ab5db92f",
	"datetime":        "35f95ae3dfd52b09b1e79972a092a12748f707f8fd86c6963b263abcd4def275",
	"dayofweek":       "20f897f270625f982e0703983058eab99bcaf74af6472a260010a7bb30991cc2",
	"decimal":         "fa52eb9814bbbdde765a8126254318a84ef21c34617abc1fadf3ad031bdb03da",
	"expr":            "c5d3aa5b7c81ebeab008bade7c625414c45c1d47180f27112ec197c70a3f1105",
	"fraction":        "3438694899d75fe88bd509ca7301f4219fa94d959f6e363a508b523a5a30b35f",
	"interval":        "2d0c645f0e0430b2f48384793f0b48385fdaa2d6ab18ac8e70aded5ce83fc72c",
	"latlng":          "810ee4472d5572d1a96dcb04fb3f13ee175839a707abe7eac4f7201c752837f5",
	"money":           "610131d55cc3a38ccda683582a5c0a9e2112ca5128dae8d7a38bbc9a63a69e83",
	"month":           "b1b2c8210f218741b30fa61a3251d98b3e1cd502530904874508e58291645e0f",
	"phone_number":    "ce733d046a8650680b215e4fbc9fc5c0f8531cf5eb4c99ba970cd51a8c0b50a0",
	"postal_address":  "c9bc56dc6fe5dd494777229c7a86c508029503f05e7b90ee7cd143afebbda5cc",
	"quaternion":      "cbfb35b9f7b5f60d53afa1c17530218a86178e9837d232a86861e6a0f6deb73f",
	"timeofday":       "1a09b3b33762766584976c9f28d5ce7f570d6eebba164b500a52b7bf0ce608c7",
}

func TestBuiltins(t *testing.T) {
	seen := 0
	for _, name := range Builtins() {
		text, ok := builtin(name)
		if !ok {
			t.Fatalf("%s is listed and not there", name)
		}
		s, err := Parse(lang.Source{Path: name, Text: text})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkForms(t, s)
		if !strings.HasPrefix(name, "google/type/") {
			continue
		}
		seen++
		wire, err := proto.MarshalOptions{Deterministic: true}.Marshal(protodesc.ToFileDescriptorProto(s.File()))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(wire)
		if got, want := hex.EncodeToString(sum[:]), genproto[strings.TrimSuffix(path.Base(name), ".proto")]; got != want {
			t.Errorf("the descriptor of %s hashes to %s, want %s", name, got, want)
		}
	}
	if seen != len(genproto) {
		t.Errorf("%d files of google/type, want %d", seen, len(genproto))
	}
}

func TestBuiltinsNeedNoReference(t *testing.T) {
	text := "syntax = \"proto3\";\npackage p;\n"
	for _, name := range Builtins() {
		text += "import \"" + name + "\";\n"
	}
	text += `message M {
  google.type.Money price = 1;
  google.type.DayOfWeek day = 2;
  confluent.type.Decimal amount = 3 [(confluent.field_meta).doc = "d"];
  confluent.type.Variant any = 4 [(confluent.field_meta) = { doc: "d", params: { key: "a", value: "b" }, rules: { expr: "true", name: "r" }, tags: ["T"] }];
  option (confluent.message_meta).tags = "M";
}
enum E {
  option (confluent.enum_meta).doc = "e";
  Z = 0 [(confluent.enum_value_meta).doc = "z"];
}
option (confluent.file_meta).doc = "f";
`
	checkForms(t, mustParse(t, text))
	for _, name := range []string{"google/type/nothing.proto", "confluent/nothing.proto", "confluent/../confluent/meta.proto", "builtin/confluent/meta.proto", "google/type/", "confluent/type"} {
		if _, err := Parse(sourceOf(`syntax = "proto3"; import "` + name + `"; message A {}`)); err == nil {
			t.Errorf("import %q was found", name)
		}
	}
}

// A reference that has the path of a built-in file is taken instead.
func TestReferencesWinOverBuiltins(t *testing.T) {
	src := sourceOf(`syntax = "proto3"; import "google/type/money.proto"; message A { google.type.Mine m = 1; }`)
	src.References = []lang.Reference{{Name: "google/type/money.proto", Source: &lang.Source{Text: `syntax = "proto3"; package google.type; message Mine {}`}}}
	if _, err := Parse(src); err != nil {
		t.Error(err)
	}
}
