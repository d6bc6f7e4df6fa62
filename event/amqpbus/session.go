package amqpbus

import (
	"context"
	"fmt"
	"sync/atomic"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A session is one connection of the producer with its channel.
type session struct {
	owner    *producer // this and the fields below are set once
	conn     *amqp.Connection
	ch       *amqp.Channel
	lost     chan *amqp.Error // says why, then is closed
	returns  chan amqp.Return
	blocks   chan amqp.Blocking
	barriers chan chan struct{}
	ended    chan struct{} // closed when no return comes any more
	flow     chan struct{} // holds a token when blocked may have changed

	known   map[string]bool // topics that are there; run's own
	blocked atomic.Bool     // the broker takes nothing for now
}

func openSession(ctx context.Context, c *Config) (*session, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{
		conn: conn, barriers: make(chan chan struct{}), ended: make(chan struct{}),
		flow: make(chan struct{}, 1), known: map[string]bool{},
	}
	err = call(ctx, s.prepare, s.close)
	if err != nil {
		s.close()
		return nil, fmt.Errorf("open a channel: %w", err)
	}
	return s, nil
}

func (s *session) prepare() error {
	ch, err := s.conn.Channel()
	if err != nil {
		return err
	}
	s.ch = ch
	s.lost = ch.NotifyClose(make(chan *amqp.Error, 1))
	// The library drops what nobody takes within seconds.
	s.returns = ch.NotifyReturn(make(chan amqp.Return, 256))
	s.blocks = s.conn.NotifyBlocked(make(chan amqp.Blocking, 16))
	return ch.Confirm(false)
}

// close ends the connection, also under a sender that is stuck.
func (s *session) close() { hangUp(s.conn) }

// watch takes what the broker says beside confirmations, until the channel ends.
func (s *session) watch() {
	defer close(s.ended)
	stop := context.AfterFunc(s.owner.ctx, s.close)
	defer stop()
	for {
		select {
		case r, ok := <-s.returns:
			if !ok {
				return
			}
			s.owner.returned(r.MessageId)
		case b, ok := <-s.blocks:
			if !ok {
				s.blocks = nil
				continue
			}
			s.block(b)
		case done := <-s.barriers:
			open := s.drain()
			close(done)
			if !open {
				return
			}
		}
	}
}

// drain notes the returns that are there, and reports whether more may come.
func (s *session) drain() bool {
	for {
		select {
		case r, ok := <-s.returns:
			if !ok {
				return false
			}
			s.owner.returned(r.MessageId)
		default:
			return true
		}
	}
}

// caughtUp waits until every return that came so far is noted.
func (s *session) caughtUp() {
	done := make(chan struct{})
	select {
	case s.barriers <- done:
		<-done
	case <-s.ended:
	}
}

func (s *session) block(b amqp.Blocking) {
	var why error
	if b.Active {
		why = fmt.Errorf("the broker blocks publishers: %s", b.Reason)
	}
	s.blocked.Store(b.Active)
	s.owner.setTrouble(why)
	select {
	case s.flow <- struct{}{}:
	default:
	}
}
