package witness_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/wireproof/wireproof/compat/rule"
)

// A tally counts findings that claim unreadable data, with and without a witness.
type tally struct {
	with, without map[string]int
	first         map[string]string // the smallest pair without one
	crossed       int               // pairs without a finding
}

func newTally() *tally {
	return &tally{with: map[string]int{}, without: map[string]int{}, first: map[string]string{}}
}

func (c *tally) count(f *rule.Finding, ok bool, newText, oldText string) {
	id := f.Rule.ID
	switch {
	case ok:
		c.with[id]++
	case unreadable(f):
		c.without[id]++
		if have := c.first[id]; have == "" || len(newText)+len(oldText) < len(have)-len(f.Path)-len(f.Message)-12 {
			c.first[id] = f.Path + ": " + f.Message + "\nnew " + newText + "\nold " + oldText
		}
	}
}

// check holds how many of a rule may be without: none, but for the reasons. Of few
// findings three may be.
func (c *tally) check(t *testing.T) {
	t.Helper()
	with, without := 0, 0
	for _, n := range c.with {
		with += n
	}
	for _, reason := range jsonReasons {
		excused := 0
		for id := range reason.rules {
			n, all := c.without[id], c.without[id]+c.with[id]
			if excused += n; n > 3+reason.share*all/100 {
				t.Errorf("%s: %d of %d findings have no witness, expected at most 3 and %d in a hundred; the smallest is %s", id, n, all, reason.share, c.first[id])
			}
			delete(c.without, id)
		}
		without += excused
		t.Logf("%d without a witness: %s", excused, reason.why)
	}
	for _, id := range slices.Sorted(maps.Keys(c.without)) {
		t.Errorf("%s: %d of %d findings have no witness and no reason; the smallest is %s", id, c.without[id], c.without[id]+c.with[id], c.first[id])
	}
	t.Logf("%d pairs crossed %d messages each; %d findings with a witness, %d without, of %d rules: %v", c.crossed, messages(), with, without, len(c.with), c.with)
	if c.crossed < 50 || len(c.with) < 8 {
		t.Error("too few of one kind to mean anything")
	}
}
