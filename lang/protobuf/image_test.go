package protobuf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang"
)

func compileTexts(t testing.TB, texts map[string]string, targets ...string) (*Image, error) {
	t.Helper()
	return CompileImage(t.Context(), targets, func(path string) (string, error) {
		if text, ok := texts[path]; ok {
			return text, nil
		}
		return "", fs.ErrNotExist
	}, ImageOptions{})
}

const imageText = `syntax = "proto3";
package p;
import "b.proto";
import "google/protobuf/timestamp.proto";
option java_package = "x";
message M {
	string tab = 1 [json_name = "t"];
  /* 字 */ int32 wide = 2;
  google.protobuf.Timestamp at = 3;
  enum K { K_NONE = 0; }
}
service S { rpc R(M) returns (B); }
`

func TestCompileImage(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"a.proto": imageText, "b.proto": "syntax = \"proto2\"; package p; message B { extensions 9; } extend B { optional int32 x = 9; }"}
	im, err := compileTexts(t, texts, "a.proto")
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, f := range im.Files() {
		paths = append(paths, f.Path)
		if f.IsImport != (f.Path != "a.proto") || f.Text == "" || im.File(f.Path) != f || im.FileOf(f.Descriptor) != f {
			t.Errorf("%s: %+v", f.Path, f)
		}
	}
	if want := []string{"a.proto", "b.proto", "google/protobuf/timestamp.proto"}; !slices.Equal(paths, want) {
		t.Errorf("files %v, want %v", paths, want)
	}
	for _, name := range []protoreflect.FullName{"p.M", "p.M.K", "p.S", "p.B", "p.x", "google.protobuf.Timestamp"} {
		if d := im.Find(name); d == nil || d.FullName() != name {
			t.Errorf("Find(%s) = %v", name, d)
		}
	}
	if im.Find("p.M.tab") != nil || im.File("c.proto") != nil || im.Package("q") != nil || im.Package("p") != im.File("a.proto") {
		t.Error("something is found that is not there")
	}
	if x := im.Extension("p.B", 9); x == nil || x.Name() != "x" || im.Extension("p.B", 8) != nil {
		t.Errorf("Extension = %v", x)
	}
	if im.File("b.proto").Edition() != descriptorpb.Edition_EDITION_PROTO2 || im.File("a.proto").Edition() != descriptorpb.Edition_EDITION_PROTO3 {
		t.Error("wrong editions")
	}
}

func TestCompileImageTellsEveryMistake(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"a.proto":    "syntax = \"proto3\";\nmessage M { Nowhere n = 1; }\n",
		"b.proto":    "syntax = \"proto3\";\nimport \"gone.proto\";\nmessage N { int32 a = 1; int32 b = 1; }\n",
		"deep.proto": "syntax = \"proto3\"; option x = " + strings.Repeat("{a", 300) + strings.Repeat("}", 300) + ";",
	}
	_, err := compileTexts(t, texts, "a.proto", "b.proto")
	var list lang.ErrorList
	if !errors.As(err, &list) || len(list) < 3 {
		t.Fatalf("error %v, want a list of three at least", err)
	}
	for _, want := range []string{"a.proto:2:", "b.proto:2:", "b.proto:3:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing about %s in:\n%v", want, err)
		}
	}
	if _, err := compileTexts(t, texts, "deep.proto"); err == nil || !strings.Contains(err.Error(), "nested more than") {
		t.Errorf("endless nesting: %v", err)
	}
	if _, err := compileTexts(t, texts, "nowhere.proto"); err == nil {
		t.Error("a target that does not exist compiles")
	}
	broken := errors.New("disk on fire")
	if _, err := CompileImage(t.Context(), []string{"a.proto"}, func(string) (string, error) { return "", broken }, ImageOptions{}); !errors.Is(err, broken) {
		t.Errorf("error %v, want that of open", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := CompileImage(ctx, []string{"a.proto"}, func(string) (string, error) { return "", nil }, ImageOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that of the context", err)
	}
}

// A project's own copy of a well-known file is the one that counts.
func TestCompileImageOwnWellKnownFile(t *testing.T) {
	t.Parallel()
	im, err := compileTexts(t, map[string]string{
		"a.proto":                         "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\";",
		"google/protobuf/timestamp.proto": "syntax = \"proto3\"; package google.protobuf; message Timestamp { int32 own = 1; }",
	}, "a.proto")
	if err != nil {
		t.Fatal(err)
	}
	m, ok := im.Find("google.protobuf.Timestamp").(protoreflect.MessageDescriptor)
	if !ok || m.Fields().ByName("own") == nil {
		t.Errorf("found %v", m)
	}
}

func locate(t testing.TB, im *Image, file string, paths ...AnchorPath) lang.Pos {
	t.Helper()
	return im.Locate([]Anchor{{File: im.File(file), Paths: paths}})[0]
}

func exact(path ...int32) AnchorPath { return AnchorPath{Path: path} }

func TestLocate(t *testing.T) {
	t.Parallel()
	im, err := compileTexts(t, map[string]string{"a.proto": imageText, "b.proto": "syntax = \"proto3\"; package p; message B {}"}, "a.proto")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		paths []AnchorPath
		want  string // line:col-line:col
		text  string
	}{
		{"an option of the file", []AnchorPath{exact(8, 1)}, "5:1-5:27", `option java_package = "x";`},
		{"behind a tab", []AnchorPath{exact(4, 0, 2, 0, 1)}, "7:12-7:15", "tab"},
		{"behind a wide character", []AnchorPath{exact(4, 0, 2, 1, 1)}, "8:18-8:22", "wide"},
		{"the first that is there", []AnchorPath{exact(4, 0, 2, 0, 8), exact(4, 0, 2, 0, 10), exact(4, 0)}, "7:21-7:36", `json_name = "t"`},
		{"several lines", []AnchorPath{exact(4, 0)}, "6:1-11:2", ""},
		{"nothing there", []AnchorPath{exact(4, 9)}, "1:1-1:1", ""},
		{"no path", nil, "1:1-1:1", ""},
		{"an option, by its parts", []AnchorPath{{Path: []int32{4, 0, 2, 0, 8, 21, 1}, Option: 6}, exact(12)}, "1:1-1:19", `syntax = "proto3";`},
	} {
		pos := locate(t, im, "a.proto", tt.paths...)
		if got := fmt.Sprintf("%d:%d-%d:%d", pos.Line, pos.Col, pos.EndLine, pos.EndCol); got != tt.want || pos.Path != "a.proto" {
			t.Errorf("%s: %s:%s, want %s", tt.name, pos.Path, got, tt.want)
		}
		if tt.text != "" && imageText[pos.Start:pos.End] != tt.text {
			t.Errorf("%s: offsets of %q, want %q", tt.name, imageText[pos.Start:pos.End], tt.text)
		}
	}
	if pos := im.Locate([]Anchor{{}}); pos[0] != (lang.Pos{}) {
		t.Errorf("no file has the place %v", pos)
	}
}

