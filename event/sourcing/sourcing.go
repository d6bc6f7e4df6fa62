// Package sourcing keeps the events of aggregates in streams, on PostgreSQL (9.5
// or later) or SQLite (3.35 or later) through database/sql. An event is appended
// at the version that its author expects, and a stream is read from any version.
//
// Every event has a position in one order of all streams, from 1 and without gaps:
// an appender holds a row until its transaction is committed, so no position
// becomes visible behind a later one. The price is that appends follow one another.
//
// The package moves bytes. What they mean, and how an event of an old schema is
// read by a newer program, is for the handler, such as a generated one.
package sourcing

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/record"
	"github.com/wireproof/wireproof/event/internal/sqltx"
)

// A Store is the tables wireproof_event, wireproof_event_position,
// wireproof_snapshot and wireproof_projection of a database. It is safe for concurrent use.
type Store struct {
	db      *sql.DB
	publish event.Publisher // nil if events are stored only
}

// An Option configures a store.
type Option interface{ applyStore(*Store) }

type option func(*Store)

func (o option) applyStore(s *Store) { o(s) }

// PublishTo publishes what is appended through p in the same transaction, which
// p finds in its context, as an outbox of the same database does. If p refuses,
// nothing is appended.
func PublishTo(p event.Publisher) Option { return option(func(s *Store) { s.publish = p }) }

// New returns a store in db, which stays the caller's, and makes its tables if they
// are not there. A SQLite database has to be one whose commits are durable.
func New(ctx context.Context, db *sql.DB, opts ...Option) (*Store, error) {
	s := &Store{db: db}
	for _, o := range opts {
		o.applyStore(s)
	}
	blob := "BLOB"
	var synchronous int
	if err := db.QueryRowContext(ctx, `PRAGMA synchronous`).Scan(&synchronous); err != nil {
		var version string
		if perr := db.QueryRowContext(ctx, `SELECT version()`).Scan(&version); perr != nil {
			return nil, fmt.Errorf("sourcing: the database is neither SQLite (%w) nor PostgreSQL (%w)", err, perr)
		}
		blob = "BYTEA"
	} else if synchronous < 2 {
		return nil, fmt.Errorf("sourcing: SQLite's synchronous is %d, which may lose what was appended: open the database with _pragma=synchronous(full)", synchronous)
	}
	for _, q := range []string{
		`CREATE TABLE IF NOT EXISTS wireproof_event (position BIGINT PRIMARY KEY, stream TEXT NOT NULL, version BIGINT NOT NULL,
			record ` + blob + ` NOT NULL, UNIQUE (stream, version))`,
		`CREATE TABLE IF NOT EXISTS wireproof_event_position (one INTEGER PRIMARY KEY, last BIGINT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS wireproof_projection (name TEXT PRIMARY KEY, position BIGINT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS wireproof_snapshot (stream TEXT NOT NULL, form TEXT NOT NULL, version BIGINT NOT NULL,
			state ` + blob + ` NOT NULL, PRIMARY KEY (stream, form))`,
		`INSERT INTO wireproof_event_position (one, last) VALUES (1, 0) ON CONFLICT DO NOTHING`,
	} {
		_, err := db.ExecContext(ctx, q)
		if err != nil { // two that create it at once get in each other's way in PostgreSQL
			_, err = db.ExecContext(ctx, q)
		}
		if err != nil {
			return nil, fmt.Errorf("sourcing: create its tables: %w", err)
		}
	}
	return s, nil
}

// An Event is a message with its place. Its Offset is its position.
type Event struct {
	event.Delivery
	Stream  string
	Version int64 // in the stream, from 1
}

// A ConflictError says that a stream is not at the version that was expected. The
// author loads what has come meanwhile, and decides again.
type ConflictError struct {
	Stream           string
	Expected, Actual int64
}

// Error names the stream and both versions.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("sourcing: stream %q is at version %d, expected %d: load it and decide again", e.Stream, e.Actual, e.Expected)
}

// Append stores ms behind version expected of a stream, all or none; a new stream
// is at version 0. It returns the version of the last. The error is a
// *[ConflictError] if the stream is at another version, and nothing is changed
// then; any other error does not say that ms are not stored.
//
// Each message is given an id (event.HeaderID) unless it has one, or is a
// CloudEvent; and a time if it has none. If ctx carries a transaction (outbox.In,
// or a handler behind an inbox) it is used, and holds up other appenders until it
// ends; after an error other than a conflict it cannot be committed.
func (s *Store) Append(ctx context.Context, stream string, expected int64, ms ...*event.Message) (int64, error) {
	es, err := s.append(ctx, stream, expected, ms)
	if err != nil {
		return 0, err
	}
	return expected + int64(len(es)), nil
}

// append is Append, and returns the events as Load gives them.
func (s *Store) append(ctx context.Context, stream string, expected int64, ms []*event.Message) ([]*Event, error) {
	if stream == "" || expected < 0 || len(ms) == 0 {
		return nil, fmt.Errorf("sourcing: append %d events to stream %q at version %d: want one at least, a name, and 0 or more", len(ms), stream, expected)
	}
	for i, m := range ms {
		if m == nil || m.Topic == "" {
			return nil, fmt.Errorf("sourcing: append to stream %q: event %d has no topic", stream, i)
		}
	}
	if tx := sqltx.From(ctx); tx != nil {
		return s.appendIn(ctx, tx, stream, expected, ms)
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("sourcing: begin: %w", err)
	}
	defer tx.Rollback() // nothing, once committed
	es, err := s.appendIn(sqltx.With(ctx, tx), tx, stream, expected, ms)
	if err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("sourcing: commit %d events of stream %q: %w", len(ms), stream, err)
	}
	return es, nil
}

