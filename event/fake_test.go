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

// A script is a transport whose batches are what a test says, and that remembers
// what the runtime did with them.
type script struct {
	batches    chan *event.Batch
	receiveErr error // what Receive returns once batches is closed
	openErr    error
	closeErr   error
	settleErr  error
	publish    func(*event.Message) error // nil stores
	makeTopic  func(name string) error

	mu        sync.Mutex
	opened    []string
	made      []string
	published []event.Message
	closed    bool
}

func newScript(batches int) *script { return &script{batches: make(chan *event.Batch, batches)} }

func (s *script) Name() string             { return "g" }
func (s *script) Bus() event.Bus           { return s }
func (s *script) Group(string) event.Group { return s }
func (s *script) send(l *lane, ds ...*event.Delivery) {
	s.batches <- &event.Batch{Lane: l, Deliveries: ds}
}

func (s *script) Open(_ context.Context, topics ...string) (event.Source, error) {
	s.opened = topics
	return (*scriptSource)(s), s.openErr
}

func (s *script) MakeTopic(_ context.Context, name, like string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made = append(s.made, name+" like "+like)
	if s.makeTopic != nil {
		return s.makeTopic(name)
	}
	return nil
}

func (s *script) Publish(ctx context.Context, ms ...*event.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, m := range ms {
		if s.publish != nil {
			if err := s.publish(m); err != nil {
				return &event.PublishError{Failed: []event.Failure{{Index: 0, Message: m, Err: err}}}
			}
		}
		s.mu.Lock()
		s.published = append(s.published, *m)
		s.mu.Unlock()
	}
	return nil
}

func (s *script) Close(context.Context) error { return nil }

type scriptSource script

func (s *scriptSource) Receive(ctx context.Context) (*event.Batch, error) {
	select {
	case b, ok := <-s.batches:
		if ok {
			return b, nil
		}
		if s.receiveErr != nil {
			return nil, s.receiveErr
		}
		<-ctx.Done()
		return nil, ctx.Err()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *scriptSource) Close(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return s.closeErr
}

// A lane checks, whenever something is settled, what every transport relies on.
type lane struct {
	t          testing.TB
	cumulative bool
	s          *script
	ctx        context.Context
	lose       context.CancelCauseFunc

	mu       sync.Mutex
	sent     []int64 // offsets in order
	settled  map[int64]bool
	prefix   int // how many of sent are settled, cumulative lanes
	handled  map[int64]bool
	paused   bool
	pauses   int
	busy     bool // a Settle is under way
	released int
	onSettle func()
}

func newTestLane(t testing.TB, s *script, cumulative bool) *lane {
	l := &lane{t: t, s: s, cumulative: cumulative, settled: map[int64]bool{}, handled: map[int64]bool{}}
	l.ctx, l.lose = context.WithCancelCause(context.Background())
	return l
}

func (l *lane) Context() context.Context { return l.ctx }
func (l *lane) Cumulative() bool         { return l.cumulative }

func (l *lane) Settle(ds []*event.Delivery) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy {
		l.t.Error("two calls of Settle at once")
	}
	l.busy = true
	defer func() { l.busy = false }()
	if l.s.settleErr != nil {
		return l.s.settleErr
	}
	for _, d := range ds {
		switch {
		case l.settled[d.Offset]:
			l.t.Errorf("offset %d is settled twice", d.Offset)
		case !l.handled[d.Offset]:
			l.t.Errorf("offset %d is settled before its outcome", d.Offset)
		case l.cumulative && (l.prefix >= len(l.sent) || l.sent[l.prefix] != d.Offset):
			l.t.Errorf("offset %d is settled, want the next of %v", d.Offset, l.sent[l.prefix:min(l.prefix+3, len(l.sent))])
		}
		l.settled[d.Offset] = true
		l.prefix++
	}
	if l.onSettle != nil {
		l.onSettle()
	}
	return nil
}

func (l *lane) Pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused {
		l.t.Error("a paused lane is paused")
	}
	l.paused = true
	l.pauses++
}

func (l *lane) Resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.paused {
		l.t.Error("a lane that is not paused is resumed")
	}
	l.paused = false
}

func (l *lane) Release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.released++
}

func (l *lane) finished(offset int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handled[offset] = true
}

func (l *lane) countSettled() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.settled)
}

func delivery(topic, key string, offset int64) *event.Delivery {
	d := &event.Delivery{Message: event.Message{Topic: topic, Payload: fmt.Appendf(nil, "%d", offset)}, Offset: offset}
	if key != "" {
		d.Key = []byte(key)
	}
	return d
}

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
	const perLane = 400
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
		offset := int64(r.IntN(1000))
		for n := 0; n < perLane; {
			var ds []*event.Delivery
			for range 1 + r.IntN(40) {
				offset += 1 + int64(r.IntN(3)/2)
				d := delivery("t", "", offset)
				d.Partition = int32(i)
				if r.IntN(10) > 0 {
					d.Key = fmt.Appendf(nil, "%d/%d", i, r.IntN(12))
				}
				d.Payload = fmt.Appendf(nil, "%d", r.IntN(20)) // its outcome
				l.sent = append(l.sent, offset)
				ds = append(ds, d)
				n++
			}
			todo = append(todo, &event.Batch{Lane: l, Deliveries: ds})
		}
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
