package redisbus

import (
	"context"
	"fmt"

	"github.com/wireproof/wireproof/event"
)

// Lag is as [event.Lagger] says; a topic has one partition. It asks the server, and
// reads one message of each topic in which the group is behind. Messages is exact;
// where the server cannot tell, as before Redis 7, Lag reads what nobody has read.
func (b *Bus) Lag(ctx context.Context, group string, topics ...string) ([]event.Lag, error) {
	if group == "" || len(topics) == 0 {
		return nil, fmt.Errorf("lag of group %q in topics %q: want a name, and one topic at least", group, topics)
	}
	var out []event.Lag
	for _, t := range topics {
		l, err := b.lag(ctx, group, t)
		if err != nil {
			return nil, fmt.Errorf("lag of group %q in topic %q: %w", group, t, err)
		}
		out = append(out, l)
	}
	return out, nil
}

func (b *Bus) lag(ctx context.Context, group, topic string) (event.Lag, error) {
	out := event.Lag{Topic: topic, Committed: -1}
	key := b.key(topic)
	// What is settled is asked for first: the end is then never before it.
	groups, err := b.client.XInfoGroups(ctx, key).Result()
	if err != nil {
		return out, err
	}
	read, unread, from := "0-0", int64(-1), "" // by the group; from is the first that is not settled
	for _, g := range groups {
		if g.Name != group {
			continue
		}
		read, unread = g.LastDeliveredID, g.Lag
		held, err := b.client.XPending(ctx, key, group).Result()
		if err != nil {
			return out, err
		}
		if out.Messages = held.Count; held.Count > 0 {
			from = held.Lower
		}
	}
	last, err := b.client.XInfoStream(ctx, key).Result()
	if err != nil {
		return out, err
	}
	if out.End, err = offsetOf(last.LastGeneratedID); err != nil {
		return out, err
	}
	out.End++
	if unread < 0 {
		if unread, err = b.countBehind(ctx, key, read); err != nil {
			return out, err
		}
	}
	out.Messages += unread
	start := from
	if from == "" {
		start = "(" + read
	}
	if read != "0-0" {
		if out.Committed, err = offsetOf(read); err != nil {
			return out, err
		}
		out.Committed++
	}
	if from != "" {
		if out.Committed, err = offsetOf(from); err != nil {
			return out, err
		}
	}
	if out.Messages == 0 {
		return out, nil
	}
	first, err := b.client.XRangeN(ctx, key, start, "+", 1).Result()
	if err != nil || len(first) == 0 {
		return out, err
	}
	d, err := delivery(topic, first[0])
	if err != nil {
		return out, err
	}
	out.Oldest = d.Time
	return out, nil
}

// countBehind counts the entries behind an id.
func (b *Bus) countBehind(ctx context.Context, key, id string) (n int64, err error) {
	for {
		xs, err := b.client.XRangeN(ctx, key, "("+id, "+", 1000).Result()
		if err != nil {
			return 0, err
		}
		n += int64(len(xs))
		if len(xs) < 1000 {
			return n, nil
		}
		id = xs[len(xs)-1].ID
	}
}

var _ event.Lagger = (*Bus)(nil)
