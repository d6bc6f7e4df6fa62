package protobuf

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang"
)

func sourceOf(text string) lang.Source {
	return lang.Source{Type: lang.Protobuf, Path: "in.proto", Text: text}
}

func mustParse(t *testing.T, text string) *Schema {
	t.Helper()
	s, err := Parse(sourceOf(text))
	if err != nil {
		t.Fatalf("parse: %v\n%s", err, text)
	}
	return s
}

func fixtures(t *testing.T) map[string]map[string]string {
	t.Helper()
	paths, err := filepath.Glob("testdata/canonical/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	out := map[string]map[string]string{}
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{}
		for _, f := range ar.Files {
			files[f.Name] = string(f.Data)
		}
		out[filepath.Base(p)] = files
	}
	return out
}

func TestCanonicalFixtures(t *testing.T) {
	for name, files := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			s := mustParse(t, files["in.proto"])
			if d := cmp.Diff(files["canonical"], s.Canonical()); d != "" {
				t.Errorf("canonical (-want +got):\n%s", d)
			}
			if d := cmp.Diff(files["normalized"], s.Normalized()); d != "" {
				t.Errorf("normalized (-want +got):\n%s", d)
			}
		})
	}
}

// checkForms holds the laws of both printed forms of s.
func checkForms(t *testing.T, s *Schema) {
	t.Helper()
	want := shape(s)
	for _, form := range []struct {
		name string
		text func(*Schema) string
	}{{"canonical", (*Schema).Canonical}, {"normalized", (*Schema).Normalized}} {
		text := form.text(s)
		src := s.Source()
		src.Text = text
		again, err := Parse(src)
		if err != nil {
			t.Fatalf("the %s form does not compile: %v\n%s", form.name, err, text)
		}
		if d := cmp.Diff(text, form.text(again)); d != "" {
			t.Errorf("the %s form is not its own (-first +second):\n%s", form.name, d)
		}
		if d := cmp.Diff(want, shape(again), protocmp.Transform()); d != "" {
			t.Errorf("the %s form compiles to something else (-source +form):\n%s", form.name, d)
		}
	}
}

func TestFormsKeepTheDescriptor(t *testing.T) {
	for name, files := range fixtures(t) {
		t.Run(name, func(t *testing.T) { checkForms(t, mustParse(t, files["in.proto"])) })
	}
}

// Two texts that differ only in what has no meaning have one normalized form.
func TestNormalizedForgetsOrder(t *testing.T) {
	a := mustParse(t, `syntax = "proto3"; package p; message B {} message A { int32 x = 2; B b = 1; reserved 9, 7 to 8; }`)
	b := mustParse(t, `syntax = "proto3"; package p; message B {} message A { reserved 7 to 8; p.B b = 1; reserved 9 to 9; int32 x = 2; }`)
	if a.Normalized() != b.Normalized() {
		t.Errorf("normalized forms differ:\n%s", cmp.Diff(a.Normalized(), b.Normalized()))
	}
	if a.Canonical() == b.Canonical() {
		t.Error("canonical forms are equal; they keep the spelling of types")
	}
}

// shape is the descriptor with every list in which order has no meaning sorted.
func shape(s *Schema) *descriptorpb.FileDescriptorProto {
	f := proto.Clone(protodesc.ToFileDescriptorProto(s.File())).(*descriptorpb.FileDescriptorProto)
	f.PublicDependency, f.WeakDependency = nil, nil
	slices.Sort(f.Dependency)
	slices.Sort(f.OptionDependency)
	sortExtensions(f.Extension)
	for _, m := range f.MessageType {
		shapeMessage(m)
	}
	for _, e := range f.EnumType {
		shapeEnum(e)
	}
	for _, svc := range f.Service {
		for _, m := range svc.Method {
			if m.Options != nil && proto.Size(m.Options) == 0 {
				m.Options = nil // an empty body
			}
		}
	}
	return f
}

func sortExtensions(fs []*descriptorpb.FieldDescriptorProto) {
	slices.SortFunc(fs, func(a, b *descriptorpb.FieldDescriptorProto) int {
		return strings.Compare(a.GetExtendee()+a.GetName(), b.GetExtendee()+b.GetName())
	})
}

func shapeMessage(m *descriptorpb.DescriptorProto) {
	names := make([]string, len(m.OneofDecl))
	for i, o := range m.OneofDecl {
		names[i] = o.GetName()
	}
	slices.SortFunc(m.OneofDecl, func(a, b *descriptorpb.OneofDescriptorProto) int {
		return strings.Compare(a.GetName(), b.GetName())
	})
	for _, f := range m.Field {
		if f.OneofIndex != nil {
			f.OneofIndex = proto.Int32(int32(slices.IndexFunc(m.OneofDecl, func(o *descriptorpb.OneofDescriptorProto) bool {
				return o.GetName() == names[f.GetOneofIndex()]
			})))
		}
	}
	slices.SortFunc(m.Field, func(a, b *descriptorpb.FieldDescriptorProto) int { return int(a.GetNumber() - b.GetNumber()) })
	sortExtensions(m.Extension)
	slices.SortFunc(m.NestedType, func(a, b *descriptorpb.DescriptorProto) int { return strings.Compare(a.GetName(), b.GetName()) })
	slices.SortFunc(m.ReservedRange, func(a, b *descriptorpb.DescriptorProto_ReservedRange) int { return int(a.GetStart() - b.GetStart()) })
	slices.SortFunc(m.ExtensionRange, func(a, b *descriptorpb.DescriptorProto_ExtensionRange) int { return int(a.GetStart() - b.GetStart()) })
	slices.Sort(m.ReservedName)
	for _, n := range m.NestedType {
		shapeMessage(n)
	}
	for _, e := range m.EnumType {
		shapeEnum(e)
	}
}

func shapeEnum(e *descriptorpb.EnumDescriptorProto) {
	slices.SortFunc(e.Value, func(a, b *descriptorpb.EnumValueDescriptorProto) int {
		if a.GetNumber() != b.GetNumber() {
			return int(a.GetNumber() - b.GetNumber())
		}
		return strings.Compare(a.GetName(), b.GetName())
	})
	slices.SortFunc(e.ReservedRange, func(a, b *descriptorpb.EnumDescriptorProto_EnumReservedRange) int {
		return int(a.GetStart() - b.GetStart())
	})
	slices.Sort(e.ReservedName)
}
