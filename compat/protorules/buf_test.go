package protorules_test

import (
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/golden"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// image compiles the files of one side of a case.
func image(t testing.TB, c *golden.Case, side string) *protobuf.Image {
	t.Helper()
	texts := map[string]string{}
	for _, name := range c.Files() {
		if path, ok := strings.CutPrefix(name, side+"/"); ok {
			texts[path] = c.File(t, name)
		}
	}
	return compileTexts(t, texts)
}

// compileTexts compiles files, which are given by their paths.
func compileTexts(t testing.TB, texts map[string]string) *protobuf.Image {
	t.Helper()
	im, err := protobuf.CompileImage(t.Context(), slices.Sorted(maps.Keys(texts)), func(path string) (string, error) {
		if text, ok := texts[path]; ok {
			return text, nil
		}
		return "", fs.ErrNotExist
	}, protobuf.ImageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return im
}

func only(t testing.TB, version string, ids ...string) protorules.Set {
	t.Helper()
	set, _, err := protorules.Select(version, ids, nil)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func printBuf(found []*rule.Finding) string {
	var text strings.Builder
	for _, f := range found {
		fmt.Fprintf(&text, "%s-%d:%d %s\n  %s\n  old %s %s: %s; new: %s\n",
			f.New, f.New.EndLine, f.New.EndCol, f.Path, f.Message, f.Old, f.Pointer, f.OldNote, f.NewNote)
	}
	return text.String()
}

// TestBufRules holds for each of Buf's rules what it finds, and that it is silent
// on a near miss. The released command says the same of these cases: see
// test/buforacle.
func TestBufRules(t *testing.T) {
	t.Parallel()
	golden.Run(t, "testdata/buf/*.txtar", func(t *testing.T, c *golden.Case) {
		older, newer, near := image(t, c, "old"), image(t, c, "new"), image(t, c, "near")
		set := only(t, "v2", c.Name)
		found := protorules.Breaking(newer, older, set)
		if len(found) == 0 {
			t.Error("the rule finds nothing")
		}
		for _, f := range found {
			if f.Rule.ID != c.Name || f.NewNote == "" || f.OldNote == "" || f.Old.Path == "" || f.Breaks&^f.Rule.Breaks != 0 {
				t.Errorf("incomplete finding of %s: %+v", f.Rule.ID, f)
			}
		}
		if found := protorules.Breaking(near, older, set); len(found) > 0 {
			t.Errorf("the near miss:\n%s", printBuf(found))
		}
		for _, im := range []*protobuf.Image{older, newer, near} {
			if found := protorules.Breaking(im, im, only(t, "v2", "FILE", "PACKAGE", "WIRE_JSON", "WIRE", "CSR")); len(found) > 0 {
				t.Errorf("a side against itself:\n%s", printBuf(found))
			}
		}
		c.Golden(t, "findings", printBuf(found))
	})
}

// Every rule of Buf has a fixture.
func TestEveryBufRuleHasAFixture(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/buf/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, p := range paths {
		have = append(have, strings.TrimSuffix(filepath.Base(p), ".txtar"))
	}
	slices.Sort(have)
	if want := only(t, "v2", "FILE", "PACKAGE", "WIRE_JSON", "WIRE", "CSR").IDs(); !slices.Equal(have, want) {
		t.Errorf("fixtures: %v\nrules:    %v", have, want)
	}
}
