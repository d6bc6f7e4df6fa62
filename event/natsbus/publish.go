package natsbus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event"
)

var errClosed = errors.New("the nats bus is closed")

const (
	window    = 512              // messages of one call that have no answer yet
	mostAhead = 1 << 16          // of all calls of a connection
	silence   = 10 * time.Second // without an answer, after which a connection is given up
	pause     = 100 * time.Millisecond
)

// A publisher sends messages and waits for what the server says of each.
//
// It has a connection of its own that is never mended but replaced. The messages
// of one call go out in order over one connection, of which the server gets a
// beginning. When it breaks, the call begins anew over the next one with the first
// message that has no answer. Had the client library mended it in the middle, the
// later ones would have overtaken those that were lost.
type publisher struct {
	dial func() (*nats.Conn, error) // set once
	turn chan struct{}              // holds a token while nobody connects

	mu       sync.Mutex // guards the fields below
	conn     *link
	closed   bool
	inFlight sync.WaitGroup // calls of publish; added to under mu
}

// A link is one connection.
type link struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	gone chan struct{} // closed when it is
}

func newPublisher(dial func(...nats.Option) (*nats.Conn, error)) *publisher {
	p := &publisher{turn: make(chan struct{}, 1)}
	p.dial = func() (*nats.Conn, error) { return dial(nats.NoReconnect()) }
	p.turn <- struct{}{}
	return p
}

// link returns the connection, new if the last one is gone.
func (p *publisher) link(ctx context.Context) (*link, error) {
	select {
	case <-p.turn:
		defer func() { p.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	l := p.conn
	p.mu.Unlock()
	if l != nil {
		select {
		case <-l.gone:
		default:
			return l, nil
		}
	}
	nc, err := p.dial()
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(mostAhead))
	if err != nil {
		nc.Close()
		return nil, err
	}
	l = &link{nc: nc, js: js, gone: make(chan struct{})}
	nc.SetClosedHandler(func(*nats.Conn) { close(l.gone) })
	if nc.IsClosed() { // before it had the handler
		return nil, nats.ErrConnectionClosed
	}
	p.mu.Lock()
	p.conn = l
	p.mu.Unlock()
	return l, nil
}

// begin notes a call, unless the publisher is closed.
func (p *publisher) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.inFlight.Add(1)
	return true
}

// close waits for the calls under way until ctx ends, then closes.
func (p *publisher) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	idle := make(chan struct{})
	go func() { p.inFlight.Wait(); close(idle) }()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = fmt.Errorf("close the nats bus with messages in flight: %w", ctx.Err())
	}
	p.mu.Lock()
	l := p.conn
	p.mu.Unlock()
	if l != nil {
		l.nc.Close()
	}
	return err
}

// A call is one Publish.
type call struct {
	bus  *Bus
	ms   []*event.Message
	out  []*nats.Msg // nil where the message has its final answer
	errs []error     // by message; nil if it is stored
	made map[string]bool
}

// Publish is as [event.Publisher] says. It keeps ms no longer than the call.
func (b *Bus) Publish(ctx context.Context, ms ...*event.Message) error {
	if len(ms) == 0 {
		return nil
	}
	c := &call{bus: b, ms: ms, out: make([]*nats.Msg, len(ms)), errs: make([]error, len(ms))}
	if !b.publisher.begin() {
		for i := range c.errs {
			c.errs[i] = errClosed
		}
		return c.result()
	}
	defer b.publisher.inFlight.Done()
	c.encode()
	c.run(ctx)
	return c.result()
}

// encode translates the messages. The ids are new for each call: only what this
// call sends twice is one message to the server.
func (c *call) encode() {
	id := rand.Text() + "."
	for i, m := range c.ms {
		err := errors.New("it is nil")
		if m != nil {
			if err = checkTopic(m.Topic, false); err == nil {
				c.out[i], err = encode(m)
			}
		}
		if c.errs[i] = err; err == nil {
			c.out[i].Header[jetstream.MsgIDHeader] = []string{id + strconv.Itoa(i)}
			c.errs[i] = errPending
		}
	}
}

var errPending = errors.New("no answer yet: it may or may not be stored")

