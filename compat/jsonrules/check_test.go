package jsonrules_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/compat/jsonrules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

func parse(t testing.TB, path, text string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.Parse(lang.Source{Type: lang.JSON, Path: path, Text: text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

func allCases() []diffCase {
	return slices.Concat(scalarCases, objectCases, contentCases, arrayCases, combinedCases, recursiveCases)
}

func differences(update, original *jsonschema.Schema, policy jsonrules.Policy) (found []string, compatible bool) {
	list, compatible := jsonrules.Differences(update, original, policy)
	for _, d := range list {
		found = append(found, d.Type+" "+d.Path)
	}
	return found, compatible
}

// TestDifferences holds every type of difference, its path and the verdicts.
func TestDifferences(t *testing.T) {
	t.Parallel()
	for _, tt := range allCases() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			older, newer := parse(t, "old", tt.old), parse(t, "new", tt.new)
			found, strict := differences(newer, older, jsonrules.Strict)
			if diff := cmp.Diff(tt.want, found); diff != "" {
				t.Errorf("%s\n%s\ndifferences (-want +got):\n%s", tt.old, tt.new, diff)
			}
			_, lenient := differences(newer, older, jsonrules.Lenient)
			verdict := "no"
			switch {
			case strict && lenient:
				verdict = "yes"
			case lenient:
				verdict = "lenient"
			case strict:
				verdict = "strict alone"
			}
			if verdict != tt.verdict {
				t.Errorf("%s\n%s\nverdict %s, want %s", tt.old, tt.new, verdict, tt.verdict)
			}
			checkFindings(t, tt, newer, older)
		})
	}
}

// checkFindings holds what every finding has, in both directions.
func checkFindings(t *testing.T, tt diffCase, newer, older *jsonschema.Schema) {
	for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
		n, o := newer, older
		if dir == rule.OldReaders {
			n, o = older, newer // old readers of the swapped sides are readers
		}
		found := jsonrules.Check(n, o, dir, jsonrules.Strict)
		bad := slices.ContainsFunc(found, func(f *rule.Finding) bool { return f.Rule.Severity == rule.Error })
		if bad == (tt.verdict == "yes") {
			t.Errorf("%s: Check finds %d, verdict %s", tt.name, len(found), tt.verdict)
		}
		for _, f := range found {
			if !f.New.IsValid() || !f.Old.IsValid() || f.New.Path == f.Old.Path || f.Message == "" || strings.ContainsAny(f.Message, "{}") {
				t.Errorf("%s: incomplete finding %+v", tt.name, f)
			}
			if f.New.Path != n.Source().Path || f.Old.Path != o.Source().Path {
				t.Errorf("%s: finding in %s and %s", f.Rule.ID, f.New, f.Old)
			}
			if (f.ErrorType == "") != (f.Rule.Severity == rule.Warning) || f.Breaks != dir {
				t.Errorf("%s: error type %q, severity %s, breaks %d", f.Rule.ID, f.ErrorType, f.Rule.Severity, f.Breaks)
			}
		}
	}
	if found := jsonrules.Check(newer, older, rule.SourceCode, jsonrules.Strict); found != nil {
		t.Errorf("%s: breaks source code: %v", tt.name, found)
	}
}

// TestTable checks that each rule is documented and that a case fires it.
func TestTable(t *testing.T) {
	t.Parallel()
	fired := map[string]bool{}
	for _, tt := range allCases() {
		for _, w := range tt.want {
			name, _, _ := strings.Cut(w, " ")
			fired[name] = true
		}
	}
	seen := map[string]bool{}
	for _, r := range jsonrules.Table() {
		if !regexp.MustCompile(`^JSON(_[A-Z]+)+$`).MatchString(r.ID) || seen[r.ID] {
			t.Errorf("%q is no id, or not the only one", r.ID)
		}
		seen[r.ID] = true
		name := r.ErrorType
		if name == "" {
			name = r.ID
		}
		if !fired[name] && name != "SCHEMA_TOO_COMPLEX" { // which TestTooComplex fires
			t.Errorf("%s: no case makes it fire", r.ID)
		}
		for _, part := range []string{"\n\n", "Before:", "After:", "Instead:"} {
			if !strings.Contains(r.Doc, part) {
				t.Errorf("%s: the documentation lacks %q", r.ID, part)
			}
		}
		for line := range strings.Lines(r.Doc) {
			if len(line) > 100 && !strings.Contains(line, "{") {
				t.Errorf("%s: a line of the documentation has %d bytes", r.ID, len(line))
			}
		}
		if r.Fix == "" || r.Breaks == 0 || (r.Severity == rule.Error) != (r.ErrorType != "") {
			t.Errorf("%s: incomplete row %+v", r.ID, r)
		}
	}
	for _, name := range jsonrules.Types() {
		if !fired[name] && name != "SCHEMA_TOO_COMPLEX" {
			t.Errorf("%s: no case has this type of difference", name)
		}
	}
}

// TestMessages holds what people read, in the direction they ask for.
func TestMessages(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ old, new, readers, oldReaders string }{
		{`{"maxLength":5}`, `{"maxLength":3}`, "maxLength is 3 in the new schema and 5 in the old one", ""},
		{`{"maxLength":3}`, `{"maxLength":5}`, "", "maxLength is 3 in the old schema and 5 in the new one"},
		{`{"type":"string"}`, `{"type":"integer"}`, "the new schema has integer where the old one has string", "the old schema has string where the new one has integer"},
		{
			`{"type":"object"}`, `{"type":"object","properties":{"a\"b":{"type":"null"}}}`,
			`property "a\"b" is new to the new schema, and data of the old one, whose content model is open, may hold anything under that name`, "",
		},
		{
			`{"type":"string","enum":["a","b"]}`, `{"type":"string","enum":["a"]}`,
			"member 0 (values given by enum), for ENUM_ARRAY_NARROWED, of the combination has no compatible counterpart", "",
		},
		{
			`{"oneOf":[{"type":"null"},{"type":"string"}]}`, `{"oneOf":[{"type":"null"},{"type":"number"},{"type":"boolean"}]}`,
			"member 1 (string) of the combination has no compatible counterpart",
			"the old schema has 2 alternatives, the new one 3; member 1 (string) of the combination has no compatible counterpart",
		},
	} {
		older, newer := parse(t, "old", tt.old), parse(t, "new", tt.new)
		for dir, want := range map[rule.Breaks]string{rule.Readers: tt.readers, rule.OldReaders: tt.oldReaders} {
			var got []string
			for _, f := range jsonrules.Check(newer, older, dir, jsonrules.Strict) {
				got = append(got, f.Message)
			}
			if strings.Join(got, "; ") != want {
				t.Errorf("%s\n%s\n%d: %q, want %q", tt.old, tt.new, dir, got, want)
			}
		}
	}
}
