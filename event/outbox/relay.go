package outbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
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

	database trouble
	shards   map[int]trouble // of those that fail
}

// Relay publishes what is stored with to, until ctx ends; it returns nil then.
// What the broker does not take stays, is reported, and is tried again with growing
// waits of up to 30 s. Meanwhile its shard waits too, a sixteenth of the keys, and no
// other, and then what follows of its topic and key is held back until it has gone: only
// what went out in one batch with it, of this relay or another, may have overtaken it. A
// message without a key holds back nothing, and what is refused, however much, nothing of
// other keys. So it is with a database that does not answer.
func (o *Outbox) Relay(ctx context.Context, to event.Publisher, opts ...RelayOption) error {
	r := &relay{o: o, to: to, poll: time.Second, lease: 30 * time.Second, messages: 500, bytes: 8 << 20,
		log: slog.New(slog.DiscardHandler), name: rand.Text(), shards: map[int]trouble{}}
	for _, opt := range opts {
		opt.applyRelay(r)
	}
	switch {
	case to == nil:
		return errors.New("outbox: Relay wants a publisher, it is nil")
	case r.poll <= 0 || r.lease < time.Second || r.messages < 1 || r.bytes < 1 || r.log == nil:
		return fmt.Errorf("outbox: polling each %v, leases of %v, batches of %d messages and %d bytes: want a second for leases, more than 0 for the others, and a logger", r.poll, r.lease, r.messages, r.bytes)
	}
	for {
		more, err := r.round(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			again := r.database.failed(r.poll)
			r.log.Error("outbox: relay", "error", err, "again_in", again)
			if !r.sleep(ctx, again, false) {
				return nil
			}
			continue
		}
		r.database = trouble{}
		if more {
			continue
		}
		if !r.sleep(ctx, r.untilNext(), true) {
			return nil
		}
	}
}

// longestWait is how long what fails waits at most before it is tried again.
const longestWait = 30 * time.Second

// trouble is what fails time after time. The zero value is none.
//
// What a broker refuses of a shard is passed by, so that there may be any amount of
// it: each attempt offers the oldest messages first, then goes on where the attempts
// before it have come to. Once they are at the end, a pass is over, and the next one
// begins.
type trouble struct {
	wait  time.Duration // after the last failure
	next  time.Time     // not before then
	held  map[chain]int // of a shard: whose first message was refused, and in which pass last
	pass  int
	after int64 // the row behind which the pass goes on; 0: it begins
}

// A chain is the messages that are to stay in order.
type chain struct{ topic, key string }

func chainOf(m *event.Message) chain { return chain{m.Topic, string(m.Key)} }

// failed notes a failure, and returns how long to wait: first, then twice as long
// each time.
func (t *trouble) failed(first time.Duration) time.Duration {
	t.wait = min(max(2*t.wait, first), max(longestWait, first))
	t.next = time.Now().Add(t.wait)
	return t.wait
}

// hold notes that the first message of a chain was refused in this pass.
func (t *trouble) hold(c chain) {
	if t.held == nil {
		t.held = map[chain]int{}
	}
	t.held[c] = t.pass
}

// untilNext returns how long there is nothing to do unless something wakes the
// relay.
func (r *relay) untilNext() time.Duration {
	d := r.poll
	for _, t := range r.shards {
		d = min(d, max(time.Until(t.next), 0))
	}
	return d
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
// holds. It reports whether there may be more. A shard that fails is left out until
// it is to be tried again; the error is that of the database.
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
	maps.DeleteFunc(r.shards, func(s int, _ trouble) bool { return !slices.Contains(full, s) })
	for _, s := range full {
		t, troubled := r.shards[s]
		if time.Now().Before(t.next) {
			continue
		}
		n, err := r.shard(ctx, s, &t)
		switch {
		case err == nil && len(t.held) == 0:
			delete(r.shards, s)
		case err == nil: // there may be more of what is held, further behind
			t.wait, t.next = 0, time.Time{}
			r.shards[s] = t
		case errors.Is(err, errTaken):
			if troubled { // what is held back stays so
				t.next = time.Now().Add(r.poll)
				r.shards[s] = t
			}
		case ctx.Err() == nil:
			r.log.Error("outbox: relay", "shard", s, "error", err, "again_in", t.failed(r.poll))
			r.shards[s] = t
		}
		more = more || n > 0
	}
	return more, nil
}

// errTaken says that another relay holds the shard.
var errTaken = errors.New("another relay holds it")

// windows is how many batches of a shard an attempt offers at most, if the broker
// refuses some of the first.
const windows = 16

