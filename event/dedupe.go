package event

import (
	"context"
	"time"
)

// A Deduper remembers which messages were handled, in two phases: a claim before
// the handler, and done after it. It is safe for concurrent use. Package dedupe
// has several.
type Deduper interface {
	// Claim claims each key for this process, for a limited time, and returns the
	// states that it found, in the order of keys. It claims a key that is Free,
	// and no other.
	Claim(ctx context.Context, keys ...string) ([]ClaimState, error)
	// Done notes that what the keys name was handled, whoever holds their claims.
	Done(ctx context.Context, keys ...string) error
	// Free gives up claims that this process holds; others are left alone.
	Free(ctx context.Context, keys ...string) error
}

// A ClaimState is what a Deduper knows of a key.
type ClaimState uint8

// The states of a key.
const (
	Free    ClaimState = iota // nobody held it: it is ours now
	Claimed                   // somebody is handling it, or was and has not given up its claim
	Done                      // it was handled
)

// envelopes are the headers of a CloudEvent's id and source in the bindings for
// Kafka, for NATS and Google Pub/Sub, and for AMQP, which has two spellings.
var envelopes = [...][2]string{
	{"ce_id", "ce_source"}, {"ce-id", "ce-source"},
	{"cloudEvents:id", "cloudEvents:source"}, {"cloudEvents_id", "cloudEvents_source"},
}

// ID names the message, the same on each delivery, retry and replay: by the
// source and id of its CloudEvents headers, in the spelling of any transport, or
// its [HeaderID], or else by where it was first published, as
// topic/partition/offset.
func (d *Delivery) ID() string {
	for _, e := range envelopes {
		if id, ok := d.Headers.Get(e[0]); ok {
			return d.Headers.text(e[1]) + "#" + string(id)
		}
	}
	if id, ok := d.Headers.Get(HeaderID); ok {
		return string(id)
	}
	if id := d.Headers.replayID(d.Topic); id != "" {
		return id
	}
	m := d.Meta()
	return placeID(m.Topic, m.Partition, m.Offset)
}

// dedupeKey is what a Deduper knows a message by: one group handles it once.
func (l *lane) dedupeKey(d *Delivery) string { return l.c.group + "/" + d.ID() }

// claim claims d. A claim that somebody else holds is waited for, since a message
// that is taken over comes from a member that died or lost its lane: its claim
// ends by itself. So is a store that does not answer: to go on without it would
// repeat what it remembers. It reports whether the lane is still there.
func (l *lane) claim(d *Delivery) (ClaimState, bool) {
	key := l.dedupeKey(d)
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		states, err := l.c.dedupe.Claim(l.ctx, key)
		switch {
		case err == nil && len(states) == 1 && states[0] != Claimed:
			if l.ctx.Err() != nil { // lost meanwhile
				if states[0] == Free {
					l.freeClaims(d)
				}
				return Claimed, false
			}
			return states[0], true
		case err != nil && l.ctx.Err() == nil:
			l.c.log.Error("dedupe cannot claim, and waits", "group", l.c.group, "message", nameOf(d), "error", err)
		}
		if !l.pause(wait) {
			return Claimed, false
		}
	}
}

// Between two questions to a deduper.
const (
	firstWait = 20 * time.Millisecond
	mostWait  = time.Second
)

// markDone notes that d was handled; see claim for a store that does not answer.
func (l *lane) markDone(ds ...*Delivery) bool {
	if l.c.dedupe == nil {
		return true
	}
	keys := l.dedupeKeys(ds)
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		// Once the lane is lost, or the drain over, there is one more try.
		ctx, cancel, last := l.ctx, func() {}, l.ctx.Err() != nil
		if last {
			ctx, cancel = context.WithTimeout(context.WithoutCancel(l.ctx), time.Second)
		}
		err := l.c.dedupe.Done(ctx, keys...)
		cancel()
		if err == nil {
			return true
		}
		l.c.log.Error("dedupe cannot note what was handled", "group", l.c.group, "message", nameOf(ds[0]), "again", !last, "error", err)
		if last {
			return false
		}
		select {
		case <-time.After(wait):
		case <-l.ctx.Done(): // not the drain: what was handled is to be noted
		}
	}
}

// leaveClaims is for what a handler has returned when its lane was lost: what was
// handled is noted, so that whoever has it now does not handle it again.
func (l *lane) leaveClaims(ds []*Delivery, errs []error) {
	var handled, failed []*Delivery
	for i, d := range ds {
		if errs[i] == nil {
			handled = append(handled, d)
		} else {
			failed = append(failed, d)
		}
	}
	if len(handled) > 0 {
		l.markDone(handled...)
	}
	l.freeClaims(failed...)
}

// freeClaims gives up the claims of messages that were not handled. If that fails
// they end by themselves.
func (l *lane) freeClaims(ds ...*Delivery) {
	if l.c.dedupe == nil || len(ds) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), time.Second)
	defer cancel()
	if err := l.c.dedupe.Free(ctx, l.dedupeKeys(ds)...); err != nil {
		l.c.log.Warn("dedupe cannot free a claim, which ends by itself", "group", l.c.group, "message", nameOf(ds[0]), "error", err)
	}
}

func (l *lane) dedupeKeys(ds []*Delivery) []string {
	keys := make([]string, len(ds))
	for i, d := range ds {
		keys[i] = l.dedupeKey(d)
	}
	return keys
}
