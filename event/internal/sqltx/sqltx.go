// Package sqltx carries the transaction of a handler in its context, so that an
// outbox finds the one that an inbox has begun.
package sqltx

import (
	"context"
	"database/sql"
)

type key struct{}

// With returns a context that carries tx.
func With(ctx context.Context, tx *sql.Tx) context.Context { return context.WithValue(ctx, key{}, tx) }

// From returns the transaction that ctx carries, or nil.
func From(ctx context.Context) *sql.Tx {
	tx, _ := ctx.Value(key{}).(*sql.Tx)
	return tx
}
