package codec

import (
	"context"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// hotOdds is how seldom a reader that finds its id beside the hot slot makes
// that slot the hot one. Two writers that alternate, as in a rolling deploy,
// would otherwise have every core write the same cache line for each message.
const hotOdds = 64

// A table maps schema ids to values that never change. A hit takes no lock: one
// atomic load for the id that is common now, a second one and a look into a map
// that nobody writes to for the others. A miss is made once for all who wait
// for it, with no lock held. The zero table is empty and ready.
type table[E any] struct {
	hot atomic.Pointer[slot[E]]
	all atomic.Pointer[map[uint32]*slot[E]]

	mu    sync.Mutex // guards the fields below, and replacing all
	calls map[uint32]*call[E]
}

type slot[E any] struct {
	id    uint32
	value E
}

// A call is a miss that is being made.
type call[E any] struct {
	done chan struct{} // closed when the fields below are set
	slot *slot[E]
	err  error
	// left says that whoever made the call was called off; that is no answer
	// for the others.
	left bool
}

// find returns the value of id if it is known.
func (t *table[E]) find(id uint32) *slot[E] {
	if s := t.hot.Load(); s != nil && s.id == id {
		return s
	}
	all := t.all.Load()
	if all == nil {
		return nil
	}
	s := (*all)[id]
	if s != nil && rand.Uint32()%hotOdds == 0 {
		t.hot.Store(s)
	}
	return s
}

// load returns the value of id, and asks fetch for it if it is not known. Only
// values are kept. Whoever waits for the fetch of another waits no longer than
// its own ctx, and tries for itself if the other one was called off.
func (t *table[E]) load(ctx context.Context, id uint32, fetch func(context.Context, uint32) (E, error)) (*slot[E], error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s, c, first := t.join(id)
		if s != nil {
			return s, nil
		}
		if first {
			t.run(ctx, id, c, fetch)
			return c.slot, c.err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.done:
		}
		if !c.left {
			return c.slot, c.err
		}
	}
}

// join returns the slot of id, or the call that will bring it and whether the
// caller has to make that call.
func (t *table[E]) join(id uint32) (s *slot[E], c *call[E], first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if all := t.all.Load(); all != nil && (*all)[id] != nil {
		return (*all)[id], nil, false
	}
	if c := t.calls[id]; c != nil {
		return nil, c, false
	}
	if t.calls == nil {
		t.calls = map[uint32]*call[E]{}
	}
	c = &call[E]{done: make(chan struct{})}
	t.calls[id] = c
	return nil, c, true
}

func (t *table[E]) run(ctx context.Context, id uint32, c *call[E], fetch func(context.Context, uint32) (E, error)) {
	c.left = true // also if fetch panics
	defer t.leave(id, c)
	value, err := fetch(ctx, id)
	c.left = err != nil && ctx.Err() != nil
	if err != nil {
		c.err = err
		return
	}
	c.slot = &slot[E]{id: id, value: value}
}

func (t *table[E]) leave(id uint32, c *call[E]) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.calls, id)
	if c.slot != nil {
		next := map[uint32]*slot[E]{}
		if all := t.all.Load(); all != nil {
			next = maps.Clone(*all)
		}
		next[id] = c.slot
		t.all.Store(&next)
		t.hot.CompareAndSwap(nil, c.slot)
	}
	close(c.done)
}
