package avrorules_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

func lintIDs(t *testing.T, text string) []string {
	t.Helper()
	s, err := avro.Parse(lang.Source{Type: lang.Avro, Path: "a.avsc", Text: text})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var out []string
	for _, f := range avrorules.Lint(s) {
		if !f.New.IsValid() || f.New.Path != "a.avsc" || f.Message == "" {
			t.Errorf("%s: a finding without a place or words: %+v", f.Rule.ID, f)
		}
		out = append(out, strings.TrimPrefix(f.Rule.ID, "AVRO_LINT_"))
	}
	return slices.Compact(out)
}

func lintRecord(fields string) string {
	return `{"type": "record", "name": "n.R", "doc": "d", "fields": [` + fields + `]}`
}

// Each rule has a schema in which it alone fires, and a near miss.
func TestLint(t *testing.T) {
	t.Parallel()
	enum := func(rest string) string { return `{"type": "enum", "name": "n.E", "doc": "d"` + rest + `}` }
	fired := map[string]bool{}
	for id, c := range map[string][2]string{
		"TYPE_NAME":            {`{"type": "record", "name": "n.my_r", "doc": "d", "fields": []}`, `{"type": "record", "name": "n.MyR2", "doc": "d", "fields": []}`},
		"FIELD_NAME":           {lintRecord(`{"name": "a_b", "type": "int"}, {"name": "c_d", "type": "int"}, {"name": "eF", "type": "int"}`), lintRecord(`{"name": "aB", "type": "int"}, {"name": "c", "type": "int"}`)},
		"SYMBOL_NAME":          {enum(`, "symbols": ["open"], "default": "open"`), enum(`, "symbols": ["OPEN_2"], "default": "OPEN_2"`)},
		"DOC_MISSING":          {`{"type": "record", "name": "n.R", "fields": []}`, `{"type": "fixed", "name": "n.F", "size": 2}`},
		"NULL_DEFAULT_MISSING": {lintRecord(`{"name": "a", "type": ["null", "int"]}`), lintRecord(`{"name": "a", "type": ["null", "int"], "default": null}`)},
		"NULL_NOT_FIRST":       {lintRecord(`{"name": "a", "type": ["int", "null"], "default": null}`), lintRecord(`{"name": "a", "type": ["int", "null"], "default": 1}`)},
		"ENUM_DEFAULT_MISSING": {enum(`, "symbols": ["A"]`), enum(`, "symbols": ["A"], "default": "A"`)},
		"TIME_WITHOUT_TYPE":    {lintRecord(`{"name": "created_at", "type": "long"}`), lintRecord(`{"name": "created_at", "type": {"type": "long", "logicalType": "timestamp-millis"}}, {"name": "format", "type": "long"}`)},
		"MONEY_AS_FLOAT":       {lintRecord(`{"name": "unit_price", "type": "double"}`), lintRecord(`{"name": "priceless", "type": "double"}, {"name": "total", "type": "long"}`)},
		"NAMESPACE_MISSING":    {`{"type": "record", "name": "R", "doc": "d", "fields": []}`, `{"type": "record", "name": "R", "namespace": "n", "doc": "d", "fields": []}`},
		"LENIENT":              {lintRecord(`{"name": "a", "type": "int", "order": "up"}`), lintRecord(`{"name": "a", "type": "int", "order": "ignore"}`)},
	} {
		fired[id] = true
		if id == "LENIENT" {
			c[0] = "// a comment\n" + c[1]
		}
		if got := lintIDs(t, c[0]); !slices.Contains(got, id) {
			t.Errorf("%s: found %v", id, got)
		}
		if got := lintIDs(t, c[1]); len(got) > 0 {
			t.Errorf("near %s: found %v", id, got)
		}
	}
	for _, r := range avrorules.LintRules() {
		if !fired[strings.TrimPrefix(r.ID, "AVRO_LINT_")] {
			t.Errorf("%s has no case", r.ID)
		}
	}
}
