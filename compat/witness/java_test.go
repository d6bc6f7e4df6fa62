package witness_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/compat/witness"
	"github.com/wireproof/wireproof/internal/randavro"
	"github.com/wireproof/wireproof/test/javaoracle"
)

// TestAvroWitnessesJava: every witness of an error that the shortened law finds is data
// of its writer to Apache Avro for Java too, which as its reader fails on it or reads
// something else.
func TestAvroWitnessesJava(t *testing.T) {
	o := javaoracle.Start(t)
	failed, differs, reads := 0, 0, map[string]int{}
	pairs := count(avroPairs, 4*avroPairs)
	for seed := range pairs {
		newText, oldText := randavro.Schema(seed, 1), randavro.Schema(seed, 2)
		newer, err := parseAvro("new.avsc", newText)
		older, err2 := parseAvro("old.avsc", oldText)
		if err != nil || err2 != nil {
			continue
		}
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			pair := witness.NewPair(newer, older)
			for _, f := range avrorules.Check(newer, older, dir) {
				w, ok := pair.Build(f)
				if !ok || !unreadable(f) {
					continue
				}
				writer, reader := oldText, newText
				if dir == rule.OldReaders {
					writer, reader = newText, oldText
				}
				was, rest, err := o.Decode(writer, writer, w.Data)
				if err != nil || rest != 0 {
					t.Fatalf("seed %d: %s: Java does not read the writer's data: %v, %d bytes left\n%+v\n%s", seed, f.Rule.ID, err, rest, w, writer)
				}
				is, _, err := o.Decode(writer, reader, w.Data)
				var refusal *javaoracle.Refusal
				switch {
				case errors.As(err, &refusal):
					failed++
				case err != nil:
					t.Fatal(err)
				case is != was:
					differs++
				case strings.HasPrefix(w.Comment, "Java's decoder"):
					reads[f.Rule.ID]++
				default:
					t.Errorf("seed %d: %s: %s: Java reads %s all the same\n%+v\nwriter %s\nreader %s", seed, f.Rule.ID, f.Message, is, w, writer, reader)
				}
			}
		}
	}
	if reads["AVRO_NAME_CHANGED"] == 0 {
		t.Error("Java compares the names of records: what witnesses say of it is wrong")
	}
	t.Logf("seeds 0 to %d: Java fails on %d witnesses, reads %d as something else, and %v all the same, as their witnesses say", pairs-1, failed, differs, reads)
	if failed+differs < 100 {
		t.Error("too few witnesses to mean anything")
	}
}
