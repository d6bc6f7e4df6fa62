// Package eventtest says what every transport must do, as tests that a transport
// runs against itself, and offers a publisher that records, for users' tests.
//
// It is for tests only. The suite waits for what must happen and asserts no
// time: a slow machine makes it slow, never red.
package eventtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
)

// A Bus says how the suite reaches the transport under test, and which promises
// beyond the common ones it makes.
type Bus struct {
	// New returns a connection to a broker, which may be shared with other
	// tests: the suite uses new names for topics and groups. The suite closes
	// it.
	New func(t *testing.T) event.Bus

	// MakeTopic creates a topic with that many partitions. If nil, topics appear
	// when they are first used, with two partitions at least.
	MakeTopic func(t *testing.T, b event.Bus, topic string, partitions int)

	// Reconnect returns another connection to the broker that New returned for
	// the same t; the suite closes it. It is nil for a transport whose messages
	// end with the connection.
	Reconnect func(t *testing.T) event.Bus

	// Refuse lets the broker refuse what is published to a topic, which is there,
	// from now on. It is nil where a broker cannot be made to.
	Refuse func(t *testing.T, b event.Bus, topic string)

	// KeyOrder says that messages of one key arrive in the order of publishing.
	KeyOrder bool

	// Partitions says that a topic has lanes that can be paused one by one and
	// that move between members.
	Partitions bool

	// Shared says that the members of a group share the messages of a lane, also
	// those of one key. Where they do not, a lane has one member after another.
	Shared bool

	// Unanswered is how many settlements are lost at most when a member leaves, where
	// the broker does not answer them.
	Unanswered int

	// RepeatsKeys says that what follows a message of its key comes again when that
	// message was given back, even if it is settled.
	RepeatsKeys bool

	// Late says that a group gets what was published before it was first opened.
	// Where it does not, the suite opens each group once before it publishes.
	Late bool

	// Forgetful says that the broker does not remember what a group has settled:
	// whoever joins gets everything once more.
	Forgetful bool

	// BrowseDeadLetters says that of an [event.Browser] only dead-letter topics
	// can be browsed, not every topic.
	BrowseDeadLetters bool

	// MaxPayload is the size in bytes of the largest payload that the suite
	// publishes; 0 means 512 KiB.
	MaxPayload int

	// Seed makes the random parts of the suite repeatable; 0 means 1.
	Seed uint64

	// Wait is how long the suite waits for what must happen before it gives up;
	// 0 means 60 s.
	Wait time.Duration
}

// Run runs the suite.
func Run(t *testing.T, b Bus) {
	if b.MaxPayload == 0 {
		b.MaxPayload = 512 << 10
	}
	if b.Seed == 0 {
		b.Seed = 1
	}
	if b.Wait == 0 {
		b.Wait = 60 * time.Second
	}
	if soak {
		b.Wait *= 10
	}
	for _, p := range promises {
		if p.when != nil && !p.when(b) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), b.Wait)
			t.Cleanup(cancel)
			bus := b.New(t)
			t.Cleanup(func() {
				if err := bus.Close(context.WithoutCancel(ctx)); err != nil {
					t.Errorf("close of the bus: %v", err)
				}
			})
			f := &fixture{T: t, Bus: b, ctx: ctx, bus: bus, rand: rand.New(rand.NewPCG(b.Seed, 2))}
			p.test(f)
		})
	}
}

// A promise is one thing that every transport keeps.
type promise struct {
	name string
	when func(Bus) bool // nil: always
	test func(*fixture)
}

var promises = []promise{
	{"everything published is delivered", nil, everythingArrives},
	{"a key keeps its order", func(b Bus) bool { return b.KeyOrder }, keyOrder},
	{"unsettled is delivered to the next member", nil, unsettledComesAgain},
	{"settled is not delivered again", func(b Bus) bool { return !b.Forgetful }, settledStaysAway},
	{"two groups both get everything", nil, twoGroups},
	{"a group that comes late gets everything", func(b Bus) bool { return b.Late }, lateGroup},
	{"bytes come back as they went", nil, bytesAsTheyWent},
	{"a large payload", nil, largePayload},
	{"publish after close names what failed", nil, publishError},
	{"receive ends with its context", nil, receiveEnds},
	{"messages outlive the connection", func(b Bus) bool { return b.Reconnect != nil }, outlive},
	{"close waits for what is in flight", func(b Bus) bool { return b.Reconnect != nil }, closeWaits},
	{"pause holds one lane only", func(b Bus) bool { return b.Partitions }, pauseOneLane},
	{"browse reads and moves nothing", nil, browse},
	{"what is not settled is told as lag", nil, lag},
	{"a slow lane does not stall its sibling", func(b Bus) bool { return b.Partitions }, slowLane},
	{"retries and the dead letter", nil, retriesAndDeadLetter},
	{"a long wait holds nothing up", nil, longWait},
	{"a refused dead letter stops its lane", func(b Bus) bool { return b.Refuse != nil }, refusedDeadLetter},
	{"what is published twice is handled once", nil, handledOnce},
	{"run drains what it has started", nil, runDrains},
	{"members that come and go lose nothing", nil, rebalanceStorm},
}

