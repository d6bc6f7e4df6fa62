package avrorules_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/golden"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

func parse(t testing.TB, path, text string) *avro.Schema {
	t.Helper()
	s, err := avro.Parse(sourceOf(path, text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sourceOf(path, text string) lang.Source {
	return lang.Source{Type: lang.Avro, Path: path, Text: text}
}

// cut takes the markers out of a file of a case and parses the rest.
func cut(t *testing.T, c *golden.Case, name string) (*avro.Schema, []golden.Want) {
	t.Helper()
	text, wants, err := golden.CutWants(name, c.File(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, name, text), wants
}

// check runs the directions that the case names: both unless it says otherwise.
func check(c *golden.Case, newer, older *avro.Schema) []*rule.Finding {
	var out []*rule.Finding
	if c.Setting("breaks") != "old-readers" {
		out = avrorules.Check(newer, older, rule.Readers)
	}
	if c.Setting("breaks") != "readers" {
		out = append(out, avrorules.Check(newer, older, rule.OldReaders)...)
	}
	return out
}

// TestFixtures holds what each rule reports, where, and in whose words.
func TestFixtures(t *testing.T) {
	t.Parallel()
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, c *golden.Case) {
		older, oldWants := cut(t, c, "old.avsc")
		newer, newWants := cut(t, c, "new.avsc")
		var found []golden.Found
		var text strings.Builder
		for _, f := range check(c, newer, older) {
			found = append(found, golden.Found{
				At: []golden.At{{File: f.New.Path, Line: f.New.Line}, {File: f.Old.Path, Line: f.Old.Line}},
				ID: f.Rule.ID, Message: f.Message,
			})
			fmt.Fprintf(&text, "%s %s\n  %s\n  new %s: %s\n  old %s: %s\n", f.Rule.ID, f.Path, f.Message, f.New, f.NewNote, f.Old, f.OldNote)
			if f.Fix != "" {
				fmt.Fprintf(&text, "  fix: %s\n", f.Fix)
			}
			if f.Edit != nil {
				fmt.Fprintf(&text, "  edit: insert at %d: %s\n", f.Edit.Pos.Start, f.Edit.Text)
			}
			if f.Decoder != "" {
				fmt.Fprintf(&text, "  decoder: %s\n", f.Decoder)
			}
			fmt.Fprintf(&text, "  protocol: %s %s %s\n", f.ErrorType, f.Pointer, f.Info)
			if !f.New.IsValid() || !f.Old.IsValid() {
				t.Errorf("%s: no position on one side: new %+v, old %+v", f.Rule.ID, f.New, f.Old)
			}
		}
		golden.CheckWants(t, append(oldWants, newWants...), found)
		c.Golden(t, "findings", text.String())
	})
}

// TestTable checks that each rule is documented and that a fixture fires it.
func TestTable(t *testing.T) {
	t.Parallel()
	fired := map[string]bool{}
	for _, c := range cases(t) {
		older, _ := cut(t, c, "old.avsc")
		newer, _ := cut(t, c, "new.avsc")
		for _, f := range check(c, newer, older) {
			fired[f.Rule.ID] = true
			if f.Rule.Severity != rule.Info && f.Breaks&f.Rule.Breaks == 0 {
				t.Errorf("%s: a finding breaks %d, which the rule does not name", f.Rule.ID, f.Breaks)
			}
		}
	}
	seen := map[string]bool{}
	for _, r := range avrorules.Table() {
		if !regexp.MustCompile(`^AVRO_[A-Z]+(_[A-Z]+)*$`).MatchString(r.ID) || seen[r.ID] {
			t.Errorf("%q is no id, or not the only one", r.ID)
		}
		seen[r.ID] = true
		if !fired[r.ID] {
			t.Errorf("%s: no fixture makes it fire", r.ID)
		}
		for _, part := range []string{"\n\n", "Before:", "After:", "Instead:"} {
			if !strings.Contains(r.Doc, part) {
				t.Errorf("%s: the documentation lacks %q", r.ID, part)
			}
		}
		if r.Fix == "" || (r.Breaks == 0) != (r.Severity == rule.Info) || r.Severity == "" || (r.Severity == rule.Error) != (r.ErrorType != "") {
			t.Errorf("%s: incomplete row %+v", r.ID, r)
		}
	}
}

func cases(t *testing.T) []*golden.Case {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("fixtures: %v, %v", paths, err)
	}
	var out []*golden.Case
	for _, p := range paths {
		out = append(out, golden.Load(t, p))
	}
	return out
}

// TestSelf is a law: a schema is compatible with itself, whichever way.
func TestSelf(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t) {
		for _, name := range []string{"old.avsc", "new.avsc"} {
			s, _ := cut(t, c, name)
			again, _ := cut(t, c, name)
			for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
				for _, f := range avrorules.Check(s, again, dir) {
					if f.Rule.ID != "AVRO_FIELD_AMBIGUOUS" {
						t.Errorf("%s, %s: %s: %s", c.Path, name, f.Rule.ID, f.Message)
					}
				}
			}
		}
	}
}

// TestEdits is a law: an edit makes a schema that parses, and the finding that it
// belongs to is gone.
func TestEdits(t *testing.T) {
	t.Parallel()
	n := 0
	for _, c := range cases(t) {
		older, _ := cut(t, c, "old.avsc")
		newer, _ := cut(t, c, "new.avsc")
		for _, f := range avrorules.Check(newer, older, rule.Readers) {
			if f.Edit == nil {
				continue
			}
			n++
			text := newer.Source().Text
			mended := parse(t, "new.avsc", text[:f.Edit.Pos.Start]+f.Edit.Text+text[f.Edit.Pos.End:])
			for _, g := range avrorules.Check(mended, older, rule.Readers) {
				if g.Rule.ID == f.Rule.ID && g.Path == f.Path {
					t.Errorf("%s: the edit %q does not mend %s", c.Path, f.Edit.Text, g.Message)
				}
			}
		}
	}
	if n == 0 {
		t.Error("no fixture has an edit")
	}
}
