// Package inbox handles each message once: that it was handled is noted in the
// same database transaction as what its handler changes. A message that is
// delivered again finds the note and is not handled; a handler that fails leaves
// neither changes nor a note.
//
// It works on PostgreSQL (9.5 or later) and SQLite (3.24 or later) through
// database/sql. Messages that the handler publishes in the same transaction go
// through package outbox.
//
// What the handler does outside of the transaction is not undone and may be done
// again. The package knows no broker, and of a message no more than its id (see
// event.Delivery.ID): one that is published twice has two, unless it carries one,
// as those of an outbox do.
package inbox

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/sqltx"
	"github.com/wireproof/wireproof/event/internal/textkey"
)

// An Inbox notes handled messages in the table wireproof_inbox. It is safe for
// concurrent use.
type Inbox struct{ db *sql.DB }

// New returns an inbox in db, which stays the caller's. Create makes its table.
func New(db *sql.DB) *Inbox { return &Inbox{db} }

// Create makes the table if it is not there.
func (i *Inbox) Create(ctx context.Context) error {
	for _, q := range []string{
		`CREATE TABLE IF NOT EXISTS wireproof_inbox (
			consumer TEXT NOT NULL, message TEXT NOT NULL, handled_ms BIGINT NOT NULL, PRIMARY KEY (consumer, message))`,
		`CREATE INDEX IF NOT EXISTS wireproof_inbox_handled ON wireproof_inbox (handled_ms)`,
	} {
		_, err := i.db.ExecContext(ctx, q)
		if err != nil { // two that create it at once get in each other's way in PostgreSQL
			_, err = i.db.ExecContext(ctx, q)
		}
		if err != nil {
			return fmt.Errorf("inbox: create the table wireproof_inbox: %w", err)
		}
	}
	return nil
}

// Option gives each message of a consumer a transaction, which the handler finds
// with [Tx] and which is committed if it returns nil. A message that the
// consumer's group has handled before is counted as a duplicate.
func (i *Inbox) Option() event.ConsumerOption { return event.Within(i.within) }

// Tx returns the transaction of the handler that ctx belongs to; nil if there is
// none. The handler neither commits it nor rolls it back.
func Tx(ctx context.Context) *sql.Tx { return sqltx.From(ctx) }

func (i *Inbox) within(ctx context.Context, d *event.Delivery, handler event.Handler) error {
	tx, err := i.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("inbox: begin: %w", err)
	}
	defer tx.Rollback() // nothing, once committed
	r, err := tx.ExecContext(ctx, `INSERT INTO wireproof_inbox (consumer, message, handled_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		d.Group, textkey.Of(d.ID()), time.Now().UnixMilli())
	if err != nil {
		return fmt.Errorf("inbox: note that %q is handled: %w", d.ID(), err)
	}
	if n, err := r.RowsAffected(); err != nil {
		return fmt.Errorf("inbox: note that %q is handled: %w", d.ID(), err)
	} else if n == 0 {
		return event.AlreadyHandled()
	}
	if err := handler(sqltx.With(ctx, tx), d); err != nil {
		return err
	}
	// If the answer is lost, the message comes again and finds what was stored.
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("inbox: commit: %w", err)
	}
	return nil
}

// Sweep forgets up to 10,000 messages that were handled more than age ago, and
// returns how many. Choose an age beyond which no message is delivered again: the
// retention of its topic, or how long dead letters are replayed.
func (i *Inbox) Sweep(ctx context.Context, age time.Duration) (int, error) {
	r, err := i.db.ExecContext(ctx, `DELETE FROM wireproof_inbox WHERE (consumer, message) IN
		(SELECT consumer, message FROM wireproof_inbox WHERE handled_ms < $1 ORDER BY handled_ms LIMIT 10000)`,
		time.Now().Add(-age).UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("inbox: forget what was handled before: %w", err)
	}
	n, err := r.RowsAffected()
	return int(n), err
}
