package pglog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/wireproof/wireproof/registry"
)

// DefaultSchema is where the tables are if nothing else is said.
const DefaultSchema = "wireproof_registry"

const (
	connectTimeout = 5 * time.Second
	defaultPoll    = 5 * time.Second
	maxName        = 63 // bytes that PostgreSQL keeps of a name
)

// Options change a log. The zero Options are ready to use.
type Options struct {
	// Schema holds the tables and is made if it is not there; "" means
	// [DefaultSchema]. Two logs in one database have different ones. It has at
	// most 63 bytes.
	Schema string
	// Poll is how long [Log.Watch] stays silent at most, for the case that
	// notifications do not get through, as with a pooler between; 0 means 5 s.
	Poll time.Duration
}

// A Log is a log in a database. All methods are safe for concurrent use.
type Log struct {
	pool   *pgxpool.Pool
	name   string // of the place, for errors; without secrets
	schema string
	poll   time.Duration
	sql    statements
}

// Open opens the log of a database, and makes it if there is none, or brings it
// up to date. Several servers may do so at once. url is what libpq takes, with
// the pool_ parameters of pgxpool; a connect_timeout of 5 s is added if it names
// none. No error repeats a password from it. A log that a newer program has
// brought up to date is an error and is left as it is.
func Open(ctx context.Context, url string, opts Options) (*Log, error) {
	if opts.Schema == "" {
		opts.Schema = DefaultSchema
	}
	if opts.Poll <= 0 {
		opts.Poll = defaultPoll
	}
	if len(opts.Schema) > maxName || strings.Contains(opts.Schema, "\x00") {
		return nil, fmt.Errorf("the schema name %.80q: expected at most %d bytes and none that is zero", opts.Schema, maxName)
	}
	cfg, err := parse(url)
	if err != nil {
		return nil, err
	}
	l := &Log{name: place(cfg.ConnConfig, opts.Schema), schema: opts.Schema, poll: opts.Poll, sql: newStatements(opts.Schema)}
	if l.pool, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return nil, l.wrap("open", err)
	}
	if err := l.prepare(ctx); err != nil {
		l.pool.Close()
		return nil, err
	}
	return l, nil
}

// parse reads the URL. What pgx says about a wrong one quotes it, so that it is
// told only where nothing in it can be a secret.
func parse(url string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	switch {
	case err == nil:
	case mayHoldSecret(url):
		return nil, errors.New("the address of the database does not read as one (it is not shown, for it may hold a password): expected postgres://user:password@host:port/database?sslmode=verify-full, with special characters of the password written as %XX")
	default:
		return nil, fmt.Errorf("the address of the database: %w", err)
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = connectTimeout
	}
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "wireproof"
	}
	return cfg, nil
}

func place(c *pgx.ConnConfig, schema string) string {
	return fmt.Sprintf("%s in %s:%d/%s", schema, c.Host, c.Port, c.Database)
}

// Close ends all connections and waits until each is given back. Nothing may use
// the log any more.
func (l *Log) Close() error {
	l.pool.Close()
	return nil
}

// Append implements [registry.Log].
func (l *Log) Append(ctx context.Context, at registry.Offset, records []registry.Record) (registry.Offset, error) {
	rows := make([][]byte, len(records))
	for i := range records {
		text, err := json.Marshal(&records[i])
		if err != nil {
			return 0, l.wrap("encode a record", err)
		}
		rows[i] = text
	}
	var next registry.Offset
	err := retry(ctx, neverSent, func() error {
		return l.pool.QueryRow(ctx, l.sql.append, int64(at), rows, formatNow, l.schema).Scan(&next, nil, nil)
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows), lostRace(err):
		return 0, registry.ErrConflict
	case err != nil:
		return 0, l.wrap(fmt.Sprintf("append %d records at offset %d", len(records), at), err)
	}
	return next, nil
}

// ReadFrom implements [registry.Log]. It holds one record at a time besides those
// that it returns.
func (l *Log) ReadFrom(ctx context.Context, at registry.Offset) (records []registry.Record, next registry.Offset, err error) {
	err = retry(ctx, connectionLost, func() error {
		records, next, err = l.read(ctx, at)
		return err
	})
	if err != nil {
		return nil, 0, l.wrap(fmt.Sprintf("read from offset %d", at), err)
	}
	return records, next, nil
}

// read returns the records of one snapshot. The head comes with each row, so
// that a log that was cut off or exchanged is noticed.
func (l *Log) read(ctx context.Context, at registry.Offset) ([]registry.Record, registry.Offset, error) {
	rows, err := l.pool.Query(ctx, l.sql.read, int64(at))
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	var out []registry.Record
	next, head, found := at, registry.Offset(0), false
	for rows.Next() {
		var seq *int64
		var text pgtype.DriverBytes // aliases the row
		var version int
		if err := rows.Scan(&version, &head, &seq, &text); err != nil {
			return nil, 0, err
		}
		found = true
		if version != formatNow {
			return nil, 0, formatError(version)
		}
		if seq == nil {
			continue // nothing but the head
		}
		if *seq != int64(next) {
			return nil, 0, fmt.Errorf("record %d is missing, the next one is %d: the database has lost data", next, *seq)
		}
		var r registry.Record
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, 0, fmt.Errorf("record %d does not read as one: %w", *seq, err)
		}
		out, next = append(out, r), next+1
	}
	switch err := rows.Err(); {
	case err != nil:
		return nil, 0, err
	case !found:
		return nil, 0, errors.New("the row of the head is gone")
	case head != next:
		return nil, 0, fmt.Errorf("the log ends at offset %d, expected %d: the database was exchanged or is older than what was read before", head, next)
	}
	return out, next, nil
}

// retry tries again on another connection as long as an error allows it, so
// that connections which died while nobody used them are no failure.
func retry(ctx context.Context, again func(error) bool, try func() error) error {
	const tries = 8
	var err error
	for range tries {
		if err = try(); err == nil || ctx.Err() != nil || !again(err) {
			break
		}
	}
	return err
}
