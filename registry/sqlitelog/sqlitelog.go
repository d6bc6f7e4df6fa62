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
	"sync"
	"sync/atomic"

	"modernc.org/sqlite" // registers the driver
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/wireproof/wireproof/registry"
)

// A Log is a log in a file. All methods are safe for concurrent use.
type Log struct {
	path    string
	open    atomic.Pointer[connection] // nil while the file cannot be written
	opening sync.Mutex                 // held while open is made
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
	rows := make([]string, len(records))
	for i := range records {
		text, err := json.Marshal(&records[i])
		if err != nil {
			return 0, l.wrap("encode a record", err)
		}
		rows[i] = string(text)
	}
	if len(rows) == 1 {
		return l.appendOne(ctx, c, at, rows[0])
	}
	return l.appendAll(ctx, c, at, rows)
}

// appendOne needs no transaction around it: the one statement looks at the end
// and adds to it.
func (l *Log) appendOne(ctx context.Context, c *connection, at registry.Offset, row string) (registry.Offset, error) {
	done, err := c.insertAt.ExecContext(ctx, int64(at), row)
	if err != nil {
		return 0, l.wrap(fmt.Sprintf("insert record %d", at), err)
	}
	switch n, err := done.RowsAffected(); {
	case err != nil:
		return 0, l.wrap("count what was inserted", err)
	case n == 0:
		return 0, registry.ErrConflict
	}
	return at + 1, nil
}

func (l *Log) appendAll(ctx context.Context, c *connection, at registry.Offset, rows []string) (registry.Offset, error) {
	tx, err := c.write.BeginTx(ctx, nil)
	if err != nil {
		return 0, l.wrap("begin", err)
	}
	defer tx.Rollback() // does nothing after Commit
	var next registry.Offset
	if err := tx.StmtContext(ctx, c.end).QueryRowContext(ctx).Scan(&next); err != nil {
		return 0, l.wrap("find the end", err)
	}
	if next != at {
		return 0, registry.ErrConflict
	}
	insert := tx.StmtContext(ctx, c.insert)
	for _, row := range rows {
		if _, err := insert.ExecContext(ctx, int64(next), row); err != nil {
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
