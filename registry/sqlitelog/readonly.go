package sqlitelog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/wireproof/wireproof/registry"
)

// unwritable reports whether the disk, and not what is in the file, is what
// keeps a log from being opened.
func unwritable(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM:
		return true
	}
	return false
}

// readUnwritable is ReadFrom for a file that cannot be written. It looks at the
// file afresh each time.
func (l *Log) readUnwritable(ctx context.Context, at registry.Offset) ([]registry.Record, registry.Offset, error) {
	params := "mode=ro"
	// A file whose log was closed in order has no WAL, and SQLite would make one
	// even to read. It reads without when told that nobody else writes, which is
	// true as long as there still is no WAL when we are done.
	alone := !l.hasWAL()
	if alone {
		params += "&immutable=1"
	}
	db, err := connect(l.path, 1, params)
	if err != nil {
		return nil, 0, l.wrap("open to read", err)
	}
	defer db.Close()
	if err := recognize(ctx, db); err != nil {
		return nil, 0, l.wrap("open to read", err)
	}
	records, next, err := l.readRows(ctx, db, at)
	if err == nil && alone && l.hasWAL() {
		return nil, 0, l.wrap("read", errors.New("another process began to write"))
	}
	return records, next, err
}

func (l *Log) hasWAL() bool {
	info, err := os.Stat(l.path + "-wal")
	return err == nil && info.Size() > 0
}

// recognize refuses what is not a log of this format.
func recognize(ctx context.Context, db queryer) error {
	fresh, err := inspect(ctx, db)
	if err == nil && fresh {
		err = errors.New("the file is empty and cannot be written")
	}
	return err
}

// inspect reports whether a file is new, and refuses one of another kind.
func inspect(ctx context.Context, q queryer) (fresh bool, err error) {
	var id, version, tables int
	row := q.QueryRowContext(ctx, `SELECT (SELECT application_id FROM pragma_application_id),
		(SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)`)
	if err := row.Scan(&id, &version, &tables); err != nil {
		return false, err
	}
	switch {
	case id == applicationID && version == format:
		return false, nil
	case id == applicationID:
		return false, fmt.Errorf("the file has format %d, this program reads format %d", version, format)
	case tables > 0 || id != 0:
		return false, fmt.Errorf("the file is a database of another program")
	}
	return true, nil
}

// A connection is what reads and writes a file.
type connection struct {
	write *sql.DB // one connection, since SQLite has one writer
	read  *sql.DB
}

func (c *connection) close() error {
	var errs []error
	for _, db := range []*sql.DB{c.read, c.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// writable returns the connection, and makes it if the file could not be written
// before.
func (l *Log) writable(ctx context.Context) (*connection, error) {
	if c := l.open.Load(); c != nil {
		return c, nil
	}
	l.opening.Lock()
	defer l.opening.Unlock()
	if c := l.open.Load(); c != nil {
		return c, nil
	}
	c := &connection{}
	var err error
	if c.write, err = connect(l.path, 1, durable); err == nil {
		if c.read, err = connect(l.path, 4, durable); err == nil {
			err = prepare(ctx, c.write)
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	l.open.Store(c)
	return c, nil
}