// run sends until every message has its final answer, ctx ends, or nothing has
// come of it for so long that the server may forget the ids.
func (c *call) run(ctx context.Context) {
	patience := time.NewTimer(c.bus.config.DedupeWindow / 2)
	defer patience.Stop()
	for {
		l, err := c.bus.publisher.link(ctx)
		if err == nil {
			err = c.attempt(ctx, l)
		}
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			c.pending(ctx.Err())
			return
		case <-patience.C:
			c.pending(err)
			return
		case <-time.After(pause):
		}
	}
}

// pending gives the messages without an answer their reason.
func (c *call) pending(err error) {
	for i := range c.errs {
		if c.errs[i] != nil && c.out[i] != nil {
			c.errs[i] = fmt.Errorf("%w: %w", errPending, err)
		}
	}
}

// attempt sends what has no answer over l, in order. An error means that trying
// again may help; what is stored or refused for good then has its answer.
func (c *call) attempt(ctx context.Context, l *link) error {
	type sent struct {
		i  int
		at jetstream.PubAckFuture
	}
	var ahead []sent
	var again error
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	await := func() {
		s := ahead[0]
		ahead = ahead[1:]
		err := l.await(ctx, s.at, quiet)
		if err = c.judge(ctx, s.i, err); err != nil && again == nil {
			again = err
		}
	}
	for i := 0; i < len(c.out) && again == nil; i++ {
		m := c.out[i]
		if m == nil {
			continue
		}
		if err := fits(m, l.nc.MaxPayload()); err != nil {
			c.errs[i], c.out[i] = err, nil
			continue
		}
		if len(ahead) == window {
			await()
		}
		if again != nil {
			break
		}
		f, err := l.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0), jetstream.WithStallWait(silence))
		if err != nil {
			again = err
			break
		}
		ahead = append(ahead, sent{i, f})
	}
	for len(ahead) > 0 {
		await()
	}
	return again
}

// await waits for the answer to one message. A connection without any for too
// long is given up.
func (l *link) await(ctx context.Context, f jetstream.PubAckFuture, quiet *time.Timer) error {
	ok, failed := f.Ok(), f.Err()
	select {
	case <-ok:
		quiet.Reset(silence)
		return nil
	case err := <-failed:
		quiet.Reset(silence)
		return err
	default:
	}
	select {
	case <-ok:
		quiet.Reset(silence)
		return nil
	case err := <-failed:
		quiet.Reset(silence)
		return err
	case <-l.gone:
		select { // it may have come just before
		case <-ok:
			return nil
		default:
			return nats.ErrConnectionClosed
		}
	case <-ctx.Done():
		return ctx.Err()
	case <-quiet.C:
		l.nc.Close()
		return fmt.Errorf("no answer for %v", silence)
	}
}

// judge notes what was said of message i, and returns err if trying again may
// change it.
func (c *call) judge(ctx context.Context, i int, err error) error {
	if err == nil {
		c.errs[i], c.out[i] = nil, nil
		return nil
	}
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		final, err := c.noStream(ctx, c.ms[i].Topic)
		if final != nil {
			c.errs[i], c.out[i] = final, nil
		}
		return err
	}
	var api *jetstream.APIError
	if errors.As(err, &api) && api.Code != 503 && api.Code != 500 {
		c.errs[i], c.out[i] = err, nil
		return nil
	}
	return err
}

// noStream is called when nobody has answered for a topic: it has no stream, or
// its servers are not there yet. It returns an error that is final or one that is
// not. What the runtime puts aside for a pattern gets its topic here.
func (c *call) noStream(ctx context.Context, topic string) (final, again error) {
	_, err := c.bus.streamOf(ctx, topic)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, jetstream.ErrNoStreamResponse
	}
	if c.made[topic] || !c.bus.config.MakeTopics && aside(topic) == "" {
		return fmt.Errorf("topic %q has no stream: make it with MakeTopic", topic), nil
	}
	if err := c.bus.MakeTopic(ctx, topic, ""); err != nil {
		return err, nil
	}
	if c.made == nil {
		c.made = map[string]bool{}
	}
	c.made[topic] = true
	return nil, jetstream.ErrNoStreamResponse
}

func (c *call) result() error {
	var failed []event.Failure
	for i, err := range c.errs {
		if err != nil {
			failed = append(failed, event.Failure{Index: i, Message: c.ms[i], Err: err})
		}
	}
	if failed == nil {
		return nil
	}
	return &event.PublishError{Failed: failed}
}
