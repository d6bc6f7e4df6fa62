package amqpbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/offsets"
)

var (
	errClosed  = errors.New("the RabbitMQ bus is closed")
	errPending = errors.New("no answer yet: it may or may not be stored")
	errNoQueue = errors.New("no queue is bound to the topic for it: open a group once, or set Topic.NoGroup")
)

// A producer sends messages on one channel from one goroutine, in the order in
// which they are handed over. Each publish waits for its own confirmations, so
// that a queue which confirms late holds up nobody else.
type producer struct {
	config  *Config
	offsets *offsets.Source
	work    chan *pending
	slots   chan struct{}   // one for each message that waits for its answer
	ctx     context.Context // ends when nothing more is sent
	stop    context.CancelFunc
	done    chan struct{} // closed when run has returned

	sent []*pending // those that may be unanswered, in order; run's own
	most int        // length of sent at which what is answered is dropped

	mu      sync.Mutex // guards the fields below
	closed  bool
	calls   sync.WaitGroup      // publishes under way; added to under mu
	byID    map[string]*pending // those under way
	trouble error               // why nothing is sent; nil while it is
}

// A pending message waits for its answer.
type pending struct {
	topic, key  string
	mandatory   bool
	headerBytes int // in a frame, at most
	msg         amqp.Publishing
	answers     chan attempt // holds the newest
	newest      attempt      // likewise; run's own
	over        atomic.Bool  // nobody waits any more
	returned    atomic.Bool  // no queue took it
}

// An attempt is one sending of a message, or why there will be none.
type attempt struct {
	session *session
	confirm *amqp.DeferredConfirmation
	err     error
}

// tell replaces the newest attempt. Only run calls it.
func (p *pending) tell(a attempt) {
	select {
	case <-p.answers:
	default:
	}
	p.answers <- a
	p.newest = a
}

// fail ends a message for good.
func (p *pending) fail(err error) {
	p.over.Store(true)
	p.tell(attempt{err: err})
}

func newProducer(c *Config, o *offsets.Source, first *session) *producer {
	p := &producer{
		config: c, offsets: o, work: make(chan *pending, 64), slots: make(chan struct{}, c.InFlight),
		done: make(chan struct{}), byID: map[string]*pending{},
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	first.owner = p
	go p.run(first)
	return p
}

// publish sends ms and waits for every answer or the end of ctx.
func (p *producer) publish(ctx context.Context, ms []*event.Message) error {
	if len(ms) == 0 {
		return nil
	}
	ps, errs := make([]*pending, len(ms)), make([]error, len(ms))
	if p.begin() {
		for i, m := range ms {
			ps[i], errs[i] = p.config.encode(m, p.offsets.Next())
		}
		p.know(ps, true)
		p.send(ctx, ps, errs)
		p.know(ps, false)
		p.calls.Done()
	} else {
		for i := range errs {
			errs[i] = errClosed
		}
	}
	var failed []event.Failure
	for i, err := range errs {
		if err != nil {
			failed = append(failed, event.Failure{Index: i, Message: ms[i], Err: err})
		}
	}
	if failed == nil {
		return nil
	}
	return &event.PublishError{Failed: failed}
}

func (p *producer) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.calls.Add(1)
	}
	return !p.closed
}

// know notes or forgets messages by their ids, under which the broker returns them.
func (p *producer) know(ps []*pending, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pd := range ps {
		switch {
		case pd == nil:
		case known:
			p.byID[pd.msg.MessageId] = pd
		default:
			delete(p.byID, pd.msg.MessageId)
		}
	}
}

// send hands ps over and sets the error of each. Those without a slot wait for
// the oldest of the same call.
func (p *producer) send(ctx context.Context, ps []*pending, errs []error) {
	sessions := make([]*session, len(ps)) // that confirmed it
	oldest := 0
	answer := func(i int) {
		if ps[i] != nil && errs[i] == nil {
			sessions[i], errs[i] = p.await(ctx, ps[i])
			ps[i].over.Store(true)
			<-p.slots
		}
	}
	for i, pd := range ps {
		if pd == nil {
			continue
		}
		for oldest < i && len(p.slots) == cap(p.slots) {
			answer(oldest)
			oldest++
		}
		errs[i] = p.submit(ctx, pd)
	}
	for ; oldest < len(ps); oldest++ {
		answer(oldest)
	}
	// A message that comes back does so before its confirmation, on another path.
	var last *session
	for _, s := range sessions {
		if s != nil && s != last {
			s.caughtUp()
			last = s
		}
	}
	for i, pd := range ps {
		if pd != nil && errs[i] == nil && pd.returned.Load() {
			errs[i] = fmt.Errorf("topic %q, routing key %q: %w", pd.topic, pd.key, errNoQueue)
		}
	}
}

// submit takes a slot and hands a message to run. An error means that it was not
// sent.
func (p *producer) submit(ctx context.Context, pd *pending) error {
	if ctx.Err() != nil { // else select may find a slot
		return p.unsent(ctx)
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return p.unsent(ctx)
	}
	select {
	case p.work <- pd:
		return nil
	case <-ctx.Done():
		<-p.slots
		return p.unsent(ctx)
	case <-p.done:
		<-p.slots
		return errClosed
	}
}

