package protobuf

import (
	"encoding/base64"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang"
)

// A descriptor in base64 is the schema that it describes.
func TestDescriptorInBase64(t *testing.T) {
	texts := []string{
		`syntax = "proto2"; package p; message M { required group G = 1 { optional int32 a = 1 [default = -3]; } extensions 5 to max; extend M { optional string x = 7; }
			optional bytes raw = 2 [default = "\001q\"", deprecated = true, json_name = "y"]; optional E e = 3 [default = B]; optional double d = 4 [default = inf]; }
			enum E { A = 1; B = -2; reserved 5 to max; reserved "X"; }`,
		`edition = "2023"; package p; option features.field_presence = IMPLICIT; message M { reserved x; string s = 1 [features.field_presence = EXPLICIT]; M m = 2 [features.message_encoding = DELIMITED]; }`,
	}
	disordered := "" // the fields of an option, which come out in the order of their numbers
	for name, files := range fixtures(t) {
		texts = append(texts, files["in.proto"])
		if name == "proto2.txtar" {
			disordered = files["in.proto"]
		}
	}
	for _, text := range texts {
		s := mustParse(t, text)
		wire, err := proto.Marshal(protodesc.ToFileDescriptorProto(s.File()))
		if err != nil {
			t.Fatal(err)
		}
		given := base64.StdEncoding.EncodeToString(wire)
		again := mustParse(t, given)
		if d := cmp.Diff(s.Normalized(), again.Normalized()); d != "" && text == disordered {
			t.Errorf("%s\nnormalized\n%s", text, d)
		}
		if d := cmp.Diff(shape(s), shape(again), protocmp.Transform()); d != "" && text != disordered {
			t.Errorf("%s\nbecame\n%s\n%s", text, again.Canonical(), d)
		}
		if again.Source().Text != given {
			t.Error("Source is not what was given")
		}
		if again.Canonical() != mustParse(t, again.Canonical()).Canonical() {
			t.Error("the canonical text is not its own")
		}
		if m := again.Messages(); len(m) > 0 && !m[0].Pos.IsValid() {
			t.Errorf("%s has no place", m[0].FullName)
		}
	}
}

func TestReferenceInBase64(t *testing.T) {
	dep := mustParse(t, `syntax = "proto3"; package dep; message D {}`)
	wire, err := proto.Marshal(protodesc.ToFileDescriptorProto(dep.File()))
	if err != nil {
		t.Fatal(err)
	}
	src := sourceOf(`syntax = "proto3"; import "dep.proto"; message A { dep.D d = 1; }`)
	src.References = []lang.Reference{{Name: "dep.proto", Source: &lang.Source{Text: base64.StdEncoding.EncodeToString(wire)}}}
	if _, err := Parse(src); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoDescriptor(t *testing.T) {
	for _, text := range []string{"", "bWVzc2FnZQ==", "AAAA", "message", "cGtnO2Zv"} {
		if got, ok := fromDescriptor(text); ok {
			t.Errorf("%q was taken as a descriptor of %q", text, got.plainText())
		}
	}
}

func TestDeepDescriptorIsRefused(t *testing.T) {
	m := &descriptorpb.DescriptorProto{Name: proto.String("M")}
	for range 5000 {
		m = &descriptorpb.DescriptorProto{Name: proto.String("M"), NestedType: []*descriptorpb.DescriptorProto{m}}
	}
	wire, err := proto.Marshal(&descriptorpb.FileDescriptorProto{MessageType: []*descriptorpb.DescriptorProto{m}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(sourceOf(base64.StdEncoding.EncodeToString(wire))); err == nil {
		t.Error("5000 nested messages were accepted")
	}
}
