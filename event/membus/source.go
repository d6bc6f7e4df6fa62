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
const batchSize = 128

// A source is one member of a group.
type source struct {
	bus    *Bus
	group  *group
	topics []string
	wake   chan struct{} // has room for one: something may have changed

	// Guarded by bus.mu.
	lanes  []*lane
	at     int  // lane that Receive looks at first, so that all get their turn
	idle   bool // nothing was there when Receive looked, and nothing has changed since
	closed bool
}

// reads reports whether s has asked for a topic, by its name or by a pattern.
func (s *source) reads(topic string) bool {
	return slices.ContainsFunc(s.topics, func(t string) bool {
		return t == topic || wildcard.Is(t) && wildcard.Matches(t, topic)
	})
}

// wakeUp lets Receive look again. bus.mu is held.
func (s *source) wakeUp() {
	if !s.idle {
		return
	}
	s.idle = false
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
		l, from, n, err := s.poll()
		if err != nil {
			return nil, err
		}
		if n > 0 {
			return &event.Batch{Lane: l, Deliveries: l.deliveries(from, n)}, nil
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		}
	}
}

// poll returns what the next lane has: n messages from an offset on; none if no lane
// has anything.
func (s *source) poll() (l *lane, from int64, n int, err error) {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if s.closed || s.bus.closed {
		return nil, 0, 0, ErrClosed
	}
	for i := range s.lanes {
		l := s.lanes[(s.at+i)%len(s.lanes)]
		if from, n := l.fetch(); n > 0 {
			s.at = (s.at + i + 1) % len(s.lanes)
			return l, from, n, nil
		}
	}
	s.idle = true
	return nil, 0, 0, nil
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

	// Of Receive, which one goroutine calls.
	view  []span
	names []string // of the headers of the last message

	// Guarded by the bus's mutex.
	next   int64 // offset that is delivered next
	paused bool
	timer  *time.Timer // ends the grace, once the lane is taken
}

func (l *lane) part() *part { return &l.share.parts[l.index] }

// fetch takes up to batchSize messages into view. The bus's mutex is held.
func (l *lane) fetch() (from int64, n int) {
	if l.paused || l.part().busy != nil {
		return 0, 0
	}
	p := l.share.topic.partitions[l.index]
	from, n = l.next, int(min(p.end()-l.next, batchSize))
	if n <= 0 {
		return 0, 0
	}
	l.view = p.view(l.view, from, n)
	l.next += int64(n)
	return from, n
}

// deliveries returns what is in view. The mutex is not held: what is in the log stays
// as it is.
func (l *lane) deliveries(from int64, n int) []*event.Delivery {
	ds, out := make([]event.Delivery, n), make([]*event.Delivery, 0, n)
	r := newReader(l.view, l.names)
	topic, group := l.share.topic.name, l.src.group.name
	for _, s := range l.view {
		for i := range s.records {
			at := len(out)
			d := &ds[at]
			d.Topic, d.Partition, d.Offset, d.Group, d.Attempt = topic, int32(l.index), from+int64(at), group, 1
			r.read(&d.Message, s, i)
			out = append(out, d)
		}
	}
	l.names = r.names
	clear(l.view)
	l.view = l.view[:0]
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
