package witness_test

import (
	"testing"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func parseProto(t *testing.T, text string) *protobuf.Schema {
	t.Helper()
	s, err := protobuf.Parse(lang.Source{Type: lang.Protobuf, Path: "m.proto", Text: text})
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return s
}

func TestProtoWitnesses(t *testing.T) {
	t.Parallel()
	pairs := uint64(1500)
	if soak() {
		pairs = 50_000
	}
	set, _, err := protorules.Select("v2", []string{"WIRE_JSON", "FILE"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	shown, missing, crossed := map[string]int{}, map[string]int{}, 0
	first := map[string]string{}
	for seed := range pairs {
		newText, oldText := protoPair(seed)
		newer, older := parseProto(t, newText), parseProto(t, oldText)
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			pair := witness.NewPair(newer, older)
			claims := 0
			for _, f := range protorules.Gate(newer, older, set, dir) {
				w, ok := pair.Build(f)
				if unreadable(f) {
					claims++
					if !ok {
						missing[f.Rule.ID]++
						if len(first[f.Rule.ID]) == 0 {
							first[f.Rule.ID] = f.Path + " " + f.Message + "\nnew " + newText + "\nold " + oldText
						}
						continue
					}
				}
				if ok {
					shown[f.Rule.ID]++
					_ = w
				}
			}
			if claims > 0 {
				continue
			}
			crossed++
			w, err := witness.Prove(newer, older, dir, messages(), seed)
			if err != nil {
				t.Fatal(err)
			}
			if w != nil {
				missing["prove"]++
				first["prove"] = w.JSON + " " + w.Err + w.Comment + "\nnew " + newText + "\nold " + oldText
			}
		}
	}
	for id, n := range missing {
		t.Logf("%d without (and %d with): %s\n%s", n, shown[id], id, first[id])
	}
	t.Logf("%d crossed; witnesses %v", crossed, shown)
}
