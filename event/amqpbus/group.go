package amqpbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/line"
)

type group struct {
	bus  *Bus
	name string
}

func (g *group) Name() string   { return g.name }
func (g *group) Bus() event.Bus { return g.bus }

// Open makes the group's queue of each topic and reads it. A topic that does not
// exist is an error: the group would wait for it in silence.
func (g *group) Open(ctx context.Context, topics ...string) (event.Source, error) {
	if g.name == "" || len(topics) == 0 {
		return nil, fmt.Errorf("group %q opens topics %q; expected a name and one topic at least", g.name, topics)
	}
	for _, t := range topics {
		if err := g.bus.claim(t, g.name); err != nil {
			return nil, err
		}
	}
	run, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	s := &source{group: g, ctx: run, stop: stop, stopped: make(chan struct{})}
	s.Line = line.New(g.name, (*lane).take, run.Done(), errSourceClosed)
	consumers := make([]*consumer, len(topics))
	err := s.connect(ctx)
	for i := 0; i < len(topics) && err == nil; i++ {
		err = call(ctx, func() (err error) {
			consumers[i], err = g.bus.config.consume(s.conn, topics[i], g.name, false)
			return err
		}, s.hangUp)
		if err != nil {
			err = fmt.Errorf("open topic %q for group %q: %w", topics[i], g.name, err)
		}
	}
	if err != nil {
		stop(errSourceClosed)
		s.hangUp()
		return nil, err
	}
	for i, t := range topics {
		s.keepers.Go(func() { s.keep(t, consumers[i]) })
	}
	go func() { s.keepers.Wait(); close(s.stopped) }()
	return s, nil
}

// A source is one member of a group: a connection of its own, with a channel for
// each topic.
type source struct {
	*line.Line[*lane] // set once, and so are those below

	group   *group
	ctx     context.Context // ends with Close
	stop    context.CancelCauseFunc
	keepers sync.WaitGroup
	stopped chan struct{} // closed when every keeper has returned

	closeOnce sync.Once

	connMu sync.Mutex // held while connecting; guards conn
	conn   *amqp.Connection
}

var errSourceClosed = errors.New("the RabbitMQ source is closed")

// connect makes sure that there is a connection.
func (s *source) connect(ctx context.Context) error {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	if s.conn != nil && !s.conn.IsClosed() {
		return nil
	}
	conn, err := s.group.bus.config.dial(ctx)
	if err == nil {
		s.conn = conn
	}
	return err
}

func (s *source) connection() *amqp.Connection {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	return s.conn
}

// hangUp ends the connection, also under a call that is stuck.
func (s *source) hangUp() {
	if conn := s.connection(); conn != nil {
		hangUp(conn)
	}
}

// keep reads a topic on one channel after the other, each with a lane of its own,
// until the source is closed or the broker refuses for good.
func (s *source) keep(topic string, c *consumer) {
	for b := (backoff{}); ; {
		began := time.Now()
		l := newLane(s, topic, c)
		l.run(s.ctx)
		if s.ctx.Err() != nil {
			return
		}
		l.awaitRelease(s.ctx, s.group.bus.config.ReleaseGrace)
		if time.Since(began) > 10*time.Second {
			b = backoff{}
		}
		var err error
		if c, err = s.again(topic, &b); err != nil {
			s.Fail(err)
			return
		}
		if c == nil {
			return
		}
	}
}

// again returns another consumer of a topic; nil if the source was closed.
func (s *source) again(topic string, b *backoff) (*consumer, error) {
	for b.wait(s.ctx) {
		err := s.connect(s.ctx)
		if err == nil {
			conn := s.connection()
			var c *consumer
			err = call(s.ctx, func() (err error) {
				c, err = s.group.bus.config.consume(conn, topic, s.group.name, true)
				return err
			}, s.hangUp)
			if err == nil {
				return c, nil
			}
		}
		if isFatal(err) {
			return nil, fmt.Errorf("open topic %q again: %w", topic, err)
		}
	}
	return nil, nil
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
		s.hangUp()
		<-s.stopped // what was stuck is not, without a connection
	})
	return err
}
