package event_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/wireproof/wireproof/event"
)

// TestStorm compares the executor with what it promises, over random options,
// keys, gaps in the offsets, outcomes, and lanes lost on the way: no message is
// lost or settled twice, a key is worked on by one worker and in order, and a
// cumulative lane sees contiguous prefixes.
func TestStorm(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			storm(t, rand.New(rand.NewPCG(seed, 9)))
		})
	}
}

func storm(t *testing.T, r *rand.Rand) {
	s := newScript(4)
	var opts []event.ConsumerOption
	byKey := r.IntN(3) > 0
	bound := 16 + r.IntN(200)
	opts = append(opts, event.MaxInFlight(bound, 1<<20), event.Immediate(r.IntN(3)))
	if byKey {
		opts = append(opts, event.ByKey(1+r.IntN(16)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lanes := make([]*lane, 1+r.IntN(3))
	var mu sync.Mutex
	want, settled, lost := 0, 0, map[*lane]bool{}
	maybeDone := func() {
		if settled >= want && want > 0 {
			cancel()
		}
	}
	var todo []*event.Batch
	byLane := map[int32]*lane{}
	for i := range lanes {
		l := newTestLane(t, s, r.IntN(2) == 0)
		lanes[i], byLane[int32(i)] = l, l
		lost[l] = i > 0 && r.IntN(3) == 0
		todo = append(todo, load(r, l, int32(i), 400)...)
		if !lost[l] {
			want += len(l.sent)
			seen := 0
			l.onSettle = func() { // called with l.mu held
				mu.Lock()
				defer mu.Unlock()
				settled += len(l.settled) - seen
				seen = len(l.settled)
				maybeDone()
			}
		}
	}
	var counts event.Counts
	opts = append(opts, event.Observe(counts.Observe), event.Observe(func(_ event.Outcome, d *event.Delivery, _ error) {
		byLane[d.Partition].finished(d.Offset)
	}))
	keys := &keyWatch{t: t, strict: byKey, busy: map[string]bool{}, last: map[string]int64{}}
	go feed(ctx, s, r.Uint64(), todo, lost)
	err := event.Run(ctx, s, []string{"t"}, func(_ context.Context, d *event.Delivery) error {
		defer keys.enter(d)()
		return outcomeOf(d)
	}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range lanes {
		if !lost[l] && l.countSettled() != len(l.sent) {
			t.Errorf("lane %d: %d of %d settled", i, l.countSettled(), len(l.sent))
		}
		if l.released > 0 && l.ctx.Err() == nil {
			t.Errorf("lane %d was released and not lost", i)
		}
		if !s.closed {
			t.Error("the source was not closed")
		}
	}
	if n := counts.Of(event.DeadLettered); n > int64(len(s.published)) {
		t.Errorf("%d counted as dead-lettered, %d published", n, len(s.published))
	}
}

// load makes batches of at least n messages for a lane, with gaps in the offsets.
func load(r *rand.Rand, l *lane, partition int32, n int) []*event.Batch {
	var todo []*event.Batch
	offset := int64(r.IntN(1000))
	for len(l.sent) < n {
		var ds []*event.Delivery
		for range 1 + r.IntN(40) {
			offset += 1 + int64(r.IntN(3)/2)
			d := delivery("t", "", offset)
			d.Partition = partition
			if r.IntN(10) > 0 {
				d.Key = fmt.Appendf(nil, "%d/%d", partition, r.IntN(12))
			}
			d.Payload = fmt.Appendf(nil, "%d", r.IntN(20)) // see outcomeOf
			l.sent = append(l.sent, offset)
			ds = append(ds, d)
		}
		todo = append(todo, &event.Batch{Lane: l, Deliveries: ds})
	}
	return todo
}

func outcomeOf(d *event.Delivery) error {
	switch string(d.Payload) {
	case "0":
		return errors.New("no")
	case "1":
		panic("no")
	case "2":
		return event.Drop("no use")
	case "3":
		return event.Permanent(nil)
	case "4":
		return fmt.Errorf("wrapped: %w", event.Skip("unknown"))
	}
	return nil
}

// feed sends the batches of the lanes mixed, each lane's in order, none to a
// paused lane for long, and takes lanes away when half of what they have is sent.
func feed(ctx context.Context, s *script, seed uint64, todo []*event.Batch, lost map[*lane]bool) {
	r := rand.New(rand.NewPCG(seed, 1))
	sent := map[*lane]int{}
	perLane := map[*lane][]*event.Batch{}
	var order []*lane
	for _, b := range todo {
		l := b.Lane.(*lane)
		if perLane[l] == nil {
			order = append(order, l)
		}
		perLane[l] = append(perLane[l], b)
	}
	for len(order) > 0 {
		i := r.IntN(len(order))
		l := order[i]
		bs := perLane[l]
		if len(bs) == 0 || lost[l] && sent[l] > 200 {
			if lost[l] {
				l.lose(errors.New("taken away"))
			}
			order = append(order[:i], order[i+1:]...)
			continue
		}
		perLane[l] = bs[1:]
		sent[l] += len(bs[0].Deliveries)
		select {
		case s.batches <- bs[0]:
		case <-ctx.Done():
			return
		}
	}
}

// A keyWatch sees to it that a key's handlers do not overlap or overtake.
type keyWatch struct {
	t      *testing.T
	strict bool // by key; otherwise a lane is one key

	mu   sync.Mutex
	busy map[string]bool
	last map[string]int64
}

func (k *keyWatch) enter(d *event.Delivery) func() {
	key := string(d.Key)
	if !k.strict {
		key = fmt.Sprint("lane", d.Partition)
	} else if d.Key == nil {
		return func() {}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.busy[key] {
		k.t.Errorf("key %s: two handlers at once", key)
	}
	if k.last[key] > d.Offset {
		k.t.Errorf("key %s: offset %d after %d", key, d.Offset, k.last[key])
	}
	k.busy[key], k.last[key] = true, d.Offset
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.busy[key] = false
	}
}
