package protorules_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/golden"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// cut takes the markers out of a side of a case and parses the rest. A file
// old/x.proto or new/x.proto is what that side imports as x.proto.
func cut(t *testing.T, c *golden.Case, side string) (*protobuf.Schema, []golden.Want) {
	t.Helper()
	name := side + ".proto"
	text, wants, err := golden.CutWants(name, c.File(t, name))
	if err != nil {
		t.Fatal(err)
	}
	src := lang.Source{Type: lang.Protobuf, Path: name, Text: text}
	for _, f := range c.Files() {
		if imported, ok := strings.CutPrefix(f, side+"/"); ok {
			text, more, err := golden.CutWants(imported, c.File(t, f))
			if err != nil {
				t.Fatal(err)
			}
			wants = append(wants, more...)
			src.References = append(src.References, lang.Reference{Name: imported, Source: &lang.Source{
				Type: lang.Protobuf, Path: imported, Text: text}})
		}
	}
	s, err := protobuf.Parse(src)
	if err != nil {
		t.Fatalf("%s: %v", c.Path, err)
	}
	return s, wants
}

// check is what the gate says in both directions, by the rules for bytes.
func check(t testing.TB, newer, older *protobuf.Schema) []*rule.Finding {
	t.Helper()
	found := gate(t, newer, older)
	for _, f := range protorules.Gate(newer, older, only(t, "v2", "WIRE"), rule.OldReaders) {
		if f.ErrorType != "" { // Buf's own findings are the same as before
			found = append(found, f)
		}
	}
	return found
}

func gate(t testing.TB, newer, older *protobuf.Schema) []*rule.Finding {
	t.Helper()
	return protorules.Gate(newer, older, only(t, "v2", "WIRE"), rule.Readers)
}

func print(found []*rule.Finding) string {
	var text strings.Builder
	for _, f := range found {
		who := "readers"
		if f.Breaks == rule.OldReaders {
			who = "old readers"
		}
		fmt.Fprintf(&text, "%s %s (%s)\n  %s\n  new %s: %s\n  old %s: %s\n  protocol: %s %s\n",
			f.Rule.ID, f.Path, who, f.Message, f.New, f.NewNote, f.Old, f.OldNote, f.ErrorType, f.Pointer)
	}
	return text.String()
}

// TestFixtures holds what each rule reports, where, and in whose words. The
// markers state the findings for new readers; the golden text has both sides.
func TestFixtures(t *testing.T) {
	t.Parallel()
	golden.Run(t, "testdata/*.txtar", func(t *testing.T, c *golden.Case) {
		older, oldWants := cut(t, c, "old")
		newer, newWants := cut(t, c, "new")
		var found []golden.Found
		for _, f := range gate(t, newer, older) {
			found = append(found, golden.Found{
				At: []golden.At{{File: f.New.Path, Line: f.New.Line}, {File: f.Old.Path, Line: f.Old.Line}},
				ID: f.Rule.ID, Message: f.Message,
			})
		}
		for _, f := range check(t, newer, older) {
			if f.NewNote == "" || f.OldNote == "" {
				t.Errorf("%s %s: no words for under the carets", f.Rule.ID, f.Path)
			}
			if !f.New.IsValid() || !f.Old.IsValid() {
				t.Errorf("%s %s: no position on one side: new %+v, old %+v", f.Rule.ID, f.Path, f.New, f.Old)
			}
		}
		golden.CheckWants(t, append(oldWants, newWants...), found)
		c.Golden(t, "findings", print(check(t, newer, older)))
	})
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

// TestTable checks that each rule is documented and that a fixture fires it.
func TestTable(t *testing.T) {
	t.Parallel()
	fired := map[string]bool{}
	for _, id := range only(t, "v2", "FILE", "PACKAGE", "WIRE_JSON", "WIRE", "CSR").IDs() {
		fired[id] = true // see TestBufRules
	}
	errorTypes := map[string]bool{}
	for _, c := range cases(t) {
		older, _ := cut(t, c, "old")
		newer, _ := cut(t, c, "new")
		for _, f := range check(t, newer, older) {
			fired[f.Rule.ID] = true
			errorTypes[f.ErrorType] = true
			if f.Breaks&^f.Rule.Breaks != 0 {
				t.Errorf("%s: a finding breaks %d, which the rule does not name", f.Rule.ID, f.Breaks)
			}
			if want := slices.Contains(f.Rule.Categories, "CONFLUENT"); f.ErrorType != "" && !want {
				t.Errorf("%s has the error type %s and not the category", f.Rule.ID, f.ErrorType)
			}
			if f.Breaks == rule.OldReaders && f.ErrorType == "" {
				t.Errorf("%s is reported for old readers without a verdict of the protocol", f.Rule.ID)
			}
		}
	}
	inCategory := map[string]int{}
	seen := map[string]bool{}
	for _, r := range protorules.Table() {
		if !regexp.MustCompile(`^[A-Z]+(_[A-Z0-9]+)+$`).MatchString(r.ID) || seen[r.ID] {
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
		if r.Fix == "" || r.Breaks == 0 || r.Severity == "" || len(r.Categories) == 0 {
			t.Errorf("%s: incomplete row %+v", r.ID, r)
		}
		for _, c := range r.Categories {
			inCategory[c]++
		}
	}
	want := map[string]int{"FILE": 51, "PACKAGE": 51, "WIRE_JSON": 22, "WIRE": 15, "CSR": 32, "CONFLUENT": 8}
	if !maps.Equal(inCategory, want) {
		t.Errorf("rules in categories: %v, want %v", inCategory, want)
	}
	for _, want := range []string{
		"PACKAGE_CHANGED", "MESSAGE_REMOVED", "REQUIRED_FIELD_ADDED", "REQUIRED_FIELD_REMOVED", "FIELD_KIND_CHANGED",
		"FIELD_SCALAR_KIND_CHANGED", "FIELD_NUMERIC_LABEL_CHANGED", "FIELD_NAMED_TYPE_CHANGED", "ONEOF_FIELD_REMOVED",
		"MULTIPLE_FIELDS_MOVED_TO_ONEOF", "FIELD_MOVED_TO_EXISTING_ONEOF",
	} {
		if !errorTypes[want] {
			t.Errorf("no fixture has the error type %s", want)
		}
	}
}

// A schema is compatible with itself.
func TestNothingBreaksWithoutAChange(t *testing.T) {
	t.Parallel()
	for _, c := range cases(t) {
		for _, side := range []string{"old", "new"} {
			s, _ := cut(t, c, side)
			if found := check(t, s, s); len(found) > 0 {
				t.Errorf("%s %s against itself:\n%s", c.Name, side, print(found))
			}
		}
	}
}

// What old readers cannot read is what new readers could not if the sides were
// swapped.
func TestOldReadersAreReadersOfTheSwappedSides(t *testing.T) {
	t.Parallel()
	key := func(fs []*rule.Finding) []string {
		var out []string
		for _, f := range fs {
			if f.ErrorType != "" {
				out = append(out, f.ErrorType+" "+f.Pointer)
			}
		}
		slices.Sort(out)
		return out
	}
	for _, c := range cases(t) {
		older, _ := cut(t, c, "old")
		newer, _ := cut(t, c, "new")
		if a, b := key(protorules.CheckOldReaders(newer, older)), key(protorules.Check(older, newer)); !slices.Equal(a, b) {
			t.Errorf("%s: %v and %v", c.Name, a, b)
		}
	}
}
