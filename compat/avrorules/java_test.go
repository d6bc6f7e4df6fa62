package avrorules_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/randavro"
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
	n := pairs()
	checked := 0
	for seed := range n {
		newer, older, ok := randomPair(seed, randavro.Schema)
		if ok {
			againstJava(t, o, fmt.Sprintf("seed %d", seed), newer, older)
			checked++
		}
		newer, older, ok = randomPair(seed, randavro.Moved)
		if ok {
			againstJava(t, o, fmt.Sprintf("seed %d, moved", seed), newer, older)
			checked++
		}
	}
	t.Logf("%d random pairs, seeds 0 to %d, each in both directions", checked, n-1)
}

// pairs is how many seeds are tried: some, or all of them under WIREPROOF_SOAK=1.
func pairs() uint64 {
	if os.Getenv("WIREPROOF_SOAK") == "1" {
		return 20_000
	}
	return 1000
}

// randomPair is false where a name was changed that another place uses.
func randomPair(seed uint64, text func(seed, variant uint64) string) (newer, older *avro.Schema, ok bool) {
	newer, err := avro.Parse(sourceOf("new.avsc", text(seed, 1)))
	if err != nil {
		return nil, nil, false
	}
	older, err = avro.Parse(sourceOf("old.avsc", text(seed, 2)))
	return newer, older, err == nil
}

// TestJavaData: what the checker says and what Java's decoder does with random
// data agree, but where a finding says how they differ. That a pair breaks shows
// only in data that holds the broken part, so the other way is tested where
// every value does: where nothing but names changed.
func TestJavaData(t *testing.T) {
	o := javaoracle.Start(t)
	differ := 0
	for seed := range pairs() {
		newer, older, ok := randomPair(seed, randavro.Moved)
		if !ok {
			continue
		}
		found := avrorules.Check(newer, older, rule.Readers)
		explained := slices.ContainsFunc(found, func(f *rule.Finding) bool { return f.Decoder != "" })
		errs := breaking(slices.Clone(found))
		onlyNames := !slices.ContainsFunc(errs, func(f *rule.Finding) bool { return f.Rule.ID != "AVRO_NAME_CHANGED" })
		failed, why, err := o.Cross(older.Source().Text, newer.Source().Text, 10, seed)
		var refused *javaoracle.Refusal
		if errors.As(err, &refused) {
			continue // a name without namespace, used in a namespace before its record is complete
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(errs) == 0 && failed > 0 || len(errs) > 0 && onlyNames && failed == 0 {
			differ++
			if !explained {
				t.Errorf("seed %d: %d findings, and Java reads all but %d values (%s), which no finding explains\nreader %s\nwriter %s\n%s",
					seed, len(errs), failed, why, newer.Source().Text, older.Source().Text, list(found))
			}
		}
	}
	if differ == 0 {
		t.Error("Java's checker and decoder never differ, so nothing was tested")
	}
	t.Logf("checker and decoder differ on %d pairs, each explained", differ)
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
