package sqlitelog

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/url"
	"path/filepath"
	"strings"
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
	// Statements of write, compiled once.
	end, insert, insertAt *sql.Stmt
}

// compile prepares the statements of appends.
func (c *connection) compile(ctx context.Context) error {
	for text, to := range map[string]**sql.Stmt{
		"SELECT coalesce(max(seq) + 1, 0) FROM log":                                                          &c.end,
		"INSERT INTO log (seq, record) VALUES (?, ?)":                                                        &c.insert,
		"INSERT INTO log (seq, record) SELECT ?1, ?2 WHERE ?1 = (SELECT coalesce(max(seq) + 1, 0) FROM log)": &c.insertAt,
	} {
		var err error
		if *to, err = c.write.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
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
			if err = prepare(ctx, c.write); err == nil {
				err = c.compile(ctx)
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	l.open.Store(c)
	return c, nil
}