// Every place of the source info is found again, as it is where the whole set is
// compiled with it.
func TestLocateIsSourceInfo(t *testing.T) {
	t.Parallel()
	long := "syntax = \"proto3\"; package p; // a comment to the end\n" + strings.ReplaceAll(strings.TrimPrefix(imageText, "syntax = \"proto3\";\npackage p;\n"), "\n", " ") +
		" message Long { " + func() string {
		var b strings.Builder
		for i := range 150 {
			fmt.Fprintf(&b, "/* x */ string f%d = %d;\t", i, i+1)
		}
		return b.String()
	}() + "}\n"
	for name, text := range map[string]string{"short": imageText, "long": long} {
		b := "syntax = \"proto3\"; package p; message B {}"
		set, err := CompileSet(lang.Source{Path: "a.proto", Text: text, References: []lang.Reference{{Name: "b.proto", Source: &lang.Source{Text: b}}}})
		if err != nil {
			t.Fatal(err)
		}
		im, err := compileTexts(t, map[string]string{"a.proto": text, "b.proto": b}, "a.proto")
		if err != nil {
			t.Fatal(err)
		}
		if broken, ok := breakLines(text); name == "long" && (broken == text || !ok) {
			t.Error("the long line is not broken")
		}
		checked := map[string]bool{}
		for _, l := range set.File[len(set.File)-1].GetSourceCodeInfo().GetLocation() {
			if checked[pathKey(l.Path)] {
				continue
			}
			checked[pathKey(l.Path)] = true
			pos := locate(t, im, "a.proto", exact(l.Path...))
			got := []int32{int32(pos.Line - 1), int32(pos.Col - 1), int32(pos.EndLine - 1), int32(pos.EndCol - 1)}
			if want := l.Span; len(want) == 3 && !slices.Equal(got, []int32{want[0], want[1], want[0], want[2]}) || len(want) == 4 && !slices.Equal(got, want) {
				t.Errorf("%s: %v is at %v, want %v", name, l.Path, got, want)
			}
		}
		if len(checked) < 30 {
			t.Errorf("%s: only %d places", name, len(checked))
		}
	}
}

// A line without end has no places, and costs nothing.
func TestLocateEndlessLine(t *testing.T) {
	t.Parallel()
	text := "syntax=\"proto3\";enum E{A=0;" + func() string {
		var b strings.Builder
		for i := range 5000 {
			fmt.Fprintf(&b, "V%d=%d;", i, i+1)
		}
		return b.String()
	}() + "}"
	im, err := compileTexts(t, map[string]string{"a.proto": text}, "a.proto")
	if err != nil {
		t.Fatal(err)
	}
	if pos := locate(t, im, "a.proto", exact(5, 0)); pos.Line != 1 || pos.Col != 1 || pos.End != 0 {
		t.Errorf("place %+v, want the start of the file", pos)
	}
}

