package pubsubbus

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"github.com/wireproof/wireproof/event"
)

type group struct {
	bus  *Bus
	name string
}

func (g *group) Name() string   { return g.name }
func (g *group) Bus() event.Bus { return g.bus }

// Open makes the group's subscription of each topic and reads it. A topic that does
// not exist is an error: the group would wait for it in silence.
func (g *group) Open(ctx context.Context, topics ...string) (event.Source, error) {
	if g.name == "" || len(topics) == 0 {
		return nil, fmt.Errorf("group %q opens topics %q; expected a name and one topic at least", g.name, topics)
	}
	subs := make([]*pubsubpb.Subscription, len(topics))
	for i, t := range topics {
		var err error
		if subs[i], err = g.bus.subscribe(ctx, t, g.name); err != nil {
			return nil, fmt.Errorf("open topic %q for group %q: %w", t, g.name, err)
		}
	}
	run, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	s := &source{group: g, ctx: run, stop: stop, stopped: make(chan struct{}), wake: make(chan struct{}, 1)}
	for i, t := range topics {
		l := newLane(s, t, subs[i].EnableExactlyOnceDelivery)
		s.readers.Go(func() { s.read(l, subs[i].Name) })
	}
	go func() { s.readers.Wait(); close(s.stopped) }()
	return s, nil
}

// A source is one member of a group.
type source struct {
	group   *group          // this and the fields below are set once
	ctx     context.Context // ends with Close
	stop    context.CancelCauseFunc
	readers sync.WaitGroup
	stopped chan struct{} // closed when every reader has returned
	wake    chan struct{} // holds a token when there may be something to receive

	closeOnce sync.Once

	mu    sync.Mutex // guards the fields below
	ready []*lane    // lanes with deliveries to hand over, the longest waiting first
	err   error      // fatal
}

var errSourceClosed = errors.New("the Pub/Sub source is closed")

// read receives the messages of a subscription until the source is closed or the
// service ends it for good.
func (s *source) read(l *lane, subscription string) {
	c := s.group.bus.config
	sub := s.group.bus.client.Subscriber(subscription)
	sub.ReceiveSettings.MaxOutstandingMessages = c.MaxOutstandingMessages
	sub.ReceiveSettings.MaxOutstandingBytes = c.MaxOutstandingBytes
	sub.ReceiveSettings.MaxExtension = c.MaxExtension
	sub.ReceiveSettings.MaxDurationPerAckExtension = c.AckDeadline
	sub.ReceiveSettings.NumGoroutines = c.Streams
	// Receive waits for what is not settled, which is to be given back first.
	defer context.AfterFunc(s.ctx, func() { l.lose(errSourceClosed) })()
	err := sub.Receive(s.ctx, l.push)
	if s.ctx.Err() == nil {
		if err == nil {
			err = errors.New("the service ended the stream")
		}
		s.fail(fmt.Errorf("read %s: %w", subscription, err))
		l.lose(err)
	}
	l.finish()
}

func (s *source) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = fmt.Errorf("group %q: %w", s.group.name, err)
	}
	s.mu.Unlock()
	s.signal()
}

func (s *source) signal() {
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
		if s.ctx.Err() != nil {
			return nil, errSourceClosed
		}
		b, err := s.next()
		if b != nil || err != nil {
			return b, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
		case <-s.ctx.Done():
		}
	}
}

// next takes a batch from the lane that has waited longest, or returns nil.
func (s *source) next() (*event.Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	for len(s.ready) > 0 {
		l := s.ready[0]
		s.ready = s.ready[1:]
		ds, more := l.take()
		if more {
			s.ready = append(s.ready, l)
		}
		if len(ds) > 0 {
			return &event.Batch{Lane: l, Deliveries: ds}, nil
		}
	}
	return nil, nil
}

// offer puts a lane in line.
func (s *source) offer(l *lane) {
	s.mu.Lock()
	s.ready = append(s.ready, l)
	s.mu.Unlock()
	s.signal()
}

// Close is as [event.Source] says.
func (s *source) Close(ctx context.Context) error {
	var err error
	s.closeOnce.Do(func() {
		s.stop(errSourceClosed)
		select {
		case <-s.stopped:
		case <-ctx.Done():
			err = fmt.Errorf("leave group %q: %w", s.group.name, ctx.Err())
		}
	})
	return err
}
