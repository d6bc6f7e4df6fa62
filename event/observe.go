package event

import (
	"fmt"
	"sync/atomic"
)

// An Outcome is how a message was settled. Each message that is settled has one.
type Outcome uint8

// The outcomes.
const (
	Handled      Outcome = iota // the handler returned nil
	Retried                     // stored in a retry topic
	DeadLettered                // stored as a dead letter
	Dropped                     // the handler returned Drop
	Skipped                     // the handler returned Skip, or it was the replay or retry of another group
	Duplicate                   // the deduper knows that it was handled before
)

// String returns the outcome in lower case.
func (o Outcome) String() string {
	names := [...]string{"handled", "retried", "dead-lettered", "dropped", "skipped", "duplicate"}
	if int(o) < len(names) {
		return names[o]
	}
	return fmt.Sprintf("outcome %d", uint8(o))
}

// An Observer is told of each message that is about to be settled: for a retry
// or dead letter, after the broker has stored it. err is what the handler
// returned last. It is called concurrently, must be fast, and does not keep d.
type Observer func(o Outcome, d *Delivery, err error)

// Counts counts outcomes. Its zero value is ready, and it is safe for concurrent
// use; do not copy it.
type Counts struct{ n [Duplicate + 1]atomic.Int64 }

// Observe is an [Observer].
func (c *Counts) Observe(o Outcome, _ *Delivery, _ error) {
	if int(o) < len(c.n) {
		c.n[o].Add(1)
	}
}

// Of returns how many messages had the outcome.
func (c *Counts) Of(o Outcome) int64 {
	if int(o) >= len(c.n) {
		return 0
	}
	return c.n[o].Load()
}
