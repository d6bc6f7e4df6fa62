package witness_test

import (
	"encoding/json"
	"strings"
	"testing"

	v6 "github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/wireproof/wireproof/compat/jsonrules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

func parseJSON(path, text string) (*jsonschema.Schema, error) {
	return jsonschema.Parse(lang.Source{Type: lang.JSON, Path: path, Text: text})
}

// valid is what the validator says of a document, from the text of the schema.
func valid(t *testing.T, schema string, document []byte) bool {
	t.Helper()
	s, err := v6.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := v6.NewCompiler()
	c.DefaultDraft(v6.Draft7)
	if err := c.AddResource("s.json", s); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("s.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := v6.UnmarshalJSON(strings.NewReader(string(document)))
	if err != nil {
		t.Fatal(err)
	}
	return compiled.Validate(v) == nil
}

// noJSONWitness gives the rules whose findings may have no witness, with how many in
// a hundred of the pairs that are made here, and why. The rules compare keyword by
// keyword; what one lets through another may forbid. The generator does not care, so
// such schemas are more frequent here than among people.
var noJSONWitness = []struct {
	share int
	why   string
	rules []string
}{
	{45, "members are compared one with one, and what one of them loses another may still take; or nothing fits all of them", []string{
		"JSON_COMBINED_TYPE_SUBSCHEMAS_CHANGED", "JSON_COMBINED_TYPE_CHANGED", "JSON_SUM_TYPE_NARROWED", "JSON_NOT_TYPE_EXTENDED",
	}},
	{80, "the member that was added asks for nothing that the others do not", []string{"JSON_PRODUCT_TYPE_EXTENDED"}},
	{60, "the other schema requires the property without allowing one, so it has no value at all", []string{
		"JSON_REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL",
	}},
	{50, "every multiple of a whole number is whole", []string{"JSON_TYPE_NARROWED"}},
	{40, "what is asked for is required anyway, or by another keyword", []string{
		"JSON_DEPENDENCY_ARRAY_ADDED", "JSON_DEPENDENCY_ARRAY_EXTENDED", "JSON_REQUIRED_ATTRIBUTE_ADDED", "JSON_MIN_PROPERTIES_INCREASED",
		"JSON_MIN_PROPERTIES_ADDED", "JSON_MINIMUM_INCREASED", "JSON_MINIMUM_ADDED", "JSON_EXCLUSIVE_MINIMUM_INCREASED",
		"JSON_EXCLUSIVE_MINIMUM_ADDED", "JSON_MIN_LENGTH_ADDED", "JSON_MAX_PROPERTIES_ADDED", "JSON_MAX_PROPERTIES_DECREASED",
	}},
	{10, "no document reaches the part, or both sides take everything there under different words", []string{
		"JSON_TYPE_CHANGED", "JSON_OPTIONAL_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", "JSON_UNIQUE_ITEMS_ADDED", "JSON_MAX_ITEMS_DECREASED",
		"JSON_PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "JSON_PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
		"JSON_REQUIRED_PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", "JSON_PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL",
		"JSON_ADDITIONAL_PROPERTIES_REMOVED", "JSON_ADDITIONAL_PROPERTIES_NARROWED", "JSON_ITEM_ADDED_TO_OPEN_CONTENT_MODEL",
		"JSON_MIN_ITEMS_INCREASED", "JSON_PATTERN_CHANGED", "JSON_MULTIPLE_OF_EXPANDED",
	}},
}

func TestJSONWitnesses(t *testing.T) {
	t.Parallel()
	pairs := count(600, 6_000)
	tally, nothing := newTally(), 0
	for seed := range pairs {
		newText, oldText := jsonPair(seed)
		newer, err := parseJSON("new", newText)
		if err != nil {
			continue
		}
		older, err := parseJSON("old", oldText)
		if err != nil {
			continue
		}
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			found := jsonrules.Check(newer, older, dir, jsonrules.Strict)
			pair := witness.NewPair(newer, older)
			for _, f := range found {
				w, ok := pair.Build(f)
				tally.count(f, ok, newText, oldText)
				if !ok && unreadable(f) && len(found) == 1 {
					if w, _ := witness.Prove(newer, older, dir, messages(), seed); w != nil {
						t.Errorf("seed %d: %s: %s has no witness, and yet %+v\nnew %s\nold %s", seed, f.Path, f.Message, w, newText, oldText)
					}
				}
				if !ok {
					continue
				}
				writer, reader := oldText, newText
				if w.Writer == rule.OldReaders {
					writer, reader = reader, writer
				}
				if !json.Valid(w.Data) || !valid(t, writer, w.Data) || valid(t, reader, w.Data) {
					t.Errorf("seed %d: %s is no witness: %s\nwriter %s\nreader %s", seed, w.Data, f.Message, writer, reader)
				}
			}
			// Of oneOf the protocol takes a wider member for compatible, which can fit
			// beside another.
			if len(found) > 0 || strings.Contains(newText+oldText, "oneOf") {
				continue
			}
			w, err := witness.Prove(newer, older, dir, messages(), seed)
			if err != nil {
				nothing++ // the schema takes no document at all
				continue
			}
			tally.crossed++
			if w != nil {
				t.Errorf("seed %d: nothing was found, and a document does not cross: %+v\nnew %s\nold %s", seed, w, newText, oldText)
			}
		}
	}
	allowed := map[string]int{}
	for _, row := range noJSONWitness {
		for _, id := range row.rules {
			allowed[id] = row.share
		}
	}
	t.Logf("seeds 0 to %d; %d pairs take no document", pairs-1, nothing)
	tally.check(t, allowed)
}
