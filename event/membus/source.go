package membus

import (
	"context"
	"slices"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/wildcard"
)

// batchSize is how many messages Receive gives at most. It keeps what one lane
// is ahead of a Pause small.
const batchSize = 256

// A source is one member of a group.
type source struct {
	bus    *Bus
	group  *group
	topics []string
	wake   chan struct{} // has room for one: something may have changed

	// Guarded by bus.mu.
	lanes  []*lane
	at     int // lane that Receive looks at first, so that all get their turn
	closed bool
}

// reads reports whether s has asked for a topic, by its name or by a pattern.
func (s *source) reads(topic string) bool {
	return slices.ContainsFunc(s.topics, func(t string) bool {
		return t == topic || wildcard.Is(t) && wildcard.Matches(t, topic)
	})
}

func (s *source) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Receive is as [event.Source] says.
func (s *source) Receive(ctx context.Context) (*event.Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := s.poll()
		if b != nil || err != nil {
			return b, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
}

// poll returns what the next lane has, or nil if none has anything.
func (s *source) poll() (*event.Batch, error) {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if s.closed || s.bus.closed {
		return nil, ErrClosed
	}
	for i := range s.lanes {
		l := s.lanes[(s.at+i)%len(s.lanes)]
		if ds := l.fetch(); len(ds) > 0 {
			s.at = (s.at + i + 1) % len(s.lanes)
			return &event.Batch{Lane: l, Deliveries: ds}, nil
		}
	}
	return nil, nil
}

// Close leaves the group. What was not settled goes to the other members, or to
// whoever joins next.
func (s *source) Close(context.Context) error {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.group.members = slices.DeleteFunc(s.group.members, func(m *source) bool { return m == s })
	for _, l := range slices.Clone(s.lanes) {
		s.bus.take(l.part(), ErrClosed)
	}
	s.bus.share(s.group)
	s.wakeUp()
	return nil
}

// A lane is a partition while a member owns it.
type lane struct {
	src    *source
	share  *share
	index  int
	ctx    context.Context
	cancel context.CancelCauseFunc

	// Guarded by the bus's mutex.
	next   int64 // offset that is delivered next
	paused bool
	timer  *time.Timer // ends the grace, once the lane is taken
}

func (l *lane) part() *part { return &l.share.parts[l.index] }

// fetch returns up to batchSize messages. The bus's mutex is held.
func (l *lane) fetch() []*event.Delivery {
	if l.paused || l.part().busy != nil {
		return nil
	}
	p := l.share.topic.partitions[l.index]
	n := int(min(p.end()-l.next, batchSize))
	if n <= 0 {
		return nil
	}
	ds := make([]event.Delivery, n)
	out := make([]*event.Delivery, n)
	for i := range ds {
		ds[i] = event.Delivery{
			Message: *p.at(l.next), Partition: int32(l.index), Offset: l.next,
			Group: l.src.group.name, Attempt: 1,
		}
		// Whoever appends to the headers must not write into the log.
		ds[i].Headers = slices.Clip(ds[i].Headers)
		out[i] = &ds[i]
		l.next++
	}
	return out
}

func (l *lane) Context() context.Context { return l.ctx }

func (l *lane) Cumulative() bool { return true }

// Settle moves the group's offset. On a lost lane it does nothing and says why.
func (l *lane) Settle(ds []*event.Delivery) error {
	b := l.src.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	p := l.part()
	if p.lane != l {
		return context.Cause(l.ctx)
	}
	for _, d := range ds {
		p.settled = max(p.settled, d.Offset+1)
	}
	if b.waiting > 0 && !b.closed {
		close(b.room)
		b.room = make(chan struct{})
	}
	return nil
}

func (l *lane) Pause() { l.setPaused(true) }

func (l *lane) Resume() { l.setPaused(false) }

func (l *lane) setPaused(v bool) {
	l.src.bus.mu.Lock()
	defer l.src.bus.mu.Unlock()
	l.paused = v
	l.src.wakeUp()
}

// Release lets the next owner begin, see [event.Releaser].
func (l *lane) Release() {
	b := l.src.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	if p := l.part(); p.busy == l {
		p.busy = nil
		if p.lane != nil {
			p.lane.src.wakeUp()
		}
	}
}
