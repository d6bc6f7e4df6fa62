// Package dedupe remembers which messages a group has handled, so that one that
// is delivered again is not handled again: in memory for tests, in a table of a
// SQL database, and, in package redisdedupe, in Redis. They are given to a
// consumer with [event.Deduplicate].
//
// A message is claimed before its handler runs and noted as done after it. The
// claim ends by itself, so that the death of a process holds up nothing for
// longer; it must last longer than a handler may run (see event.HandlerTimeout).
// A failed handler frees it. What remains is this: a process that dies between
// its handler's effect and the note lets the message be handled once more. Where
// that must not be, package inbox notes it in the handler's own transaction.
//
// The package knows nothing of brokers, and nothing of what a message is beyond
// its id (see event.Delivery.ID).
package dedupe

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
)

// Times are how long what is remembered lasts.
type Times struct {
	Claim time.Duration // of a message being handled: longer than a handler may run
	Done  time.Duration // of one that was handled: as long as it can be delivered again
}

// Valid returns an error unless both are more than a millisecond, and Done no
// less than Claim.
func (t Times) Valid() error {
	if t.Claim < time.Millisecond || t.Done < t.Claim {
		return fmt.Errorf("dedupe: claims last %v and what was handled is remembered for %v: want 1ms at least, and the second no less than the first", t.Claim, t.Done)
	}
	return nil
}

// NewMemory returns a deduper in memory, for tests: it forgets with its process,
// and never what has not expired.
func NewMemory(times Times) (event.Deduper, error) {
	if err := times.Valid(); err != nil {
		return nil, err
	}
	return &memory{times: times, notes: map[string]note{}}, nil
}

type memory struct {
	times Times

	mu    sync.Mutex // guards notes
	notes map[string]note
}

// A note is what is remembered of a key.
type note struct {
	state event.ClaimState
	until time.Time
}

func (m *memory) Claim(_ context.Context, keys ...string) ([]event.ClaimState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	out := make([]event.ClaimState, len(keys))
	for i, k := range keys {
		if n, ok := m.notes[k]; ok && n.until.After(now) {
			out[i] = n.state
			continue
		}
		m.notes[k] = note{event.Claimed, now.Add(m.times.Claim)}
	}
	return out, nil
}

func (m *memory) Done(_ context.Context, keys ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		m.notes[k] = note{event.Done, time.Now().Add(m.times.Done)}
	}
	return nil
}

func (m *memory) Free(_ context.Context, keys ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range keys {
		if m.notes[k].state == event.Claimed {
			delete(m.notes, k)
		}
	}
	return nil
}
