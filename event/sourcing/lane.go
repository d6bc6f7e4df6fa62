package sourcing

import (
	"context"
	"sync/atomic"

	"github.com/wireproof/wireproof/event"
)

// A lane is all events in their order. It settles nothing: the checkpoint moves in
// the transaction of the handler.
type lane struct {
	ctx     context.Context
	cancel  context.CancelFunc
	resumed chan struct{} // holds a token after Resume
	paused  atomic.Bool
}

func (l *lane) isPaused() bool                 { return l.paused.Load() }
func (l *lane) Context() context.Context       { return l.ctx }
func (l *lane) Cumulative() bool               { return true }
func (l *lane) Settle([]*event.Delivery) error { return nil }
func (l *lane) Pause()                         { l.paused.Store(true) }

func (l *lane) Resume() {
	l.paused.Store(false)
	select {
	case l.resumed <- struct{}{}:
	default:
	}
}
