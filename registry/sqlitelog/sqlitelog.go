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
	"net/url"
	"path/filepath"
	"strings"

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
	path  string
	write *sql.DB // one connection, since SQLite has one writer
	read  *sql.DB
}

// Open opens the log in a file and makes the file if there is none. A file that
// is something else is an error and is left as it is.
func Open(ctx context.Context, path string) (*Log, error) {
	l := &Log{path: path}
	var err error
	if l.write, err = connect(path, 1); err == nil {
		if l.read, err = connect(path, 4); err == nil {
			err = l.prepare(ctx)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the log %s: %w", path, err), l.Close())
	}
	return l, nil
}

// connect prepares connections; every one of them has these settings, which
// SQLite keeps for each connection and not in the file. With a WAL, only
// synchronous FULL promises that a commit is on the disk when it returns.
func connect(path string, n int) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	query := url.Values{
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyMillis), "journal_mode(WAL)", "synchronous(FULL)"},
		"_txlock": {"immediate"},
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: slashed, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db, nil
}

// prepare makes the table in a new file and refuses a file of another kind.
func (l *Log) prepare(ctx context.Context) error {
	tx, err := l.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	var id, version, tables int
	row := tx.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`)
	if err := row.Scan(&id, &version, &tables); err != nil {
		return err
	}
	switch {
	case id == applicationID && version == format:
		return nil
	case id == applicationID:
		return fmt.Errorf("the file has format %d, this program reads format %d", version, format)
	case tables > 0 || id != 0:
		return fmt.Errorf("the file is a database of another program")
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
	var errs []error
	for _, db := range []*sql.DB{l.read, l.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Append implements [registry.Log]. The records are one transaction.
func (l *Log) Append(ctx context.Context, at registry.Offset, records []registry.Record) (registry.Offset, error) {
	tx, err := l.write.BeginTx(ctx, nil)
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
	rows, err := l.read.QueryContext(ctx, "SELECT seq, record FROM log WHERE seq >= ? ORDER BY seq", int64(at))
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
