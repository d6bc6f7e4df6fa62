package amqpbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/wireproof/wireproof/event"
)

// A lane is a queue of the group on one channel: what the library has received and
// the runtime has not taken, and what was settled and the broker does not know.
type lane struct {
	source   *source // this and the fields below are set once
	topic    string
	consumer *consumer
	ctx      context.Context
	cancel   context.CancelCauseFunc
	released chan struct{} // closed by Release
	wake     chan struct{} // holds a token when there may be something to acknowledge

	releaseOnce sync.Once

	mu     sync.Mutex // guards the fields below
	queue  []received
	inLine bool // the source has it in its line
	held   bool // paused by the runtime
	lost   bool
	tags   map[*event.Delivery]uint64 // handed over and not settled
	acks   acks
}

type received struct {
	d   *event.Delivery
	tag uint64
}

func newLane(s *source, topic string, c *consumer) *lane {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &lane{
		source: s, topic: topic, consumer: c, ctx: ctx, cancel: cancel,
		released: make(chan struct{}), wake: make(chan struct{}, 1), tags: map[*event.Delivery]uint64{},
	}
}

// Context is as [event.Lane] says.
func (l *lane) Context() context.Context { return l.ctx }

// Cumulative is false: each message is acknowledged by itself.
func (l *lane) Cumulative() bool { return false }

// run takes what arrives and sends acknowledgements until the channel is lost or
// ctx ends. Then the lane is lost.
func (l *lane) run(ctx context.Context) {
	ch := l.consumer.ch
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		l.acknowledge()
	}()
	for open := true; open; {
		select {
		case d, ok := <-l.consumer.deliveries:
			if open = ok; ok {
				l.push(&d)
			}
		case <-ctx.Done():
			open = false
		}
	}
	cause := errSourceClosed
	if ctx.Err() == nil {
		cause = fmt.Errorf("topic %q of group %q: %w", l.topic, l.source.group.name, l.why())
	}
	l.lose(cause)
	<-stopped
	// What is not settled goes back to its old place with the end of the channel.
	// Rejecting it, or cancelling the consumer while something is on its way, would
	// put it at the end of a quorum queue.
	_ = ch.Close()
}

// why says what ended the channel, or the consumer on a channel that lives.
func (l *lane) why() error {
	if !l.consumer.ch.IsClosed() {
		return errors.New("the broker ended the consumer: its queue was deleted, or moved")
	}
	return lostError(<-l.consumer.closed)
}

// push queues a message.
func (l *lane) push(d *amqp.Delivery) {
	x := received{l.source.group.bus.decode(d, l.topic, l.source.group.name), d.DeliveryTag}
	l.mu.Lock()
	l.acks.received(x.tag)
	l.queue = append(l.queue, x)
	offer := l.wants()
	l.mu.Unlock()
	if offer {
		l.source.Offer(l)
	}
}

// wants puts the lane in line if it has something to hand over, and reports
// whether it was not there yet. The caller holds mu.
func (l *lane) wants() bool {
	if l.inLine || l.held || l.lost || len(l.queue) == 0 {
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
	if l.lost || l.held {
		return nil, false
	}
	n := min(len(l.queue), batchMessages)
	for _, x := range l.queue[:n] {
		ds = append(ds, x.d)
		l.tags[x.d] = x.tag
	}
	clear(l.queue[:n])
	if l.queue = l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil // let go of the array
	}
	return ds, l.wants()
}

// Settle is as [event.Lane] says. It returns before the broker knows.
func (l *lane) Settle(ds []*event.Delivery) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return fmt.Errorf("settle %d messages of topic %q: %w", len(ds), l.topic, context.Cause(l.ctx))
	}
	for _, d := range ds {
		tag, ok := l.tags[d]
		if !ok {
			return fmt.Errorf("settle offset %d of topic %q: the lane did not hand it over, or it is settled", d.Offset, l.topic)
		}
		delete(l.tags, d)
		l.acks.settled(tag)
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// acknowledge tells the broker what was settled, all that has come together
// meanwhile at once, until the lane is lost and everything is told.
func (l *lane) acknowledge() {
	for last := false; ; {
		l.mu.Lock()
		upTo, single := l.acks.take()
		l.mu.Unlock()
		// An error is the end of the channel, which run sees.
		if upTo > 0 {
			_ = l.consumer.ch.Ack(upTo, true)
		}
		for _, tag := range single {
			_ = l.consumer.ch.Ack(tag, false)
		}
		if last {
			return
		}
		select {
		case <-l.wake:
		case <-l.ctx.Done():
			last = true
		}
	}
}

// Pause is as [event.Lane] says. What the broker still sends is bounded by the
// prefetch.
func (l *lane) Pause() {
	l.mu.Lock()
	l.held = true
	l.mu.Unlock()
}

// Resume is as [event.Lane] says.
func (l *lane) Resume() {
	l.mu.Lock()
	l.held = false
	offer := l.wants()
	l.mu.Unlock()
	if offer {
		l.source.Offer(l)
	}
}

// Release is as [event.Releaser] says.
func (l *lane) Release() { l.releaseOnce.Do(func() { close(l.released) }) }

// lose ends the lane: nothing is handed over or settled any more.
func (l *lane) lose(cause error) {
	l.mu.Lock()
	l.lost = true
	l.queue = nil
	l.mu.Unlock()
	l.cancel(cause)
}

// awaitRelease waits, for the grace at most, until no handler of a lost lane runs.
func (l *lane) awaitRelease(ctx context.Context, grace time.Duration) {
	l.mu.Lock()
	busy := len(l.tags) > 0
	l.mu.Unlock()
	if !busy {
		return
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-l.released:
	case <-ctx.Done():
	case <-timer.C:
	}
}

// acks are the delivery tags of a channel that are not acknowledged, from base on.
// A tag that stands for all before it must be one of those.
type acks struct {
	base  uint64
	state []ackState
}

type ackState uint8

const (
	ackOpen ackState = iota
	ackSettled
	ackSent
)

// received notes the next tag. Tags of a channel count from 1.
func (a *acks) received(tag uint64) {
	if len(a.state) == 0 {
		a.base = tag
	}
	for uint64(len(a.state)) <= tag-a.base {
		a.state = append(a.state, ackOpen)
	}
}

func (a *acks) settled(tag uint64) { a.state[tag-a.base] = ackSettled }

// take returns what is to be acknowledged: everything up to a tag, 0 for none, and
// single ones behind the first that is open.
func (a *acks) take() (upTo uint64, single []uint64) {
	n := 0
	for ; n < len(a.state) && a.state[n] != ackOpen; n++ {
		if a.state[n] == ackSettled {
			upTo = a.base + uint64(n)
		}
	}
	a.state = a.state[n:]
	a.base += uint64(n)
	for i, s := range a.state {
		if s == ackSettled {
			a.state[i] = ackSent
			single = append(single, a.base+uint64(i))
		}
	}
	return upTo, single
}
