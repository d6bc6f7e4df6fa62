package event_test

import (
	"context"
	"fmt"
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
