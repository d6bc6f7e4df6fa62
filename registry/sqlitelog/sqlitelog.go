// Package sqlitelog keeps a registry's log in one SQLite file. An acknowledged
// write is on the disk: a process that is killed, and a machine that loses
// power, come back with it.
//
// Several processes on one machine may use one file; a network file system may
// not hold it, since SQLite's locks do not work there.
package sqlitelog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite" // registers the driver
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/wireproof/wireproof/registry"
)

// applicationID marks the file as ours ("WPRF"), format counts its layouts.
const (
	applicationID = 0x57505246
	format        = 1
)

// busyMillis is how long to wait for another process that is writing.
const busyMillis = 10_000

const createTable = `CREATE TABLE IF NOT EXISTS log (
	seq    INTEGER PRIMARY KEY,
	record TEXT NOT NULL
) STRICT`

// A Log is a log in a file. All methods are safe for concurrent use.
type Log struct {
	path    string
	open    atomic.Pointer[connection] // nil while the file cannot be written
	opening sync.Mutex                 // held while open is made
}

// Open opens the log in a file and makes the file if there is none. A file that
// is something else is an error and is left as it is.
//
// If the file is there but cannot be written, because its disk is full or
// read-only, it opens all the same: reads work, appends fail until it can be.
func Open(ctx context.Context, path string) (*Log, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	l := &Log{path: abs}
	if _, err = l.writable(ctx); err != nil && unwritable(err) {
		if _, _, e := l.readUnwritable(ctx, math.MaxInt64); e == nil {
			return l, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open the log %s: %w", path, err)
	}
	return l, nil
}

// The parameters of connections that write. With a WAL, only synchronous FULL
// promises that a commit is on the disk when it returns.
const durable = "_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"

// connect prepares connections; every one of them gets the parameters, most of
// which SQLite keeps for each connection and not in the file.
func connect(path string, n int, params string) (*sql.DB, error) {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	// The wait comes first, since the other settings may have to wait already.
	query := url.Values{"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyMillis)}}.Encode() + "&" + params
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: slashed, RawQuery: query}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// prepare makes the table in a new file and refuses a file of another kind.
func prepare(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if fresh, err := inspect(ctx, tx); err != nil || !fresh {
		return err
	}
	for _, statement := range []string{
		createTable,
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", format),
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Close releases the file. Nothing may use the log any more.
func (l *Log) Close() error {
	if c := l.open.Swap(nil); c != nil {
		return c.close()
	}
	return nil
}

// Append implements [registry.Log]. The records are one transaction.
func (l *Log) Append(ctx context.Context, at registry.Offset, records []registry.Record) (registry.Offset, error) {
	c, err := l.writable(ctx)
	if err != nil {
		return 0, l.wrap("open to write", err)
	}
	tx, err := c.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, l.wrap("begin", err)
	}
	defer tx.Rollback() // does nothing after Commit
	next, err := end(ctx, tx)
	if err != nil {
		return 0, l.wrap("find the end", err)
	}
	if next != at {
		return 0, registry.ErrConflict
	}
	insert, err := tx.PrepareContext(ctx, "INSERT INTO log (seq, record) VALUES (?, ?)")
	if err != nil {
		return 0, l.wrap("prepare", err)
	}
	defer insert.Close()
	for _, r := range records {
		text, err := json.Marshal(r)
		if err != nil {
			return 0, l.wrap("encode a record", err)
		}
		if _, err := insert.ExecContext(ctx, int64(next), string(text)); err != nil {
			return 0, l.wrap(fmt.Sprintf("insert record %d", next), err)
		}
		next++
	}
	if err := tx.Commit(); err != nil {
		return 0, l.wrap("commit", err)
	}
	return next, nil
}

type queryer interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func end(ctx context.Context, q queryer) (next registry.Offset, err error) {
	err = q.QueryRowContext(ctx, "SELECT coalesce(max(seq) + 1, 0) FROM log").Scan(&next)
	return next, err
}

// ReadFrom implements [registry.Log].
func (l *Log) ReadFrom(ctx context.Context, at registry.Offset) ([]registry.Record, registry.Offset, error) {
	if c := l.open.Load(); c != nil {
		return l.readRows(ctx, c.read, at)
	}
	return l.readUnwritable(ctx, at)
}

func (l *Log) readRows(ctx context.Context, db *sql.DB, at registry.Offset) ([]registry.Record, registry.Offset, error) {
	rows, err := db.QueryContext(ctx, "SELECT seq, record FROM log WHERE seq >= ? ORDER BY seq", int64(at))
	if err != nil {
		return nil, 0, l.wrap("read", err)
	}
	defer rows.Close()
	var out []registry.Record
	next := at
	for rows.Next() {
		var seq int64
		var text sql.RawBytes
		if err := rows.Scan(&seq, &text); err != nil {
			return nil, 0, l.wrap("read", err)
		}
		var r registry.Record
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, 0, l.wrap(fmt.Sprintf("record %d does not read as one", seq), err)
		}
		out, next = append(out, r), registry.Offset(seq)+1
	}
	if err := rows.Err(); err != nil {
		return nil, 0, l.wrap("read", err)
	}
	return out, next, nil
}

// wrap says which file and what was done. A writer that waited too long for
// another process has lost a race, no more.
func (l *Log) wrap(doing string, err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY {
		err = fmt.Errorf("another process holds the file: %w", err)
	}
	return fmt.Errorf("log %s: %s: %w", l.path, doing, err)
}
