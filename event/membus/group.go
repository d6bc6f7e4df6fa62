package membus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wireproof/wireproof/event"
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
	for _, name := range topics {
		if _, ok := gr.shares[name]; ok {
			continue
		}
		t := b.topicNamed(name, b.partitions)
		s := &share{topic: t, parts: make([]part, len(t.partitions))}
		for i, p := range t.partitions {
			s.parts[i].settled = p.base
		}
		gr.shares[name] = s
	}
	src := &source{bus: b, group: gr, topics: slices.Clone(topics), wake: make(chan struct{}, 1)}
	gr.members = append(gr.members, src)
	b.share(gr)
	return src, nil
}

// share gives every partition an owner among the members that read its topic,
// evenly, and leaves it where it is if that is even enough. b.mu is held.
func (b *Bus) share(g *group) {
	names := make([]string, 0, len(g.shares))
	for name := range g.shares {
		names = append(names, name)
	}
	slices.Sort(names) // the same members get the same partitions in each run
	for _, name := range names {
		s := g.shares[name]
		var ms []*source
		for _, m := range g.members {
			if slices.Contains(m.topics, name) {
				ms = append(ms, m)
			}
		}
		if len(ms) == 0 {
			continue
		}
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
