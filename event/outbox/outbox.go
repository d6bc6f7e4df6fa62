// Package outbox publishes messages in the transaction of a database: they are
// stored in a table together with what else the transaction changes, and a relay
// hands them to a broker once it is committed. So neither is there without the
// other, whatever dies when.
//
// It works on PostgreSQL (9.5 or later) and SQLite (3.35 or later) through
// database/sql. A message may be published more than once, when a relay dies
// between the broker's answer and the deletion; each carries an id
// (event.HeaderID) by which package inbox and event.Deduplicate know it again.
//
// # Order
//
// The messages of one key, and those of a topic without a key, keep the order of
// their transactions: those of one that began after another was committed come
// behind it. Of two that overlapped, the one whose insert came first does, if both
// are committed when the relay looks. A message is deleted when it was published,
// and found by being there: so one that is committed late is not passed over, and
// a gap in the ids, which a transaction that was rolled back leaves, holds up
// nothing.
//
// A message that the broker refuses stays, and comes later. What was offered to the
// broker together with it, and taken, is then before it, also of its own key; of what
// has no key, whatever is taken until then.
//
// The package knows no broker. Which process relays is up to the caller: several
// may, and take turns.
package outbox

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/record"
	"github.com/wireproof/wireproof/event/internal/sqltx"
)

// shards is how many parts the outbox has that are relayed beside one another. A
// key belongs to one. It is part of the table's content: never change it.
const shards = 16

// Channel is where PostgreSQL is notified of each transaction that has published.
const Channel = "wireproof_outbox"

// An Outbox is the tables wireproof_outbox and wireproof_outbox_shard of a
// database. It is safe for concurrent use.
type Outbox struct {
	db       *sql.DB
	postgres bool
}

// New returns an outbox in db, which stays the caller's. It asks the database
// what it is, and makes the tables if they are not there.
func New(ctx context.Context, db *sql.DB) (*Outbox, error) {
	o := &Outbox{db: db}
	var version string
	switch err := db.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&version); {
	case err == nil:
	default:
		if perr := db.QueryRowContext(ctx, `SELECT version()`).Scan(&version); perr != nil {
			return nil, fmt.Errorf("outbox: the database is neither SQLite (%w) nor PostgreSQL (%w)", err, perr)
		}
		o.postgres = true
	}
	if err := o.create(ctx); err != nil {
		return nil, err
	}
	return o, nil
}

func (o *Outbox) create(ctx context.Context) error {
	id, blob := "INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB"
	if o.postgres {
		id, blob = "BIGSERIAL PRIMARY KEY", "BYTEA"
	}
	qs := []string{
		`CREATE TABLE IF NOT EXISTS wireproof_outbox (id ` + id + `, shard INTEGER NOT NULL, topic TEXT NOT NULL, message ` + blob + ` NOT NULL)`,
		`CREATE INDEX IF NOT EXISTS wireproof_outbox_shard_id ON wireproof_outbox (shard, id)`,
		`CREATE TABLE IF NOT EXISTS wireproof_outbox_shard (shard INTEGER PRIMARY KEY, holder TEXT NOT NULL, until_ms BIGINT NOT NULL)`,
	}
	for i := range shards {
		qs = append(qs, fmt.Sprintf(`INSERT INTO wireproof_outbox_shard VALUES (%d, '', 0) ON CONFLICT DO NOTHING`, i))
	}
	for _, q := range qs {
		_, err := o.db.ExecContext(ctx, q)
		if err != nil { // two that create it at once get in each other's way in PostgreSQL
			_, err = o.db.ExecContext(ctx, q)
		}
		if err != nil {
			return fmt.Errorf("outbox: create its tables: %w", err)
		}
	}
	return nil
}

// In returns a context with which [Outbox.Publish], and through it a generated
// publisher, publishes in tx. In a handler behind an inbox the context has its
// transaction already.
func In(ctx context.Context, tx *sql.Tx) context.Context { return sqltx.With(ctx, tx) }

// errNoTx says what to do.
var errNoTx = errors.New("outbox: the context carries no transaction: use outbox.In, or the context of a handler behind an inbox")

// Publish stores ms in the transaction of ctx. They are published once it is
// committed, and vanish if it is not. Each is given an id (event.HeaderID) unless
// it has one, or is a CloudEvent. It is a method of [event.Publisher]; an error,
// which is an *[event.PublishError], means that the transaction cannot be
// committed.
func (o *Outbox) Publish(ctx context.Context, ms ...*event.Message) error {
	if len(ms) == 0 {
		return nil
	}
	tx := sqltx.From(ctx)
	if tx == nil {
		return failed(ms, errNoTx)
	}
	for _, m := range ms {
		if m == nil || m.Topic == "" {
			return failed(ms, errors.New("outbox: a message has no topic"))
		}
	}
	for _, m := range ms {
		x := *m
		_, own := x.Headers.Get(event.HeaderID)
		if _, ce := x.Headers.Get("ce_id"); !own && !ce {
			x.Headers = x.Headers.With(event.HeaderID, []byte(rand.Text()))
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO wireproof_outbox (shard, topic, message) VALUES ($1, $2, $3)`,
			shardOf(&x), x.Topic, record.Append(nil, &x)); err != nil {
			return failed(ms, fmt.Errorf("outbox: store a message for topic %q: %w", x.Topic, err))
		}
	}
	if o.postgres {
		if _, err := tx.ExecContext(ctx, `SELECT pg_notify($1, '')`, Channel); err != nil {
			return failed(ms, fmt.Errorf("outbox: notify: %w", err))
		}
	}
	return nil
}

// Close does nothing: the transactions and the database are the caller's. It is a
// method of [event.Publisher].
func (o *Outbox) Close(context.Context) error { return nil }

// Len returns how many messages wait to be relayed.
func (o *Outbox) Len(ctx context.Context) (int, error) {
	var n int
	if err := o.db.QueryRowContext(ctx, `SELECT COUNT(*) FROM wireproof_outbox`).Scan(&n); err != nil {
		return 0, fmt.Errorf("outbox: count what waits: %w", err)
	}
	return n, nil
}

// failed says of every message that it is not stored: a transaction is stored as
// a whole.
func failed(ms []*event.Message, err error) error {
	pe := &event.PublishError{}
	for i, m := range ms {
		pe.Failed = append(pe.Failed, event.Failure{Index: i, Message: m, Err: err})
	}
	return pe
}

// shardOf returns the same shard for one key of a topic, and one for what has no
// key.
func shardOf(m *event.Message) int {
	h := fnv.New32a()
	h.Write([]byte(m.Topic))
	h.Write([]byte{0})
	h.Write(m.Key)
	return int(h.Sum32() % shards)
}
