package jsonrules_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/jsonrules"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

func lintIDs(t *testing.T, text string) (ids, messages []string) {
	t.Helper()
	s, err := jsonschema.Parse(lang.Source{Type: lang.JSON, Path: "a.schema.json", Text: text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	for _, f := range jsonrules.Lint(s) {
		if !f.New.IsValid() || f.Message == "" {
			t.Errorf("%s: a finding without a place or words: %+v", f.Rule.ID, f)
		}
		ids = append(ids, strings.TrimPrefix(f.Rule.ID, "JSON_LINT_"))
		messages = append(messages, f.Message)
	}
	return ids, messages
}

const lintHead = `"$schema": "http://json-schema.org/draft-07/schema#", "title": "t", "description": "d"`

// Each rule has a schema in which it alone fires, and a near miss.
func TestLint(t *testing.T) {
	t.Parallel()
	fired := map[string]bool{}
	for id, c := range map[string][2]string{
		"TITLE_MISSING":       {`{"$schema": "http://json-schema.org/draft-07/schema#", "description": "d"}`, `{` + lintHead + `}`},
		"DESCRIPTION_MISSING": {`{"$schema": "http://json-schema.org/draft-07/schema#", "title": "t"}`, `{` + lintHead + `, "items": {}}`},
		"DRAFT_MISSING":       {`{"title": "t", "description": "d"}`, `true`},
		"CONTENT_OPEN":        {`{` + lintHead + `, "type": "object", "properties": {}}`, `{` + lintHead + `, "type": "object", "properties": {}, "additionalProperties": true}`},
		"TYPE_MISSING":        {`{` + lintHead + `, "properties": {}, "additionalProperties": false}`, `{` + lintHead + `, "items": {"type": "object", "properties": {}, "additionalProperties": false}}`},
		"KEYWORD_UNKNOWN":     {`{` + lintHead + `, "not": {"requried": ["id"]}}`, `{` + lintHead + `, "x-own": 1, "const": {"requried": 1}}`},
		"FORMAT_UNKNOWN":      {`{` + lintHead + `, "items": [{"format": "datetime"}]}`, `{` + lintHead + `, "items": [{"format": "date-time"}]}`},
	} {
		fired[id] = true
		if got, _ := lintIDs(t, c[0]); !slices.Equal(got, []string{id}) {
			t.Errorf("%s: found %v", id, got)
		}
		if got, _ := lintIDs(t, c[1]); len(got) > 0 {
			t.Errorf("near %s: found %v", id, got)
		}
	}
	for _, r := range jsonrules.LintRules() {
		if !fired[strings.TrimPrefix(r.ID, "JSON_LINT_")] {
			t.Errorf("%s has no case", r.ID)
		}
	}
	_, messages := lintIDs(t, `{`+lintHead+`, "requried": ["id"], "zzzzzzzzzzzz": 1}`)
	if want := []string{`"requried" is no keyword of the draft; did you mean "required"?`, `"zzzzzzzzzzzz" is no keyword of the draft`}; !slices.Equal(messages, want) {
		t.Errorf("messages %q, want %q", messages, want)
	}
}
