package compat_test

import (
	"testing"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

func jsonSchema(t *testing.T, text string) lang.Schema {
	t.Helper()
	s, err := jsonschema.Parse(lang.Source{Type: lang.JSON, Path: "o.json", Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestPolicies holds which direction and which policy see a new property of an
// open object: new readers may meet anything under its name, old ones ignore it.
func TestPolicies(t *testing.T) {
	t.Parallel()
	c := compat.Default()
	older := jsonSchema(t, `{"type":"object","properties":{"id":{"type":"string"}}}`)
	newer := jsonSchema(t, `{"type":"object","properties":{"id":{"type":"string"},"note":{"type":"string","format":"date"}}}`)
	for _, tt := range []struct {
		level  compat.Level
		policy compat.Policy
		want   int
	}{
		{compat.None, compat.Strict, 0},
		{compat.Backward, compat.Strict, 1},
		{compat.Backward, compat.Lenient, 0},
		{compat.Forward, compat.Strict, 0},
		{compat.Full, compat.Strict, 1},
		{compat.FullTransitive, compat.Lenient, 0},
	} {
		if found := c.DifferencesUnder(tt.policy, tt.level, newer, older); len(found) != tt.want {
			t.Errorf("DifferencesUnder(%s, %s) = %v, want %d", tt.policy, tt.level, found, tt.want)
		}
	}
	found := c.Differences(compat.Backward, newer, older)
	if len(found) != 1 || found[0].ErrorType != "OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL" ||
		found[0].Pointer != "#/properties/note" || found[0].Breaks != rule.Readers {
		t.Errorf("Differences = %+v", found)
	}
	// Old readers of the swapped sides are new readers.
	found = c.Differences(compat.Forward, older, newer)
	if len(found) != 1 || found[0].Breaks != rule.OldReaders {
		t.Errorf("Differences(FORWARD) = %+v", found)
	}
	avro := schema(t, id)
	if strict, lenient := c.Differences(compat.Full, avro, schema(t, idTotal)), c.DifferencesUnder(compat.Lenient, compat.Full, avro, schema(t, idTotal)); len(strict) == 0 || len(strict) != len(lenient) {
		t.Errorf("Avro knows policies: %d and %d differences", len(strict), len(lenient))
	}
}

// A change of what the protocol does not compare is a warning and fails nothing.
func TestWarningsPass(t *testing.T) {
	t.Parallel()
	older := []compat.Version{{Number: 1, Schema: jsonSchema(t, `{"type":"string"}`)}}
	report := compat.Default().Check(compat.FullTransitive, jsonSchema(t, `{"type":"string","format":"date"}`), older)
	if !report.Compatible || len(report.Findings) != 1 || report.Findings[0].Rule.ID != "JSON_FORMAT_CHANGED" {
		t.Errorf("Check = %+v", report)
	}
}

func TestParsePolicy(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]compat.Policy{"": compat.Strict, "strict": compat.Strict, "LENIENT": compat.Lenient} {
		if got, err := compat.ParsePolicy(text); err != nil || got != want {
			t.Errorf("ParsePolicy(%q) = %s, %v", text, got, err)
		}
	}
	if _, err := compat.ParsePolicy("LOGICAL"); err == nil {
		t.Error("LOGICAL is taken for a policy")
	}
}
