// Package volatile is a bounded queue inside one process for work that may be
// lost, with the handlers of the runtime: a cache to warm, a mail that is sent
// again tomorrow. Nothing survives the process, and what fails for good is counted
// and forgotten.
//
// Do not use it for what somebody would miss: there is no broker behind it, no
// dead letter, no group and no second process. An outbox or package eventlog keep
// what has to be kept; package membus has topics and groups.
package volatile

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/wireproof/wireproof/event"
)

// An Option configures a queue.
type Option interface{ applyQueue(*Queue) }

type option func(*Queue)

func (o option) applyQueue(q *Queue) { o(q) }

// DropWhenFull drops and counts what is published while the queue is full. The
// default is that Publish waits.
func DropWhenFull() Option { return option(func(q *Queue) { q.drop = true }) }

// A Queue is an [event.Publisher] whose messages [Queue.Run] handles. It is safe
// for concurrent use.
type Queue struct {
	in      chan *event.Delivery
	drop    bool
	closing chan struct{}
	once    sync.Once
	run     chan struct{} // holds a token while Run runs
	offset  atomic.Int64
	dropped atomic.Int64
	lost    atomic.Int64
}

// ErrClosed is the error of what is published after Close.
var ErrClosed = errors.New("volatile: the queue is closed")

// New returns a queue with room for size messages, beside those that Run holds
// (event.MaxInFlight). Less than 1 is 1.
func New(size int, opts ...Option) *Queue {
	q := &Queue{in: make(chan *event.Delivery, max(size, 1)), closing: make(chan struct{}), run: make(chan struct{}, 1)}
	for _, o := range opts {
		o.applyQueue(q)
	}
	return q
}

// Publish queues ms in their order. While the queue is full it waits until ctx
// ends, or drops and counts them if [DropWhenFull] says so. It keeps the bytes: the
// caller leaves them alone for good.
func (q *Queue) Publish(ctx context.Context, ms ...*event.Message) error {
	var pe event.PublishError
	for i, m := range ms {
		if err := q.put(ctx, m); err != nil {
			pe.Failed = append(pe.Failed, event.Failure{Index: i, Message: m, Err: err})
		}
	}
	if len(pe.Failed) > 0 {
		return &pe
	}
	return nil
}

func (q *Queue) put(ctx context.Context, m *event.Message) error {
	if m == nil || m.Topic == "" {
		return errors.New("volatile: a message without a topic")
	}
	select {
	case <-q.closing:
		return ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	d := &event.Delivery{Message: *m, Offset: q.offset.Add(1), Attempt: 1}
	d.Type = ""
	select {
	case q.in <- d:
		return nil
	default:
	}
	if q.drop {
		q.dropped.Add(1)
		return nil
	}
	select {
	case q.in <- d:
		return nil
	case <-q.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close refuses what is published from now on; calls that wait for room fail. What
// is queued stays for Run.
func (q *Queue) Close(context.Context) error {
	q.once.Do(func() { close(q.closing) })
	return nil
}

// Dropped returns how many messages were dropped since the queue was full.
func (q *Queue) Dropped() int64 { return q.dropped.Load() }

// Lost returns how many messages were given up after their last try.
func (q *Queue) Lost() int64 { return q.lost.Load() }

// Waiting returns how many messages are queued and not yet taken by Run.
func (q *Queue) Waiting() int { return len(q.in) }

// Run handles what is queued with h until ctx ends, as [event.Run] does: the
// number of workers is that of event.Unordered or event.ByKey. A message is tried
// again in memory only, by event.Immediate and event.Backoff, or in its place by
// event.KeepKeyOrder; retry levels that want topics are an error. What was taken
// and not started when ctx ends is lost. One call runs at a time.
func (q *Queue) Run(ctx context.Context, h event.Handler, opts ...event.ConsumerOption) error {
	select {
	case q.run <- struct{}{}:
	default:
		return errors.New("volatile: the queue runs already: give the one call more workers")
	}
	defer func() { <-q.run }()
	return event.Run(ctx, group{q}, []string{name}, h, opts...)
}

// name stands for the queue where the runtime asks for a group or a topic.
const name = "volatile"

type group struct{ q *Queue }

func (g group) Name() string   { return name }
func (g group) Bus() event.Bus { return end(g) }
func (g group) Open(context.Context, ...string) (event.Source, error) {
	l := &lane{resumed: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return &source{g.q, l}, nil
}

// end is where the runtime puts what has failed: nowhere.
type end struct{ q *Queue }

func (e end) Group(string) event.Group    { return group(e) }
func (e end) Close(context.Context) error { return nil }
func (e end) Publish(_ context.Context, ms ...*event.Message) error {
	e.q.lost.Add(int64(len(ms)))
	return nil
}

// MakeTopic refuses the topics of retry levels.
func (e end) MakeTopic(_ context.Context, topic, _ string) error {
	if topic == event.DeadLetterTopic(name, name) {
		return nil
	}
	return fmt.Errorf("volatile: there is no topic %q, since nothing is kept: use Immediate and Backoff, or KeepKeyOrder", topic)
}

type source struct {
	q *Queue
	l *lane
}

// Receive takes what is there, up to a bound.
func (s *source) Receive(ctx context.Context) (*event.Batch, error) {
	for s.l.isPaused() {
		select {
		case <-s.l.resumed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	var ds []*event.Delivery
	select {
	case d := <-s.q.in:
		ds = append(ds, d)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for len(ds) < 64 {
		select {
		case d := <-s.q.in:
			ds = append(ds, d)
			continue
		default:
		}
		break
	}
	return &event.Batch{Lane: s.l, Deliveries: ds}, nil
}

// Close ends the lane.
func (s *source) Close(context.Context) error {
	s.l.cancel()
	return nil
}

type lane struct {
	ctx     context.Context
	cancel  context.CancelFunc
	resumed chan struct{} // holds a token after Resume
	paused  atomic.Bool
}

func (l *lane) isPaused() bool                 { return l.paused.Load() }
func (l *lane) Context() context.Context       { return l.ctx }
func (l *lane) Cumulative() bool               { return false }
func (l *lane) Settle([]*event.Delivery) error { return nil }
func (l *lane) Pause()                         { l.paused.Store(true) }

func (l *lane) Resume() {
	l.paused.Store(false)
	select {
	case l.resumed <- struct{}{}:
	default:
	}
}
