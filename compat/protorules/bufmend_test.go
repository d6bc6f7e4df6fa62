package protorules_test

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
)

// apply makes edits, which insert, from the last to the first.
func apply(t *testing.T, texts map[string]string, found []*rule.Finding) map[string]string {
	t.Helper()
	out := maps.Clone(texts)
	edits := slices.Clone(found)
	slices.SortStableFunc(edits, func(a, b *rule.Finding) int { return -cmp.Compare(a.Edit.Pos.Start, b.Edit.Pos.Start) })
	for _, f := range edits {
		e := f.Edit
		text := out[e.Pos.Path]
		out[e.Pos.Path] = text[:e.Pos.Start] + e.Text + text[e.Pos.End:]
		if e.Pos.Start != e.Pos.End || text[e.Pos.Start-1] != '{' {
			t.Errorf("the edit of %s is at %+v", f.Rule.ID, e.Pos)
		}
	}
	return out
}

// An edit makes its finding go, and the file still compiles.
func TestEditsMend(t *testing.T) {
	t.Parallel()
	older := map[string]string{
		"a.proto": "syntax = \"proto3\";\npackage p;\nmessage M {\n  int32 a = 1;\n  int32 b = 2;\n\tmessage N { int32 c = 3; int32 d = 4; }\n  enum E { NONE = 0; ONE = 1; UNO = -1; }\n}\n",
		"b.proto": "edition = \"2023\";\npackage q;\nmessage M {\n  int32 a = 1;\n  int32 b = 2;\n}\nenum E { NONE = 0; ONE = 1; }\n",
		"c.proto": "syntax = \"proto2\";\npackage r;\nmessage M { optional int32 a = 1; optional int32 moved = 2; }\n",
	}
	newer := map[string]string{
		"a.proto": "syntax = \"proto3\";\npackage p;\nmessage /* { */ M {  \n\tmessage N { int32 c = 3; }\n  enum E { NONE = 0; }\n}\n",
		"b.proto": "edition = \"2023\";\npackage q;\nmessage M {\n  int32 a = 1;\n}\nenum E { NONE = 0; }\n",
		"c.proto": "syntax = \"proto2\";\npackage r;\nmessage M { extensions 1; optional int32 moved = 3; }\n",
	}
	set := only(t, "v2", "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED", "FIELD_NO_DELETE_UNLESS_NAME_RESERVED",
		"ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED", "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED")
	oldImage := compileTexts(t, older)
	found := protorules.Breaking(compileTexts(t, newer), oldImage, set)
	var without []string
	mended := slices.DeleteFunc(slices.Clone(found), func(f *rule.Finding) bool {
		if !strings.HasPrefix(f.Fix, "add reserved ") {
			t.Errorf("%s: %s", f.Message, f.Fix)
		}
		if f.Edit == nil {
			without = append(without, f.Fix)
		}
		return f.Edit == nil
	})
	// The number may be an extension, and the name has another number: a person decides.
	if want := []string{`add reserved "moved"; to message M`, `add reserved 1; to message M`}; len(without) != 2 ||
		!slices.Contains(want, without[0]) || !slices.Contains(want, without[1]) {
		t.Errorf("without an edit: %v", without)
	}
	texts := apply(t, newer, mended)
	left := protorules.Breaking(compileTexts(t, texts), oldImage, set)
	if len(left) != len(without) || len(mended) != len(found)-2 {
		t.Errorf("%d found, %d mended, left:\n%s%v", len(found), len(mended), printBuf(left), texts)
	}
	for path, want := range map[string]string{
		"a.proto": "message /* { */ M {", "b.proto": "message M {\n  reserved 2;\n  reserved b;\n",
	} {
		if !strings.Contains(texts[path], want) {
			t.Errorf("%s lacks %q:\n%s", path, want, texts[path])
		}
	}
}