func TestNewImage(t *testing.T) {
	t.Parallel()
	set, err := CompileSet(lang.Source{Path: "a.proto", Text: "syntax = \"proto3\"; import \"google/protobuf/timestamp.proto\";\nmessage M { google.protobuf.Timestamp at = 1; }"})
	if err != nil {
		t.Fatal(err)
	}
	// buf_extension { is_import: true }
	mark := protowire.AppendBytes(protowire.AppendTag(nil, 8042, protowire.BytesType), []byte{1 << 3, 1})
	for _, f := range set.File {
		if f.GetName() != "a.proto" {
			f.ProtoReflect().SetUnknown(mark)
		}
	}
	im, err := NewImage(set, nil)
	if err != nil {
		t.Fatal(err)
	}
	if im.File("a.proto").IsImport || !im.File("google/protobuf/timestamp.proto").IsImport {
		t.Error("the marks of imports are not read")
	}
	if pos := locate(t, im, "a.proto", exact(4, 0)); pos.Line != 2 || pos.Col != 1 || pos.EndLine != 2 || pos.EndCol != 48 {
		t.Errorf("place %+v", pos)
	}
	im, err = NewImage(set, func(path string) bool { return path == "a.proto" })
	if err != nil || !im.File("a.proto").IsImport {
		t.Errorf("isImport is not asked: %v", err)
	}
	if _, err := NewImage(&descriptorpb.FileDescriptorSet{File: set.File[len(set.File)-1:]}, nil); err == nil {
		t.Error("a file without its imports makes an image")
	}
}

func TestSchemaImage(t *testing.T) {
	t.Parallel()
	s, err := Parse(lang.Source{Path: "orders-value v3", Text: imageText, References: []lang.Reference{
		{Name: "b.proto", Source: &lang.Source{Text: "syntax = \"proto3\"; package p; message B {}"}}}})
	if err != nil {
		t.Fatal(err)
	}
	im := s.Image()
	if f := im.File(""); f == nil || f.Shown != "orders-value v3" || f.IsImport || im.FileOf(s.File()) != f {
		t.Errorf("main file %+v", f)
	}
	if im.File("b.proto").IsImport || !im.File("google/protobuf/timestamp.proto").IsImport {
		t.Error("what the schema refers to is no import, what everybody knows is one")
	}
	if pos := locate(t, im, "", exact(4, 0, 2, 1, 1)); pos.String() != "orders-value v3:8:18" {
		t.Errorf("place %s", pos)
	}
}

// Breaking lines moves nothing.
func FuzzBreakLines(f *testing.F) {
	f.Add(imageText)
	f.Add(strings.Repeat("a b \"c d\" /* e f */ // g h\n", 3) + strings.Repeat("x  y\t", 2000))
	f.Fuzz(func(t *testing.T, text string) {
		out, _ := breakLines(text)
		if len(out) != len(text) {
			t.Fatalf("%d bytes became %d", len(text), len(out))
		}
		a, b := scanner{text: text}, scanner{text: out}
		for {
			x, y := a.next(), b.next()
			if x != y {
				t.Fatalf("token %+v became %+v", x, y)
			}
			if x.kind == tokEnd {
				return
			}
		}
	})
}

// Any descriptors make an image or an error, and places in it are asked for
// without harm.
func FuzzNewImage(f *testing.F) {
	set, err := CompileSet(lang.Source{Path: "a.proto", Text: "syntax = \"proto2\"; package p; message M { optional int32 a = 1; extensions 2; enum E { A = 1; } } extend M { optional M x = 2; } service S { rpc R(M) returns (M); }"})
	if err != nil {
		f.Fatal(err)
	}
	data, err := proto.Marshal(set)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	set.File[0].SourceCodeInfo.Location[1].Span = []int32{-1, 1 << 30, -5}
	set.File[0].SourceCodeInfo.Location[2].Span = []int32{1}
	if data, err = proto.Marshal(set); err == nil {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		set := new(descriptorpb.FileDescriptorSet)
		if len(data) > 1<<16 || proto.Unmarshal(data, set) != nil {
			return
		}
		im, err := NewImage(set, nil)
		if err != nil {
			return
		}
		var anchors []Anchor
		for _, file := range im.Files() {
			for _, l := range file.info.GetLocation() {
				anchors = append(anchors, Anchor{File: file, Paths: []AnchorPath{{Path: l.Path, Option: 1}}})
			}
		}
		for _, pos := range im.Locate(anchors) {
			if pos.Line < 1 || pos.Col < 1 || pos.EndLine < 1 || pos.EndCol < 1 {
				t.Errorf("place %+v", pos)
			}
		}
		im.Find("p.M")
	})
}
