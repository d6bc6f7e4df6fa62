package outbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/record"
)

// A RelayOption configures [Outbox.Relay].
type RelayOption interface{ applyRelay(*relay) }

type relayOption func(*relay)

func (f relayOption) applyRelay(r *relay) { f(r) }

// Poll is how often the relay looks when nothing wakes it. The default is 1 s.
func Poll(d time.Duration) RelayOption { return relayOption(func(r *relay) { r.poll = d }) }

// Wake lets the relay look whenever something comes from c: see package pgwake,
// or a channel of the program's own. Receiving too often does no harm.
func Wake(c <-chan struct{}) RelayOption { return relayOption(func(r *relay) { r.wake = c }) }

// Batch bounds what is published at once: messages, and bytes of them. A message
// that is larger goes alone. The default is 500 messages and 8 MiB.
func Batch(messages, bytes int) RelayOption {
	return relayOption(func(r *relay) { r.messages, r.bytes = messages, bytes })
}

// Lease is how long a relay holds a shard at most without a sign of life; then
// another takes over. It must be longer than a batch takes to be published, and
// than the clocks of the relays differ. The default is 30 s.
func Lease(d time.Duration) RelayOption { return relayOption(func(r *relay) { r.lease = d }) }

// Logger says where the relay reports what it could not publish. The default is
// nowhere.
func Logger(l *slog.Logger) RelayOption { return relayOption(func(r *relay) { r.log = l }) }

type relay struct {
	o               *Outbox
	to              event.Publisher
	poll, lease     time.Duration
	wake            <-chan struct{}
	messages, bytes int
	log             *slog.Logger
	name            string
}

// Relay publishes what is stored with to, until ctx ends; it returns nil then.
// What the broker does not take stays and is tried again, with growing waits of
// up to 30 s: it holds up its shard, a sixteenth of the keys, and is reported. So
// it is with a database that does not answer.
func (o *Outbox) Relay(ctx context.Context, to event.Publisher, opts ...RelayOption) error {
	r := &relay{o: o, to: to, poll: time.Second, lease: 30 * time.Second, messages: 500, bytes: 8 << 20,
		log: slog.New(slog.DiscardHandler), name: rand.Text()}
	for _, opt := range opts {
		opt.applyRelay(r)
	}
	switch {
	case to == nil:
		return errors.New("outbox: Relay wants a publisher, it is nil")
	case r.poll <= 0 || r.lease < time.Second || r.messages < 1 || r.bytes < 1 || r.log == nil:
		return fmt.Errorf("outbox: polling each %v, leases of %v, batches of %d messages and %d bytes: want a second for leases, more than 0 for the others, and a logger", r.poll, r.lease, r.messages, r.bytes)
	}
	wait := r.poll
	for {
		more, err := r.round(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			r.log.Error("outbox: relay", "error", err, "again_in", wait)
		case more:
			wait = r.poll
			continue
		default:
			wait = r.poll
		}
		if !r.sleep(ctx, wait, err == nil) {
			return nil
		}
		if err != nil {
			wait = min(2*wait, 30*time.Second)
		}
	}
}

// sleep waits for d or, if it may be woken, for the wake; it reports whether ctx
// goes on.
func (r *relay) sleep(ctx context.Context, d time.Duration, wakeable bool) bool {
	wake := r.wake
	if !wakeable {
		wake = nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case _, ok := <-wake:
		if !ok {
			r.wake = nil
		}
	case <-t.C:
	}
	return true
}