// A fixture is what a promise works with.
type fixture struct {
	*testing.T
	Bus
	ctx  context.Context // ends when the suite has waited long enough
	bus  event.Bus
	rand *rand.Rand
}

// name returns a name that no other test has used.
func (f *fixture) name(kind string) string {
	return fmt.Sprintf("et-%s-%016x", kind, rand.Uint64())
}

// topic returns a new topic.
func (f *fixture) topic(partitions int) string {
	name := f.name("topic")
	if f.MakeTopic != nil {
		f.MakeTopic(f.T, f.bus, name, partitions)
	}
	return name
}

// group returns a new group that gets what is published to topic from now on.
func (f *fixture) group(topic string) event.Group {
	f.Helper()
	g := f.bus.Group(f.name("group"))
	if !f.Late {
		f.open(g, topic).close()
	}
	return g
}

func (f *fixture) publish(ms ...*event.Message) {
	f.Helper()
	if err := f.bus.Publish(f.ctx, ms...); err != nil {
		f.Fatalf("publish: %v", err)
	}
}

// numbered publishes n messages to topic, spread over that many keys: message i
// has key k<i mod keys> and payload <i>.
func (f *fixture) numbered(topic string, n, keys int) {
	f.Helper()
	ms := make([]*event.Message, n)
	for i := range ms {
		ms[i] = &event.Message{
			Topic:   topic,
			Key:     fmt.Appendf(nil, "k%d", i%keys),
			Payload: fmt.Appendf(nil, "%d", i),
		}
	}
	for len(ms) > 0 {
		k := min(len(ms), 500)
		f.publish(ms[:k]...)
		ms = ms[k:]
	}
}

// open joins a group; the source is closed at the end at the latest.
func (f *fixture) open(g event.Group, topics ...string) *member {
	f.Helper()
	src, err := g.Open(f.ctx, topics...)
	if err != nil {
		f.Fatalf("open group %q: %v", g.Name(), err)
	}
	m := &member{f: f, src: src}
	f.Cleanup(m.close)
	return m
}

// A member is one source of a group, read without the runtime.
type member struct {
	f      *fixture
	src    event.Source
	closed bool
}

func (m *member) close() {
	m.f.Helper()
	if m.closed {
		return
	}
	m.closed = true
	if err := m.src.Close(context.WithoutCancel(m.f.ctx)); err != nil {
		m.f.Errorf("close of the source: %v", err)
	}
}

func (m *member) receive() *event.Batch {
	m.f.Helper()
	b, err := m.src.Receive(m.f.ctx)
	if err != nil {
		m.f.Fatalf("receive: %v", err)
	}
	if b == nil || b.Lane == nil || len(b.Deliveries) == 0 {
		m.f.Fatalf("receive returned %+v without an error, want a lane and at least one delivery", b)
	}
	return b
}

// take receives n deliveries at least, and settles them if asked to.
func (m *member) take(n int, settle bool) []*event.Delivery {
	m.f.Helper()
	var out []*event.Delivery
	for len(out) < n {
		b := m.receive()
		out = append(out, b.Deliveries...)
		if settle {
			if err := b.Lane.Settle(b.Deliveries); err != nil && b.Lane.Context().Err() == nil {
				m.f.Fatalf("settle: %v", err)
			}
		}
	}
	return out
}

// payloads counts deliveries by payload.
func payloads(ds []*event.Delivery) map[string]int {
	out := map[string]int{}
	for _, d := range ds {
		out[string(d.Payload)]++
	}
	return out
}

// all fails the test unless exactly the payloads 0…n-1 are there.
func (f *fixture) all(ds []*event.Delivery, n int) {
	f.Helper()
	got := payloads(ds)
	for i := range n {
		if got[fmt.Sprint(i)] == 0 {
			f.Errorf("message %d of %d was not delivered", i, n)
		}
	}
	if len(got) > n {
		f.Errorf("%d different messages were delivered, %d were published", len(got), n)
	}
}

// isEnd reports whether err says that a context ended.
func isEnd(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
