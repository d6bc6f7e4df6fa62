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
// a hundred. The rules compare keyword by keyword, and what one keyword lets through
// another may forbid: a schema with minimum 2 and a smaller minimum elsewhere, a
// "dependencies" on what is required anyway, a part that no document can reach.
var noJSONWitness = map[string]int{}

func TestJSONWitnesses(t *testing.T) {
	t.Parallel()
	pairs := uint64(800)
	if soak() {
		pairs = 30_000
	}
	tally := newTally()
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
					if w, err := witness.Prove(newer, older, dir, messages(), seed); err != nil || w != nil {
						t.Errorf("seed %d: %s: %s has no witness, and yet %+v, %v\nnew %s\nold %s", seed, f.Path, f.Message, w, err, newText, oldText)
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
			tally.crossed++
			w, err := witness.Prove(newer, older, dir, messages(), seed)
			if err != nil {
				t.Fatal(err)
			}
			if w != nil {
				t.Errorf("seed %d: nothing was found, and a document does not cross: %+v\nnew %s\nold %s", seed, w, newText, oldText)
			}
		}
	}
	tally.check(t, noJSONWitness)
}
