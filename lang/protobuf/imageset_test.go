package protobuf_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func compileSources(ctx context.Context, texts map[string]string, targets ...string) (*descriptorpb.FileDescriptorSet, error) {
	return protobuf.CompileSources(ctx, targets, func(path string) (string, error) {
		text, ok := texts[path]
		if !ok {
			return "", fs.ErrNotExist
		}
		return text, nil
	}, protobuf.ImageOptions{})
}

// Files come after their imports, in the order in which those are written, and
// with comments; what nobody imports and nobody asked for is not there.
func TestCompileSources(t *testing.T) {
	t.Parallel()
	set, err := compileSources(t.Context(), map[string]string{
		"a.proto": "syntax = \"proto3\";\nimport \"z.proto\";\nimport \"google/protobuf/empty.proto\";\nimport \"m.proto\";\n" +
			"// About A.\nmessage A { Z z = 1 [(label) = \"x\"]; google.protobuf.Empty e = 2; }\n",
		"b.proto": "syntax = \"proto3\";\nimport \"m.proto\";\nmessage B { string s = 1 [(label) = \"y\"]; }\n",
		"m.proto": "syntax = \"proto3\";\nimport \"google/protobuf/descriptor.proto\";\nextend google.protobuf.FieldOptions { string label = 50001; }\n",
		"z.proto": "syntax = \"proto3\";\nmessage Z {}\n",
		"n.proto": "syntax = \"proto3\";\n",
	}, "b.proto", "a.proto")
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, f := range set.File {
		order = append(order, f.GetName())
	}
	want := []string{"google/protobuf/descriptor.proto", "m.proto", "b.proto", "z.proto", "google/protobuf/empty.proto", "a.proto"}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
	a := set.File[5]
	found := false
	for _, l := range a.GetSourceCodeInfo().GetLocation() {
		found = found || l.GetLeadingComments() == " About A.\n" && cmp.Equal(l.GetPath(), []int32{4, 0})
	}
	if !found {
		t.Errorf("the comment of A is not in %v", a.GetSourceCodeInfo())
	}
	label := ""
	a.MessageType[0].Field[0].Options.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		label = fmt.Sprint(f.FullName(), "=", v)
		return true
	})
	if label != "label=x" {
		t.Errorf("the custom option is %q, want label=x", label)
	}
}

// endless are messages in one line.
func endless() string {
	var b strings.Builder
	for i := range 3 << 10 {
		fmt.Fprintf(&b, "message A%d {} ", i)
	}
	return b.String()
}

// A long line with few tokens is no problem.
func TestCompileSourcesLongComment(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20)
	set, err := compileSources(t.Context(), map[string]string{"a.proto": "syntax = \"proto3\";\n// " + long + "\nmessage A {}\n"}, "a.proto")
	if err != nil {
		t.Fatal(err)
	}
	if got := set.File[0].GetSourceCodeInfo().String(); !strings.Contains(got, long) {
		t.Error("the comment is lost")
	}
}

func TestCompileSourcesMistakes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"type":   {"syntax = \"proto3\";\nmessage A { B b = 1; }\n", "a.proto:2:13"},
		"import": {"syntax = \"proto3\";\nimport \"none.proto\";\n", "a.proto:2:"},
		"line":   {"syntax = \"proto3\";\n" + strings.Repeat("message A {} ", 3<<10) + "\n", "a.proto"},
		"costly": {"syntax = \"proto3\";\n" + endless(), "line 2 has too many tokens in one line; break it into lines"},
	} {
		_, err := compileSources(t.Context(), map[string]string{"a.proto": tt.text}, "a.proto")
		var list lang.ErrorList
		if !errors.As(err, &list) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: CompileSources = %v, want mistakes with %q", name, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := compileSources(ctx, map[string]string{"a.proto": "syntax = \"proto3\";\n"}, "a.proto"); !errors.Is(err, context.Canceled) {
		t.Errorf("CompileSources = %v, want that it was cancelled", err)
	}
}
