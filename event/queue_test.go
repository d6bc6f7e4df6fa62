package event

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The ring is a queue, over every way of growing and wrapping.
func TestRing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var q ring
	var model []*entry
	for range 20000 {
		if len(model) == 0 || r.IntN(100) < 51 {
			e := &entry{}
			q.push(e)
			model = append(model, e)
			continue
		}
		if q.front() != model[0] || q.pop() != model[0] {
			t.Fatal("the ring is out of order")
		}
		model = model[1:]
		if q.n != len(model) {
			t.Fatalf("the ring holds %d, want %d", q.n, len(model))
		}
	}
}

// The heap gives what is due first, and of equals the first that came.
func TestDueHeap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	start := time.Unix(1e9, 0)
	var h dueHeap
	var model []*entry
	less := func(a, b *entry) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.seq, b.seq)) }
	for i := range 5000 {
		if len(h) > 0 && r.IntN(100) < 45 {
			slices.SortFunc(model, less)
			if got := h.remove(0); got != model[0] {
				t.Fatalf("got %v/%d, want %v/%d", got.due, got.seq, model[0].due, model[0].seq)
			}
			model = model[1:]
			continue
		}
		if len(h) > 0 && r.IntN(100) < 10 {
			e := h.remove(r.IntN(len(h)))
			model = slices.DeleteFunc(model, func(x *entry) bool { return x == e })
			continue
		}
		e := &entry{due: start.Add(time.Duration(r.IntN(50))), seq: uint64(i)}
		h.push(e)
		model = append(model, e)
	}
}

func TestFifo(t *testing.T) {
	var f fifo
	a, b := &entry{}, &entry{}
	for range 2 {
		f.push(a)
		f.push(b)
		if f.pop() != a || f.pop() != b || f.pop() != nil {
			t.Fatal("the list is out of order")
		}
	}
}
