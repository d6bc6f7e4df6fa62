package natsbus_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/natsbus"
)

func patient(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func numbered(topic string, n int) []*event.Message {
	ms := make([]*event.Message, n)
	for i := range ms {
		ms[i] = &event.Message{Topic: topic, Key: []byte("k"), Payload: fmt.Append(nil, i)}
	}
	return ms
}

// stored returns the payloads of a topic, in order.
func stored(t testing.TB, bus *natsbus.Bus, topic string) []string {
	t.Helper()
	var out []string
	err := bus.Browse(patient(t), topic, nil, func(d *event.Delivery) bool {
		out = append(out, string(d.Payload))
		return true
	})
	if err != nil {
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

// A message that is published again, and one that claims the id of another, is
// stored again: the server drops only what one call sends twice.
func TestReplayIsNotSwallowed(t *testing.T) {
	bus := on(t, embedded(t, t.TempDir()), natsbus.Config{})
	makeTopic(t, bus, "orders")
	m := &event.Message{Topic: "orders", Payload: []byte("x"), Headers: event.Headers{{Key: "Nats-Msg-Id", Value: []byte("1")}}}
	for range 3 {
		if err := bus.Publish(t.Context(), m, m); err != nil {
			t.Fatal(err)
		}
	}
	if got := stored(t, bus, "orders"); len(got) != 6 {
		t.Errorf("%d messages are stored, want 6", len(got))
	}
}

// A proxy cuts connections after a while.
type proxy struct {
	net.Listener
	to    string
	after func() int64 // bytes that a new connection may send
	cuts  int

	mu sync.Mutex // guards cuts
}

func (p *proxy) serve() {
	for {
		in, err := p.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = in.Close()
			continue
		}
		go func() {
			_, _ = io.Copy(in, out)
			_ = in.Close()
		}()
		go func() {
			if n, _ := io.CopyN(out, in, p.after()); n > 0 {
				p.mu.Lock()
				p.cuts++
				p.mu.Unlock()
			}
			_ = out.Close()
			_ = in.Close()
		}()
	}
}

// Connections are cut in the middle of publishes: everything is stored once, and
// in order.
func TestPublishOverBrokenConnections(t *testing.T) {
	s := embedded(t, t.TempDir(), natsbus.Listen("127.0.0.1", 0))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(1, 2))
	p := &proxy{Listener: listener, to: strings.TrimPrefix(s.URL(), "nats://"), after: func() int64 {
		mu.Lock()
		defer mu.Unlock()
		return 2000 + random.Int64N(60000)
	}}
	go p.serve()
	t.Cleanup(func() { _ = listener.Close() })

	direct := on(t, s, natsbus.Config{})
	makeTopic(t, direct, "orders")
	bus := open(t, natsbus.Config{Servers: []string{"nats://" + listener.Addr().String()}})
	const total, batch = 4000, 400
	ms := numbered("orders", total)
	for i := 0; i < total; i += batch {
		if err := bus.Publish(patient(t), ms[i:i+batch]...); err != nil {
			t.Fatalf("batch %d: %v", i/batch, err)
		}
	}
	p.mu.Lock()
	if p.cuts < 5 {
		t.Errorf("%d connections were cut, so the test shows little", p.cuts)
	}
	p.mu.Unlock()
	got := stored(t, direct, "orders")
	if len(got) != total {
		t.Errorf("%d messages are stored, want %d", len(got), total)
	}
	for i, x := range got {
		if x != fmt.Sprint(i) {
			t.Fatalf("message %d is %s", i, x)
		}
	}
}

// While a lane is paused, no more is asked of the server than its bound.
func TestPauseBoundsWhatIsHeld(t *testing.T) {
	for name, config := range map[string]natsbus.Config{"pull": {Prefetch: 100}, "push": {Prefetch: 100, Push: true}} {
		t.Run(name, func(t *testing.T) {
			s := embedded(t, t.TempDir(), natsbus.Listen("127.0.0.1", 0))
			config.Memory = true
			bus := on(t, s, config)
			makeTopic(t, bus, "orders")
			const total = 3000
			if err := bus.Publish(t.Context(), numbered("orders", total)...); err != nil {
				t.Fatal(err)
			}
			src := member(t, bus, "g", "orders")
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
			nc, err := nats.Connect(s.URL())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			js, err := jetstream.New(nc)
			if err != nil {
				t.Fatal(err)
			}
			if held := ackPending(t, js, config.Push); held > 2*config.Prefetch+len(first.Deliveries) {
				t.Errorf("the member holds %d messages, more than twice its prefetch of %d", held, config.Prefetch)
			}
			if err := first.Lane.Settle(first.Deliveries); err != nil {
				t.Fatal(err)
			}
			first.Lane.Resume()
			ds, _ := take(t, src, total-len(first.Deliveries), true)
			for i, d := range append(first.Deliveries, ds...) {
				if string(d.Payload) != fmt.Sprint(i) {
					t.Fatalf("delivery %d is %s", i, d.Payload)
				}
			}
		})
	}
}

func ackPending(t *testing.T, js jetstream.JetStream, push bool) int {
	t.Helper()
	if push {
		c, err := js.PushConsumer(t.Context(), "orders", "g")
		if err != nil {
			t.Fatal(err)
		}
		return c.CachedInfo().NumAckPending
	}
	c, err := js.Consumer(t.Context(), "orders", "g")
	if err != nil {
		t.Fatal(err)
	}
	return c.CachedInfo().NumAckPending
}

// What a member has not settled is given back when it closes, not when its time is
// over: the next one has it at once. So is what it naks; what it terms is not
// delivered again. The order is the server's, which may give one that was on its way
// to the closed member before the others.
func TestGivenBackAtOnce(t *testing.T) {
	bus := on(t, embedded(t, t.TempDir()), natsbus.Config{AckWait: time.Hour})
	makeTopic(t, bus, "orders")
	const total = 700
	if err := bus.Publish(t.Context(), numbered("orders", total)...); err != nil {
		t.Fatal(err)
	}
	first := member(t, bus, "g", "orders")
	ds, lane := take(t, first, 200, false)
	if err := lane.Settle(ds[:100]); err != nil {
		t.Fatal(err)
	}
	if err := lane.(natsbus.Lane).Term("nobody wants it", ds[100]); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := lane.Settle(ds[101:102]); err == nil {
		t.Error("a closed lane settles")
	}
	second := member(t, bus, "g", "orders")
	ds, lane = take(t, second, total-101, false)
	got := map[string]bool{}
	for _, d := range ds {
		got[string(d.Payload)] = true
	}
	for i := 101; i < total; i++ {
		if !got[fmt.Sprint(i)] {
			t.Errorf("the next member has not got %d", i)
		}
	}
	if len(got) != total-101 {
		t.Errorf("the next member got %d different messages, want %d", len(got), total-101)
	}
	if err := lane.(natsbus.Lane).Nak(time.Millisecond, ds[7]); err != nil {
		t.Fatal(err)
	}
	if again, _ := take(t, second, 1, true); string(again[0].Payload) != string(ds[7].Payload) {
		t.Errorf("%s comes after a nak of %s", again[0].Payload, ds[7].Payload)
	}
}

// With DoubleAck a settlement that the server does not confirm is an error, and with
// it the lane ends; without, nobody knows.
func TestDoubleAck(t *testing.T) {
	for name, double := range map[string]bool{"on request": true, "by default": false} {
		t.Run(name, func(t *testing.T) {
			s := embedded(t, t.TempDir())
			bus := on(t, s, natsbus.Config{DoubleAck: double, AckWait: time.Second})
			makeTopic(t, bus, "orders")
			if err := bus.Publish(t.Context(), numbered("orders", 10)...); err != nil {
				t.Fatal(err)
			}
			ds, lane := take(t, member(t, bus, "g", "orders"), 10, false)
			if err := lane.Settle(ds[:5]); err != nil {
				t.Fatal(err)
			}
			if double {
				lags, err := bus.Lag(t.Context(), "g", "orders")
				if err != nil || lags[0].Messages != 5 {
					t.Errorf("after five are settled the server says %+v (%v), want five left", lags, err)
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			err := lane.Settle(ds[5:])
			if double && (err == nil || lane.Context().Err() == nil) {
				t.Errorf("settled without a server: %v, lane %v", err, lane.Context().Err())
			}
			if !double && err != nil && lane.Context().Err() == nil {
				t.Errorf("settle: %v, want that it does not wait", err)
			}
		})
	}
}

// A message is given to its member for as long as it works, however long that is. If
// another one gets it all the same, for want of a machine that is fast enough, the
// first one knows.
func TestHoldIsExtended(t *testing.T) {
	bus := on(t, embedded(t, t.TempDir()), natsbus.Config{AckWait: time.Second})
	makeTopic(t, bus, "orders")
	if err := bus.Publish(t.Context(), numbered("orders", 10)...); err != nil {
		t.Fatal(err)
	}
	src := member(t, bus, "g", "orders")
	ds, lane := take(t, src, 10, false)
	longer, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	b, err := member(t, bus, "g", "orders").Receive(longer)
	if err == nil && lane.Settle(ds[:1]) == nil {
		t.Errorf("another member gets %s while the first one works on it", b.Deliveries[0].Payload)
	}
	if err := lane.Settle(ds); err != nil && lane.Context().Err() == nil {
		t.Error(err)
	}
}

func TestTooLarge(t *testing.T) {
	bus := on(t, embedded(t, t.TempDir(), natsbus.MaxPayload(1<<20)), natsbus.Config{})
	makeTopic(t, bus, "orders")
	makeTopic(t, bus, "orders.g.dlq")
	payload := make([]byte, 1<<20-60<<10)
	err := bus.Publish(t.Context(), &event.Message{Topic: "orders", Payload: payload}, &event.Message{Topic: "orders", Payload: []byte("x")})
	var failed *event.PublishError
	if !errors.As(err, &failed) || len(failed.Failed) != 1 || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("error %v, want one failure that names max_payload", err)
	}
	if err := bus.Publish(t.Context(), &event.Message{Topic: "orders.g.dlq", Payload: payload}); err != nil {
		t.Errorf("what fits a topic as a dead letter: %v", err)
	}
	if got := stored(t, bus, "orders"); len(got) != 1 {
		t.Errorf("%d messages are stored, want the small one", len(got))
	}
}

func TestTopicsThatAreNotThere(t *testing.T) {
	s := embedded(t, t.TempDir())
	bus := on(t, s, natsbus.Config{})
	if err := bus.Publish(t.Context(), &event.Message{Topic: "ordres"}); err == nil || !strings.Contains(err.Error(), `topic "ordres" has no stream`) {
		t.Errorf("publish to a misspelt topic: %v", err)
	}
	if _, err := bus.Group("g").Open(t.Context(), "ordres"); err == nil || !strings.Contains(err.Error(), `topic "ordres" has no stream`) {
		t.Errorf("open a misspelt topic: %v", err)
	}
	for _, bad := range []string{"", "a b", "a..b", "a.*", "$JS.API", "\xff", "a.>.b"} {
		if err := bus.Publish(t.Context(), &event.Message{Topic: bad}); err == nil {
			t.Errorf("publish to %q: no error", bad)
		}
	}
	makeTopic(t, bus, "orders")
	ms := append(numbered("orders", 700), &event.Message{Topic: "ordres"})
	var failed *event.PublishError
	if err := bus.Publish(t.Context(), append(ms, numbered("orders", 700)...)...); !errors.As(err, &failed) || len(failed.Failed) != 1 || failed.Failed[0].Index != 700 {
		t.Errorf("a misspelt topic among others: %v", err)
	}
	if got := stored(t, bus, "orders"); len(got) != 1400 {
		t.Errorf("%d messages are stored, want those around the misspelt topic", len(got))
	}
	making := on(t, s, natsbus.Config{MakeTopics: true})
	if err := making.Publish(t.Context(), &event.Message{Topic: "new", Payload: []byte("1")}); err != nil {
		t.Errorf("publish to a new topic: %v", err)
	}
	member(t, making, "g", "newer")
	if got := stored(t, making, "new"); len(got) != 1 {
		t.Errorf("%d messages are stored, want 1", len(got))
	}
}

// A source whose bus is closed says so, and does not wait for ever.
func TestSourceOfClosedBus(t *testing.T) {
	bus, err := embedded(t, t.TempDir()).Open(t.Context(), natsbus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	makeTopic(t, bus, "orders")
	src := member(t, bus, "g", "orders")
	if err := bus.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := src.Receive(patient(t)); err == nil || !strings.Contains(err.Error(), "the nats bus is closed") {
		t.Errorf("receive from a closed bus: %v", err)
	}
	if err := src.Close(t.Context()); err != nil {
		t.Errorf("close after the bus: %v", err)
	}
}
