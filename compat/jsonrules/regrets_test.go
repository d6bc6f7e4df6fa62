package jsonrules_test

import (
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/jsonrules"
	"github.com/wireproof/wireproof/compat/rule"
)

func regrets(t *testing.T, older, newer string) string {
	t.Helper()
	var out []string
	for _, f := range jsonrules.Regrets(parse(t, "new", newer), parse(t, "old", older), rule.Readers) {
		if !f.New.IsValid() || !f.Old.IsValid() || f.ErrorType != "" || f.Rule.Severity == rule.Error {
			t.Errorf("%s: %+v", f.Rule.ID, f)
		}
		out = append(out, f.Rule.ID+" "+f.Path)
	}
	return strings.Join(out, "\n")
}

func TestRegrets(t *testing.T) {
	t.Parallel()
	const older = `{"title": "A", "properties": {
  "title": {"type": "string", "default": "EUR", "description": "In cents."},
  "b": {"contentEncoding": "base64"}, "c": {"anyOf": [{"type": "null"}, {"default": 1}]}, "d": {"const": {"default": 1}}},
  "$defs": {"default": {"default": [1]}}}`
	const newer = `{"title": "B", "description": "new", "properties": {
  "title": {"type": "string", "default": "USD", "description": "In euros."},
  "b": {"contentEncoding": "base32"}, "c": {"anyOf": [{"type": "null"}, {}]}, "d": {"const": {"default": 2}}, "e": {"default": 1}},
  "$defs": {"default": {"default": [1]}}}`
	want := `JSON_TITLE_CHANGED #
JSON_DEFAULT_CHANGED #/properties/title
JSON_DESCRIPTION_CHANGED #/properties/title
JSON_CONTENT_CHANGED #/properties/b
JSON_DEFAULT_CHANGED #/properties/c/anyOf/1`
	if got := regrets(t, older, newer); got != want {
		t.Errorf("Regrets:\n%s\nwant\n%s", got, want)
	}
	for _, same := range []string{older, newer, "true"} {
		if got := regrets(t, same, same); got != "" {
			t.Errorf("a schema and itself: %s", got)
		}
	}
}

func TestRegretTable(t *testing.T) {
	t.Parallel()
	for _, r := range jsonrules.RegretTable() {
		for _, part := range []string{"\n\n", "Before:", "After:", "Instead:"} {
			if !strings.Contains(r.Doc, part) {
				t.Errorf("%s: the documentation lacks %q", r.ID, part)
			}
		}
		if r.Fix == "" || (r.Breaks == 0) != (r.Severity == rule.Info) {
			t.Errorf("%s: incomplete row", r.ID)
		}
	}
}
