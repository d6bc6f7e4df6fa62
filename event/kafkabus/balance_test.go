package kafkabus_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// Whatever the strategy, the transport keeps its promises, also in the storm of
// members that come and go. The default one is tested by TestConformance.
func TestConformanceOfStrategies(t *testing.T) {
	for _, s := range []kafkabus.Strategy{kafkabus.Range, kafkabus.CooperativeSticky} {
		t.Run(string(s), func(t *testing.T) {
			t.Parallel()
			t.Run("fake", func(t *testing.T) {
				if os.Getenv("WIREPROOF_SOAK") == "" {
					t.Skip("set WIREPROOF_SOAK: the real broker says more")
				}
				suite(t, kafkatest.Fake(t), s)
			})
			t.Run("real", func(t *testing.T) { suite(t, kafkatest.Real(t), s) })
		})
	}
}

// A strategy that does not exist is told with those that do.
func TestUnknownStrategy(t *testing.T) {
	_, err := kafkabus.Open(t.Context(), kafkabus.Config{Brokers: []string{"127.0.0.1:1"}, Balance: []kafkabus.Strategy{"fair"}})
	if err == nil || !strings.Contains(err.Error(), `"fair"; expected range, sticky or cooperative-sticky`) {
		t.Errorf("Open: %v", err)
	}
}

// A member is one source, and what it has seen: the lanes that brought something,
// and those that ended.
type member struct {
	source event.Source
	stop   context.CancelFunc
	ended  chan struct{}

	mu    sync.Mutex // guards the fields below
	lanes map[int32]event.Lane
	seen  map[string]bool
}

// enter opens a member and settles all that it gets.
func enter(t *testing.T, bus event.Bus, group, topic string) *member {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	src, err := bus.Group(group).Open(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{source: src, stop: cancel, ended: make(chan struct{}), lanes: map[int32]event.Lane{}, seen: map[string]bool{}}
	go func() {
		defer close(m.ended)
		for {
			b, err := src.Receive(ctx)
			if err != nil {
				return
			}
			m.mu.Lock()
			for _, d := range b.Deliveries {
				m.lanes[d.Partition] = b.Lane
				m.seen[string(d.Payload)] = true
			}
			m.mu.Unlock()
			_ = b.Lane.Settle(b.Deliveries)
		}
	}()
	return m
}

func (m *member) leave(t *testing.T) {
	t.Helper()
	m.stop()
	<-m.ended
	if err := m.source.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func (m *member) has(payload string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.seen[payload]
}

// alive returns the partitions whose lanes have not ended.
func (m *member) alive() []int32 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []int32
	for _, p := range slices.Sorted(maps.Keys(m.lanes)) {
		if m.lanes[p].Context().Err() == nil {
			out = append(out, p)
		}
	}
	return out
}

// spread publishes until each partition of a topic of four, which it sends one
// message of its round, has brought it to one of the members.
func spread(t *testing.T, bus event.Bus, topic, round string, members ...*member) {
	t.Helper()
	for i := range 40 { // keys of all four partitions
		m := &event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", i), Payload: fmt.Appendf(nil, "%s-%d", round, i)}
		if err := bus.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(time.Minute)
	for i := 0; i < 40; {
		if slices.ContainsFunc(members, func(m *member) bool { return m.has(fmt.Sprintf("%s-%d", round, i)) }) {
			i++
			continue
		}
		if time.Now().After(deadline) {
			t.Fatalf("message %s-%d has not come", round, i)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A static member that is back before its session has ended causes no rebalance:
// the other one keeps its lanes, and it gets its own partitions with what was
// published meanwhile. The control: a member without an ID ends the other's lanes.
func TestStaticMember(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Real(t)
	for _, tt := range []struct {
		id      string
		balance kafkabus.Strategy
		keeps   bool
	}{
		{"one", kafkabus.Sticky, true}, {"one", kafkabus.Range, true}, {"one", kafkabus.CooperativeSticky, true}, {"", kafkabus.Sticky, false},
	} {
		t.Run(fmt.Sprintf("%s%s", tt.balance, tt.id), func(t *testing.T) {
			t.Parallel()
			topic, group := topicName("static"), topicName("static-group")
			makeTopic(t, brokers, topic, 4)
			connect := func(id string) *kafkabus.Bus {
				return open(t, kafkabus.Config{Brokers: brokers, InstanceID: id, SessionTimeout: 20 * time.Second, Balance: []kafkabus.Strategy{tt.balance}})
			}
			bus, other := connect(tt.id), connect(strings.Repeat("two", len(tt.id)/3))
			defer bus.Close(context.Background())
			defer other.Close(context.Background())
			one, two := enter(t, bus, group, topic), enter(t, other, group, topic)
			for round := 0; len(one.alive()) != 2 || len(two.alive()) != 2; round++ { // until they have shared
				spread(t, bus, topic, fmt.Sprintf("share%d", round), one, two)
			}
			mine, theirs := one.alive(), two.alive()
			two.mu.Lock()
			before := two.lanes[theirs[0]].Context()
			two.mu.Unlock()
			one.leave(t)
			if !tt.keeps {
				spread(t, other, topic, "away", two)
				if before.Err() == nil {
					t.Error("a member that is not static has left, and its partitions came without a rebalance")
				}
				two.leave(t)
				return
			}
			one = enter(t, bus, group, topic)
			defer one.leave(t)
			defer two.leave(t)
			spread(t, bus, topic, "back", one, two)
			if got := two.alive(); !slices.Equal(got, theirs) {
				t.Errorf("the other member has the lanes of %v, had %v", got, theirs)
			}
			if got := one.alive(); !slices.Equal(got, mine) {
				t.Errorf("the static member has the lanes of %v, had %v", got, mine)
			}
		})
	}
}
