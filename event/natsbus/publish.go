package natsbus

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/wildcard"
)

var errClosed = errors.New("the nats bus is closed")

const (
	window  = 512              // messages of one call that have no answer yet
	silence = 10 * time.Second // without an answer, after which a connection is given up
	pause   = 100 * time.Millisecond
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

// A link is one connection. Answers come to subjects that name an attempt and a message:
// the client library's own asynchronous publishing costs as much again.
type link struct {
	nc    *nats.Conn // this and the fields below are set once
	inbox string     // begins the subjects of answers
	gone  chan struct{}

	mu       sync.Mutex // guards the fields below
	attempts map[string]*attempt
	last     uint64 // attempt
}

// answered is called by the client library with what the server says of a message.
func (l *link) answered(m *nats.Msg) {
	id, index, _ := strings.Cut(m.Subject[len(l.inbox):], ".")
	l.mu.Lock()
	a := l.attempts[id]
	l.mu.Unlock()
	if i, err := strconv.Atoi(index); err == nil && a != nil {
		a.answered(i, verdict(m))
	}
}

// attempt begins one that sends some of n messages.
func (l *link) attempt(n int) *attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	a := &attempt{
		link: l, id: strconv.FormatUint(l.last, 36), wake: make(chan struct{}, 1),
		last: time.Now(), sent: make([]sending, n), refused: map[int]error{},
	}
	l.attempts[a.id] = a
	return a
}

// end ends an attempt: what is answered now comes too late.
func (l *link) end(a *attempt) {
	l.mu.Lock()
	delete(l.attempts, a.id)
	l.mu.Unlock()
	a.mu.Lock()
	a.over = true
	a.mu.Unlock()
}

// How the answer of a server begins that has stored a message, and what no such
// answer holds.
var (
	storedBegins = []byte(`{"stream":"`)
	errorField   = []byte(`"error"`)
)

// verdict returns why the server has not stored a message. What does not look as all
// servers write it is read in full.
func verdict(m *nats.Msg) error {
	rest, ok := bytes.CutPrefix(m.Data, storedBegins)
	if ok && len(rest) > 1 && rest[0] != '"' && rest[len(rest)-1] == '}' && !bytes.Contains(rest, errorField) {
		return nil
	}
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		return jetstream.ErrNoStreamResponse
	}
	var answer struct {
		Stream string
		Error  *jetstream.APIError
	}
	switch err := json.Unmarshal(m.Data, &answer); {
	case err != nil || answer.Error == nil && answer.Stream == "": // somebody else listens to the topic
		return jetstream.ErrInvalidJSAck
	case answer.Error != nil:
		return answer.Error
	}
	return nil
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
	l = &link{nc: nc, inbox: nc.NewInbox() + ".", gone: make(chan struct{}), attempts: map[string]*attempt{}}
	sub, err := nc.Subscribe(l.inbox+">", l.answered)
	if err == nil {
		err = sub.SetPendingLimits(-1, -1) // what is in flight is bounded
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
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
	out  []*nats.Msg      // nil where the message has its final answer
	errs []error          // by message; nil if it is stored
	made map[string]bool  // topics made by this call
	gone map[string]error // by topic, why it has no stream
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
		if err == nil && !slices.ContainsFunc(c.out, func(m *nats.Msg) bool { return m != nil }) {
			return
		}
		if err == nil { // one was refused for good, and those behind it wait
			continue
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

// An attempt sends what a call has no answer for over one link.
type attempt struct {
	link *link         // this and the fields below are set once
	id   string        // in the subjects of answers
	wake chan struct{} // holds a token when few enough are in flight

	mu       sync.Mutex // guards the fields below
	inFlight int
	last     time.Time // of the last answer
	sent     []sending // by message
	refused  map[int]error
	again    bool // something is to be sent again: send no more
	over     bool // what is answered now comes too late
}

// A sending is what became of a message in an attempt.
type sending uint8

const (
	notSent sending = iota
	waiting
	stored
	refused
)

// answered notes the answer to message i.
func (a *attempt) answered(i int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over || i < 0 || i >= len(a.sent) || a.sent[i] != waiting {
		return
	}
	a.inFlight--
	a.last = time.Now()
	a.sent[i] = stored
	if err != nil {
		a.sent[i], a.refused[i] = refused, err
		a.again = a.again || !isFinal(err)
	}
	if a.inFlight == 0 || a.inFlight == window/2 {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// attempt sends what has no answer over l, in order. An error means that trying
// again may help; what is stored or refused for good then has its answer.
func (c *call) attempt(ctx context.Context, l *link) error {
	a := l.attempt(len(c.out))
	err := c.send(ctx, a)
	if late := a.until(ctx, 0); err == nil {
		err = late
	}
	l.end(a)
	for i, s := range a.sent {
		if s == stored {
			c.errs[i], c.out[i] = nil, nil
		}
	}
	for _, i := range slices.Sorted(maps.Keys(a.refused)) {
		if again := c.judge(ctx, i, a.refused[i]); again != nil && err == nil {
			err = again
		}
	}
	return err
}

// send sends until something has to be sent again.
func (c *call) send(ctx context.Context, a *attempt) error {
	nc, answers := a.link.nc, a.link.inbox+a.id+"."
	most := nc.MaxPayload()
	for i, m := range c.out {
		if m == nil {
			continue
		}
		if err := fits(m, most); err != nil {
			c.errs[i], c.out[i] = err, nil
			continue
		}
		if ok, err := a.begin(ctx, i); !ok {
			return err
		}
		m.Reply = answers + strconv.Itoa(i)
		if err := nc.PublishMsg(m); err != nil {
			a.mu.Lock()
			a.sent[i] = notSent
			a.inFlight--
			a.mu.Unlock()
			return err
		}
	}
	return nil
}

// begin notes that message i is sent, when there is room for it; not if something has to
// be sent again first.
func (a *attempt) begin(ctx context.Context, i int) (ok bool, err error) {
	a.mu.Lock()
	full := a.inFlight >= window
	a.mu.Unlock()
	if full {
		if err := a.until(ctx, window/2); err != nil {
			return false, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.again {
		return false, nil
	}
	a.inFlight++
	a.sent[i] = waiting
	return true, nil
}

// until waits until at most n messages are in flight. A link without any answer for
// too long is given up.
func (a *attempt) until(ctx context.Context, n int) error {
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	for {
		a.mu.Lock()
		enough, last := a.inFlight <= n, a.last
		a.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-a.wake:
		case <-a.link.gone:
			return nats.ErrConnectionClosed
		case <-ctx.Done():
			return ctx.Err()
		case <-quiet.C:
			rest := silence - time.Since(last)
			if rest <= 0 {
				a.link.nc.Close()
				return fmt.Errorf("no answer for %v", silence)
			}
			quiet.Reset(rest)
		}
	}
}

// isFinal reports whether the server has refused a message for good.
func isFinal(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.Code != 503 && api.Code != 500
}

// judge notes what was said of message i, and returns an error if trying again may
// change it.
func (c *call) judge(ctx context.Context, i int, err error) error {
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		topic := c.ms[i].Topic
		final := c.gone[topic]
		if final == nil {
			final, err = c.noStream(ctx, topic)
		}
		if final == nil {
			return err
		}
		if c.gone == nil {
			c.gone = map[string]error{}
		}
		c.gone[topic] = final
		c.errs[i], c.out[i] = final, nil
		return nil
	}
	if isFinal(err) {
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
	if c.made[topic] || !c.bus.config.MakeTopics && wildcard.Aside(topic) == "" {
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
