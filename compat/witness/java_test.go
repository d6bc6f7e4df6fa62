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

// javaReads gives the rules whose witnesses Java reads all the same, and why.
var javaReads = map[string]string{
	"AVRO_NAME_CHANGED": "Java's decoder compares no names of records, other than its checker",
}

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
				case javaReads[f.Rule.ID] != "" && strings.HasPrefix(w.Comment, "Java's decoder"):
					reads[f.Rule.ID]++
				default:
					t.Errorf("seed %d: %s: %s: Java reads %s all the same\n%+v\nwriter %s\nreader %s", seed, f.Rule.ID, f.Message, is, w, writer, reader)
				}
			}
		}
	}
	for id, why := range javaReads {
		if reads[id] == 0 {
			t.Errorf("%s needs no exception: %s", id, why)
		}
	}
	t.Logf("seeds 0 to %d: Java fails on %d witnesses, reads %d as something else, and by exception %v all the same", pairs-1, failed, differs, reads)
	if failed+differs < 100 {
		t.Error("too few witnesses to mean anything")
	}
}
