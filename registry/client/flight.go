package client

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// A flight lets callers who ask the same question at the same time share one
// request. The zero flight is ready.
type flight[K comparable, V any] struct {
	mu    sync.Mutex // guards the field below and the waiters of its calls
	calls map[K]*call[V]
}

type call[V any] struct {
	done    chan struct{} // closed once v and err are set
	v       V
	err     error
	waiters int
	cancel  context.CancelFunc
	last    lastError
}

// A lastError is why a request that still goes on has failed so far, for those
// who do not wait until it gives up. Its place is in the context of the request.
type lastError struct{ atomic.Pointer[error] }

type lastErrorKey struct{}

// noteError leaves an error for those who stop waiting.
func noteError(ctx context.Context, err error) {
	if last, ok := ctx.Value(lastErrorKey{}).(*lastError); ok {
		last.Store(&err)
	}
}

// do returns what ask returns. Whoever comes while it runs waits for the same
// answer. The request belongs to nobody: a caller whose context ends leaves, and
// only when the last one has left is the context of ask cancelled.
func (f *flight[K, V]) do(ctx context.Context, key K, ask func(context.Context) (V, error)) (V, error) {
	if err := ctx.Err(); err != nil {
		var none V
		return none, err
	}
	c := f.join(ctx, key, ask)
	select {
	case <-c.done:
		return c.v, c.err
	case <-ctx.Done():
		f.leave(key, c)
		var none V
		if last := c.last.Load(); last != nil {
			return none, fmt.Errorf("%w; the last attempt: %w", ctx.Err(), *last)
		}
		return none, ctx.Err()
	}
}

func (f *flight[K, V]) join(ctx context.Context, key K, ask func(context.Context) (V, error)) *call[V] {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c, ok := f.calls[key]; ok {
		c.waiters++
		return c
	}
	// The values of the first caller's context stay, for traces and tokens; its
	// end does not.
	shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &call[V]{done: make(chan struct{}), waiters: 1, cancel: cancel}
	shared = context.WithValue(shared, lastErrorKey{}, &c.last)
	if f.calls == nil {
		f.calls = map[K]*call[V]{}
	}
	f.calls[key] = c
	go func() {
		defer cancel()
		c.v, c.err = ask(shared)
		f.forget(key, c)
		close(c.done)
	}()
	return c
}

// renew makes whoever comes from now on ask anew: the answers that are on their way
// may be from before what the caller has done.
func (f *flight[K, V]) renew() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = nil
}

func (f *flight[K, V]) leave(key K, c *call[V]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.waiters--; c.waiters > 0 {
		return
	}
	// Whoever comes from now on must not share an answer that was given up.
	if f.calls[key] == c {
		delete(f.calls, key)
	}
	c.cancel()
}

func (f *flight[K, V]) forget(key K, c *call[V]) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.calls[key] == c {
		delete(f.calls, key)
	}
}
