package protobuf

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang"
)

// described returns src with the descriptor of its text in place of the text, as
// clients send it.
func described(t *testing.T, src lang.Source) (lang.Source, *Schema) {
	t.Helper()
	s, err := Parse(src)
	if err != nil {
		t.Fatalf("%v\n%s", err, src.Text)
	}
	wire, err := proto.Marshal(protodesc.ToFileDescriptorProto(s.File()))
	if err != nil {
		t.Fatal(err)
	}
	src.Text = base64.StdEncoding.EncodeToString(wire)
	return src, s
}

// optionFiles declare options for the texts below.
func optionFiles() []lang.Reference {
	return []lang.Reference{{Name: "opts/all.proto", Source: &lang.Source{Text: `syntax = "proto3"; package opts; import public "opts/more.proto";`,
		References: []lang.Reference{{Name: "opts/more.proto", Source: &lang.Source{Text: `syntax = "proto2"; package opts;
import "google/protobuf/descriptor.proto";
message Rule {
  optional string name = 1; repeated sint32 codes = 2; map<int32, string> by = 3; optional Rule sub = 4; optional group Part = 5 { optional bool on = 1; }
  extensions 100 to max;
}
enum Level { LOW = 0; HIGH = 1; }
extend Rule { optional double weight = 100; }
extend google.protobuf.FileOptions { optional Rule file = 50001; }
extend google.protobuf.MessageOptions { repeated string notes = 50001; }
extend google.protobuf.FieldOptions { optional Rule rule = 50001; optional bytes mark = 50002; optional float share = 50003; optional Level level = 50004; repeated uint64 big = 50005 [packed = true]; optional double limit = 50006; }
extend google.protobuf.OneofOptions { optional bool pick = 50001; }
extend google.protobuf.EnumOptions { optional fixed32 hash = 50001; }
extend google.protobuf.EnumValueOptions { optional Rule value = 50001; }
extend google.protobuf.ServiceOptions { optional string host = 50001; }
extend google.protobuf.MethodOptions { repeated Rule http = 50001; }
`}}}}}}
}

const optionText = `syntax = "proto3";
package shop;

import "opts/all.proto";

option java_package = "com.shop";
option (opts.file) = {
  name: "f\n\"é",
  codes: [
    -1,
    2
  ],
  by: [
    {
      key: -3,
      value: "c"
    },
    {
      key: 20,
      value: "d"
    }
  ],
  sub: {
    name: ""
  },
  part: {
    on: false
  },
  [opts.weight]: 0.1
};

message M {
  option deprecated = true;
  option (opts.notes) = "a";
  option (opts.notes) = "b";

  string a = 1 [
    deprecated = true,
    (opts.mark) = "\000\377é",
    (opts.share) = 1.5,
    (opts.level) = HIGH,
    (opts.big) = 18446744073709551615,
    (opts.big) = 1,
    (opts.limit) = -inf,
    json_name = "b"
  ];

  oneof o {
    option (opts.pick) = true;
  
    int32 n = 2;
  }
}
enum E {
  option (opts.hash) = 7;
  ZERO = 0 [(opts.value) = {
    name: "z"
  }];
}

service S {
  option (opts.host) = "h";

  rpc Do (.shop.M) returns (stream .shop.M) {
    option (opts.http) = {
      codes: [
        1
      ]
    };
    option (opts.http) = {
      sub: {
      }
    };
  };
}
`

// A text whose spelling has no choices comes back from its descriptor letter for
// letter, custom options of every kind and place included.
func TestOptionsOfDescriptors(t *testing.T) {
	t.Parallel()
	src := sourceOf(optionText)
	src.References = optionFiles()
	given, s := described(t, src)
	if s.Canonical() != optionText {
		t.Fatalf("the text is not canonical:\n%s", cmp.Diff(optionText, s.Canonical()))
	}
	again, err := Parse(given)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(optionText, again.Canonical()); d != "" {
		t.Errorf("-text +descriptor\n%s", d)
	}
	if again.Normalized() != s.Normalized() {
		t.Error("the normalized forms differ")
	}
}