func (s *Store) appendIn(ctx context.Context, tx *sql.Tx, stream string, expected int64, ms []*event.Message) ([]*Event, error) {
	// The row is taken before the version is read: who waits here sees what the one
	// before has committed.
	var last, version int64
	if err := tx.QueryRowContext(ctx, `UPDATE wireproof_event_position SET last = last WHERE one = 1 RETURNING last`).Scan(&last); err != nil {
		return nil, fmt.Errorf("sourcing: wait for the turn to append to %q: %w", stream, err)
	}
	if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM wireproof_event WHERE stream = $1`, stream).Scan(&version); err != nil {
		return nil, fmt.Errorf("sourcing: version of stream %q: %w", stream, err)
	}
	if version != expected {
		return nil, &ConflictError{stream, expected, version}
	}
	now := time.Now()
	out, es := make([]*event.Message, len(ms)), make([]*Event, len(ms))
	for i, m := range ms {
		x := *m
		_, own := x.Headers.Get(event.HeaderID)
		if _, ce := x.Headers.Get("ce_id"); !own && !ce {
			x.Headers = x.Headers.With(event.HeaderID, []byte(rand.Text()))
		}
		if x.Time.IsZero() {
			x.Time = now
		}
		x.Time = x.Time.UTC().Round(0) // as it is read again
		out[i] = &x
		last, version = last+1, version+1
		es[i] = &Event{Delivery: event.Delivery{Message: x, Offset: last, Attempt: 1}, Stream: stream, Version: version}
		if _, err := tx.ExecContext(ctx, `INSERT INTO wireproof_event (position, stream, version, record) VALUES ($1, $2, $3, $4)`,
			last, stream, version, record.Append(nil, &x)); err != nil {
			return nil, fmt.Errorf("sourcing: store version %d of stream %q: %w", version, stream, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE wireproof_event_position SET last = $1 WHERE one = 1`, last); err != nil {
		return nil, fmt.Errorf("sourcing: store the position %d: %w", last, err)
	}
	if s.publish != nil {
		if err := s.publish.Publish(ctx, out...); err != nil {
			return nil, fmt.Errorf("sourcing: publish %d events of stream %q: %w", len(ms), stream, err)
		}
	}
	return es, nil
}

const page = 500

// Load returns the events of a stream behind a version, 0 for all, in their order.
// An error is the last that it gives. It reads in pages and holds no connection
// while the caller works; in a transaction that ctx carries it sees what that has
// appended.
func (s *Store) Load(ctx context.Context, stream string, after int64) iter.Seq2[*Event, error] {
	return s.pages(ctx, after, func(e *Event) int64 { return e.Version },
		`SELECT position, stream, version, record FROM wireproof_event WHERE stream = $3 AND version > $1 ORDER BY version LIMIT $2`, stream)
}

// All returns the events of all streams behind a position, 0 for all, in the order
// in which they were committed; otherwise it is as [Store.Load].
func (s *Store) All(ctx context.Context, after int64) iter.Seq2[*Event, error] {
	return s.pages(ctx, after, func(e *Event) int64 { return e.Offset },
		`SELECT position, stream, version, record FROM wireproof_event WHERE position > $1 ORDER BY position LIMIT $2`)
}

func (s *Store) pages(ctx context.Context, after int64, place func(*Event) int64, query string, args ...any) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		for at := after; ; {
			es, err := s.read(ctx, query, append([]any{at, page}, args...))
			for _, e := range es {
				if got := place(e); got != at+1 {
					yield(nil, fmt.Errorf("sourcing: behind %d comes %d of stream %q: events are missing from the table", at, got, e.Stream))
					return
				}
				at++
				if !yield(e, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
			}
			if err != nil || len(es) < page {
				return
			}
		}
	}
}

// read returns the events before the first that cannot be read.
func (s *Store) read(ctx context.Context, query string, args []any) ([]*Event, error) {
	ask := s.db.QueryContext
	if tx := sqltx.From(ctx); tx != nil {
		ask = tx.QueryContext
	}
	rows, err := ask(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("sourcing: read events: %w", err)
	}
	defer rows.Close()
	var out []*Event
	for rows.Next() {
		e, b := &Event{}, []byte(nil)
		var position int64
		if err := rows.Scan(&position, &e.Stream, &e.Version, &b); err != nil {
			return out, fmt.Errorf("sourcing: read events: %w", err)
		}
		m, err := record.Decode(b)
		if err != nil {
			return out, fmt.Errorf("sourcing: version %d of stream %q (position %d) is damaged: %w", e.Version, e.Stream, position, err)
		}
		e.Delivery = event.Delivery{Message: *m, Offset: position, Attempt: 1}
		out = append(out, e)
	}
	if err := rows.Err(); err != nil {
		return out, fmt.Errorf("sourcing: read events: %w", err)
	}
	return out, nil
}

// IsConflict reports whether err is a *[ConflictError].
func IsConflict(err error) bool {
	var c *ConflictError
	return errors.As(err, &c)
}
