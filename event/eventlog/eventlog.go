// Package eventlog keeps messages for good: an append-only log for each topic, on
// a store of its own rather than a broker. A consumer group reads it from where it
// has come to, and then what is appended, through the same handlers as from a
// broker: a [Log] is an [event.Bus].
//
// A topic has one partition, whose offsets count from 0 without gaps in the order
// of appending; the order of all of it is kept. A group reads a topic with one
// member at a time; others that join wait until it leaves, or its lease is over.
// [Log.Seek] moves a group, to read again or from later on.
//
// The package knows nothing of files and databases: that is what a [Store] is for.
// See packages sqlstore and filestore.
package eventlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/record"
)

// A Store keeps the records of topics, and how far groups have read them. It is
// safe for concurrent use, also by several processes if it says so.
type Store interface {
	// Append stores records of a topic, all or none, behind those that are there,
	// and returns the offset of the first. When it returns nil they are durable.
	// An error does not say that they are not stored.
	Append(ctx context.Context, topic string, records [][]byte) (first int64, err error)
	// Read returns records from an offset on, in their order: as many as fit into
	// both bounds, but one at least if there is one. What is older than the oldest
	// that is kept is passed over: first is the offset of the first one returned.
	// A topic that does not exist has none.
	Read(ctx context.Context, topic string, from int64, records, bytes int) (first int64, out [][]byte, err error)
	// Bounds returns the offset of the oldest record, and the one that the next will
	// have; both are equal if there is none.
	Bounds(ctx context.Context, topic string) (oldest, end int64, err error)
	// Trim removes records before an offset, or as many of them as can be without
	// touching the others.
	Trim(ctx context.Context, topic string, before int64) error
	// Topics returns the topics that have ever had a record, in ascending order.
	Topics(ctx context.Context) ([]string, error)

	// Take makes holder, which does not read it yet, the one that reads topic for
	// group until the lease is over, and returns where the group has come to; ok is
	// false if somebody reads it.
	Take(ctx context.Context, group, topic, holder string, lease time.Duration) (at int64, ok bool, err error)
	// Extend lengthens the lease of the one that reads; ok is false if holder is no
	// longer that one.
	Extend(ctx context.Context, group, topic, holder string, lease time.Duration) (ok bool, err error)
	// Save notes how far a group has read; ok is false if holder is no longer the
	// one that reads.
	Save(ctx context.Context, group, topic, holder string, at int64) (ok bool, err error)
	// Leave gives up what Take gave.
	Leave(ctx context.Context, group, topic, holder string) error
	// Position returns where a group has come to, whoever reads: 0 for one that
	// nobody has heard of.
	Position(ctx context.Context, group, topic string) (at int64, err error)
	// Seek notes where a group is to go on, whoever reads; that one loses its hold.
	Seek(ctx context.Context, group, topic string, at int64) error
}

// An Option configures a log.
type Option interface{ applyLog(*Log) }

type option func(*Log)

func (o option) applyLog(l *Log) { o(l) }

// Poll is how often a reader at the end looks for more. What this log appends
// itself it sees at once. The default is 250 ms.
func Poll(d time.Duration) Option { return option(func(l *Log) { l.poll = d }) }

// Lease is how long a group waits for a member that has died. The default is 10 s.
func Lease(d time.Duration) Option { return option(func(l *Log) { l.lease = d }) }

// A Log is an [event.Bus] on a store; also an [event.TopicMaker] and an
// [event.Browser]. It is safe for concurrent use.
type Log struct {
	store       Store
	poll, lease time.Duration

	mu       sync.Mutex // guards the fields below
	closed   bool
	inFlight sync.WaitGroup           // added to under mu
	grown    map[string]chan struct{} // by topic; closed when this log has appended
}

// ErrClosed is the error of a log after its Close.
var ErrClosed = errors.New("eventlog: closed")

// New returns a log on store, which stays the caller's.
func New(store Store, opts ...Option) (*Log, error) {
	l := &Log{store: store, poll: 250 * time.Millisecond, lease: 10 * time.Second, grown: map[string]chan struct{}{}}
	for _, o := range opts {
		o.applyLog(l)
	}
	if store == nil || l.poll <= 0 || l.lease < time.Millisecond {
		return nil, fmt.Errorf("eventlog: polling each %v and leases of %v: want more than 0, 1ms at least, and a store", l.poll, l.lease)
	}
	return l, nil
}

// Publish is as [event.Publisher] says. The messages of one topic are appended
// together, in their order: all or none of them.
func (l *Log) Publish(ctx context.Context, ms ...*event.Message) error {
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.inFlight.Add(1)
	}
	l.mu.Unlock()
	failed := map[int]error{}
	if closed {
		for i := range ms {
			failed[i] = ErrClosed
		}
		return publishError(ms, failed)
	}
	defer l.inFlight.Done()
	byTopic := map[string][]int{}
	var topics []string
	for i, m := range ms {
		if m == nil || m.Topic == "" {
			failed[i] = errors.New("eventlog: the message has no topic")
			continue
		}
		if byTopic[m.Topic] == nil {
			topics = append(topics, m.Topic)
		}
		byTopic[m.Topic] = append(byTopic[m.Topic], i)
	}
	now := time.Now().UTC()
	for _, topic := range topics {
		places := byTopic[topic]
		records := make([][]byte, len(places))
		for j, i := range places {
			m := *ms[i]
			if m.Time.IsZero() {
				m.Time = now
			}
			records[j] = record.Append(nil, &m)
		}
		if _, err := l.store.Append(ctx, topic, records); err != nil {
			for _, i := range places {
				failed[i] = fmt.Errorf("append to %q: %w", topic, err)
			}
			continue
		}
		l.tell(topic)
	}
	return publishError(ms, failed)
}

