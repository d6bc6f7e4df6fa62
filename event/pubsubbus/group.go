package pubsubbus

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/line"
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
	s := &source{group: g, ctx: run, stop: stop, stopped: make(chan struct{})}
	s.Line = line.New(g.name, (*lane).take, run.Done(), errSourceClosed)
	for i, t := range topics {
		l := newLane(s, t, subs[i].EnableExactlyOnceDelivery)
		s.readers.Go(func() { s.read(l, subs[i].Name) })
	}
	go func() { s.readers.Wait(); close(s.stopped) }()
	return s, nil
}

// A source is one member of a group.
type source struct {
	*line.Line[*lane] // set once, and so are those below

	group   *group
	ctx     context.Context // ends with Close
	stop    context.CancelCauseFunc
	readers sync.WaitGroup
	stopped chan struct{} // closed when every reader has returned

	closeOnce sync.Once
}

var errSourceClosed = errors.New("the Pub/Sub source is closed")

// read receives the messages of a subscription until the source is closed or the
// service ends it for good.
func (s *source) read(l *lane, subscription string) {
	c := s.group.bus.config
	sub := s.group.bus.client.Subscriber(subscription)
	sub.ReceiveSettings.MaxOutstandingMessages = c.MaxOutstandingMessages
	sub.ReceiveSettings.MaxOutstandingBytes = c.MaxOutstandingBytes
	sub.ReceiveSettings.MaxExtension = c.extension(l.topic)
	sub.ReceiveSettings.MaxDurationPerAckExtension = c.AckDeadline
	sub.ReceiveSettings.NumGoroutines = c.Streams
	// Receive waits for what is not settled, which is to be given back first.
	defer context.AfterFunc(s.ctx, func() { l.lose(errSourceClosed) })()
	err := sub.Receive(s.ctx, l.push)
	if s.ctx.Err() == nil {
		if err == nil {
			err = errors.New("the service ended the stream")
		}
		s.Fail(fmt.Errorf("read %s: %w", subscription, err))
		l.lose(err)
	}
	l.finish()
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