// Tags survive in a client that sends descriptors, whatever spelling its text has;
// the one that comes out is that of the protocol's own server.
func TestTagsOfDescriptors(t *testing.T) {
	t.Parallel()
	const head = "syntax = \"proto3\";\npackage shop;\n\nimport \"confluent/meta.proto\";\n\n"
	const want = head + "message M {\n  string a = 1 [(confluent.field_meta) = {\n    tags: [\n      \"PII\"\n    ]\n  }];\n}\n"
	for _, option := range []string{`(confluent.field_meta).tags = "PII"`, `(confluent.field_meta) = {tags: "PII"}`, `(.confluent.field_meta) = {tags: ["PII"]}`} {
		given, _ := described(t, sourceOf(head+"message M { string a = 1 ["+option+"]; }"))
		s, err := Parse(given)
		if err != nil {
			t.Fatal(err)
		}
		if s.Canonical() != want {
			t.Errorf("%s became\n%s", option, s.Canonical())
		}
		tags := []lang.Tag{{Path: "shop.M.a", Type: fieldEntity, Tags: []string{"PII"}}}
		if d := cmp.Diff(tags, s.Tags()); d != "" {
			t.Errorf("%s: tags -want +got\n%s", option, d)
		}
	}
	// What a client with text sends, and what the server's own edits write, is the
	// same schema to the letter.
	if given, s := described(t, sourceOf(want)); s.Canonical() != want || mustParse(t, given.Text).Canonical() != want {
		t.Errorf("text and descriptor differ: %s", s.Canonical())
	}
	all := head + `option (confluent.file_meta).doc = "f"; message M { option (confluent.message_meta) = {doc: "d" params: [{key: "x" value: "1"}, {key: "scale" value: "2"}]}; }
		enum E { option (confluent.enum_meta).tags = "T"; Z = 0 [(confluent.enum_value_meta).doc = "z"]; }`
	given, _ := described(t, sourceOf(all))
	s, err := Parse(given)
	if err != nil {
		t.Fatal(err)
	}
	flat := strings.Join(strings.Fields(s.Canonical()), " ")
	for _, part := range []string{
		`option (confluent.file_meta) = { doc: "f" };`, `{ value: "2", key: "scale" }, { key: "x", value: "1" }`,
		`option (confluent.enum_meta) = { tags: [ "T" ] };`, `Z = 0 [(confluent.enum_value_meta) = { doc: "z" }]`,
	} {
		if !strings.Contains(flat, part) {
			t.Errorf("%s is not in\n%s", part, s.Canonical())
		}
	}
}

// A name that means something else inside of the file is written from the top.
func TestHiddenOptionsOfDescriptors(t *testing.T) {
	t.Parallel()
	given, s := described(t, sourceOf(`syntax = "proto3"; package a; import "confluent/meta.proto"; message confluent { string a = 1 [(.confluent.field_meta).tags = "PII"]; }`))
	again, err := Parse(given)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s.Tags(), again.Tags()); d != "" || len(s.Tags()) != 1 {
		t.Errorf("%s\n%s", d, again.Canonical())
	}
}

// Options that nothing in reach declares have no name to be written with.
func TestUnknownOptionsOfDescriptors(t *testing.T) {
	t.Parallel()
	src := sourceOf(optionText)
	src.References = optionFiles()
	given, _ := described(t, src)
	known, ok := fromDescriptor(given.Text)
	if !ok {
		t.Fatal("it is no descriptor")
	}
	known.file.Dependency = nil
	wire, err := proto.Marshal(known.file)
	if err != nil {
		t.Fatal(err)
	}
	s := mustParse(t, base64.StdEncoding.EncodeToString(wire))
	if strings.Contains(s.Canonical(), "opts") || !strings.Contains(s.Canonical(), "deprecated = true") {
		t.Errorf("what is left is\n%s", s.Canonical())
	}
	// Bytes that are no value of the option that has their number.
	known.file.Dependency = []string{"confluent/meta.proto"}
	known.file.MessageType[0].Options.ProtoReflect().SetUnknown([]byte("\x82\x44\x02\xff\xff"))
	if wire, err = proto.Marshal(known.file); err != nil {
		t.Fatal(err)
	}
	if s := mustParse(t, base64.StdEncoding.EncodeToString(wire)); strings.Contains(s.Canonical(), "meta)") {
		t.Errorf("broken bytes became\n%s", s.Canonical())
	}
}

// Options that are deep or many would make more text than anybody wants.
func TestHostileOptionsOfDescriptors(t *testing.T) {
	t.Parallel()
	deep := []byte("")
	for range 5000 { // Rule.sub
		deep = protowire.AppendBytes(protowire.AppendTag(nil, 4, protowire.BytesType), deep)
	}
	many := protowire.AppendBytes(protowire.AppendTag(nil, 2, protowire.BytesType), make([]byte, 1_000_000)) // Rule.codes
	for name, value := range map[string][]byte{"deep": deep, "many": many} {
		src := sourceOf(`syntax = "proto3"; import "opts/all.proto"; message M { string a = 1; }`)
		src.References = optionFiles()
		given, _ := described(t, src)
		d, _ := fromDescriptor(given.Text)
		d.file.Options = new(descriptorpb.FileOptions)
		d.file.Options.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 50001, protowire.BytesType), value))
		wire, err := proto.Marshal(d.file)
		if err != nil {
			t.Fatal(err)
		}
		src.Text = base64.StdEncoding.EncodeToString(wire)
		if s, err := Parse(src); err == nil && len(s.Canonical()) > 1000 {
			t.Errorf("%s: %d bytes of text", name, len(s.Canonical()))
		}
	}
}

// Any bytes at all are refused, or are a schema whose canonical text is its own.
func FuzzDescriptor(f *testing.F) {
	refs := optionFiles()
	for _, text := range []string{optionText, plainText, plainText2, taggedText} {
		src := sourceOf(text)
		src.References = refs
		s, err := Parse(src)
		if err != nil {
			f.Fatal(err)
		}
		wire, err := proto.Marshal(protodesc.ToFileDescriptorProto(s.File()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		if len(wire) > 4<<10 { // the compiler is slow
			return
		}
		src := sourceOf(base64.StdEncoding.EncodeToString(wire))
		src.References = refs
		s, err := Parse(src)
		if err != nil {
			return
		}
		src.Text = s.Canonical()
		again, err := Parse(src)
		if err != nil || again.Canonical() != src.Text {
			t.Errorf("%v\n%s", err, src.Text)
		}
	})
}
