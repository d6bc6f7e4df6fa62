package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
)

// Atomic returns a publisher each of whose calls stores all its messages in one
// transaction, or none of them for consumers that read what is committed, as this
// package's do. id is the transactional id: by the time Atomic returns, what an
// earlier publisher of that id had under way is committed or aborted, and that one
// is fenced. ctx bounds the opening only. One call of Publish is at work at a time.
//
// A call that fails has stored nothing, unless its commit got no answer: whether it
// is stored is known once Atomic has returned for the same id again.
func (b *Bus) Atomic(ctx context.Context, id string) (event.Publisher, error) {
	p, err := b.openTransactional(ctx, id, batchMessages)
	if err != nil {
		return nil, err
	}
	return &atomicPublisher{bus: b, id: id, producer: p}, nil
}

// openTransactional makes a producer whose transactions usually hold so many messages,
// which go out in one request. sarama takes no context: one that comes too late is
// closed.
func (b *Bus) openTransactional(ctx context.Context, id string, messages int) (*producer, error) {
	conf := *b.conf
	conf.ChannelBufferSize = max(conf.ChannelBufferSize, messages)
	conf.Producer.Flush.Messages = messages
	conf.Producer.Flush.Frequency = max(conf.Producer.Flush.Frequency, time.Duration(messages)*perMessage)
	conf.Producer.Transaction.ID = id
	// A transaction is open while its messages are sent, not while they are made. A
	// process that dies meanwhile holds up readers for so long, unless a successor
	// comes first.
	conf.Producer.Transaction.Timeout = 10 * time.Second
	type result struct {
		p   *producer
		err error
	}
	opened := make(chan result, 1)
	go func() {
		p, err := newTransactional(b.config.Brokers, &conf, b.limits)
		opened <- result{p, err}
	}()
	select {
	case r := <-opened:
		if r.err != nil {
			return nil, fmt.Errorf("transactional producer %q: %w", id, r.err)
		}
		return r.p, nil
	case <-ctx.Done():
		go func() {
			if late := <-opened; late.err == nil {
				_ = late.p.close(context.Background())
			}
		}()
		return nil, context.Cause(ctx)
	}
}

type atomicPublisher struct {
	bus *Bus
	id  string

	mu       sync.Mutex // guards the fields below, and is held during a transaction
	producer *producer
	stored   bool // something was committed
}

var errAtomicOver = errors.New("this transactional publisher is closed, or a transaction of it failed in a way that it cannot go on from: open another")

// Publish is as [event.Publisher] says, for all messages or none.
func (a *atomicPublisher) Publish(ctx context.Context, ms ...*event.Message) error {
	if len(ms) == 0 {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	err := ctx.Err()
	if err == nil && a.producer == nil {
		err = errAtomicOver
	}
	if err == nil {
		err = a.store(ms)
	}
	if err == nil {
		return nil
	}
	err = fmt.Errorf("transaction of %q: %w", a.id, err)
	failed := make([]event.Failure, len(ms))
	for i, m := range ms {
		failed[i] = event.Failure{Index: i, Message: m, Err: err}
	}
	return &event.PublishError{Failed: failed}
}

func (a *atomicPublisher) store(ms []*event.Message) error {
	sized := encode(ms, false)
	for i := range sized {
		// In a transaction the client takes many seconds to refuse one.
		if size := sized[i].ByteSize(2); size > a.bus.limits.message {
			return fmt.Errorf("message %d for topic %q has %d bytes; expected at most %d", i, ms[i].Topic, size, a.bus.limits.message)
		}
	}
	if err := a.producer.async.BeginTxn(); err != nil {
		a.over()
		return fmt.Errorf("begin: %w", err)
	}
	if err := a.producer.store(ms); err != nil {
		err = fmt.Errorf("store %d messages: %w", len(ms), firstOf(err))
		if aborted := a.producer.async.AbortTxn(); aborted != nil {
			a.over()
			err = errors.Join(err, fmt.Errorf("abort: %w", aborted))
		}
		return err
	}
	if err := a.producer.async.CommitTxn(); err != nil {
		a.over()
		return fmt.Errorf("commit: %w", err)
	}
	a.stored = true
	return nil
}

// firstOf is the first reason of several: there is one for each message.
func firstOf(err error) error {
	var each *event.PublishError
	if errors.As(err, &each) && len(each.Failed) > 0 {
		return each.Failed[0].Err
	}
	return err
}

// over closes the producer. a.mu is held.
func (a *atomicPublisher) over() {
	_ = a.producer.close(context.Background()) // what is not committed is aborted by its successor, or in time
	a.producer = nil
}

// Close returns once readers of what is committed see all that was stored, for which
// ctx bounds the wait: a broker answers a commit before they do. It is idempotent.
func (a *atomicPublisher) Close(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.producer == nil {
		return nil
	}
	p := a.producer
	a.producer = nil
	err := p.close(ctx)
	if err == nil && a.stored {
		// A successor gets its epoch only once the last transaction is complete.
		if p, err = a.bus.openTransactional(ctx, a.id, batchMessages); err == nil {
			err = p.close(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("close the transactional producer %q: %w", a.id, err)
	}
	return nil
}