func (p *producer) unsent(ctx context.Context) error {
	return fmt.Errorf("not sent: %w", errors.Join(ctx.Err(), p.why()))
}

func (p *producer) why() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble
}

func (p *producer) setTrouble(err error) {
	p.mu.Lock()
	p.trouble = err
	p.mu.Unlock()
}

// await returns the session on which the broker has confirmed a message.
func (p *producer) await(ctx context.Context, pd *pending) (*session, error) {
	var a attempt
	var confirmed <-chan struct{}
	for {
		select {
		case a = <-pd.answers:
			if a.err != nil {
				return nil, a.err
			}
			confirmed = a.confirm.Done()
		case <-confirmed:
			if a.confirm.Acked() {
				return a.session, nil
			}
			if !a.session.ch.IsClosed() {
				return nil, fmt.Errorf("the broker refused it: a queue of topic %q is full, or failed", pd.topic)
			}
			confirmed = nil // the channel is gone, and it is sent again
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errPending, errors.Join(ctx.Err(), p.why()))
		case <-p.done:
			return nil, fmt.Errorf("%w: %w", errPending, errClosed)
		}
	}
}

// run sends on one session after the other.
func (p *producer) run(s *session) {
	defer close(p.done)
	for blame := false; ; {
		p.setTrouble(nil)
		err := p.serve(s, blame)
		s.close()
		if p.ctx.Err() != nil {
			return
		}
		p.setTrouble(err)
		blame = isBlamed(err)
		if s = p.reconnect(); s == nil {
			return
		}
	}
}

func (p *producer) reconnect() *session {
	for b := (backoff{}); b.wait(p.ctx); {
		s, err := openSession(p.ctx, p.config)
		if err == nil {
			s.owner = p
			return s
		}
		p.setTrouble(err)
	}
	return nil
}

// serve sends what the session before left unanswered, then what comes, until the
// session is lost. With blame each goes alone, so that what makes the broker close
// the channel is found and fails by itself.
func (p *producer) serve(s *session, blame bool) error {
	go s.watch()
	p.forget()
	for _, pd := range slices.Clone(p.sent) {
		if err := p.sendOne(s, pd); err != nil {
			return err
		}
		if blame && !pd.over.Load() {
			if err := p.alone(s, pd); err != nil {
				return err
			}
		}
	}
	for {
		work := p.work
		if s.blocked.Load() {
			work = nil
		}
		select {
		case pd := <-work:
			p.sent = append(p.sent, pd)
			if err := p.sendOne(s, pd); err != nil {
				return err
			}
			if len(p.sent) > p.most {
				p.forget()
			}
		case <-s.flow:
		case err := <-s.lost:
			return lostError(err)
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
}

// alone waits until a message has its answer. If the channel is lost over it, and
// the broker gives the message the fault, it has failed.
func (p *producer) alone(s *session, pd *pending) error {
	select {
	case <-pd.newest.confirm.Done():
		if pd.newest.confirm.Acked() || !s.ch.IsClosed() {
			return nil
		}
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
	err := lostError(<-s.lost)
	if isBlamed(err) {
		pd.fail(err)
	}
	return err
}

// forget drops what has its answer.
func (p *producer) forget() {
	p.sent = slices.DeleteFunc(p.sent, func(pd *pending) bool { return pd.over.Load() })
	p.most = 2*len(p.sent) + 64
}

// sendOne sends a message, or fails it if it cannot be sent at all. The error is
// the session's.
func (p *producer) sendOne(s *session, pd *pending) error {
	if pd.over.Load() {
		return nil
	}
	if room := s.conn.Config.FrameSize; room > 0 && pd.headerBytes > room {
		pd.fail(fmt.Errorf("key and headers take %d bytes as text; expected at most %d, the broker's frame_max", pd.headerBytes, room))
		return nil
	}
	if !s.known[pd.topic] {
		there, err := exists(s.conn, pd.topic)
		if err != nil {
			return err
		}
		if !there {
			pd.fail(fmt.Errorf("topic %q: %w", pd.topic, errNoTopic))
			return nil
		}
		s.known[pd.topic] = true
	}
	confirm, err := s.ch.PublishWithDeferredConfirm(pd.topic, pd.key, pd.mandatory, false, pd.msg)
	if err != nil {
		select {
		case lost := <-s.lost:
			return lostError(lost)
		case <-time.After(time.Second):
			return err
		}
	}
	pd.tell(attempt{session: s, confirm: confirm})
	return nil
}

func lostError(err *amqp.Error) error {
	if err == nil {
		return errors.New("the connection was closed")
	}
	return fmt.Errorf("the connection was lost: %w", err)
}

// close waits for the answers of what is in flight, then closes.
func (p *producer) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	idle := make(chan struct{})
	go func() { p.calls.Wait(); close(idle) }()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = fmt.Errorf("close the RabbitMQ bus with messages in flight: %w", ctx.Err())
	}
	p.stop()
	select {
	case <-p.done:
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("close the RabbitMQ bus: %w", ctx.Err()))
	}
	return err
}
