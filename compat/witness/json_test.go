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

// TestJSONWitnesses holds both laws over random pairs of draft 7: each claim has a
// witness, which the validator confirms from the texts, or an exception; and where nothing is
// found every document crosses.
func TestJSONWitnesses(t *testing.T) {
	t.Parallel()
	tally := newTally()
	inShards(t, count(600, 2_000), func(t *testing.T, seed uint64) {
		newText, oldText := jsonPair(seed)
		newer, err := parseJSON("new", newText)
		older, err2 := parseJSON("old", oldText)
		if err != nil || err2 != nil {
			return
		}
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			found := jsonrules.Check(newer, older, dir, jsonrules.Strict)
			pair := witness.NewPair(newer, older)
			shown := 0
			for _, f := range found {
				w, ok := pair.Build(f)
				if !ok {
					if unreadable(f) {
						tally.missed(f, newText, oldText)
					}
					continue
				}
				shown++
				tally.addTo(tally.with, f.Rule.ID)
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
			if shown > 0 || len(found) == 0 && strings.Contains(newText+oldText, "oneOf") {
				continue
			}
			w, err := witness.Prove(newer, older, dir, messages(), seed)
			switch {
			case err != nil:
				tally.add(&tally.nothing) // the schema takes no document at all
			case w != nil && len(found) > 0 && strings.Contains(newText+oldText, "oneOf"):
			case w != nil:
				t.Errorf("seed %d: %d findings, none has a witness, and yet a document does not cross: %+v\nnew %s\nold %s", seed, len(found), w, newText, oldText)
			case len(found) == 0:
				tally.add(&tally.crossed)
			}
		}
	})
	tally.check(t)
	tally.log(t, 8)
}
