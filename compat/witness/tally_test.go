package witness_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/wireproof/wireproof/compat/rule"
)

// inShards holds a law for each of n seeds, in as many parallel tests as there are
// processors.
func inShards(t *testing.T, n uint64, law func(t *testing.T, seed uint64)) {
	t.Helper()
	shards := uint64(runtime.GOMAXPROCS(0))
	t.Run("seeds", func(t *testing.T) {
		for shard := range shards {
			t.Run(fmt.Sprint("shard", shard), func(t *testing.T) {
				t.Parallel()
				for seed := shard; seed < n; seed += shards {
					law(t, seed)
				}
			})
		}
	})
	t.Logf("seeds 0 to %d", n-1)
}

// A tally counts what came of the pairs. It is safe for concurrent use.
type tally struct {
	mu            sync.Mutex        // guards the fields below
	with, without map[string]int    // findings by their rules
	reasons       map[string]int    // findings without a witness by their reasons
	first         map[string]string // the smallest pair without one, by rule
	crossed       int               // pairs of which every message crossed
	nothing       int               // pairs of which no message could be written
}

func newTally() *tally {
	return &tally{with: map[string]int{}, without: map[string]int{}, reasons: map[string]int{}, first: map[string]string{}}
}

// add counts one more.
func (c *tally) add(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

func (c *tally) addTo(counts map[string]int, key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts[key]++
}

// missed counts a finding that has no witness.
func (c *tally) missed(f *rule.Finding, newText, oldText string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := f.Rule.ID
	c.without[id]++
	if have := c.first[id]; have == "" || len(newText)+len(oldText) < len(have)-len(f.Path)-len(f.Message)-12 {
		c.first[id] = f.Path + ": " + f.Message + "\nnew " + newText + "\nold " + oldText
	}
}

// log prints the figures; there must be enough of each kind to mean anything.
func (c *tally) log(t *testing.T, rules int) {
	t.Helper()
	with := 0
	for _, n := range c.with {
		with += n
	}
	t.Logf("%d pairs crossed %d messages each, %d have no message; %d findings of %d rules have a witness: %v", c.crossed, messages(), c.nothing, with, len(c.with), c.with)
	if c.crossed < 50 || len(c.with) < rules {
		t.Error("too few of one kind to mean anything")
	}
}

// check holds how many of a rule may be without: none, but for the reasons. Of few
// findings three may be.
func (c *tally) check(t *testing.T) {
	t.Helper()
	for _, reason := range jsonReasons {
		excused := 0
		for id := range reason.rules {
			n, all := c.without[id], c.without[id]+c.with[id]
			if excused += n; n > 3+reason.share*all/100 {
				t.Errorf("%s: %d of %d findings have no witness, expected at most 3 and %d in a hundred; the smallest is %s", id, n, all, reason.share, c.first[id])
			}
			if n > 10 {
				t.Logf("%s: %d of %d without a witness", id, n, all)
			}
			delete(c.without, id)
		}
		t.Logf("%d without a witness: %s", excused, reason.why)
	}
	for _, id := range slices.Sorted(maps.Keys(c.without)) {
		t.Errorf("%s: %d of %d findings have no witness and no reason; the smallest is %s", id, c.without[id], c.without[id]+c.with[id], c.first[id])
	}
}
