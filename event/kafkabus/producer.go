package kafkabus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
)

var errClosed = errors.New("the kafka bus is closed")

// A producer is sarama's asynchronous producer behind a synchronous face: each
// publish waits for the answers to all its messages.
type producer struct {
	async   sarama.AsyncProducer
	own     sarama.Client // nil, or closed with the producer
	room    int           // messages that sarama takes without sending any
	limits  *limits
	done    chan struct{} // closed when no answer can come any more
	closing chan struct{} // closed when nothing more is handed to sarama

	mu       sync.Mutex // guards the fields below
	closed   bool
	inFlight sync.WaitGroup // messages without an answer; added to under mu
	senders  sync.WaitGroup // calls of send that wait for sarama; added to under mu
}

func newProducer(client sarama.Client, limits *limits) (*producer, error) {
	async, err := sarama.NewAsyncProducerFromClient(client)
	if err != nil {
		return nil, err
	}
	p := &producer{
		async: async, room: client.Config().ChannelBufferSize, limits: limits, done: make(chan struct{}), closing: make(chan struct{}),
	}
	var answers sync.WaitGroup
	answers.Go(func() {
		for m := range async.Successes() {
			p.answer(m, nil)
		}
	})
	answers.Go(func() {
		for e := range async.Errors() {
			p.answer(e.Msg, e.Err)
		}
	})
	go func() { answers.Wait(); close(p.done) }()
	return p, nil
}

// newTransactional makes a producer with a connection of its own.
func newTransactional(brokers []string, conf *sarama.Config, limits *limits) (*producer, error) {
	client, err := sarama.NewClient(brokers, conf)
	if err != nil {
		return nil, err
	}
	p, err := newProducer(client, limits)
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	p.own = client
	return p, nil
}

func (p *producer) answer(m *sarama.ProducerMessage, err error) {
	a := m.Metadata.(*awaited)
	a.call.answer(a.index, err)
	p.inFlight.Done()
}

// A call is one publish that waits for its answers.
type call struct {
	done chan struct{} // closed with the last answer

	mu      sync.Mutex // guards the fields below
	waiting int
	errs    []error // by message; errPending until answered
}

// awaited ties a message in sarama to the call that waits for it.
type awaited struct {
	call  *call
	index int
}

var errPending = errors.New("no answer yet: it may or may not be stored")

func (c *call) answer(i int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errs[i] = err
	if c.waiting--; c.waiting == 0 {
		close(c.done)
	}
}

// publish hands ms to sarama and waits for every answer or the end of ctx.
func (p *producer) publish(ctx context.Context, ms []*event.Message) error {
	if len(ms) == 0 {
		return nil
	}
	out := encode(ms, true)
	err := p.await(ctx, ms, out, nil)
	var failed *event.PublishError
	if !errors.As(err, &failed) || ctx.Err() != nil { // sarama may still have some
		return err
	}
	again := p.limits.apart(ctx, out, failed.Failed)
	if len(again) == 0 {
		return err
	}
	some := make([]*event.Message, len(again))
	for i, at := range again {
		some[i] = ms[at]
	}
	failed.Failed = slices.DeleteFunc(failed.Failed, func(f event.Failure) bool { return slices.Contains(again, f.Index) })
	var still *event.PublishError
	if errors.As(p.await(ctx, some, encode(some, true), nil), &still) {
		for _, f := range still.Failed {
			failed.Failed = append(failed.Failed, event.Failure{Index: again[f.Index], Message: f.Message, Err: f.Err})
		}
	}
	if len(failed.Failed) == 0 {
		return nil
	}
	slices.SortFunc(failed.Failed, func(a, b event.Failure) int { return cmp.Compare(a.Index, b.Index) })
	return failed
}

// store is publish in a transaction, which waits for every answer. It hands over all
// messages before sarama begins a request, so that they go out in one: the time that
// sarama waits for others is then that of the last steps only.
func (p *producer) store(ms []*event.Message) error {
	gate := make(chan struct{})
	out := encode(ms, false)
	for i := range out {
		out[i].key.gate, out[i].value.gate = gate, gate
	}
	err := p.await(context.Background(), ms, out, sync.OnceFunc(func() { close(gate) }))
	var failed *event.PublishError
	if errors.As(err, &failed) { // the next transaction knows what the topics take
		_ = p.limits.apart(context.Background(), out, failed.Failed)
	}
	return err
}

// await sends messages and waits for their answers. It calls handed, if it is not nil, when
// sarama has all of them, or as many as it takes without sending.
func (p *producer) await(ctx context.Context, ms []*event.Message, out []outgoing, handed func()) error {
	c := &call{done: make(chan struct{}), waiting: len(ms), errs: make([]error, len(ms))}
	for i := range c.errs {
		c.errs[i] = errPending
	}
	for i := range out {
		p.limits.claim(&out[i])
		out[i].awaited = awaited{c, i}
		out[i].Metadata = &out[i].awaited
	}
	if sent, err := p.send(ctx, out, handed); err != nil {
		for i := sent; i < len(out); i++ {
			c.answer(i, err)
		}
	}
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	return c.result(ctx, ms)
}

// send gives messages to sarama, and returns how many; an error says why not all.
func (p *producer) send(ctx context.Context, out []outgoing, handed func()) (sent int, err error) {
	if handed != nil {
		defer handed()
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return 0, errClosed
	}
	p.inFlight.Add(len(out))
	p.senders.Add(1)
	p.mu.Unlock()
	defer p.senders.Done()
	for i := range out {
		if handed != nil && i == p.room {
			handed()
		}
		if size := out[i].size; size > p.limits.message { // sarama is told another
			p.answer(&out[i].ProducerMessage, fmt.Errorf("it has %d bytes; expected at most %d (MaxMessageBytes)", size, p.limits.message))
			continue
		}
		select {
		case p.async.Input() <- &out[i].ProducerMessage:
			continue
		case <-ctx.Done():
			err = fmt.Errorf("not sent: %w", ctx.Err())
		case <-p.closing:
			err = errClosed
		}
		p.inFlight.Add(i - len(out))
		return i, err
	}
	return len(out), nil
}

func (c *call) result(ctx context.Context, ms []*event.Message) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var failed []event.Failure
	for i, err := range c.errs {
		if err == nil {
			continue
		}
		if err == errPending {
			err = fmt.Errorf("%w: %w", errPending, ctx.Err())
		}
		failed = append(failed, event.Failure{Index: i, Message: ms[i], Err: err})
	}
	if len(failed) == 0 {
		return nil
	}
	return &event.PublishError{Failed: failed}
}

// close waits for the answers of what is in flight, and only then closes: a
// producer that is closed while it retries fails what it retries.
func (p *producer) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	idle := make(chan struct{})
	go func() { p.inFlight.Wait(); close(idle) }()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = fmt.Errorf("close the kafka producer with messages in flight: %w", ctx.Err())
	}
	// sarama closes its input: whoever still waits to put something there has to
	// be gone first.
	close(p.closing)
	p.senders.Wait()
	p.async.AsyncClose()
	select {
	case <-p.done:
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("close the kafka producer: %w", ctx.Err()))
	}
	if p.own != nil {
		err = errors.Join(err, p.own.Close())
	}
	return err
}
