package redisbus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/redisbus"
)

func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// fresh returns a name that no other test has used.
func fresh(kind string) string { return fmt.Sprintf("rt-%s-%016x", kind, rand.Uint64()) }

func numbered(topic string, from, to int) []*event.Message {
	var ms []*event.Message
	for i := from; i < to; i++ {
		ms = append(ms, &event.Message{Topic: topic, Key: []byte("k"), Payload: fmt.Append(nil, i)})
	}
	return ms
}

func publish(t testing.TB, bus event.Bus, ms ...*event.Message) {
	t.Helper()
	if err := bus.Publish(patient(t), ms...); err != nil {
		t.Fatal(err)
	}
}

// stored returns the payloads of a topic, in order.
func stored(t testing.TB, bus *redisbus.Bus, topic string) []string {
	t.Helper()
	var out []string
	if err := bus.Browse(patient(t), topic, nil, func(d *event.Delivery) bool {
		out = append(out, string(d.Payload))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// member opens a source that ends with the test.
func member(t testing.TB, bus event.Bus, group string, topics ...string) event.Source {
	t.Helper()
	s, err := bus.Group(group).Open(patient(t), topics...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// take receives n deliveries at least.
func take(t testing.TB, s event.Source, n int, settle bool) (ds []*event.Delivery, last event.Lane) {
	t.Helper()
	ctx := patient(t)
	for len(ds) < n {
		b, err := s.Receive(ctx)
		if err != nil {
			t.Fatalf("after %d of %d: %v", len(ds), n, err)
		}
		if settle {
			if err := b.Lane.Settle(b.Deliveries); err != nil {
				t.Fatal(err)
			}
		}
		ds, last = append(ds, b.Deliveries...), b.Lane
	}
	return ds, last
}

// What a member has not settled is given back when it closes, not when its time is
// over: the next one has it at once, in order and before what is new.
func TestGivenBackAtOnce(t *testing.T) {
	c := client(t)
	bus := open(t, c, redisbus.Config{ClaimAfter: time.Hour})
	topic := fresh("topic")
	makeTopic(t, bus, topic)
	const total = 1700
	publish(t, bus, numbered(topic, 0, total)...)
	first := member(t, bus, "g", topic)
	ds, lane := take(t, first, 200, false)
	if err := lane.Settle(ds[:100]); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := lane.Settle(ds[100:101]); err == nil {
		t.Error("a closed lane settles")
	}
	second := member(t, bus, "g", topic)
	ds, _ = take(t, second, total-100, true)
	for i, d := range ds {
		if string(d.Payload) != fmt.Sprint(100+i) {
			t.Fatalf("delivery %d of the next member is %s, want %d", i, d.Payload, 100+i)
		}
	}
	if err := second.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	members, err := c.XInfoConsumers(t.Context(), "wireproof:"+topic, "g").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		if m.Pending > 0 || strings.HasPrefix(m.Name, "member-") {
			t.Errorf("after all have left there is %+v", m)
		}
	}
}

// A message is with its member for as long as it works, however long that is. If
// another one gets it all the same, for want of a machine that is fast enough, the
// first one knows.
func TestHoldIsExtended(t *testing.T) {
	bus := open(t, client(t), redisbus.Config{ClaimAfter: time.Second})
	topic := fresh("topic")
	makeTopic(t, bus, topic)
	publish(t, bus, numbered(topic, 0, 1100)...)
	src := member(t, bus, "g", topic)
	ds, lane := take(t, src, 1000, false)
	longer, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	other := member(t, bus, "g", topic)
	for {
		b, err := other.Receive(longer)
		if err != nil {
			break
		}
		for _, d := range b.Deliveries {
			if d.Offset <= ds[len(ds)-1].Offset {
				if lane.Settle(ds[:1]) == nil {
					t.Fatalf("another member gets %s while the first one works on it", d.Payload)
				}
				return
			}
		}
	}
	if err := lane.Settle(ds); err != nil && lane.Context().Err() == nil {
		t.Error(err)
	}
}

// While a lane is paused, no more is read than its bound.
func TestPauseBoundsWhatIsHeld(t *testing.T) {
	c := client(t)
	bus := open(t, c, redisbus.Config{Prefetch: 100})
	topic := fresh("topic")
	makeTopic(t, bus, topic)
	const total = 3000
	publish(t, bus, numbered(topic, 0, total)...)
	src := member(t, bus, "g", topic)
	first, err := src.Receive(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	first.Lane.Pause()
	quiet, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if b, err := src.Receive(quiet); err == nil {
		t.Errorf("a paused lane hands over %d deliveries", len(b.Deliveries))
	}
	held, err := c.XPending(t.Context(), "wireproof:"+topic, "g").Result()
	if err != nil || held.Count > int64(200+len(first.Deliveries)) {
		t.Errorf("the member holds %d messages (%v), more than twice its prefetch of 100", held.Count, err)
	}
	if err := first.Lane.Settle(first.Deliveries); err != nil {
		t.Fatal(err)
	}
	first.Lane.Resume()
	take(t, src, total-len(first.Deliveries), true)
}

// A member reads a bounded number of bytes ahead, also where each message is large.
func TestLargeMessagesBoundWhatIsHeld(t *testing.T) {
	t.Parallel()
	c := client(t)
	bus := open(t, c, redisbus.Config{})
	topic := fresh("large")
	makeTopic(t, bus, topic)
	const n = 60
	for range n {
		publish(t, bus, &event.Message{Topic: topic, Payload: make([]byte, 1<<20)})
	}
	src := member(t, bus, "g", topic)
	first, err := src.Receive(patient(t))
	if err != nil {
		t.Fatal(err)
	}
	first.Lane.Pause()
	quiet, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if b, err := src.Receive(quiet); err == nil {
		t.Errorf("a paused lane hands over %d deliveries", len(b.Deliveries))
	}
	held, err := c.XPending(t.Context(), "wireproof:"+topic, "g").Result()
	if err != nil || held.Count > 24 {
		t.Errorf("the member holds %d messages of 1 MiB (%v), want 24 at most", held.Count, err)
	}
	if err := first.Lane.Settle(first.Deliveries); err != nil {
		t.Fatal(err)
	}
	first.Lane.Resume()
	take(t, src, n-len(first.Deliveries), true)
	if err := c.Del(t.Context(), "wireproof:"+topic).Err(); err != nil {
		t.Error(err)
	}
}

// Trimming keeps what one of the groups has not settled, however old, and forgets
// the rest.
func TestTrimmingKeepsTheUnsettled(t *testing.T) {
	for name, config := range map[string]redisbus.Config{"length": {MaxLen: 100}, "age": {MaxAge: time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			bus := open(t, client(t), config)
			topic := fresh("topic")
			makeTopic(t, bus, topic)
			slow, fast := member(t, bus, "slow", topic), member(t, bus, "fast", topic)
			publish(t, bus, numbered(topic, 0, 1000)...)
			take(t, fast, 1000, true)
			ds, lane := take(t, slow, 500, false)
			if err := lane.Settle(append(ds[:100:100], ds[101:500]...)); err != nil { // all but 100
				t.Fatal(err)
			}
			if err := slow.Close(t.Context()); err != nil { // what is settled is sent
				t.Fatal(err)
			}
			publish(t, bus, numbered(topic, 1000, 1500)...)
			got := stored(t, bus, topic)
			if got[0] == "0" || len(got) < 1400 {
				t.Errorf("%d are kept from %s, want those from about 100", len(got), got[0])
			}
			ds, _ = take(t, member(t, bus, "slow", topic), 1500-499, true)
			if len(ds) != 1500-499 || string(ds[0].Payload) != "100" {
				t.Errorf("the slow group gets %d from %s, want 1001 from 100", len(ds), ds[0].Payload)
			}
		})
	}
}

// Where the server does not know how many entries a group has before it, they are
// counted.
func TestLagThatTheServerDoesNotKnow(t *testing.T) {
	c := client(t)
	bus := open(t, c, redisbus.Config{})
	topic := fresh("topic")
	makeTopic(t, bus, topic)
	publish(t, bus, numbered(topic, 0, 2500)...)
	ids, err := c.XRangeN(t.Context(), "wireproof:"+topic, "-", "+", 300).Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.XGroupCreate(t.Context(), "wireproof:"+topic, "g", ids[299].ID).Err(); err != nil {
		t.Fatal(err)
	}
	lags, err := bus.Lag(t.Context(), "g", topic)
	if err != nil || len(lags) != 1 || lags[0].Messages != 2200 || lags[0].Oldest.IsZero() {
		t.Errorf("lag %+v, %v; want 2200 messages", lags, err)
	}
	if _, err := bus.Lag(t.Context(), "g", fresh("none")); err == nil {
		t.Error("lag in a topic that does not exist: no error")
	}
}

func TestWhatCannotBe(t *testing.T) {
	c := client(t)
	bus := open(t, c, redisbus.Config{MaxMessageBytes: 1000})
	topic := fresh("topic")
	makeTopic(t, bus, topic)
	large := &event.Message{Topic: topic, Payload: make([]byte, 1001)}
	err := bus.Publish(t.Context(), large, &event.Message{Topic: "nowhere"}, &event.Message{Topic: topic}, nil, &event.Message{})
	var failed *event.PublishError
	if !errors.As(err, &failed) || len(failed.Failed) != 4 || failed.Failed[0].Index != 0 || failed.Failed[1].Index != 1 || failed.Failed[2].Index != 3 {
		t.Fatalf("error %v, want messages 0, 1, 3 and 4", err)
	}
	if !strings.Contains(failed.Failed[0].Err.Error(), "MaxMessageBytes") || !strings.Contains(failed.Failed[1].Err.Error(), `topic "nowhere" is not there`) {
		t.Errorf("reasons %v and %v", failed.Failed[0].Err, failed.Failed[1].Err)
	}
	if _, err := bus.Group("g").Open(t.Context(), "nowhere"); err == nil || !strings.Contains(err.Error(), `open topic "nowhere" for group "g": it is not there`) {
		t.Errorf("open a topic that is not there: %v", err)
	}
	making := open(t, c, redisbus.Config{MakeTopics: true})
	publish(t, making, &event.Message{Topic: fresh("made"), Payload: []byte("x")})
	member(t, making, "g", fresh("made"))

	for want, config := range map[string]redisbus.Config{
		"ClaimAfter is 1ms": {ClaimAfter: time.Millisecond}, "Prefetch is -1": {Prefetch: -1}, "MaxLen is -1": {MaxLen: -1},
	} {
		if _, err := redisbus.Open(t.Context(), c, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want it to contain %q", err, want)
		}
	}
	cluster := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}})
	defer cluster.Close()
	if _, err := redisbus.Open(t.Context(), cluster, redisbus.Config{WaitReplicas: 1}); err == nil || !strings.Contains(err.Error(), "ask one server") {
		t.Errorf("a cluster that is waited for: %v", err)
	}
}

// A group that is destroyed, and an id that is no offset, stop the member loudly.
func TestStopsLoudly(t *testing.T) {
	c := client(t)
	bus := open(t, c, redisbus.Config{})
	for name, wreck := range map[string]func(key string) error{
		"NOGROUP": func(key string) error { return c.XGroupDestroy(t.Context(), key, "g").Err() },
		"does not fit an offset": func(key string) error {
			return c.XAdd(t.Context(), &redis.XAddArgs{Stream: key, ID: "8796093022208-0", Values: []string{"a", "b"}}).Err()
		},
	} {
		topic := fresh("topic")
		makeTopic(t, bus, topic)
		src := member(t, bus, "g", topic)
		if err := wreck("wireproof:" + topic); err != nil {
			t.Fatal(err)
		}
		if _, err := src.Receive(patient(t)); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), topic) {
			t.Errorf("error %v, want %s and the topic", err, name)
		}
		if err := src.Close(t.Context()); err != nil && name != "NOGROUP" {
			t.Error(err)
		}
	}
}

