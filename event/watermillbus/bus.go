package watermillbus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/offsets"
)

// A Bus is a transport of Watermill as an [event.Bus]. A topic is one lane, which
// keeps what order its transport keeps. Topics appear as they do on the transport:
// the bus makes none.
//
// Watermill says nothing of partitions and offsets. A message of a Bus has the place
// that its publisher gave it, one of others the place that its UUID hashes to, so
// that deduplication knows it again; neither can be sought.
type Bus struct {
	pub        message.Publisher
	subscriber func(group string) (message.Subscriber, error)
	places     *offsets.Source

	closing sync.Once
	done    chan struct{} // closed when pub is closed
	err     error         // of its Close; read after done

	mu       sync.Mutex // guards the fields below
	closed   bool
	inFlight sync.WaitGroup // calls of Publish; added to under mu
}

var _ event.Bus = (*Bus)(nil)

// NewBus returns a bus that publishes through pub, which it closes in the end.
// subscriber returns a new subscriber of the group, for each source, which closes it;
// one that several share must be wrapped, so that its Close does nothing.
func NewBus(pub message.Publisher, subscriber func(group string) (message.Subscriber, error)) *Bus {
	return &Bus{pub: pub, subscriber: subscriber, places: offsets.New(), done: make(chan struct{})}
}

// Publish is as [event.Publisher] says. Messages of one topic that follow one another
// are one call of Watermill, and fail together. Watermill's publishers take no
// context: a call that has begun is waited for.
func (b *Bus) Publish(ctx context.Context, ms ...*event.Message) error {
	b.mu.Lock()
	closed := b.closed
	if !closed {
		b.inFlight.Add(1)
		defer b.inFlight.Done()
	}
	b.mu.Unlock()
	var failed []event.Failure
	for from := 0; from < len(ms); {
		to := from + 1
		for to < len(ms) && ms[to] != nil && ms[from] != nil && ms[to].Topic == ms[from].Topic {
			to++
		}
		err := ctx.Err()
		if closed {
			err = errClosed
		}
		if err == nil {
			err = b.send(ctx, ms[from:to])
		}
		for i := from; i < to && err != nil; i++ {
			failed = append(failed, event.Failure{Index: i, Message: ms[i], Err: err})
		}
		from = to
	}
	if failed != nil {
		return &event.PublishError{Failed: failed}
	}
	return nil
}

// send publishes messages of one topic.
func (b *Bus) send(ctx context.Context, ms []*event.Message) error {
	if ms[0] == nil || ms[0].Topic == "" {
		return errors.New("watermillbus: a message without a topic")
	}
	out := make([]*message.Message, len(ms))
	for i, m := range ms {
		w := ToWatermill(m, watermill.NewUUID())
		at := m.Time
		if at.IsZero() {
			at = time.Now()
		}
		w.Metadata[metadataTime] = at.UTC().Format(time.RFC3339Nano)
		w.Metadata[metadataPlace] = b.places.Next().String()
		w.SetContext(ctx)
		out[i] = w
	}
	return b.pub.Publish(ms[0].Topic, out...)
}

// Close waits for the calls of Publish that are under way and closes the publisher.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.closing.Do(func() {
		go func() {
			b.inFlight.Wait()
			b.err = b.pub.Close()
			close(b.done)
		}()
	})
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Group returns the group of that name.
func (b *Bus) Group(name string) event.Group { return group{b, name} }

type group struct {
	bus  *Bus
	name string
}

func (g group) Name() string   { return g.name }
func (g group) Bus() event.Bus { return g.bus }

