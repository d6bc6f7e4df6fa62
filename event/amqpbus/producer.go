package amqpbus

import (
	"cmp"
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
	work    chan []*pending
	slots   chan struct{}   // one for each message that waits for its answer
	ctx     context.Context // ends when nothing more is sent
	stop    context.CancelFunc
	done    chan struct{} // closed when run has returned

	sent []*pending // those that may be unanswered, in order; run's own
	most int        // length of sent at which what is answered is dropped

	mu      sync.Mutex // guards the fields below
	closed  bool
	calls   sync.WaitGroup // publishes under way; added to under mu
	open    map[*job]bool  // the same
	trouble error          // why nothing is sent; nil while it is
}

// A job is one publish.
type job struct {
	messages []*pending    // what could be encoded
	errs     []error       // by message; nil if it is stored
	wake     chan struct{} // holds a token when there may be a newer attempt of something
}

// A pending message waits for its answer.
type pending struct {
	job         *job // of which it is the message i
	i           int
	at          offsets.Place // ascending in a job
	topic, key  string
	mandatory   bool
	headerBytes int // in a frame, at most
	msg         amqp.Publishing
	session     *session                // that confirmed it; the job's own
	newest      atomic.Pointer[attempt] // nil until it is sent
	over        atomic.Bool             // nobody waits any more
	returned    atomic.Bool             // no queue took it
}

// An attempt is one sending of a message, or why there will be none.
type attempt struct {
	session *session
	confirm *amqp.DeferredConfirmation
	err     error
}

// tell replaces the newest attempt. Only run calls it.
func (pd *pending) tell(a attempt) {
	pd.newest.Store(&a)
	select {
	case pd.job.wake <- struct{}{}:
	default:
	}
}

func (pd *pending) confirmed() bool {
	a := pd.newest.Load()
	return a != nil && a.confirm != nil && a.confirm.Acked()
}

// fail ends a message for good.
func (pd *pending) fail(err error) {
	pd.over.Store(true)
	pd.tell(attempt{err: err})
}

func newProducer(c *Config, o *offsets.Source, first *session) *producer {
	p := &producer{
		config: c, offsets: o, work: make(chan []*pending), slots: make(chan struct{}, c.InFlight),
		done: make(chan struct{}), open: map[*job]bool{},
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
	j := &job{messages: make([]*pending, 0, len(ms)), errs: make([]error, len(ms)), wake: make(chan struct{}, 1)}
	for i, m := range ms {
		pd, err := p.config.encode(m, p.offsets.Next())
		if err != nil {
			j.errs[i] = err
			continue
		}
		pd.job, pd.i = j, i
		j.messages = append(j.messages, pd)
	}
	if p.begin(j) {
		p.send(ctx, j)
		p.end(j)
	} else {
		for i := range j.errs {
			j.errs[i] = errClosed
		}
	}
	var failed []event.Failure
	for i, err := range j.errs {
		if err != nil {
			failed = append(failed, event.Failure{Index: i, Message: ms[i], Err: err})
		}
	}
	if failed == nil {
		return nil
	}
	return &event.PublishError{Failed: failed}
}

// begin notes a job, unless the producer is closed.
func (p *producer) begin(j *job) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.calls.Add(1)
		p.open[j] = true
	}
	return !p.closed
}

func (p *producer) end(j *job) {
	p.mu.Lock()
	delete(p.open, j)
	p.mu.Unlock()
	p.calls.Done()
}

// returned notes a message that no queue took.
func (p *producer) returned(id string) {
	at := placeOf(id)
	p.mu.Lock()
	defer p.mu.Unlock()
	for j := range p.open {
		i, ok := slices.BinarySearchFunc(j.messages, at, func(pd *pending, at offsets.Place) int { return cmp.Compare(pd.at.Offset, at.Offset) })
		if ok {
			j.messages[i].returned.Store(true)
		}
	}
}

// send hands over what there is to do and sets the error of each. Those without a
// slot wait for the oldest of the same job.
func (p *producer) send(ctx context.Context, j *job) {
	answered, handed := 0, 0
	var err error
	for handed < len(j.messages) && err == nil {
		if ctx.Err() != nil { // else select may find a slot
			err = p.unsent(ctx)
			break
		}
		n := p.take(len(j.messages) - handed)
		if n == 0 && answered < handed {
			p.answer(ctx, j.messages[answered])
			answered++
			continue
		}
		if n == 0 { // others have all slots
			select {
			case p.slots <- struct{}{}:
				n = 1
			case <-ctx.Done():
				continue
			}
		}
		if err = p.hand(ctx, j.messages[handed:handed+n]); err == nil {
			handed += n
		}
	}
	for _, pd := range j.messages[handed:] {
		j.errs[pd.i] = err
	}
	for _, pd := range j.messages[answered:handed] {
		p.answer(ctx, pd)
	}
	// A message that comes back does so before its confirmation, on another path.
	var last *session
	for _, pd := range j.messages[:handed] {
		if pd.session != nil && pd.session != last {
			last = pd.session
			last.caughtUp()
		}
	}
	for _, pd := range j.messages[:handed] {
		if j.errs[pd.i] == nil && pd.returned.Load() {
			j.errs[pd.i] = fmt.Errorf("topic %q, routing key %q: %w", pd.topic, pd.key, errNoQueue)
		}
	}
}

// take takes up to n slots that are free.
func (p *producer) take(n int) int {
	for taken := range n {
		select {
		case p.slots <- struct{}{}:
		default:
			return taken
		}
	}
	return n
}

// hand hands messages that have their slots to run. An error means that they were
// not sent.
func (p *producer) hand(ctx context.Context, ps []*pending) error {
	var err error
	select {
	case p.work <- ps:
		return nil
	case <-ctx.Done():
		err = p.unsent(ctx)
	case <-p.done:
		err = errClosed
	}
	for range ps {
		<-p.slots
	}
	return err
}

// answer waits for the answer to a message.
func (p *producer) answer(ctx context.Context, pd *pending) {
	pd.session, pd.job.errs[pd.i] = p.await(ctx, pd)
	pd.over.Store(true)
	<-p.slots
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
	for {
		a := pd.newest.Load()
		var confirmed <-chan struct{}
		if a != nil {
			if a.err != nil {
				return nil, a.err
			}
			confirmed = a.confirm.Done()
			select {
			case <-confirmed:
				if a.confirm.Acked() {
					return a.session, nil
				}
				if !a.session.ch.IsClosed() {
					return nil, fmt.Errorf("the broker refused it: a queue of topic %q is full, or failed", pd.topic)
				}
				confirmed = nil // the channel is gone, and it is sent again
			default:
			}
		}
		select {
		case <-confirmed:
		case <-pd.job.wake:
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
	var batch []*pending // of p.sent
	for {
		work := p.work
		if blocked := s.blocked.Load(); blocked || len(batch) > 0 {
			work = nil
			if !blocked {
				if err := p.sendOne(s, batch[0]); err != nil {
					return err
				}
				batch = batch[1:]
				continue
			}
		}
		select {
		case batch = <-work:
			if len(p.sent) > p.most {
				p.forget()
			}
			p.sent = append(p.sent, batch...)
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
	confirm := pd.newest.Load().confirm
	select {
	case <-confirm.Done():
		if confirm.Acked() || !s.ch.IsClosed() {
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
	if pd.over.Load() || pd.confirmed() { // before the session was lost, and nobody has looked yet
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
