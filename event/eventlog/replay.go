package eventlog

import (
	"context"
	"fmt"

	"github.com/wireproof/wireproof/event"
)

// Replay hands fn what topic holds when the call is made, from an offset on, in
// batches of at most that many messages and in their order; what is older than the
// oldest that is kept is passed over. It returns a checkpoint: the offset that a
// later call goes on from, behind the last batch for which fn returned nil. It
// settles nothing and moves no group. fn runs on the caller's goroutine; an error
// of it ends the replay and is returned, so that the batch comes again.
func (l *Log) Replay(ctx context.Context, topic string, from int64, batch int, fn func(ctx context.Context, ds []*event.Delivery) error) (checkpoint int64, err error) {
	if from < 0 || batch <= 0 {
		return from, fmt.Errorf("eventlog: replay %q from offset %d in batches of %d: want 0 or more, and 1 or more", topic, from, batch)
	}
	oldest, end, err := l.store.Bounds(ctx, topic)
	if err != nil {
		return from, fmt.Errorf("eventlog: bounds of %q: %w", topic, err)
	}
	if from > end {
		return from, fmt.Errorf("eventlog: replay %q from offset %d, which is behind the end, %d", topic, from, end)
	}
	for at := max(from, oldest); at < end; {
		ds, next, err := l.read(ctx, topic, "", at)
		if err != nil {
			return at, err
		}
		if len(ds) == 0 {
			return at, nil // trimmed meanwhile
		}
		for len(ds) > 0 && ds[0].Offset < end {
			if err := ctx.Err(); err != nil {
				return at, err
			}
			n := int(min(int64(min(batch, len(ds))), end-ds[0].Offset))
			if err := fn(ctx, ds[:n:n]); err != nil {
				return at, err
			}
			at = ds[n-1].Offset + 1
			ds = ds[n:]
		}
		at = min(next, end)
	}
	return end, nil
}

// Bounds returns the offset of the oldest message that topic keeps, and the one
// that the next will have; both are equal if there is none.
func (l *Log) Bounds(ctx context.Context, topic string) (oldest, end int64, err error) {
	oldest, end, err = l.store.Bounds(ctx, topic)
	if err != nil {
		return 0, 0, fmt.Errorf("eventlog: bounds of %q: %w", topic, err)
	}
	return oldest, end, nil
}
