// Package pgwake wakes an outbox's relay when PostgreSQL has committed something
// for it, by LISTEN on a connection of its own. Without it a relay polls.
package pgwake

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wireproof/wireproof/event/outbox"
)

// Listen connects to the database at url and returns a channel for outbox.Wake,
// on which something comes after each commit that has published, until ctx ends;
// then it is closed. A lost connection is made again, and wakes the relay, since
// something may have been missed. log may be nil.
func Listen(ctx context.Context, url string, log *slog.Logger) (<-chan struct{}, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err // pgx leaves the password out
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	wake := make(chan struct{}, 1)
	go func() {
		defer close(wake)
		for ctx.Err() == nil {
			err := listen(ctx, cfg, wake)
			if ctx.Err() != nil {
				return
			}
			log.Warn("outbox: the connection that listens is lost, the relay polls until it is there again", "error", err)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}()
	return wake, nil
}

// listen passes notifications on until the connection or ctx ends.
func listen(ctx context.Context, cfg *pgx.ConnConfig, wake chan<- struct{}) error {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+outbox.Channel); err != nil {
		return err
	}
	for {
		select {
		case wake <- struct{}{}:
		default: // it is awake
		}
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}
