// Package membus is a bus inside one process: topics with partitions, offsets and
// consumer groups, in memory. It serves tests, demonstrations and programs whose
// events need not outlive them; it behaves as a Kafka broker does where the
// runtime can tell.
//
// Topics and groups appear when they are first used; a new group reads from the
// oldest message that is kept. A message is kept until room is needed (see
// [Limit]) and every group that has ever read its topic has settled it. While
// the slowest group lags so far that there is no room, Publish waits; so it does
// on a full topic that no group reads, rather than forget messages that nobody
// has seen.
//
// A topic to read may be a pattern: "*" is one token of a topic's name, between
// points, and ">" one or more at its end. It stands for all topics that match, also
// those that appear later, but for retry and dead-letter topics, which it has to end
// like. Topics that nothing bounds the number of stay for as long as the bus does.
//
// Nothing survives the process.
package membus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/wildcard"
)

// ErrClosed is the error of a bus or a source after its Close.
var ErrClosed = errors.New("membus: closed")

// An Option configures a bus.
type Option interface{ applyBus(*Bus) }

type option func(*Bus)

func (o option) applyBus(b *Bus) { o(b) }

// Partitions says how many partitions a topic gets when it appears. The default
// is 4; fewer than 1 is 1.
func Partitions(n int) Option { return option(func(b *Bus) { b.partitions = max(n, 1) }) }

// Limit bounds what one topic keeps. The default is 262,144 messages and
// 256 MiB of keys, headers and payloads; less than 1 is 1.
func Limit(messages, bytes int) Option {
	return option(func(b *Bus) { b.maxMessages, b.maxBytes = max(messages, 1), max(bytes, 1) })
}

// Grace is how long a partition that moves to another member waits for the
// handlers that still run with the old one. The default is 1 s.
func Grace(d time.Duration) Option { return option(func(b *Bus) { b.grace = max(d, 0) }) }

// A Bus is an [event.Bus], an [event.TopicMaker], an [event.Browser] and an
// [event.Lagger]. It is safe for concurrent use.
type Bus struct {
	partitions            int
	maxMessages, maxBytes int
	grace                 time.Duration

	mu       sync.Mutex // guards the fields below, and all that they hold
	topics   map[string]*topic
	groups   map[string]*group
	closed   bool
	inFlight int           // calls of Publish
	idle     chan struct{} // closed when nothing is in flight any more
	room     chan struct{} // closed when room may have appeared
	waiting  int           // for room
}

// New returns an empty bus.
func New(opts ...Option) *Bus {
	b := &Bus{
		partitions: 4, maxMessages: 1 << 18, maxBytes: 256 << 20, grace: time.Second,
		topics: map[string]*topic{}, groups: map[string]*group{},
		idle: make(chan struct{}), room: make(chan struct{}),
	}
	for _, o := range opts {
		o.applyBus(b)
	}
	return b
}

// A topic is its partitions, and what is in them together.
type topic struct {
	name       string
	partitions []*partition
	count      int
	bytes      int
	next       uint32   // partition of the next message without a key
	shares     []*share // of the groups that have ever read it
}

// topicNamed returns a topic, new if need be. b.mu is held.
func (b *Bus) topicNamed(name string, partitions int) *topic {
	t, ok := b.topics[name]
	if !ok {
		t = &topic{name: name, partitions: make([]*partition, partitions)}
		for i := range t.partitions {
			t.partitions[i] = &partition{}
		}
		b.topics[name] = t
		for _, g := range b.groups {
			if slices.ContainsFunc(g.members, func(s *source) bool { return s.reads(name) }) {
				b.shareOne(g, g.join(t))
			}
		}
	}
	return t
}

// Publish stores the messages in order. It copies their bytes. While a topic is
// full it waits until ctx ends; a message that is larger than the whole limit
// fails at once.
func (b *Bus) Publish(ctx context.Context, ms ...*event.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.inFlight++
		defer b.published()
	}
	c := &call{ended: ctx.Err()}
	var failed []event.Failure
	for i, m := range ms {
		if err := b.store(ctx, m, c); err != nil {
			failed = append(failed, event.Failure{Index: i, Message: m, Err: err})
		}
	}
	if failed != nil {
		return &event.PublishError{Failed: failed}
	}
	return nil
}

// published notes the end of a call of Publish. b.mu is held.
func (b *Bus) published() {
	b.inFlight--
	if b.closed && b.inFlight == 0 {
		close(b.idle)
	}
}

// store waits for room and appends m. b.mu is held, and released while it waits.
func (b *Bus) store(ctx context.Context, m *event.Message, c *call) error {
	if m == nil || m.Topic == "" {
		return errors.New("membus: a message without a topic")
	}
	if c.topic != nil && c.topic.name != m.Topic {
		c.topic = nil
	}
	if c.topic == nil && wildcard.Is(m.Topic) {
		return fmt.Errorf("membus: topic %q is a pattern; expected the name of one topic", m.Topic)
	}
	size := sizeOf(m)
	if most := min(b.maxBytes, maxMessage); size > most || len(m.Headers) > most {
		return fmt.Errorf("membus: the message takes %d bytes and %d headers, a topic of this bus %d in all", size, len(m.Headers), most)
	}
	for {
		if b.closed {
			return ErrClosed
		}
		if c.ended != nil {
			return c.ended
		}
		if c.topic == nil {
			c.topic = b.topicNamed(m.Topic, b.partitions)
		}
		if b.makeRoom(c.topic, size) {
			b.add(c.topic, m, size, c)
			return nil
		}
		room := b.room
		b.waiting++
		b.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
		}
		b.mu.Lock()
		b.waiting--
		c.ended = ctx.Err()
	}
}

