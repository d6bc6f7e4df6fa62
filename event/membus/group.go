package membus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/wildcard"
)

// errMoved is the cause of the end of a lane that another member gets.
var errMoved = errors.New("membus: the partition moves to another member of the group")

// A group is what the bus remembers of a consumer group.
type group struct {
	name    string
	members []*source         // in the order of joining
	shares  map[string]*share // by topic, for ever
}

// A share is a group's view of one topic.
type share struct {
	topic *topic
	parts []part
}

// A part is a group's view of one partition.
type part struct {
	settled int64 // everything below is
	lane    *lane // nil without an owner
	busy    *lane // an earlier owner whose handlers may still run
}

// Group returns the group of that name.
func (b *Bus) Group(name string) event.Group { return groupHandle{b, name} }

type groupHandle struct {
	bus  *Bus
	name string
}

func (g groupHandle) Name() string   { return g.name }
func (g groupHandle) Bus() event.Bus { return g.bus }

// Open joins the group; its partitions are shared out anew.
func (g groupHandle) Open(ctx context.Context, topics ...string) (event.Source, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(topics) == 0 || slices.Contains(topics, "") {
		return nil, fmt.Errorf("membus: group %q opens topics %q, want one at least and a name for each", g.name, topics)
	}
	for _, name := range topics {
		if err := wildcard.Check(name); err != nil {
			return nil, fmt.Errorf("membus: group %q: %w", g.name, err)
		}
	}
	b := g.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, ErrClosed
	}
	gr, ok := b.groups[g.name]
	if !ok {
		gr = &group{name: g.name, shares: map[string]*share{}}
		b.groups[g.name] = gr
	}
	src := &source{bus: b, group: gr, topics: slices.Clone(topics), wake: make(chan struct{}, 1)}
	for _, name := range topics {
		if !wildcard.Is(name) {
			gr.join(b.topicNamed(name, b.partitions))
		}
	}
	for name, t := range b.topics {
		if src.reads(name) {
			gr.join(t)
		}
	}
	gr.members = append(gr.members, src)
	b.share(gr)
	return src, nil
}

// join gives the group a share of t, from the oldest message that is kept, unless
// it has one. The bus's mutex is held.
func (g *group) join(t *topic) *share {
	if s, ok := g.shares[t.name]; ok {
		return s
	}
	s := &share{topic: t, parts: make([]part, len(t.partitions))}
	for i, p := range t.partitions {
		s.parts[i].settled = p.base
	}
	g.shares[t.name] = s
	t.shares = append(t.shares, s)
	return s
}

// share gives every partition an owner among the members that read its topic,
// evenly, and leaves it where it is if that is even enough. b.mu is held.
func (b *Bus) share(g *group) {
	// In order: the same members get the same partitions in each run.
	for _, name := range slices.Sorted(maps.Keys(g.shares)) {
		b.shareOne(g, g.shares[name])
	}
}

// shareOne does so for one topic. b.mu is held.
func (b *Bus) shareOne(g *group, s *share) {
	var ms []*source
	for _, m := range g.members {
		if m.reads(s.topic.name) {
			ms = append(ms, m)
		}
	}
	if len(ms) > 0 {
		b.shareOut(s, ms)
	}
}

// shareOut shares the partitions of s among ms. b.mu is held.
func (b *Bus) shareOut(s *share, ms []*source) {
	least, more := len(s.parts)/len(ms), len(s.parts)%len(ms)
	have := map[*source]int{}
	var free []int
	for i := range s.parts {
		l := s.parts[i].lane
		if l == nil {
			free = append(free, i)
			continue
		}
		switch n := have[l.src]; {
		case n < least:
			have[l.src]++
		case n == least && more > 0: // one of those that get one more
			more--
			have[l.src]++
		default:
			b.take(&s.parts[i], errMoved)
			free = append(free, i)
		}
	}
	for _, i := range free {
		to := ms[0]
		for _, m := range ms {
			if have[m] < have[to] {
				to = m
			}
		}
		have[to]++
		b.give(s, i, to)
	}
}

// give makes m the owner of a partition. b.mu is held.
func (b *Bus) give(s *share, i int, m *source) {
	p := &s.parts[i]
	ctx, cancel := context.WithCancelCause(context.Background())
	l := &lane{src: m, share: s, index: i, next: p.settled, ctx: ctx, cancel: cancel}
	p.lane = l
	m.lanes = append(m.lanes, l)
	m.wakeUp()
}

// take takes a partition from its owner. Until the owner's handlers have
// returned, or the grace is over, the next owner gets nothing. b.mu is held.
func (b *Bus) take(p *part, cause error) {
	l := p.lane
	p.lane = nil
	l.src.lanes = slices.DeleteFunc(l.src.lanes, func(x *lane) bool { return x == l })
	// Everything that was given out is settled: nothing of it runs.
	if l.next > p.settled && b.grace > 0 && !errors.Is(cause, ErrClosed) {
		p.busy = l
		l.timer = time.AfterFunc(b.grace, l.Release)
	}
	l.cancel(cause)
}
