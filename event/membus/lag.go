package membus

import (
	"context"
	"fmt"

	"github.com/wireproof/wireproof/event"
)

// Lag is as [event.Lagger] says. A pattern is no topic.
func (b *Bus) Lag(ctx context.Context, group string, topics ...string) ([]event.Lag, error) {
	if group == "" || len(topics) == 0 {
		return nil, fmt.Errorf("membus: lag of group %q in topics %q: want a name, and one topic at least", group, topics)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	var out []event.Lag
	for _, name := range topics {
		t, ok := b.topics[name]
		if !ok {
			return nil, fmt.Errorf("membus: lag of group %q: topic %q is not there", group, name)
		}
		var s *share
		if g, ok := b.groups[group]; ok {
			s = g.shares[name]
		}
		for i, p := range t.partitions {
			x := event.Lag{Topic: name, Partition: int32(i), Committed: -1, End: p.end()}
			at := p.base
			if s != nil && s.parts[i].settled > 0 {
				x.Committed = s.parts[i].settled
				at = max(at, x.Committed)
			}
			if x.Messages = x.End - at; x.Messages > 0 {
				first := p.view(nil, at, 1)[0].records[0]
				x.Oldest = first.time()
			}
			out = append(out, x)
		}
	}
	return out, nil
}

var _ event.Lagger = (*Bus)(nil)
