// Package sqlstore keeps an event log in a PostgreSQL (9.5 or later) or SQLite
// (3.35 or later) database, through database/sql. Several processes may share it.
//
// Appends to one topic follow one another: a transaction holds the topic's row
// until it is committed. So offsets have no gaps, and none becomes visible behind a
// later one. Leases go by the clocks of the processes: keep them closer than a
// lease lasts.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Store is an eventlog.Store in the tables wireproof_log, wireproof_log_topic and
// wireproof_log_group.
type Store struct{ db *sql.DB }

// New returns a store in db, which stays the caller's, and makes its tables if they
// are not there. A SQLite database has to be one whose commits are durable.
func New(ctx context.Context, db *sql.DB) (*Store, error) {
	blob := "BLOB"
	var synchronous int
	if err := db.QueryRowContext(ctx, `PRAGMA synchronous`).Scan(&synchronous); err != nil {
		var version string
		if perr := db.QueryRowContext(ctx, `SELECT version()`).Scan(&version); perr != nil {
			return nil, fmt.Errorf("sqlstore: the database is neither SQLite (%w) nor PostgreSQL (%w)", err, perr)
		}
		blob = "BYTEA"
	} else if synchronous < 2 {
		return nil, fmt.Errorf("sqlstore: SQLite's synchronous is %d, which may lose what was appended: open the database with _pragma=synchronous(full)", synchronous)
	}
	for _, q := range []string{
		`CREATE TABLE IF NOT EXISTS wireproof_log (topic TEXT NOT NULL, seq BIGINT NOT NULL, record ` + blob + ` NOT NULL, PRIMARY KEY (topic, seq))`,
		`CREATE TABLE IF NOT EXISTS wireproof_log_topic (topic TEXT PRIMARY KEY, oldest BIGINT NOT NULL, next BIGINT NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS wireproof_log_group (consumer TEXT NOT NULL, topic TEXT NOT NULL, at BIGINT NOT NULL,
			holder TEXT NOT NULL, until_ms BIGINT NOT NULL, PRIMARY KEY (consumer, topic))`,
	} {
		_, err := db.ExecContext(ctx, q)
		if err != nil { // two that create it at once get in each other's way in PostgreSQL
			_, err = db.ExecContext(ctx, q)
		}
		if err != nil {
			return nil, fmt.Errorf("sqlstore: create its tables: %w", err)
		}
	}
	return &Store{db}, nil
}

// Append is as eventlog.Store says.
func (s *Store) Append(ctx context.Context, topic string, records [][]byte) (int64, error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer tx.Rollback() // nothing, once committed
	var next int64
	err = tx.QueryRowContext(ctx, `INSERT INTO wireproof_log_topic (topic, oldest, next) VALUES ($1, 0, $2)
		ON CONFLICT (topic) DO UPDATE SET next = wireproof_log_topic.next + excluded.next RETURNING next`, topic, len(records)).Scan(&next)
	if err != nil {
		return 0, err
	}
	first := next - int64(len(records))
	for i, r := range records {
		if _, err := tx.ExecContext(ctx, `INSERT INTO wireproof_log (topic, seq, record) VALUES ($1, $2, $3)`, topic, first+int64(i), r); err != nil {
			return 0, err
		}
	}
	return first, tx.Commit()
}

// Read is as eventlog.Store says.
func (s *Store) Read(ctx context.Context, topic string, from int64, records, bytes int) (int64, [][]byte, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT seq, record FROM wireproof_log WHERE topic = $1 AND seq >= $2 ORDER BY seq LIMIT $3`, topic, from, records)
	if err != nil {
		return 0, nil, err
	}
	defer rows.Close()
	first, size := from, 0
	var out [][]byte
	for rows.Next() {
		var seq int64
		var r []byte
		if err := rows.Scan(&seq, &r); err != nil {
			return 0, nil, err
		}
		if len(out) == 0 {
			first = seq
		} else if seq != first+int64(len(out)) {
			return 0, nil, fmt.Errorf("behind offset %d comes %d: records are missing from the table", first+int64(len(out))-1, seq)
		}
		if size += len(r); size > bytes && len(out) > 0 {
			break
		}
		out = append(out, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || first == from {
		return first, out, err
	}
	// What is before the first was trimmed, or else it is missing.
	oldest, _, err := s.Bounds(ctx, topic)
	if err != nil {
		return 0, nil, err
	}
	if at := max(from, oldest); first > at {
		return 0, nil, fmt.Errorf("where offset %d should be is %d: records are missing from the table", at, first)
	}
	return first, out, nil
}

// Bounds is as eventlog.Store says.
func (s *Store) Bounds(ctx context.Context, topic string) (oldest, end int64, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT oldest, next FROM wireproof_log_topic WHERE topic = $1`, topic).Scan(&oldest, &end)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, 0, nil
	}
	return oldest, end, err
}

