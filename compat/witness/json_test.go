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

func TestJSONWitnesses(t *testing.T) {
	t.Parallel()
	pairs := uint64(2000)
	if soak() {
		pairs = 100_000
	}
	shown, missing, crossed := map[string]int{}, map[string]int{}, 0
	first := map[string]string{}
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
			claims := 0
			for _, f := range found {
				w, ok := pair.Build(f)
				if unreadable(f) {
					claims++
					if !ok {
						missing[f.Rule.ID]++
						if len(first[f.Rule.ID]) == 0 || len(newText) < len(first[f.Rule.ID]) {
							first[f.Rule.ID] = f.Path + " " + f.Message + "\nnew " + newText + "\nold " + oldText
						}
						continue
					}
				}
				if !ok {
					continue
				}
				shown[f.Rule.ID]++
				writer, reader := oldText, newText
				if w.Writer == rule.OldReaders {
					writer, reader = reader, writer
				}
				if !json.Valid(w.Data) || !valid(t, writer, w.Data) || valid(t, reader, w.Data) {
					t.Errorf("seed %d: %s is no witness: %s\nwriter %s\nreader %s", seed, w.Data, f.Message, writer, reader)
				}
			}
			if claims > 0 {
				continue
			}
			crossed++
			w, err := witness.Prove(newer, older, dir, 100, seed)
			if err != nil {
				t.Fatal(err)
			}
			if w != nil && len(found) == 0 {
				missing["prove"]++
				first["prove"] = w.JSON + "\nnew " + newText + "\nold " + oldText
			}
		}
	}
	for id, n := range missing {
		t.Logf("%d without (and %d with): %s\n%s", n, shown[id], id, first[id])
	}
	t.Logf("%d crossed; witnesses %v", crossed, shown)
}
