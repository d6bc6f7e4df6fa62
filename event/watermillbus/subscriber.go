package watermillbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/wireproof/wireproof/event"
)

// A SubscriberConfig says how a [Subscriber] reads.
type SubscriberConfig struct {
	// Drain is how long the end of a subscription waits for the Ack of what was
	// handed over; 0 means 10 s. What has none by then stays with the broker.
	Drain time.Duration
	// Logger is told why a subscription ended; nil is nobody.
	Logger watermill.LoggerAdapter
}

// A Subscriber is a Watermill subscriber over a group of package event. It has one
// goroutine for each lane, which hands over one message and waits for its Ack. It
// is safe for concurrent use.
type Subscriber struct {
	group  event.Group
	config SubscriberConfig
	ctx    context.Context
	end    context.CancelFunc

	mu     sync.Mutex // guards the fields below
	closed bool
	open   sync.WaitGroup // subscriptions; added to under mu
}

var (
	_ message.Subscriber           = (*Subscriber)(nil)
	_ message.SubscribeInitializer = (*Subscriber)(nil)
)

// NewSubscriber returns a subscriber whose subscriptions are members of g.
func NewSubscriber(g event.Group, c SubscriberConfig) *Subscriber {
	if c.Drain <= 0 {
		c.Drain = 10 * time.Second
	}
	if c.Logger == nil {
		c.Logger = watermill.NopLogger{}
	}
	s := &Subscriber{group: g, config: c}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

// Subscribe joins the group and returns the channel of its messages, which is
// closed once ctx has ended, the subscriber is closed or the source has failed, and
// what was handed over has been drained. The context of a message has the values of
// ctx and ends with its Ack or Nack, with its lane, or with the drain.
func (s *Subscriber) Subscribe(ctx context.Context, topic string) (<-chan *message.Message, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, fmt.Errorf("watermillbus: subscribe to %q: the subscriber is closed", topic)
	}
	s.open.Add(1)
	s.mu.Unlock()
	joining, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	src, err := s.group.Open(joining, topic)
	if err != nil {
		stop()
		cancel()
		s.open.Done()
		return nil, fmt.Errorf("watermillbus: subscribe to %q: %w", topic, err)
	}
	work, cut := context.WithCancel(context.WithoutCancel(ctx))
	sub := &subscription{
		source: src, out: make(chan *message.Message), receiving: joining, fail: cancel, work: work, cut: cut,
		config: s.config, log: s.config.Logger.With(watermill.LogFields{"topic": topic, "group": s.group.Name()}),
		lanes: map[event.Lane]*queue{},
	}
	go func() {
		defer s.open.Done()
		defer stop()
		sub.run()
	}()
	return sub.out, nil
}

// SubscribeInitialize makes the topic, where the bus of the group can.
func (s *Subscriber) SubscribeInitialize(topic string) error {
	if maker, ok := s.group.Bus().(event.TopicMaker); ok {
		if err := maker.MakeTopic(s.ctx, topic, topic); err != nil {
			return fmt.Errorf("watermillbus: make topic %q: %w", topic, err)
		}
	}
	return nil
}

// Close ends all subscriptions and waits until they are drained. It is idempotent.
func (s *Subscriber) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.open.Wait()
	return nil
}

// A subscription is one member of the group.
type subscription struct {
	source    event.Source
	out       chan *message.Message
	receiving context.Context // ends when nothing more is to be handed over
	fail      context.CancelFunc
	work      context.Context // of the messages; ends with the drain
	cut       context.CancelFunc
	config    SubscriberConfig
	log       watermill.LoggerAdapter
	lanes     map[event.Lane]*queue // of run's goroutine
	workers   sync.WaitGroup
}

func (s *subscription) run() {
	for {
		b, err := s.source.Receive(s.receiving)
		if err != nil {
			if s.receiving.Err() == nil {
				s.log.Error("the subscription ends: its source failed", err, nil)
			}
			break
		}
		s.take(b)
	}
	s.fail()
	late := time.AfterFunc(s.config.Drain, s.cut)
	s.workers.Wait()
	late.Stop()
	s.cut()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := s.source.Close(ctx); err != nil {
		s.log.Error("the subscription did not leave its group", err, nil)
	}
	close(s.out)
}

