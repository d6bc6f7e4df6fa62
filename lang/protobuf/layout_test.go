package protobuf

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Corners of the canonical layout that a reference server's hashes depend on.
func TestLayout(t *testing.T) {
	const head = "import \"google/protobuf/descriptor.proto\";\n"
	for name, c := range map[string]struct{ in, canonical, normalized string }{
		"options of a oneof": {
			in:        `syntax = "proto3"; ` + head + ` extend google.protobuf.OneofOptions { bool o = 50001; } message A { oneof x { option (o) = true; int32 a = 1; } }`,
			canonical: "syntax = \"proto3\";\n\n" + head + "\nmessage A {\n  oneof x {\n    option (o) = true;\n  \n    int32 a = 1;\n  }\n}\n\nextend google.protobuf.OneofOptions {\n  bool o = 50001;\n}\n",
		},
		"lists of one": {
			in:        `syntax = "proto3"; ` + head + ` message V { repeated string s = 1; } extend google.protobuf.MessageOptions { V v = 50001; } message A { option (v) = { s: ["x"] }; }`,
			canonical: "syntax = \"proto3\";\n\n" + head + "\nmessage V {\n  repeated string s = 1;\n}\nmessage A {\n  option (v) = {\n    s: [\n      \"x\"\n    ]\n  };\n}\n\nextend google.protobuf.MessageOptions {\n  V v = 50001;\n}\n",
		},
		"a key twice": {
			in:        `syntax = "proto3"; import "confluent/meta.proto"; message A { option (confluent.message_meta) = { doc: "d" tags: "a" tags: ["b", "c"] }; }`,
			canonical: "syntax = \"proto3\";\n\nimport \"confluent/meta.proto\";\n\nmessage A {\n  option (confluent.message_meta) = {\n    doc: \"d\",\n    tags: [\n      \"a\",\n      \"b\",\n      \"c\"\n    ]\n  };\n}\n",
		},
		"parts of an option": {
			in: `syntax = "proto3"; package p; import "confluent/meta.proto"; message A {
				option (confluent.message_meta).doc = "d"; option (confluent.message_meta).tags = "a"; option (confluent.message_meta).tags = "b";
				int32 x = 1 [(confluent.field_meta).doc = "only"]; }`,
			canonical:  "syntax = \"proto3\";\npackage p;\n\nimport \"confluent/meta.proto\";\n\nmessage A {\n  option (confluent.message_meta).doc = \"d\";\n  option (confluent.message_meta).tags = \"a\";\n  option (confluent.message_meta).tags = \"b\";\n\n  int32 x = 1 [(confluent.field_meta).doc = \"only\"];\n}\n",
			normalized: "syntax = \"proto3\";\npackage p;\n\nimport \"confluent/meta.proto\";\n\nmessage A {\n  option (.confluent.message_meta) = {\n    doc: \"d\",\n    tags: [\n      \"a\",\n      \"b\"\n    ]\n  };\n\n  int32 x = 1 [(.confluent.field_meta).doc = \"only\"];\n}\n",
		},
		"pseudo options": {
			in:         `message A { optional int32 a = 1 [json_name = "j", deprecated = true, default = 3]; }`,
			canonical:  "message A {\n  optional int32 a = 1 [\n    deprecated = true,\n    default = 3,\n    json_name = \"j\"\n  ];\n}\n",
			normalized: "message A {\n  optional int32 a = 1 [\n    default = 3,\n    deprecated = true,\n    json_name = \"j\"\n  ];\n}\n",
		},
		"empty message and service": {
			in:        `syntax = "proto3"; message A { } service S { }`,
			canonical: "syntax = \"proto3\";\n\nmessage A {}\n\nservice S {}\n",
		},
	} {
		s := mustParse(t, c.in)
		if got := s.Canonical(); got != c.canonical {
			t.Errorf("%s: canonical (-want +got)\n%s", name, cmp.Diff(c.canonical, got))
		}
		if c.normalized != "" && s.Normalized() != c.normalized {
			t.Errorf("%s: normalized (-want +got)\n%s", name, cmp.Diff(c.normalized, s.Normalized()))
		}
		checkForms(t, s)
	}
}