// A source whose client is closed says so, and does not wait for ever.
func TestSourceOfClosedClient(t *testing.T) {
	c := client(t)
	bus := open(t, c, redisbus.Config{})
	topic := fresh("topic")
	makeTopic(t, bus, topic)
	src := member(t, bus, "g", topic)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := src.Receive(patient(t)); !errors.Is(err, redis.ErrClosed) {
		t.Errorf("receive with a closed client: %v", err)
	}
}

// Publish says so when replicas that it should wait for have not got a message.
func TestWaitForReplicasThatAreNotThere(t *testing.T) {
	bus := open(t, client(t), redisbus.Config{WaitReplicas: 1, WaitTimeout: 50 * time.Millisecond})
	topic := fresh("topic")
	makeTopic(t, bus, topic)
	if err := bus.Publish(t.Context(), numbered(topic, 0, 3)...); err == nil || !strings.Contains(err.Error(), "on 0 replicas (expected 1)") {
		t.Errorf("error %v, want it to count replicas", err)
	}
	if got := stored(t, bus, topic); len(got) != 3 {
		t.Errorf("%d are stored, want 3", len(got))
	}
}

// ours returns the stacks of goroutines that this package has started.
func ours() []string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var out []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(stack, "wireproof/event/redisbus.(") && !strings.Contains(stack, "testing.tRunner") {
			out = append(out, stack)
		}
	}
	return out
}

// Closing leaves nothing behind. No test of this package runs beside it.
func TestCloseLeavesNothingBehind(t *testing.T) {
	bus := open(t, client(t), redisbus.Config{})
	topic := fresh("topic")
	makeTopic(t, bus, topic)
	publish(t, bus, numbered(topic, 0, 10)...)
	src := member(t, bus, "g", topic)
	take(t, src, 1, false)
	if err := src.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := src.Receive(t.Context()); err == nil {
		t.Error("a closed source receives")
	}
	if left := ours(); len(left) > 0 {
		t.Errorf("%d goroutines are left, such as\n%s", len(left), left[0])
	}
}
