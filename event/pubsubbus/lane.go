package pubsubbus

import (
	"context"
	"fmt"
	"sync"

	"cloud.google.com/go/pubsub/v2"

	"github.com/wireproof/wireproof/event"
)

// A lane is a subscription as one source sees it: what was received and is not
// settled.
type lane struct {
	source  *source // this and the fields below are set once
	topic   string
	exactly bool // acknowledgements have answers
	ctx     context.Context
	cancel  context.CancelCauseFunc
	answers chan answer // of acknowledgements, if exactly
	told    chan struct{}

	watch    sync.Once
	settling sync.WaitGroup // calls of Settle that acknowledge; added to under mu

	mu     sync.Mutex // guards the fields below
	queue  []received
	held   map[*event.Delivery]received // handed over and not settled
	count  int                          // queued and held
	bytes  int
	room   chan struct{} // closed when there may be room
	inLine bool          // the source has it in its line
	paused bool
	lost   bool
}

type received struct {
	d *event.Delivery
	m *pubsub.Message
}

func (x received) size() int {
	n := len(x.m.Data)
	for k, v := range x.m.Attributes {
		n += len(k) + len(v)
	}
	return n
}

// An answer is what the service will say to an acknowledgement.
type answer struct {
	d      *event.Delivery
	result *pubsub.AckResult
}

func newLane(s *source, topic string, exactly bool) *lane {
	ctx, cancel := context.WithCancelCause(context.Background())
	l := &lane{
		source: s, topic: topic, exactly: exactly, ctx: ctx, cancel: cancel,
		answers: make(chan answer, s.group.bus.config.MaxOutstandingMessages), told: make(chan struct{}),
		held: map[*event.Delivery]received{}, room: make(chan struct{}),
	}
	go l.tell()
	return l
}

// Context is as [event.Lane] says.
func (l *lane) Context() context.Context { return l.ctx }

// Cumulative is false: each message is acknowledged by itself.
func (l *lane) Cumulative() bool { return false }

// push is called by the library for each message, for those of one ordering key
// one after another. It waits while the lane is full. The library ends ctx when the
// stream is over.
func (l *lane) push(ctx context.Context, m *pubsub.Message) {
	l.watch.Do(func() {
		context.AfterFunc(ctx, func() {
			cause := errSourceClosed
			if l.source.ctx.Err() == nil {
				cause = fmt.Errorf("the stream of topic %q for group %q is over", l.topic, l.source.group.name)
			}
			l.lose(cause)
		})
	})
	if _, mark := m.Attributes[endName]; mark && keepsLetters(l.topic) {
		m.Ack()
		return
	}
	x := received{decode(m, l.topic, l.source.group.name), m}
	size, c := x.size(), l.source.group.bus.config
	l.mu.Lock()
	for !l.lost && l.count > 0 && (l.count >= c.MaxOutstandingMessages || l.bytes+size > c.MaxOutstandingBytes) {
		room := l.room
		l.mu.Unlock()
		<-room // closed when the lane is lost, too
		l.mu.Lock()
	}
	if l.lost {
		l.mu.Unlock()
		m.Nack()
		return
	}
	l.queue = append(l.queue, x)
	l.count++
	l.bytes += size
	offer := l.wants()
	l.mu.Unlock()
	if offer {
		l.source.Offer(l)
	}
}

// wants puts the lane in line if it has something to hand over, and reports
// whether it was not there yet. The caller holds mu.
func (l *lane) wants() bool {
	if l.inLine || l.paused || l.lost || len(l.queue) == 0 {
		return false
	}
	l.inLine = true
	return true
}

// take hands over a batch, and reports whether there is more. The source calls it
// on a lane that it has taken out of its line.
func (l *lane) take() (ds []*event.Delivery, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inLine = false
	if l.lost || l.paused {
		return nil, false
	}
	n := min(len(l.queue), batchMessages)
	for _, x := range l.queue[:n] {
		ds = append(ds, x.d)
		l.held[x.d] = x
	}
	clear(l.queue[:n])
	if l.queue = l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil // let go of the array
	}
	return ds, l.wants()
}

// Settle is as [event.Lane] says. It returns before the service knows.
func (l *lane) Settle(ds []*event.Delivery) error {
	done := make([]received, 0, len(ds))
	l.mu.Lock()
	for _, d := range ds {
		x, ok := l.held[d]
		if l.lost || !ok {
			break
		}
		delete(l.held, d)
		l.count--
		l.bytes -= x.size()
		done = append(done, x)
	}
	lost := l.lost
	l.makeRoom()
	l.settling.Add(1)
	l.mu.Unlock()
	defer l.settling.Done()
	for _, x := range done {
		if l.exactly {
			l.answers <- answer{x.d, x.m.AckWithResult()}
		} else {
			x.m.Ack()
		}
	}
	switch {
	case len(done) == len(ds):
		return nil
	case lost:
		return fmt.Errorf("settle %d messages of topic %q: %w", len(ds), l.topic, context.Cause(l.ctx))
	default:
		return fmt.Errorf("settle offset %d of topic %q: the lane did not hand it over, or it is settled", ds[len(done)].Offset, l.topic)
	}
}

// makeRoom wakes those that wait for it. The caller holds mu.
func (l *lane) makeRoom() {
	close(l.room)
	l.room = make(chan struct{})
}

// tell passes on what the service refuses.
func (l *lane) tell() {
	defer close(l.told)
	for a := range l.answers {
		if _, err := a.result.Get(context.Background()); err != nil {
			if refused := l.source.group.bus.config.Refused; refused != nil {
				refused(a.d, err)
			}
		}
	}
}

// finish is called when the library has sent everything, and waits for the
// answers.
func (l *lane) finish() {
	// A Settle that began before the lane was lost may still put answers.
	l.settling.Wait()
	close(l.answers)
	<-l.told
}

// Pause is as [event.Lane] says. What the service still sends is bounded.
func (l *lane) Pause() {
	l.mu.Lock()
	l.paused = true
	l.mu.Unlock()
}

// Resume is as [event.Lane] says.
func (l *lane) Resume() {
	l.mu.Lock()
	l.paused = false
	offer := l.wants()
	l.mu.Unlock()
	if offer {
		l.source.Offer(l)
	}
}

// lose ends the lane and gives back what is not settled.
func (l *lane) lose(cause error) {
	l.mu.Lock()
	if l.lost {
		l.mu.Unlock()
		return
	}
	l.lost = true
	var back []*pubsub.Message
	for _, x := range l.held {
		back = append(back, x.m)
	}
	for _, x := range l.queue {
		back = append(back, x.m)
	}
	l.queue, l.held = nil, map[*event.Delivery]received{}
	l.makeRoom()
	l.mu.Unlock()
	l.cancel(cause)
	for _, m := range back {
		m.Nack()
	}
}
