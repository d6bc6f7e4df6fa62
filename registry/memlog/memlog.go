// Package memlog keeps a registry's log in memory: for tests, for demonstrations
// and for caches that may be lost. It promises everything a log must but to
// survive the process.
package memlog

import (
	"context"
	"slices"
	"sync"

	"github.com/wireproof/wireproof/registry"
)

// A Log is a log in memory. The zero Log is empty and ready; all methods are
// safe for concurrent use, and several registries may share it.
type Log struct {
	mu      sync.RWMutex // guards the field below
	records []registry.Record
}

// New returns an empty log.
func New() *Log { return &Log{} }

// Append implements [registry.Log].
func (l *Log) Append(ctx context.Context, at registry.Offset, records []registry.Record) (registry.Offset, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if at != registry.Offset(len(l.records)) {
		return 0, registry.ErrConflict
	}
	l.records = append(l.records, records...)
	return registry.Offset(len(l.records)), nil
}

// ReadFrom implements [registry.Log].
func (l *Log) ReadFrom(ctx context.Context, at registry.Offset) ([]registry.Record, registry.Offset, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	next := registry.Offset(len(l.records))
	if at < 0 || at >= next {
		return nil, next, nil
	}
	return slices.Clone(l.records[at:]), next, nil
}
