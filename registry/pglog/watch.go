package pglog

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wireproof/wireproof/registry"
)

var _ registry.Watcher = (*Log)(nil)

// The wait before the next try to listen, after the first failure and at most.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 5 * time.Second
)

// Watch returns a channel that gets a value when something may have been
// appended, by whomever: soon after it was, after each new connection, and at
// the latest after [Options.Poll]. Values that nobody takes are merged into one.
// It uses a connection of its own, goes on when the database goes away and comes
// back, and closes the channel when ctx has ended and nothing is left running.
func (l *Log) Watch(ctx context.Context) <-chan struct{} {
	changed := make(chan struct{}, 1)
	fire := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	go func() {
		defer close(changed)
		for pause := firstPause; ctx.Err() == nil; pause = min(2*pause, maxPause) {
			if l.listen(ctx, fire) {
				pause = firstPause
			}
			select {
			case <-time.After(min(pause, l.poll)):
				fire()
			case <-ctx.Done():
			}
		}
	}()
	return changed
}

// listen calls fire until the connection ends, and reports whether there was one.
func (l *Log) listen(ctx context.Context, fire func()) (connected bool) {
	conn, err := pgx.ConnectConfig(ctx, l.pool.Config().ConnConfig)
	if err != nil {
		return false
	}
	defer func() {
		// The context may have ended, and a server that hangs must not hold us up.
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		conn.Close(bye)
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{l.schema}.Sanitize()); err != nil {
		return false
	}
	fire() // for what came before we listened
	for {
		wait, cancel := context.WithTimeout(ctx, l.poll)
		_, err := conn.WaitForNotification(wait)
		late := wait.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return true
		case err == nil:
			fire()
		case late && l.alive(ctx, conn):
			fire()
		default:
			return true
		}
	}
}

// alive asks the server, since a connection to a machine that is gone looks like
// one on which nothing happens.
func (l *Log) alive(ctx context.Context, conn *pgx.Conn) bool {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return conn.Ping(ctx) == nil
}
