package codec

import (
	"context"
	"testing"
)

func fill(t *testing.T, ids ...uint32) *table[uint32] {
	t.Helper()
	var tab table[uint32]
	for _, id := range ids {
		fetch := func(_ context.Context, id uint32) (uint32, error) { return id * 10, nil }
		if s, err := tab.load(t.Context(), id, fetch); err != nil || s.value != id*10 {
			t.Fatalf("load(%d) = %v, %v", id, s, err)
		}
	}
	return &tab
}

// With two writers in turn, every core would write the hot slot for each message
// and take it from all the others.
func TestAlternatingWritersLeaveTheHotSlotAlone(t *testing.T) {
	t.Parallel()
	tab := fill(t, 1, 2)
	const reads = 64_000
	swaps, last := 0, tab.hot.Load()
	for i := range uint32(reads) {
		if s := tab.find(1 + i%2); s == nil || s.value != 10*(1+i%2) {
			t.Fatalf("find(%d) = %v", 1+i%2, s)
		}
		if now := tab.hot.Load(); now != last {
			swaps, last = swaps+1, now
		}
	}
	// About one in hotOdds of the reads that miss the hot slot, half of all.
	if most := reads / hotOdds; swaps == 0 || swaps > most {
		t.Errorf("hot slot was written %d times in %d reads, want 1 to %d", swaps, reads, most)
	}
}

func TestTheHotSlotFollowsTheWriter(t *testing.T) {
	t.Parallel()
	tab := fill(t, 1, 2)
	for range 100 * hotOdds {
		tab.find(2)
	}
	if s := tab.hot.Load(); s.id != 2 {
		t.Errorf("hot slot holds id %d after many reads of id 2", s.id)
	}
}

// Whoever holds the map of before a miss never sees it change.
func TestAMissCopiesTheMap(t *testing.T) {
	t.Parallel()
	tab := fill(t, 1)
	before := tab.all.Load()
	if _, err := tab.load(t.Context(), 2, func(context.Context, uint32) (uint32, error) { return 20, nil }); err != nil {
		t.Fatal(err)
	}
	if len(*before) != 1 || len(*tab.all.Load()) != 2 || len(tab.calls) != 0 {
		t.Errorf("maps have %d and %d entries, and %d calls are left; want 1, 2 and 0", len(*before), len(*tab.all.Load()), len(tab.calls))
	}
	if tab.find(3) != nil {
		t.Error("an id that was never loaded is found")
	}
}
