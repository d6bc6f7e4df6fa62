package event

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// asyncBatch is how many messages an [Async] publishes in one call.
const asyncBatch = 1000

// ErrAsyncClosed is the error of [Async.Enqueue] after Close.
var ErrAsyncClosed = errors.New("event: the asynchronous publisher is closed")

// An Async publishes without making its callers wait: what they enqueue while one
// call of Publish is under way goes out together in the next. So it is never
// slower than the broker answers, and one caller has the speed of batches. It is
// safe for concurrent use.
//
// Messages go out in the order of Enqueue. One that the broker refuses does not
// hold up those behind it, so the order of a key ends there: whoever enqueues it
// again enqueues it later.
type Async struct {
	next      Publisher
	messages  int // most in the queue and under way
	bytes     int
	ctx       context.Context // of calls of Publish
	cancel    context.CancelFunc
	done      chan struct{} // closed when everything has its answer, after Close
	something chan struct{} // has room for one: there may be something to publish

	mu     sync.Mutex // guards the fields below
	queue  []pending
	count  int // queued and under way
	size   int // their bytes
	closed bool
	room   chan struct{} // closed when there may be room, or nothing is left
}

// A pending message has no answer yet.
type pending struct {
	m    *Message
	size int
	done func(error)
}

// NewAsync returns an asynchronous publisher through next. It holds up to that
// many messages and bytes (as [MaxInFlight] counts) that have no answer yet; a
// larger message goes alone. Close ends it.
func NewAsync(next Publisher, messages, bytes int) (*Async, error) {
	if next == nil || messages < 1 || bytes < 1 {
		return nil, fmt.Errorf("event: NewAsync wants a publisher and room for a message and a byte at least, it has room for %d messages and %d bytes", messages, bytes)
	}
	a := &Async{
		next: next, messages: messages, bytes: bytes,
		done: make(chan struct{}), something: make(chan struct{}, 1), room: make(chan struct{}),
	}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	go a.run()
	return a, nil
}

// Enqueue returns nil once m has its place; it waits for room, and for nothing
// else. done is then called exactly once: with nil when the broker has stored m,
// or else with why that is not known. Until then m is left alone. Calls of done
// come one at a time and hold up what is behind them: done neither enqueues nor
// flushes nor closes, which may wait for what it holds up.
//
// If Enqueue returns an error, ctx's or [ErrAsyncClosed], m is not published and
// done is not called.
func (a *Async) Enqueue(ctx context.Context, m *Message, done func(error)) error {
	if m == nil || done == nil {
		return errors.New("event: Enqueue wants a message and a function for its answer, one of them is nil")
	}
	p := pending{m, m.size(), done}
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		if a.closed {
			return ErrAsyncClosed
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if a.count == 0 || a.count < a.messages && a.size+p.size <= a.bytes {
			break
		}
		if err := a.waitForRoom(ctx); err != nil {
			return err
		}
	}
	a.put(p)
	return nil
}

// put puts p in the queue. a.mu is held, and a is not closed.
func (a *Async) put(p pending) {
	a.queue = append(a.queue, p)
	a.count++
	a.size += p.size
	select {
	case a.something <- struct{}{}:
	default:
	}
}

// waitForRoom waits until something has its answer. a.mu is held, and released
// while it waits.
func (a *Async) waitForRoom(ctx context.Context) error {
	room := a.room
	a.mu.Unlock()
	defer a.mu.Lock()
	select {
	case <-room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Flush waits until everything that was enqueued before has its answer, or ctx
// ends.
func (a *Async) Flush(ctx context.Context) error {
	flushed := a.done
	a.mu.Lock()
	switch {
	case a.closed: // Close flushes
	case a.count == 0:
		a.mu.Unlock()
		return nil
	default:
		last := make(chan struct{})
		a.put(pending{done: func(error) { close(last) }})
		flushed = last
	}
	a.mu.Unlock()
	select {
	case <-flushed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close takes no more messages and waits for the answers of those it has. When
// ctx ends first, what is under way is given up, every message gets its answer all
// the same, and the error is ctx's. Close is idempotent; next stays open.
func (a *Async) Close(ctx context.Context) error {
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		close(a.something)
		a.answered(0, 0)
	}
	a.mu.Unlock()
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
	}
	a.cancel()
	<-a.done
	return fmt.Errorf("event: the asynchronous publisher has not drained: %w", ctx.Err())
}

// answered notes that count messages of that size have their answers. a.mu is
// held.
func (a *Async) answered(count, size int) {
	a.count -= count
	a.size -= size
	close(a.room)
	a.room = make(chan struct{})
}

func (a *Async) run() {
	defer close(a.done)
	defer a.cancel()
	for range a.something {
		a.drain()
	}
	a.drain()
}

// drain publishes until the queue is empty.
func (a *Async) drain() {
	var ms []*Message
	for {
		a.mu.Lock()
		batch := a.queue[:min(len(a.queue), asyncBatch)]
		if a.queue = a.queue[len(batch):]; len(a.queue) == 0 {
			a.queue = nil // what has gone out is not held
		}
		a.mu.Unlock()
		if len(batch) == 0 {
			return
		}
		ms = ms[:0]
		for _, p := range batch {
			if p.m != nil {
				ms = append(ms, p.m)
			}
		}
		answers := a.publish(ms)
		size, i := 0, 0
		for _, p := range batch {
			size += p.size
			if p.m == nil {
				p.done(nil)
				continue
			}
			p.done(answers(i))
			i++
		}
		a.mu.Lock()
		a.answered(len(batch), size)
		a.mu.Unlock()
	}
}

// publish publishes ms and returns what became of each.
func (a *Async) publish(ms []*Message) func(i int) error {
	if len(ms) == 0 {
		return func(int) error { return nil }
	}
	err := a.next.Publish(a.ctx, ms...)
	var pe *PublishError
	if !errors.As(err, &pe) || len(pe.Failed) == 0 {
		return func(int) error { return err }
	}
	failed := make(map[int]error, len(pe.Failed))
	for _, f := range pe.Failed {
		failed[f.Index] = f.Err
	}
	return func(i int) error { return failed[i] }
}
