package sourcing

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/sqltx"
)

// An Aggregate is the state that the events of one stream make. Its zero state is
// what the repository's function returns.
type Aggregate interface {
	// Apply changes the state by the next event. It decides nothing: what is in the
	// stream has happened. An error means that the event cannot be read.
	Apply(e *Event) error
}

// A Snapshotter is an Aggregate whose state can be written down, so that loading
// it need not begin with the first event.
type Snapshotter interface {
	Aggregate
	// Form names the form of what Snapshot writes. A program reads only snapshots
	// of its own form: give it another name when the form, or what Apply does,
	// changes, and the old ones are passed over.
	Form() string
	Snapshot() ([]byte, error)
	// Restore sets the whole state.
	Restore(state []byte) error
}

// A Repository loads and saves aggregates of one type. It is safe for concurrent
// use.
type Repository[A Aggregate] struct {
	store *Store
	empty func() A
	every int64
	log   *slog.Logger
}

// NewRepository returns a repository of what empty returns. If every is more than
// 0 and A is a [Snapshotter], a snapshot is taken whenever the version of a stream
// has crossed a multiple of it, by any number of events. A snapshot that cannot be
// stored or read changes nothing but the speed, and is reported to log, which may
// be nil: the table wireproof_snapshot can be emptied at any time.
func NewRepository[A Aggregate](store *Store, every int64, log *slog.Logger, empty func() A) (*Repository[A], error) {
	if store == nil || empty == nil || every < 0 {
		return nil, fmt.Errorf("sourcing: a repository with snapshots each %d versions: want a store, a function, and 0 or more", every)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Repository[A]{store, empty, every, log}, nil
}

// Load returns the aggregate of a stream, and its version, 0 for one that is not
// there.
func (r *Repository[A]) Load(ctx context.Context, stream string) (A, int64, error) {
	a, from := r.restore(ctx, stream)
	version := from
	for e, err := range r.store.Load(ctx, stream, from) {
		if err != nil {
			return a, version, err
		}
		if err := a.Apply(e); err != nil {
			return a, version, fmt.Errorf("sourcing: apply version %d of stream %q: %w", e.Version, stream, err)
		}
		version = e.Version
	}
	r.snapshot(ctx, stream, a, from, version)
	return a, version, nil
}

// Save appends ms behind the version that a has, applies them to a, and returns
// its new version. After an error a is as it was, unless Apply has failed: then the
// events are stored, and a is to be loaded again. See [Store.Append] for conflicts.
func (r *Repository[A]) Save(ctx context.Context, stream string, a A, version int64, ms ...*event.Message) (int64, error) {
	es, err := r.store.append(ctx, stream, version, ms)
	if err != nil {
		return version, err
	}
	last := version + int64(len(es))
	for _, e := range es {
		if err := a.Apply(e); err != nil {
			return last, fmt.Errorf("sourcing: apply version %d of stream %q, which is stored: %w", e.Version, stream, err)
		}
	}
	r.snapshot(ctx, stream, a, version, last)
	return last, nil
}

var table = crc32.MakeTable(crc32.Castagnoli)

// restore returns the aggregate of the newest snapshot, and its version; an empty
// one at 0 if there is none that can be read.
func (r *Repository[A]) restore(ctx context.Context, stream string) (A, int64) {
	a := r.empty()
	s, ok := any(a).(Snapshotter)
	if !ok || r.every == 0 || sqltx.From(ctx) != nil { // a failed query would end the transaction
		return a, 0
	}
	var version, newest int64
	var state []byte
	err := r.store.db.QueryRowContext(ctx, `SELECT version, state, (SELECT COALESCE(MAX(version), 0) FROM wireproof_event WHERE stream = $1)
		FROM wireproof_snapshot WHERE stream = $1 AND form = $2`, stream, s.Form()).Scan(&version, &state, &newest)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return a, 0
	case err != nil:
	case version > newest:
		err = fmt.Errorf("it is of version %d, and the stream ends at %d", version, newest)
	case len(state) < 4 || binary.BigEndian.Uint32(state) != crc32.Checksum(state[4:], table):
		err = errors.New("its sum is wrong")
	default:
		if err = s.Restore(state[4:]); err == nil {
			return a, version
		}
	}
	r.log.Warn("sourcing: a snapshot cannot be read, and every event is", "stream", stream, "form", s.Form(), "version", version, "error", err)
	return r.empty(), 0
}

// snapshot stores the state at a version, if a multiple was crossed since from.
func (r *Repository[A]) snapshot(ctx context.Context, stream string, a A, from, version int64) {
	s, ok := any(a).(Snapshotter)
	if !ok || r.every == 0 || from/r.every == version/r.every || sqltx.From(ctx) != nil {
		return
	}
	state, err := s.Snapshot()
	if err == nil {
		sum := binary.BigEndian.AppendUint32(nil, crc32.Checksum(state, table))
		_, err = r.store.db.ExecContext(ctx, `INSERT INTO wireproof_snapshot (stream, form, version, state) VALUES ($1, $2, $3, $4)
			ON CONFLICT (stream, form) DO UPDATE SET version = excluded.version, state = excluded.state
			WHERE wireproof_snapshot.version < excluded.version`, stream, s.Form(), version, append(sum, state...))
	}
	if err != nil {
		r.log.Warn("sourcing: a snapshot cannot be stored", "stream", stream, "form", s.Form(), "version", version, "error", err)
	}
}