// Trim is as eventlog.Store says.
func (s *Store) Trim(ctx context.Context, topic string, before int64) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing, once committed
	var oldest int64
	err = tx.QueryRowContext(ctx, `UPDATE wireproof_log_topic SET oldest = CASE WHEN $1 > next THEN next WHEN $1 > oldest THEN $1 ELSE oldest END
		WHERE topic = $2 RETURNING oldest`, before, topic).Scan(&oldest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM wireproof_log WHERE topic = $1 AND seq < $2`, topic, oldest); err != nil {
		return err
	}
	return tx.Commit()
}

// Topics is as eventlog.Store says.
func (s *Store) Topics(ctx context.Context) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT topic FROM wireproof_log_topic ORDER BY topic`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, rows.Err()
}

// Take is as eventlog.Store says.
func (s *Store) Take(ctx context.Context, group, topic, holder string, lease time.Duration) (at int64, ok bool, err error) {
	now := time.Now()
	err = s.db.QueryRowContext(ctx, `INSERT INTO wireproof_log_group (consumer, topic, at, holder, until_ms) VALUES ($1, $2, 0, $3, $4)
		ON CONFLICT (consumer, topic) DO UPDATE SET holder = excluded.holder, until_ms = excluded.until_ms
		WHERE wireproof_log_group.until_ms < $5 RETURNING at`,
		group, topic, holder, now.Add(lease).UnixMilli(), now.UnixMilli()).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return at, err == nil, err
}

// Extend is as eventlog.Store says.
func (s *Store) Extend(ctx context.Context, group, topic, holder string, lease time.Duration) (bool, error) {
	return s.ours(ctx, `UPDATE wireproof_log_group SET until_ms = $4 WHERE consumer = $1 AND topic = $2 AND holder = $3`,
		group, topic, holder, time.Now().Add(lease).UnixMilli())
}

// Save is as eventlog.Store says.
func (s *Store) Save(ctx context.Context, group, topic, holder string, at int64) (bool, error) {
	return s.ours(ctx, `UPDATE wireproof_log_group SET at = $4 WHERE consumer = $1 AND topic = $2 AND holder = $3`, group, topic, holder, at)
}

// Position is as eventlog.Store says.
func (s *Store) Position(ctx context.Context, group, topic string) (at int64, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT at FROM wireproof_log_group WHERE consumer = $1 AND topic = $2`, group, topic).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return at, err
}

// Leave is as eventlog.Store says.
func (s *Store) Leave(ctx context.Context, group, topic, holder string) error {
	_, err := s.ours(ctx, `UPDATE wireproof_log_group SET holder = '', until_ms = 0 WHERE consumer = $1 AND topic = $2 AND holder = $3`, group, topic, holder)
	return err
}

// ours reports whether a row was changed.
func (s *Store) ours(ctx context.Context, query string, args ...any) (bool, error) {
	r, err := s.db.ExecContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	n, err := r.RowsAffected()
	return n > 0, err
}

// Seek is as eventlog.Store says.
func (s *Store) Seek(ctx context.Context, group, topic string, at int64) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO wireproof_log_group (consumer, topic, at, holder, until_ms) VALUES ($1, $2, $3, '', 0)
		ON CONFLICT (consumer, topic) DO UPDATE SET at = excluded.at, holder = '', until_ms = 0`, group, topic, at)
	return err
}
