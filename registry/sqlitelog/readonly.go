package sqlitelog

import (
	"context"
	"errors"
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
