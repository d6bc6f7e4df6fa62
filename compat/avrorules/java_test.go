package avrorules_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/test/javaoracle"
)

// TestJava: on every fixture and on random pairs the verdict is that of Apache
// Avro's SchemaCompatibility, and so are its words: the same types of
// incompatibility at the same places of the reader.
func TestJava(t *testing.T) {
	o := javaoracle.Start(t)
	for _, c := range cases(t) {
		older, _ := cut(t, c, "old.avsc")
		newer, _ := cut(t, c, "new.avsc")
		againstJava(t, o, c.Name, newer, older)
	}
	for seed := range uint64(1500) {
		a, b := generate(seed, 1), generate(seed, 2)
		newer, err := avro.Parse(sourceOf("new.avsc", a))
		if err != nil {
			continue // a name was changed where another place uses it
		}
		older, err := avro.Parse(sourceOf("old.avsc", b))
		if err != nil {
			continue
		}
		againstJava(t, o, fmt.Sprintf("seed %d", seed), newer, older)
	}
}

func againstJava(t *testing.T, o *javaoracle.Oracle, name string, newer, older *avro.Schema) {
	t.Helper()
	for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
		reader, writer := newer, older
		if dir == rule.OldReaders {
			reader, writer = older, newer
		}
		found := breaking(avrorules.Check(newer, older, dir))
		ok, theirs, err := o.Compatible(reader.Source().Text, writer.Source().Text)
		if err != nil {
			// Where a field matches several, Java throws.
			if !slices.ContainsFunc(found, func(f *rule.Finding) bool { return f.Rule.ID == "AVRO_FIELD_AMBIGUOUS" }) {
				t.Errorf("%s, direction %d: Java refuses: %v", name, dir, err)
			}
			continue
		}
		if ok != (len(found) == 0) {
			t.Errorf("%s, direction %d: Java says %v %v, we find\n%s\nreader %s\nwriter %s", name, dir, ok, theirs, list(found), reader.Source().Text, writer.Source().Text)
			continue
		}
		var want, got []string
		for _, i := range theirs {
			want = append(want, i.Type+" "+i.Location)
		}
		for _, f := range found {
			got = append(got, f.ErrorType+" "+f.Pointer)
		}
		if diff := cmp.Diff(distinct(want), distinct(got)); diff != "" {
			t.Errorf("%s, direction %d (-Java +ours):\n%s\nreader %s\nwriter %s", name, dir, diff, reader.Source().Text, writer.Source().Text)
		}
	}
}

// breaking leaves the warnings out, of which Java knows nothing.
func breaking(found []*rule.Finding) []*rule.Finding {
	return slices.DeleteFunc(found, func(f *rule.Finding) bool { return f.Rule.Severity != rule.Error })
}

func distinct(in []string) []string {
	slices.Sort(in)
	return slices.Compact(in)
}
