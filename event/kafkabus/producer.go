package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
)

var errClosed = errors.New("the kafka bus is closed")

// A producer is sarama's asynchronous producer behind a synchronous face: each
// publish waits for the answers to all its messages.
type producer struct {
	async   sarama.AsyncProducer
	done    chan struct{} // closed when no answer can come any more
	closing chan struct{} // closed when nothing more is handed to sarama

	mu       sync.Mutex // guards the fields below
	closed   bool
	inFlight sync.WaitGroup // messages without an answer; added to under mu
	senders  sync.WaitGroup // calls of send that wait for sarama; added to under mu
}

func newProducer(client sarama.Client) (*producer, error) {
	async, err := sarama.NewAsyncProducerFromClient(client)
	if err != nil {
		return nil, err
	}
	p := &producer{async: async, done: make(chan struct{}), closing: make(chan struct{})}
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
	c := &call{done: make(chan struct{}), waiting: len(ms), errs: make([]error, len(ms))}
	for i := range c.errs {
		c.errs[i] = errPending
	}
	out := encode(ms, c)
	for i, m := range out {
		if err := p.send(ctx, m); err != nil {
			for j := i; j < len(out); j++ {
				c.answer(j, err)
			}
			break
		}
	}
	select {
	case <-c.done:
	case <-ctx.Done():
	}
	return c.result(ctx, ms)
}

// send gives one message to sarama. An error means that it was not sent.
func (p *producer) send(ctx context.Context, m *sarama.ProducerMessage) error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return errClosed
	}
	p.inFlight.Add(1)
	p.senders.Add(1)
	p.mu.Unlock()
	defer p.senders.Done()
	select {
	case p.async.Input() <- m:
		return nil
	case <-ctx.Done():
		p.inFlight.Done()
		return fmt.Errorf("not sent: %w", ctx.Err())
	case <-p.closing:
		p.inFlight.Done()
		return errClosed
	}
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

// encode copies the messages: sarama keeps what it is given until the broker has
// answered, which may be after the caller's context has ended.
func encode(ms []*event.Message, c *call) []*sarama.ProducerMessage {
	size := 0
	for _, m := range ms {
		size += len(m.Key) + len(m.Payload)
		for _, h := range m.Headers {
			size += len(h.Value)
		}
	}
	buf := make([]byte, 0, size)
	keep := func(b []byte) []byte {
		if b == nil {
			return nil
		}
		at := len(buf)
		buf = append(buf, b...)
		return buf[at:len(buf):len(buf)]
	}
	out := make([]*sarama.ProducerMessage, len(ms))
	for i, m := range ms {
		pm := &sarama.ProducerMessage{Topic: m.Topic, Timestamp: m.Time, Metadata: &awaited{c, i}}
		if m.Key != nil {
			pm.Key = sarama.ByteEncoder(keep(m.Key))
		}
		if m.Payload != nil {
			pm.Value = sarama.ByteEncoder(keep(m.Payload))
		}
		for _, h := range m.Headers {
			pm.Headers = append(pm.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: keep(h.Value)})
		}
		out[i] = pm
	}
	return out
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
	return err
}