// take gives a batch to the goroutine of its lane.
func (s *subscription) take(b *event.Batch) {
	q, ok := s.lanes[b.Lane]
	if !ok {
		for l := range s.lanes { // forget those that are gone
			if l.Context().Err() != nil {
				delete(s.lanes, l)
			}
		}
		q = &queue{lane: b.Lane, more: make(chan struct{}, 1)}
		s.lanes[b.Lane] = q
		s.workers.Go(func() { s.serve(q) })
	}
	q.put(b.Deliveries)
}

// serve hands over the messages of one lane until the lane or the subscription
// ends.
func (s *subscription) serve(q *queue) {
	lost := q.lane.Context()
	stuck := false // with a message that has no answer
	defer func() {
		if r, ok := q.lane.(event.Releaser); ok && lost.Err() != nil && !stuck {
			r.Release()
		}
	}()
	for {
		d := q.pop()
		if d == nil {
			select {
			case <-q.more:
				continue
			case <-lost.Done():
			case <-s.receiving.Done():
			}
			return
		}
		var acked bool
		if acked, stuck = s.handOver(q.lane, d); !acked {
			return
		}
		if err := q.lane.Settle([]*event.Delivery{d}); err != nil && lost.Err() == nil {
			s.log.Error("the subscription ends: a message could not be settled", err, watermill.LogFields{"offset": d.Offset})
			s.fail()
			return
		}
	}
}

// handOver delivers d until it is acknowledged, and reports whether it was, and if
// not whether somebody still works on it.
func (s *subscription) handOver(lane event.Lane, d *event.Delivery) (acked, stuck bool) {
	for again := false; ; again = true {
		if s.receiving.Err() != nil || lane.Context().Err() != nil {
			return false, false
		}
		m, cancel := s.once(lane, d)
		if m == nil {
			return false, false
		}
		if again {
			s.log.Trace("delivered again after a nack", watermill.LogFields{"message_uuid": m.UUID})
		}
		acked, answered := s.await(lane, m, cancel)
		if acked || !answered {
			return acked, !answered
		}
	}
}

// once delivers d once; nil if there was nobody to take it in time.
func (s *subscription) once(lane event.Lane, d *event.Delivery) (*message.Message, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithValue(s.work, deliveryKey{}, d))
	m := ToWatermill(&d.Message, uuidOf(d))
	m.SetContext(ctx)
	select {
	case s.out <- m:
		return m, cancel
	case <-lane.Context().Done():
	case <-s.receiving.Done():
	}
	cancel()
	return nil, nil
}

// await waits for what becomes of a message, whose context it cancels. When the lane
// is lost the handler is told by that, and waited for all the same: its Ack comes too
// late to count, and until then another member must not begin.
func (s *subscription) await(lane event.Lane, m *message.Message, cancel context.CancelFunc) (acked, answered bool) {
	defer cancel()
	lost := lane.Context().Done()
	for {
		select {
		case <-m.Acked():
			return lost != nil, true
		case <-m.Nacked():
			return false, true
		case <-lost:
			lost = nil
			cancel()
		case <-s.work.Done():
			s.log.Info("not acknowledged in time, left to the broker", watermill.LogFields{"message_uuid": m.UUID})
			return false, false
		}
	}
}

// A queue is what one lane has received and not handed over. It pauses the lane at
// queueHigh messages and resumes it at half of that.
type queue struct {
	lane event.Lane
	more chan struct{} // has room for one: there is something

	mu     sync.Mutex // guards the fields below; held while Pause and Resume are called, so that they come in order
	ds     []*event.Delivery
	paused bool
}

const queueHigh = 256

func (q *queue) put(ds []*event.Delivery) {
	q.mu.Lock()
	q.ds = append(q.ds, ds...)
	if len(q.ds) >= queueHigh && !q.paused {
		q.paused = true
		q.lane.Pause()
	}
	q.mu.Unlock()
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// pop returns the oldest message, or nil.
func (q *queue) pop() *event.Delivery {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.ds) == 0 {
		return nil
	}
	d := q.ds[0]
	q.ds[0] = nil
	q.ds = q.ds[1:]
	if q.paused && len(q.ds) <= queueHigh/2 {
		q.paused = false
		q.lane.Resume()
	}
	return d
}

// errClosed is the cause of the end of what was closed.
var errClosed = errors.New("watermillbus: closed")