// makeRoom forgets settled messages while t has no room, the longest logs first and
// some of each at once, and reports whether it has. b.mu is held.
func (b *Bus) makeRoom(t *topic, size int) bool {
	for t.count+1 > b.maxMessages || t.bytes+size > b.maxBytes {
		var (
			longest *partition
			settled int64
		)
		for i, p := range t.partitions {
			if p.count > 0 && (longest == nil || p.count > longest.count) {
				if below := t.settledBelow(i); p.base < below {
					longest, settled = p, below
				}
			}
		}
		if longest == nil {
			return false
		}
		for range 1 + min(settled-longest.base-1, int64(b.maxMessages/1024)) {
			t.bytes -= longest.oldest()
			t.count--
			longest.forget()
		}
	}
	return true
}

// settledBelow returns the offset below which every group that reads the
// partition has settled; 0 if none reads it. b.mu is held.
func (t *topic) settledBelow(partition int) int64 {
	low, found := int64(0), false
	for _, s := range t.shares {
		if at := s.parts[partition].settled; !found || at < low {
			low, found = at, true
		}
	}
	return low
}

// add appends a copy of m. b.mu is held.
func (b *Bus) add(t *topic, m *event.Message, size int, in *call) {
	n := uint32(len(t.partitions))
	var i uint32
	if m.Key != nil {
		i = murmur2(m.Key) & 0x7fffffff % n
	} else {
		i = t.next % n
		t.next++
	}
	t.partitions[i].append(m, size, in.time)
	t.count++
	t.bytes += size
	for _, s := range t.shares {
		if l := s.parts[i].lane; l != nil {
			l.src.wakeUp()
		}
	}
}

// A call is one call of Publish: what its messages share.
type call struct {
	now   time.Time // zero until it is asked for
	topic *topic    // of the last message
	ended error     // of its context, when it last had to wait
}

// time returns when the call was.
func (c *call) time() time.Time {
	if c.now.IsZero() {
		c.now = time.Now()
	}
	return c.now
}

// sizeOf is what a message takes of a topic's room.
func sizeOf(m *event.Message) int {
	n := len(m.Key) + len(m.Payload)
	for _, h := range m.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// MakeTopic creates a topic with as many partitions as like has or would have. For
// a pattern it does nothing: the topics of retries and dead letters appear when
// they are needed.
func (b *Bus) MakeTopic(ctx context.Context, name, like string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	if wildcard.Is(name) {
		return nil
	}
	n := b.partitions
	if t, ok := b.topics[like]; ok {
		n = len(t.partitions)
	}
	b.topicNamed(name, n)
	return nil
}

// Messages returns what a topic keeps, partition by partition. Their bytes are the
// bus's: look, and leave them alone.
func (b *Bus) Messages(topic string) []event.Message {
	b.mu.Lock()
	var spans []span
	if t, ok := b.topics[topic]; ok {
		for _, p := range t.partitions {
			spans = p.view(spans, p.base, p.count)
		}
	}
	b.mu.Unlock()
	var out []event.Message
	r := newReader(spans, nil)
	for _, s := range spans {
		for i := range s.records {
			m := event.Message{Topic: topic}
			r.read(&m, s, i)
			out = append(out, m)
		}
	}
	return out
}

// Topics returns the names of all topics, sorted.
func (b *Bus) Topics() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]string, 0, len(b.topics))
	for name := range b.topics {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Browse is as [event.Browser] says.
func (b *Bus) Browse(ctx context.Context, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	type kept struct {
		first int64
		spans []span
	}
	b.mu.Lock()
	closed := b.closed
	var partitions []kept
	if t, ok := b.topics[topic]; ok {
		for i, p := range t.partitions {
			at := min(max(from[int32(i)], p.base), p.end())
			partitions = append(partitions, kept{at, p.view(nil, at, int(p.end()-at))})
		}
	}
	b.mu.Unlock()
	if closed {
		return ErrClosed
	}
	var names []string
	for i, p := range partitions {
		offset := p.first
		for _, s := range p.spans {
			for j := range s.records {
				if err := ctx.Err(); err != nil {
					return err
				}
				d := &event.Delivery{Message: event.Message{Topic: topic}, Partition: int32(i), Offset: offset, Attempt: 1}
				r := newReader([]span{{s.records[j : j+1], s.data}}, names)
				r.read(&d.Message, s, j)
				names = r.names
				if !fn(d) {
					return nil
				}
				offset++
			}
		}
	}
	return nil
}

// Close refuses what is published from now on, and waits for the calls of Publish
// that are under way: those that wait for room fail. Sources fail too.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	if !b.closed {
		b.closed = true
		close(b.room)
		if b.inFlight == 0 {
			close(b.idle)
		}
		for _, g := range b.groups {
			for _, s := range g.members {
				s.wakeUp()
			}
		}
	}
	b.mu.Unlock()
	select {
	case <-b.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// murmur2 is the hash that Kafka's clients spread keys with, so that a key's
// neighbours are the same here and there.
func murmur2(data []byte) uint32 {
	const m = 0x5bd1e995
	h := uint32(0x9747b28c) ^ uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		k := uint32(data[0]) | uint32(data[1])<<8 | uint32(data[2])<<16 | uint32(data[3])<<24
		k *= m
		k ^= k >> 24
		h = h*m ^ k*m
	}
	switch len(data) {
	case 3:
		h ^= uint32(data[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(data[1]) << 8
		fallthrough
	case 1:
		h ^= uint32(data[0])
		h *= m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