// Open subscribes to each topic.
func (g group) Open(ctx context.Context, topics ...string) (event.Source, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(topics) == 0 {
		return nil, fmt.Errorf("watermillbus: group %q opens no topic, want one at least", g.name)
	}
	sub, err := g.bus.subscriber(g.name)
	if err != nil {
		return nil, fmt.Errorf("watermillbus: a subscriber for group %q: %w", g.name, err)
	}
	s := &source{sub: sub, batches: make(chan *event.Batch), failed: make(chan error, 1), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	for _, t := range topics {
		in, err := sub.Subscribe(s.ctx, t)
		if err != nil {
			err = fmt.Errorf("watermillbus: group %q subscribes to %q: %w", g.name, t, err)
			return nil, errors.Join(err, s.Close(ctx))
		}
		l := &lane{source: s, topic: t, group: g.name, in: in, gate: make(chan struct{}), held: map[*event.Delivery]*message.Message{}}
		close(l.gate)
		s.lanes = append(s.lanes, l)
		s.pumps.Go(l.pump)
	}
	return s, nil
}

// A source is one Watermill subscriber.
type source struct {
	sub     message.Subscriber
	lanes   []*lane
	ctx     context.Context // ends with Close
	cancel  context.CancelCauseFunc
	batches chan *event.Batch
	failed  chan error
	pumps   sync.WaitGroup
	once    sync.Once
	done    chan struct{} // closed when everything has stopped
	err     error         // of the subscriber's Close; read after done
}

// Receive is as [event.Source] says.
func (s *source) Receive(ctx context.Context) (*event.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case b := <-s.batches:
		return b, nil
	case err := <-s.failed:
		return nil, err
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close ends the subscriptions and gives back what is not settled, by Nack.
func (s *source) Close(ctx context.Context) error {
	s.once.Do(func() {
		s.cancel(errClosed)
		go func() {
			defer close(s.done)
			for _, l := range s.lanes {
				l.giveBack()
			}
			s.err = s.sub.Close()
			s.pumps.Wait()
		}()
	})
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A lane is the subscription to one topic.
type lane struct {
	source *source
	topic  string
	group  string
	in     <-chan *message.Message

	mu   sync.Mutex    // guards the fields below
	gate chan struct{} // closed while the lane is not paused
	held map[*event.Delivery]*message.Message
	lost bool
}

// batchMessages is how many messages a batch has at most, where the transport
// hands over more than one before it waits.
const batchMessages = 256

// pump hands over what the transport delivers.
func (l *lane) pump() {
	ended := l.source.ctx.Done()
	defer func() {
		for m := range l.in { // until the transport has closed it
			m.Nack()
		}
	}()
	for {
		l.mu.Lock()
		gate := l.gate
		l.mu.Unlock()
		select {
		case <-gate:
		case <-ended:
			return
		}
		m, ok := <-l.in
		if !ok {
			if l.source.ctx.Err() == nil {
				select {
				case l.source.failed <- fmt.Errorf("watermillbus: the subscription of group %q to %q has ended by itself", l.group, l.topic):
				default:
				}
			}
			return
		}
		select {
		case l.source.batches <- &event.Batch{Lane: l, Deliveries: l.collect(m)}:
		case <-ended:
			return
		}
	}
}

// collect returns m and what is there behind it.
func (l *lane) collect(m *message.Message) []*event.Delivery {
	ds := []*event.Delivery{l.hold(m)}
	for len(ds) < batchMessages {
		select {
		case m, ok := <-l.in:
			if !ok {
				return ds
			}
			ds = append(ds, l.hold(m))
		default:
			return ds
		}
	}
	return ds
}

// hold translates m. One whose metadata are damaged comes as they are, for the
// handler to refuse.
func (l *lane) hold(m *message.Message) *event.Delivery {
	at := offsets.Of(m.UUID)
	if p, ok := offsets.Parse(m.Metadata[metadataPlace]); ok {
		at = p
	}
	x, err := FromWatermill(l.topic, m)
	if err != nil {
		x = &event.Message{Topic: l.topic, Payload: m.Payload}
		for _, key := range slices.Sorted(maps.Keys(m.Metadata)) {
			x.Headers = append(x.Headers, event.Header{Key: key, Value: []byte(m.Metadata[key])})
		}
	}
	d := &event.Delivery{Message: *x, Partition: at.Partition, Offset: at.Offset, Group: l.group, Attempt: 1}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		m.Nack()
		return d
	}
	l.held[d] = m
	return d
}

// Context ends when the source is closed.
func (l *lane) Context() context.Context { return l.source.ctx }

// Cumulative is false: each message has its own Ack.
func (l *lane) Cumulative() bool { return false }

// Settle acknowledges.
func (l *lane) Settle(ds []*event.Delivery) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range ds {
		m, ok := l.held[d]
		if l.lost || !ok {
			return fmt.Errorf("watermillbus: settle offset %d of topic %q: the source is closed, or it is settled", d.Offset, l.topic)
		}
		delete(l.held, d)
		m.Ack()
	}
	return nil
}

// giveBack ends the lane.
func (l *lane) giveBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = true
	for d, m := range l.held {
		delete(l.held, d)
		m.Nack()
	}
}

// Pause stops reading: the transport waits, as it does for an Ack.
func (l *lane) Pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.gate:
		l.gate = make(chan struct{})
	default:
	}
}

// Resume is as [event.Lane] says.
func (l *lane) Resume() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.gate:
	default:
		close(l.gate)
	}
}
