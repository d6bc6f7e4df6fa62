package eventlog

import (
	"context"
	"fmt"

	"github.com/wireproof/wireproof/event"
)

// Lag is as [event.Lagger] says; a topic has one partition, and one without a
// message is not an error. It reads one message of each topic in which the group is
// behind.
func (l *Log) Lag(ctx context.Context, group string, topics ...string) ([]event.Lag, error) {
	if group == "" || len(topics) == 0 {
		return nil, fmt.Errorf("eventlog: lag of group %q in topics %q: want a name, and one topic at least", group, topics)
	}
	var out []event.Lag
	for _, t := range topics {
		x := event.Lag{Topic: t, Committed: -1}
		// The position is asked for first: the end is then never before it.
		at, err := l.store.Position(ctx, group, t)
		if err != nil {
			return nil, fmt.Errorf("eventlog: position of group %q in %q: %w", group, t, err)
		}
		oldest, end, err := l.Bounds(ctx, t)
		if err != nil {
			return nil, err
		}
		if at > end {
			return nil, behindEnd(group, t, at, end)
		}
		if at > 0 {
			x.Committed = at
		}
		x.End = end
		if x.Messages = max(end-max(at, oldest), 0); x.Messages > 0 {
			err := l.Browse(ctx, t, map[int32]int64{0: at}, func(d *event.Delivery) bool {
				x.Oldest = d.Time
				return false
			})
			if err != nil {
				return nil, err
			}
		}
		out = append(out, x)
	}
	return out, nil
}

var _ event.Lagger = (*Log)(nil)