// round publishes a batch of each shard that has something and that no other relay
// holds. It reports whether there may be more. One shard's error does not keep the
// others waiting.
func (r *relay) round(ctx context.Context) (more bool, err error) {
	rows, err := r.o.db.QueryContext(ctx, `SELECT s.shard FROM wireproof_outbox_shard s
		WHERE EXISTS (SELECT 1 FROM wireproof_outbox o WHERE o.shard = s.shard)`)
	if err != nil {
		return false, fmt.Errorf("look for what waits: %w", err)
	}
	var full []int
	for rows.Next() {
		var s int
		if err := rows.Scan(&s); err != nil {
			rows.Close()
			return false, fmt.Errorf("look for what waits: %w", err)
		}
		full = append(full, s)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return false, fmt.Errorf("look for what waits: %w", err)
	}
	var errs []error
	for _, s := range full {
		n, err := r.shard(ctx, s)
		if err != nil {
			errs = append(errs, fmt.Errorf("shard %d: %w", s, err))
		}
		more = more || n > 0
	}
	return more && len(errs) == 0, errors.Join(errs...)
}

// shard publishes one batch of a shard, unless another relay holds it.
func (r *relay) shard(ctx context.Context, shard int) (published int, err error) {
	now := time.Now()
	res, err := r.o.db.ExecContext(ctx, `UPDATE wireproof_outbox_shard SET holder = $1, until_ms = $2 WHERE shard = $3 AND until_ms < $4`,
		r.name, now.Add(r.lease).UnixMilli(), shard, now.UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("take it: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return 0, err
	}
	defer func() {
		// Also when ctx has ended: nobody should have to wait for the lease.
		giving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, gerr := r.o.db.ExecContext(giving, `UPDATE wireproof_outbox_shard SET holder = '', until_ms = 0 WHERE shard = $1 AND holder = $2`, shard, r.name)
		if gerr != nil {
			err = errors.Join(err, fmt.Errorf("give it back: %w", gerr))
		}
	}()
	ids, ms, err := r.read(ctx, shard)
	if err != nil || len(ms) == 0 {
		return 0, err
	}
	publishing, cancel := context.WithDeadline(ctx, now.Add(r.lease))
	defer cancel()
	perr := r.to.Publish(publishing, ms...)
	var pe *event.PublishError
	switch {
	case perr == nil:
	case errors.As(perr, &pe):
		for _, f := range pe.Failed {
			if f.Index >= 0 && f.Index < len(ids) {
				ids[f.Index] = 0
			}
		}
	default:
		return 0, fmt.Errorf("publish %d messages: %w", len(ms), perr)
	}
	published, err = r.remove(ctx, ids)
	if perr != nil {
		err = errors.Join(fmt.Errorf("publish %d messages: %w", len(ms), perr), err)
	}
	return published, err
}

// read returns the oldest messages of a shard, as many as a batch holds.
func (r *relay) read(ctx context.Context, shard int) (ids []int64, ms []*event.Message, err error) {
	rows, err := r.o.db.QueryContext(ctx, `SELECT id, message FROM wireproof_outbox WHERE shard = $1 ORDER BY id LIMIT $2`, shard, r.messages)
	if err != nil {
		return nil, nil, fmt.Errorf("read: %w", err)
	}
	defer rows.Close()
	size := 0
	for rows.Next() {
		var id int64
		var b []byte
		if err := rows.Scan(&id, &b); err != nil {
			return nil, nil, fmt.Errorf("read: %w", err)
		}
		if size += len(b); size > r.bytes && len(ms) > 0 {
			return ids, ms, nil
		}
		m, err := record.Decode(b)
		if err != nil {
			return nil, nil, fmt.Errorf("row %d of wireproof_outbox is damaged, mend or delete it: %w", id, err)
		}
		ids, ms = append(ids, id), append(ms, m)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, fmt.Errorf("read: %w", err)
	}
	return ids, ms, nil
}

// remove deletes the rows of what was published; an id of 0 was not. It goes on
// after ctx has ended, since the broker has them.
func (r *relay) remove(ctx context.Context, ids []int64) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	tx, err := r.o.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("delete what was published: %w", err)
	}
	defer tx.Rollback() // nothing, once committed
	n := 0
	for _, id := range ids {
		if id == 0 {
			continue
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM wireproof_outbox WHERE id = $1`, id); err != nil {
			return 0, fmt.Errorf("delete what was published: %w", err)
		}
		n++
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("delete what was published: %w", err)
	}
	return n, nil
}
