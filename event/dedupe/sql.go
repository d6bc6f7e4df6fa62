package dedupe

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/textkey"
)

// SQL is a deduper in the table wireproof_dedupe of a PostgreSQL (9.5 or later)
// or SQLite (3.35 or later) database. Its times are those of the clock of the
// process: keep the clocks of a group's members closer than a claim lasts.
type SQL struct {
	db    *sql.DB
	times Times
	token string

	mu    sync.Mutex // guards swept
	swept time.Time
}

// NewSQL returns a deduper in db. Create makes its table.
func NewSQL(db *sql.DB, times Times) (*SQL, error) {
	if err := times.Valid(); err != nil {
		return nil, err
	}
	return &SQL{db: db, times: times, token: rand.Text(), swept: time.Now()}, nil
}

// Create makes the table if it is not there.
func (s *SQL) Create(ctx context.Context) error {
	for _, q := range []string{
		`CREATE TABLE IF NOT EXISTS wireproof_dedupe (
			key TEXT PRIMARY KEY, done BOOLEAN NOT NULL, holder TEXT NOT NULL, until_ms BIGINT NOT NULL)`,
		`CREATE INDEX IF NOT EXISTS wireproof_dedupe_until ON wireproof_dedupe (until_ms)`,
	} {
		_, err := s.db.ExecContext(ctx, q)
		if err != nil { // two that create it at once get in each other's way in PostgreSQL
			_, err = s.db.ExecContext(ctx, q)
		}
		if err != nil {
			return fmt.Errorf("dedupe: create the table wireproof_dedupe: %w", err)
		}
	}
	return nil
}

// Claim is as [event.Deduper] says. The keys of one call are claimed in one
// transaction.
func (s *SQL) Claim(ctx context.Context, keys ...string) ([]event.ClaimState, error) {
	states := map[string]event.ClaimState{}
	err := s.each(ctx, keys, func(tx *sql.Tx, key string) error {
		now := time.Now()
		var done bool
		err := tx.QueryRowContext(ctx, `INSERT INTO wireproof_dedupe (key, done, holder, until_ms) VALUES ($1, FALSE, $2, $3)
			ON CONFLICT (key) DO UPDATE SET done = FALSE, holder = excluded.holder, until_ms = excluded.until_ms
			WHERE wireproof_dedupe.until_ms <= $4 RETURNING done`,
			textkey.Of(key), s.token, now.Add(s.times.Claim).UnixMilli(), now.UnixMilli()).Scan(&done)
		if err == nil {
			states[key] = event.Free
			return nil
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		err = tx.QueryRowContext(ctx, `SELECT done FROM wireproof_dedupe WHERE key = $1`, textkey.Of(key)).Scan(&done)
		states[key] = event.Claimed // also of one that was freed meanwhile: it is asked for again
		if err == nil && done {
			states[key] = event.Done
		}
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("dedupe: claim %d messages: %w", len(keys), err)
	}
	out := make([]event.ClaimState, len(keys))
	for i, k := range keys {
		out[i] = states[k]
		if states[k] == event.Free {
			states[k] = event.Claimed // a key that is there twice is claimed once
		}
	}
	return out, nil
}

// Done is as [event.Deduper] says.
func (s *SQL) Done(ctx context.Context, keys ...string) error {
	err := s.each(ctx, keys, func(tx *sql.Tx, key string) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO wireproof_dedupe (key, done, holder, until_ms) VALUES ($1, TRUE, $2, $3)
			ON CONFLICT (key) DO UPDATE SET done = TRUE, until_ms = excluded.until_ms`,
			textkey.Of(key), s.token, time.Now().Add(s.times.Done).UnixMilli())
		return err
	})
	if err != nil {
		return fmt.Errorf("dedupe: note %d messages as handled: %w", len(keys), err)
	}
	s.sweep(ctx)
	return nil
}

// Free is as [event.Deduper] says.
func (s *SQL) Free(ctx context.Context, keys ...string) error {
	err := s.each(ctx, keys, func(tx *sql.Tx, key string) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM wireproof_dedupe WHERE key = $1 AND holder = $2 AND NOT done`, textkey.Of(key), s.token)
		return err
	})
	if err != nil {
		return fmt.Errorf("dedupe: free %d messages: %w", len(keys), err)
	}
	return nil
}

// each calls f with each key in one transaction, in an order that is the same for
// everybody, so that no two transactions wait for each other.
func (s *SQL) each(ctx context.Context, keys []string, f func(*sql.Tx, string) error) error {
	sorted := slices.Compact(slices.Sorted(slices.Values(keys)))
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing, once committed
	for _, k := range sorted {
		if err := f(tx, k); err != nil {
			return err
		}
	}
	return tx.Commit()
}

const (
	sweepEach = time.Minute
	sweepMost = 10000
)

// sweep removes what has expired, once a minute. What it cannot remove is removed
// by the next.
func (s *SQL) sweep(ctx context.Context) {
	s.mu.Lock()
	due := time.Since(s.swept) >= sweepEach
	if due {
		s.swept = time.Now()
	}
	s.mu.Unlock()
	if due {
		_, _ = s.Sweep(ctx)
	}
}

// Sweep removes up to 10,000 entries that have expired, and returns how many. A
// deduper that is used does so by itself, once a minute.
func (s *SQL) Sweep(ctx context.Context) (int, error) {
	// PostgreSQL looks again at a row that another transaction has changed meanwhile, but
	// not into the list of keys: one that was claimed anew stays.
	r, err := s.db.ExecContext(ctx, `DELETE FROM wireproof_dedupe WHERE until_ms <= $1 AND key IN
		(SELECT key FROM wireproof_dedupe WHERE until_ms <= $1 ORDER BY until_ms LIMIT $2)`, time.Now().UnixMilli(), sweepMost)
	if err != nil {
		return 0, fmt.Errorf("dedupe: remove what has expired: %w", err)
	}
	n, err := r.RowsAffected()
	return int(n), err
}
