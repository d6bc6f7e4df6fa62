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

// check holds how many in a hundred of a rule may be without.
func (c *tally) check(t *testing.T, allowed map[string]int) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(c.without)) {
		n, all := c.without[id], c.without[id]+c.with[id]
		t.Logf("%s: %d of %d without a witness", id, n, all)
		if n > 3+allowed[id]*all/100 {
			t.Errorf("%s: %d of %d findings have no witness, expected at most 3 and %d in a hundred; the smallest is %s", id, n, all, allowed[id], c.first[id])
		}
	}
	t.Logf("%d pairs crossed; witnesses: %v", c.crossed, c.with)
	if c.crossed < 50 || len(c.with) < 8 {
		t.Error("too few of one kind to mean anything")
	}
}
