package protobuf_test

import (
	"context"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang/protobuf"
)

// quickFiles are files of which some need the compiler and others do not.
var quickFiles = map[string]string{
	"opts.proto": `syntax = "proto2"; package my.opts; import "google/protobuf/descriptor.proto";
message Rule { optional string get = 1; repeated Rule more = 2; optional int32 n = 3; map<string, int32> m = 4; }
enum Level { LOW = 0; HIGH = 1; }
extend google.protobuf.FieldOptions { repeated Level level = 50001; optional string note = 50002; optional Rule deep = 50003; optional bool yes = 50004; }
extend google.protobuf.MethodOptions { optional Rule rule = 50001; }
extend google.protobuf.MessageOptions { optional int32 size = 50001; }`,
	"a.proto": `syntax = "proto3"; package my.app; import "opts.proto"; import "b.proto"; import "google/protobuf/timestamp.proto";
option php_namespace = "My\\App";
message M { option (my.opts.size) = 12;
  string s = 1 [(my.opts.level) = LOW, (my.opts.level) = HIGH, (my.opts.note) = "a" 'b', deprecated = true];
  my.app
    .b.B b = 2 [(opts.deep).get = "x", (my.opts.yes) = true];
  google.protobuf.Timestamp at = 3 [(.my.opts.deep) = { get: "\"" more { n: 1 } more: [{ n: 2 }, { n: 3 }] }];
  map<string, my.app.b.E> es = 4;
  oneof o { int32 i = 5; bytes y = 6 [json_name = "why"]; }
  reserved 7 to 9, 100; reserved "gone";
}
service S { rpc Do(M) returns (stream M) { option (my.opts.rule) = { get: "/v1/{s=*}" more { get: "/v2" } }; } rpc No(M) returns (M) {} }`,
	"b.proto": `syntax = "proto3"; package my.app.b; message B { optional string s = 1; } enum E { E_UNSPECIFIED = 0; E_ONE = 1; }`,
	"old.proto": `syntax = "proto2"; package my.old; import "b.proto"; message O { required string s = 1 [default = "x", ctype = CORD];
  repeated group G = 2 { optional my.app.b.E e = 1; } extensions 100 to max; } extend O { optional int32 x = 100; }`,
	"new.proto": `edition = "2023"; package my.fresh; import "old.proto"; import "a.proto"; message N { my.old.O o = 1; my.app.M m = 2 [features.field_presence = EXPLICIT]; }`,
}

func open(files map[string]string) func(string) (string, error) {
	return func(path string) (string, error) {
		if text, ok := files[path]; ok {
			return text, nil
		}
		return "", fs.ErrNotExist
	}
}

// withoutCustom takes custom options out of a descriptor, and options that are
// empty then.
func withoutCustom(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				withoutCustom(v.List().Get(i).Message())
			}
		case f.Name() == "options":
			o := v.Message()
			o.SetUnknown(nil)
			o.Range(func(x protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
				if x.IsExtension() {
					o.Clear(x)
				}
				return true
			})
			if proto.Size(o.Interface()) == 0 {
				m.Clear(f)
			}
		}
		return true
	})
}

func described(f *protobuf.ImageFile) *descriptorpb.FileDescriptorProto {
	p := protodesc.ToFileDescriptorProto(f.Descriptor)
	withoutCustom(p.ProtoReflect())
	return p
}

// The quick way gives the descriptors of the compiler, but for custom options.
func TestCompileQuick(t *testing.T) {
	t.Parallel()
	targets := []string{"a.proto", "b.proto", "new.proto", "old.proto", "opts.proto"}
	want, err := protobuf.CompileImage(context.Background(), targets, open(quickFiles), protobuf.ImageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, trusted := range []bool{false, true} {
		got, err := protobuf.CompileQuick(context.Background(), targets, open(quickFiles), protobuf.QuickOptions{Trusted: trusted})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range want.Files() {
			g := got.File(f.Path)
			if g == nil || g.IsImport != f.IsImport {
				t.Errorf("%s: %+v, want %+v", f.Path, g, f)
				continue
			}
			if _, ok := quickFiles[f.Path]; !ok {
				continue // a file that everybody knows comes from the program
			}
			if diff := cmp.Diff(described(f).String(), described(g).String()); diff != "" && !proto.Equal(described(f), described(g)) {
				t.Errorf("trusted %v: %s: %s", trusted, f.Path, diff)
			}
		}
	}
}

// What is wrong is told by the compiler, in the same words, whatever the quick way
// makes of it: custom options too.
func TestCompileQuickMistakes(t *testing.T) {
	t.Parallel()
	head := `syntax = "proto3"; package my.app; import "opts.proto"; `
	for name, text := range map[string]string{
		"unknown option":       head + `message M { string s = 1 [(my.opts.none) = 1]; }`,
		"option not in scope":  `syntax = "proto3"; package my.app; message M { string s = 1 [(my.opts.note) = "x"]; }`,
		"option of another":    head + `message M { string s = 1 [(my.opts.size) = 1]; }`,
		"wrong kind":           head + `message M { string s = 1 [(my.opts.note) = 1]; }`,
		"no constant":          head + `message M { string s = 1 [(my.opts.level) = MIDDLE]; }`,
		"twice":                head + `message M { string s = 1 [(my.opts.note) = "a", (my.opts.note) = "b"]; }`,
		"unknown field inside": head + `message M { string s = 1 [(my.opts.deep) = { none: 1 }]; }`,
		"wrong kind inside":    head + `message M { string s = 1 [(my.opts.deep).n = "x"]; }`,
		"too large":            head + `message M { string s = 1 [(my.opts.deep).n = 99999999999]; }`,
		"unknown type":         head + `message M { Nobody n = 1; }`,
		"number twice":         head + `message M { string s = 1; string t = 1; }`,
		"name of another file": head + `package my.opts; message Rule {}`,
		"missing import":       `syntax = "proto3"; import "nobody.proto"; message M {}`,
		"cycle":                `syntax = "proto3"; import "x.proto"; message M {}`,
		"not Protobuf":         `message {`,
		"first constant not 0": head + `enum E { A = 1; }`,
		"default in proto3":    head + `message M { string s = 1 [default = "x"]; }`,
	} {
		files := map[string]string{"opts.proto": quickFiles["opts.proto"], "x.proto": text}
		_, want := protobuf.CompileImage(context.Background(), []string{"x.proto"}, open(files), protobuf.ImageOptions{})
		_, got := protobuf.CompileQuick(context.Background(), []string{"x.proto"}, open(files), protobuf.QuickOptions{})
		if want == nil || got == nil || got.Error() != want.Error() {
			t.Errorf("%s: the quick way says %v, want %v", name, got, want)
		}
	}
}

// Whatever the text, the quick way accepts what the compiler accepts, and nothing
// else.
func FuzzCompileQuick(f *testing.F) {
	for _, text := range quickFiles {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4<<10 {
			return
		}
		files := map[string]string{"opts.proto": quickFiles["opts.proto"], "b.proto": quickFiles["b.proto"], "x.proto": text}
		want, wantErr := protobuf.CompileImage(context.Background(), []string{"x.proto"}, open(files), protobuf.ImageOptions{})
		got, err := protobuf.CompileQuick(context.Background(), []string{"x.proto"}, open(files), protobuf.QuickOptions{})
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("the quick way says %v, the compiler %v", err, wantErr)
		}
		if err == nil && !proto.Equal(described(want.File("x.proto")), described(got.File("x.proto"))) {
			t.Errorf("%s", cmp.Diff(described(want.File("x.proto")).String(), described(got.File("x.proto")).String()))
		}
	})
}
