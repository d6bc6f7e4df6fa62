package avrorules_test

import (
	"fmt"
	"strings"
	"testing"

	twmb "github.com/twmb/avro"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/randavro"
)

// TestOracle: the verdict on random pairs is that of twmb/avro, whichever of the
// two is new, and the positions of every finding are known.
func TestOracle(t *testing.T) {
	t.Parallel()
	compatible, broken := 0, 0
	for seed := range uint64(1500) {
		a, b := randavro.Schema(seed, 1), randavro.Schema(seed, 2)
		theirs, err := twmb.Parse(a)
		if err != nil {
			continue // a name was changed where another place uses it
		}
		theirs2, err := twmb.Parse(b)
		if err != nil {
			continue
		}
		newer, older := parse(t, "new.avsc", a), parse(t, "old.avsc", b)
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			want := twmb.CheckCompatibility(theirs2, theirs)
			if dir == rule.OldReaders {
				want = twmb.CheckCompatibility(theirs, theirs2)
			}
			found := breaking(avrorules.Check(newer, older, dir))
			if (want == nil) != (len(found) == 0) {
				t.Fatalf("seed %d, direction %d: we find %d, twmb/avro says %v\nnew %s\nold %s\n%s", seed, dir, len(found), want, a, b, list(found))
			}
			for _, f := range found {
				if !f.New.IsValid() || !f.Old.IsValid() || f.New.Path != "new.avsc" || f.Old.Path != "old.avsc" || f.Breaks != dir {
					t.Errorf("seed %d: %s: %s: new %+v, old %+v", seed, f.Rule.ID, f.Message, f.New, f.Old)
				}
			}
			if want == nil {
				compatible++
			} else {
				broken++
			}
		}
	}
	if compatible < 100 || broken < 100 {
		t.Errorf("%d compatible and %d broken pairs are too few of one kind", compatible, broken)
	}
}

func list(found []*rule.Finding) string {
	var out strings.Builder
	for _, f := range found {
		fmt.Fprintf(&out, "%s %s: %s\n", f.Rule.ID, f.Path, f.Message)
	}
	return out.String()
}

// TestSelfRandom is the law again, on schemas that nobody thought of.
func TestSelfRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		text := randavro.Schema(seed, 0)
		if _, err := twmb.Parse(text); err != nil {
			continue
		}
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			if found := avrorules.Check(parse(t, "a", text), parse(t, "b", text), dir); len(found) > 0 {
				t.Errorf("seed %d breaks itself: %s\n%s", seed, text, list(found))
			}
		}
	}
}

// TestManyUnions: a type in which every branch fails deep inside would cost a
// walk that grows with the power of its depth, if failures were not remembered.
func TestManyUnions(t *testing.T) {
	t.Parallel()
	build := func(leaf string) string {
		text := `"` + leaf + `"`
		for i := range 35 {
			text = fmt.Sprintf(`{"type":"record","name":"R%d","namespace":"n%d","fields":[{"name":"f","type":["null",%s,{"type":"array","items":"n0.R0"},{"type":"map","values":"n0.R0"}]}]}`, i, i, text)
			if i == 0 {
				text = strings.ReplaceAll(text, "n0.R0", "string")
			}
		}
		return text
	}
	newer, older := parse(t, "new", build("int")), parse(t, "old", build("string"))
	if found := avrorules.Check(newer, older, rule.Readers); len(found) == 0 {
		t.Error("Check finds nothing")
	}
}