func publishError(ms []*event.Message, failed map[int]error) error {
	if len(failed) == 0 {
		return nil
	}
	pe := &event.PublishError{}
	for i, m := range ms {
		if err := failed[i]; err != nil {
			pe.Failed = append(pe.Failed, event.Failure{Index: i, Message: m, Err: err})
		}
	}
	return pe
}

// tell wakes those who wait for more of topic.
func (l *Log) tell(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.grown[topic]; c != nil {
		close(c)
		delete(l.grown, topic)
	}
}

// growth returns a channel that is closed when this log has appended to topic.
func (l *Log) growth(topic string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.grown[topic]
	if c == nil {
		c = make(chan struct{})
		l.grown[topic] = c
	}
	return c
}

// Close waits for what is being appended. Sources are closed by whoever opened
// them, and the store by the caller.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	idle := make(chan struct{})
	go func() { l.inFlight.Wait(); close(idle) }()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("eventlog: close while messages are appended: %w", ctx.Err())
	}
}

// MakeTopic is as [event.TopicMaker] says: a topic is there once it is used.
func (l *Log) MakeTopic(ctx context.Context, _, _ string) error { return ctx.Err() }

// Group returns the consumer group of that name.
func (l *Log) Group(name string) event.Group { return &group{l, name} }

// Seek lets a group go on at an offset of a topic: 0 reads all again, and the end
// (see Bounds), behind which none is, passes over what is there. A member that reads
// meanwhile loses the topic and begins there.
func (l *Log) Seek(ctx context.Context, group, topic string, at int64) error {
	if at < 0 {
		return fmt.Errorf("eventlog: seek to offset %d of %q, want 0 or more", at, topic)
	}
	switch _, end, err := l.Bounds(ctx, topic); {
	case err != nil:
		return err
	case at > end:
		return fmt.Errorf("eventlog: seek to offset %d of %q, which ends at %d: what comes until then would be passed over", at, topic, end)
	}
	if err := l.store.Seek(ctx, group, topic, at); err != nil {
		return fmt.Errorf("eventlog: seek %q to offset %d of %q: %w", group, at, topic, err)
	}
	l.tell(topic)
	return nil
}

// OffsetAt returns the offset of the first message of topic whose time is not
// before t; the end if there is none. It reads about as many records as their
// number has binary digits, and takes times to ascend.
func (l *Log) OffsetAt(ctx context.Context, topic string, t time.Time) (int64, error) {
	low, high, err := l.store.Bounds(ctx, topic)
	if err != nil {
		return 0, fmt.Errorf("eventlog: bounds of %q: %w", topic, err)
	}
	for low < high {
		mid := low + (high-low)/2
		first, rs, err := l.store.Read(ctx, topic, mid, 1, 1)
		if err != nil {
			return 0, fmt.Errorf("eventlog: read offset %d of %q: %w", mid, topic, err)
		}
		if len(rs) == 0 || first >= high {
			high = mid
			continue
		}
		m, err := record.Decode(rs[0])
		if err != nil {
			return 0, fmt.Errorf("eventlog: offset %d of %q: %w", first, topic, err)
		}
		if m.Time.Before(t) {
			low = first + 1
		} else {
			high = mid
		}
	}
	return low, nil
}

// Browse is as [event.Browser] says.
func (l *Log) Browse(ctx context.Context, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	at, end, err := l.store.Bounds(ctx, topic)
	if err != nil {
		return fmt.Errorf("eventlog: bounds of %q: %w", topic, err)
	}
	for at = max(at, from[0]); at < end; {
		ds, next, err := l.read(ctx, topic, "", at)
		if err != nil {
			return err
		}
		if len(ds) == 0 {
			return nil // trimmed meanwhile
		}
		for _, d := range ds {
			if d.Offset >= end || !fn(d) {
				return nil
			}
		}
		at = next
	}
	return nil
}

const (
	readMessages = 500
	readBytes    = 4 << 20
)

// read returns deliveries from an offset on, and where the next are.
func (l *Log) read(ctx context.Context, topic, group string, at int64) ([]*event.Delivery, int64, error) {
	first, rs, err := l.store.Read(ctx, topic, at, readMessages, readBytes)
	if err != nil {
		return nil, at, fmt.Errorf("eventlog: read %q from offset %d: %w", topic, at, err)
	}
	ds := make([]*event.Delivery, len(rs))
	for i, r := range rs {
		m, err := record.Decode(r)
		if err != nil {
			return nil, at, fmt.Errorf("eventlog: offset %d of %q: %w", first+int64(i), topic, err)
		}
		ds[i] = &event.Delivery{Message: *m, Offset: first + int64(i), Group: group, Attempt: 1}
	}
	if len(ds) == 0 {
		return nil, at, nil
	}
	return ds, first + int64(len(ds)), nil
}

type group struct {
	log  *Log
	name string
}

func (g *group) Name() string   { return g.name }
func (g *group) Bus() event.Bus { return g.log }

// Open joins the group. It does not wait for its turn.
func (g *group) Open(ctx context.Context, topics ...string) (event.Source, error) {
	if g.name == "" || len(topics) == 0 || slices.Contains(topics, "") {
		return nil, fmt.Errorf("eventlog: group %q opens topics %q: want names, and one topic at least", g.name, topics)
	}
	run, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	s := &source{group: g, holder: rand.Text(), batches: make(chan *event.Batch), failed: make(chan error, len(topics)), run: run, stop: stop}
	for _, t := range topics {
		s.wg.Go(func() { s.follow(t) })
	}
	return s, nil
}
