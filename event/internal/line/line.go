// Package line is how a source of several lanes hands over batches: lanes that have
// something stand in line, and the one that has waited longest goes first. So a busy
// lane does not keep the others waiting. It knows no broker.
package line

import (
	"context"
	"fmt"
	"sync"

	"github.com/wireproof/wireproof/event"
)

// A Line is the lanes of one source that have something to hand over. It is safe
// for concurrent use, but for Receive, which one goroutine calls.
type Line[L event.Lane] struct {
	group   string
	take    func(L) (ds []*event.Delivery, more bool)
	closing <-chan struct{}
	closed  error
	wake    chan struct{} // holds a token when there may be something to receive

	mu    sync.Mutex // guards the fields below
	ready []L        // the longest waiting first
	err   error      // fatal
}

// New returns an empty line of a group's source. take takes a batch from a lane that
// has been taken out of the line, and reports whether the lane is to stand in it
// again; the line is not locked meanwhile. Once closing is closed, Receive returns
// closed.
func New[L event.Lane](group string, take func(L) ([]*event.Delivery, bool), closing <-chan struct{}, closed error) *Line[L] {
	return &Line[L]{group: group, take: take, closing: closing, closed: closed, wake: make(chan struct{}, 1)}
}

// Offer puts a lane in line. A lane stands there once: that it does not offer
// itself again before it was taken out is up to the lane.
func (l *Line[L]) Offer(x L) {
	l.mu.Lock()
	l.ready = append(l.ready, x)
	l.mu.Unlock()
	l.signal()
}

// Fail makes Receive return err, with the name of the group. The first one counts.
func (l *Line[L]) Fail(err error) {
	l.mu.Lock()
	if l.err == nil {
		l.err = fmt.Errorf("group %q: %w", l.group, err)
	}
	l.mu.Unlock()
	l.signal()
}

// Failure returns what Receive fails with; nil if nothing has failed.
func (l *Line[L]) Failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *Line[L]) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Receive is as [event.Source] says.
func (l *Line[L]) Receive(ctx context.Context) (*event.Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		select {
		case <-l.closing:
			return nil, l.closed
		default:
		}
		b, err := l.next()
		if b != nil || err != nil {
			return b, err
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
		case <-l.closing:
		}
	}
}

// next takes a batch from the lane that has waited longest, or returns nil.
func (l *Line[L]) next() (*event.Batch, error) {
	for {
		l.mu.Lock()
		if l.err != nil || len(l.ready) == 0 {
			defer l.mu.Unlock()
			return nil, l.err
		}
		x := l.ready[0]
		l.ready = l.ready[1:]
		l.mu.Unlock()
		ds, more := l.take(x)
		if more {
			l.Offer(x)
		}
		if len(ds) > 0 {
			return &event.Batch{Lane: x, Deliveries: ds}, nil
		}
	}
}