// shard publishes one batch of a shard, or some if the broker refuses messages, unless
// another relay holds it. It notes in t what is refused.
func (r *relay) shard(ctx context.Context, shard int, t *trouble) (published int, err error) {
	now := time.Now()
	res, err := r.o.db.ExecContext(ctx, `UPDATE wireproof_outbox_shard SET holder = $1, until_ms = $2 WHERE shard = $3 AND until_ms < $4`,
		r.name, now.Add(r.lease).UnixMilli(), shard, now.UnixMilli())
	if err != nil {
		return 0, fmt.Errorf("take it: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil {
		return 0, fmt.Errorf("take it: %w", err)
	} else if n == 0 {
		return 0, errTaken
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
	publishing, cancel := context.WithDeadline(ctx, now.Add(r.lease))
	defer cancel()
	var refused error // the first
	for w := 0; w < windows && (w == 0 || refused != nil && t.after > 0); w++ {
		until := now.Add(r.lease / 2)
		if w > 0 && time.Now().After(until) {
			break
		}
		b, err := r.read(ctx, shard, t, w == 0, until)
		if err != nil || len(b.ms) == 0 && w == 0 {
			return published, errors.Join(refused, err)
		}
		n, no, err := r.offer(publishing, b, t, w == 0)
		if published += n; refused == nil {
			refused = no
		}
		if err != nil {
			return published, errors.Join(refused, err)
		}
	}
	return published, refused
}

// offer publishes b, deletes what the broker has taken, and notes in t what it has
// refused, for which refused is the reason. Oldest says that b is the oldest messages
// of the shard.
func (r *relay) offer(ctx context.Context, b *batch, t *trouble, oldest bool) (published int, refused, err error) {
	var pe *event.PublishError
	if len(b.ms) > 0 {
		perr := r.to.Publish(ctx, b.ms...)
		if perr != nil {
			refused = fmt.Errorf("publish %d messages: %w", len(b.ms), perr)
		}
		if perr != nil && (!errors.As(perr, &pe) || len(pe.Failed) == 0) {
			return 0, nil, refused
		}
	}
	no := map[int]bool{}
	if pe != nil {
		for _, f := range pe.Failed {
			no[f.Index] = true
		}
	}
	var taken []int64
	for i, id := range b.ids {
		if !no[i] {
			taken = append(taken, id)
		}
	}
	published, err = r.remove(ctx, taken)
	if oldest && len(taken) > 0 {
		t.pass, t.after = t.pass+1, 0
	}
	freed := false // a chain that was held: what was passed by of it comes next
	for i, m := range b.ms {
		if _, held := t.held[chainOf(m)]; held && m.Key != nil && !no[i] {
			delete(t.held, chainOf(m))
			freed = true
		}
	}
	for i, m := range b.ms {
		if no[i] && m.Key != nil {
			t.hold(chainOf(m))
		}
	}
	t.after = max(t.after, b.last)
	if b.last == 0 || freed || oldest && refused == nil { // it begins anew
		t.pass, t.after = t.pass+1, 0
	}
	return published, refused, err
}

// A batch is what is offered to the broker at once.
type batch struct {
	ids  []int64
	ms   []*event.Message
	last int64 // the row up to which it was read; 0 if there is none behind it
}

// read returns the oldest messages of a shard, or those that t has come to, as many as
// a batch holds. Of a chain that is held it is the first message, and none where t has
// come to if that was refused in this pass. Beyond what is held it looks for others
// until then.
func (r *relay) read(ctx context.Context, shard int, t *trouble, oldest bool, until time.Time) (*batch, error) {
	b := &batch{}
	if !oldest {
		b.last = t.after
	}
	size := 0
	seen := map[chain]bool{}
	for {
		rows, err := r.rows(ctx, shard, b.last)
		if err != nil {
			return nil, fmt.Errorf("read: %w", err)
		}
		for _, row := range rows {
			m, err := record.Decode(row.message)
			if err != nil {
				return nil, fmt.Errorf("row %d of wireproof_outbox is damaged, mend or delete it: %w", row.id, err)
			}
			if m.Key != nil && len(t.held) > 0 {
				c := chainOf(m)
				pass, held := t.held[c]
				if held && (seen[c] || pass == t.pass && !oldest) {
					b.last = row.id
					continue
				}
				if held {
					seen[c] = true
				}
			}
			if size += len(row.message); len(b.ms) > 0 && (size > r.bytes || len(b.ms) == r.messages) {
				return b, nil
			}
			b.ids, b.ms, b.last = append(b.ids, row.id), append(b.ms, m), row.id
		}
		if len(rows) == 0 {
			b.last = 0
		}
		if len(t.held) == 0 || len(rows) == 0 || len(b.ms) == r.messages || time.Now().After(until) {
			return b, nil
		}
	}
}

// A row is a stored message.
type row struct {
	id      int64
	message []byte
}

// rows returns the next rows of a shard, no more than a batch holds.
func (r *relay) rows(ctx context.Context, shard int, after int64) (out []row, err error) {
	rows, err := r.o.db.QueryContext(ctx, `SELECT id, message FROM wireproof_outbox WHERE shard = $1 AND id > $2 ORDER BY id LIMIT $3`, shard, after, r.messages)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for size := 0; rows.Next() && size <= r.bytes; size += len(out[len(out)-1].message) {
		var x row
		if err := rows.Scan(&x.id, &x.message); err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, rows.Err()
}

// remove deletes the rows of what was published. It goes on after ctx has ended, since
// the broker has them.
func (r *relay) remove(ctx context.Context, ids []int64) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	tx, err := r.o.db.BeginTx(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("delete what was published: %w", err)
	}
	defer tx.Rollback() // nothing, once committed
	for _, id := range ids {
		if _, err := tx.ExecContext(ctx, `DELETE FROM wireproof_outbox WHERE id = $1`, id); err != nil {
			return 0, fmt.Errorf("delete what was published: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return 0, fmt.Errorf("delete what was published: %w", err)
	}
	return len(ids), nil
}
