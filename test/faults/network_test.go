package faults

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/amqpbus"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/event/natsbus"
	"github.com/wireproof/wireproof/event/redisbus"
)

// networks is where each transport has its server, and how it is reached at
// another address than that.
var networks = map[string]struct {
	env     string
	ordered bool // a key keeps its order when messages come again
	open    func(ctx context.Context, u *url.URL) (event.Bus, error)
}{
	"kafka": {"KAFKA_BROKERS", true, func(ctx context.Context, u *url.URL) (event.Bus, error) {
		return kafkabus.Open(ctx, kafkabus.Config{Brokers: []string{u.Host}, SessionTimeout: 3 * time.Second, RevokeGrace: 2 * time.Second})
	}},
	"nats": {"NATS_URL", false, func(ctx context.Context, u *url.URL) (event.Bus, error) {
		return natsbus.Open(ctx, natsbus.Config{Servers: []string{u.String()}, AckWait: 2 * time.Second})
	}},
	"rabbitmq": {"AMQP_URL", true, func(ctx context.Context, u *url.URL) (event.Bus, error) {
		return amqpbus.Open(ctx, amqpbus.Config{URLs: []string{u.String()}, Heartbeat: time.Second})
	}},
	"redis": {"REDIS_URL", false, func(ctx context.Context, u *url.URL) (event.Bus, error) {
		o, err := redis.ParseURL(u.String())
		if err != nil {
			return nil, err
		}
		return redisbus.Open(ctx, redis.NewClient(o), redisbus.Config{ClaimAfter: 2 * time.Second})
	}},
}

// Connections that are cut, reset, silent and slow, while messages are published
// and handled over them: nothing that was acknowledged is lost, and Run goes on. Where
// the transport keeps order when messages come again, none comes for the first time
// before those that went before it in its key.
func TestNetwork(t *testing.T) {
	for name, n := range networks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := os.Getenv(n.env)
			if address == "" {
				if os.Getenv("REQUIRE_SERVICES") == "1" {
					t.Fatalf("%s names no server", n.env)
				}
				t.Skipf("%s names no server", n.env)
			}
			if !strings.Contains(address, "://") {
				address = "tcp://" + address
			}
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			w := newWire(t, u.Host, name == "kafka")
			u.Host = w.addr()
			bus, err := n.open(t.Context(), u)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				if err := bus.Close(ctx); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			storm(t, w, bus, n.ordered)
		})
	}
}

const networkKeys = 20

// A book knows what was acknowledged and what was handled.
type book struct {
	t       *testing.T
	ordered bool

	mu      sync.Mutex // guards the fields below
	stored  int        // messages of each key
	handled map[string]bool
	next    [networkKeys]int // highest that was handled, and one
	repeats int
}

func (b *book) handle(_ context.Context, d *event.Delivery) error {
	var k, n int
	if _, err := fmt.Sscan(string(d.Payload), &k, &n); err != nil {
		return event.Permanent(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.handled[string(d.Payload)] {
		b.repeats++
		return nil
	}
	if b.ordered && n != b.next[k] {
		b.t.Errorf("key %d: %d came when %d was next", k, n, b.next[k])
	}
	b.next[k] = max(b.next[k], n+1)
	b.handled[string(d.Payload)] = true
	return nil
}

// publish publishes one message of each key after another, each until it is
// acknowledged, until ctx ends; what was begun then is brought to its end.
func (b *book) publish(ctx context.Context, bus event.Bus, topic string) {
	for n := 0; ctx.Err() == nil; n++ {
		var ms []*event.Message
		for k := range networkKeys {
			ms = append(ms, &event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", k), Payload: fmt.Appendf(nil, "%d %d", k, n)})
		}
		for tries := 0; len(ms) > 0; tries++ {
			one, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			err := bus.Publish(one, ms...)
			cancel()
			var pe *event.PublishError
			if err != nil && (!errors.As(err, &pe) || tries > 20) {
				b.t.Errorf("publish, try %d: %v", tries, err)
				return
			}
			ms = nil
			if pe != nil {
				for _, f := range pe.Failed {
					ms = append(ms, f.Message)
				}
			}
		}
		b.mu.Lock()
		b.stored = n + 1
		b.mu.Unlock()
		time.Sleep(2 * time.Millisecond)
	}
}

// await waits until ok, which is called with mu held, or for two minutes.
func (b *book) await(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		b.mu.Lock()
		done := ok()
		b.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.t.Fatalf("waited in vain for %s: of %d keys with %d messages each, %d were handled", what, networkKeys, b.stored, len(b.handled))
		}
	}
}

// storm lets faults happen to w while bus is at work over it.
func storm(t *testing.T, w *wire, bus event.Bus, ordered bool) {
	r := rand.New(rand.NewPCG(3, 4))
	topic, group := fmt.Sprintf("net-%016x", rand.Uint64()), "g"
	if err := bus.(event.TopicMaker).MakeTopic(t.Context(), topic, ""); err != nil {
		t.Fatal(err)
	}
	src, err := bus.Group(group).Open(t.Context(), topic) // from here on it gets everything
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	b := &book{t: t, ordered: ordered, handled: map[string]bool{}}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError}))
	running, stop := context.WithCancel(context.Background())
	publishing, quiet := context.WithCancel(context.Background())
	var consumer, publisher sync.WaitGroup
	defer func() { stop(); quiet(); consumer.Wait(); publisher.Wait() }()
	consumer.Go(func() {
		if err := event.Run(running, bus.Group(group), []string{topic}, b.handle, event.ByKey(4), event.Logger(log)); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	publisher.Go(func() { b.publish(publishing, bus, topic) })

	faults := []struct {
		name string
		do   func()
	}{
		{"cut", func() { w.cut(false) }},
		{"reset", func() { w.cut(true) }},
		{"silent for a while", func() { w.hold(); time.Sleep(time.Duration(500+r.IntN(1000)) * time.Millisecond); w.pass() }},
		{"silent for longer than the session, then reset", func() { w.hold(); time.Sleep(4 * time.Second); w.cut(true); w.pass() }},
		{"slow", func() { w.setSlow(true); time.Sleep(time.Second); w.setSlow(false) }},
		{"slow, then cut", func() { w.setSlow(true); time.Sleep(500 * time.Millisecond); w.cut(false); w.setSlow(false) }},
	}
	rounds := 1
	if os.Getenv("WIREPROOF_SOAK") == "1" {
		rounds = 10
	}
	for range rounds {
		for _, i := range r.Perm(len(faults)) {
			want := 0
			b.await("work before "+faults[i].name, func() bool {
				if want == 0 {
					want = len(b.handled) + 200 + r.IntN(200)
				}
				return len(b.handled) >= want
			})
			faults[i].do()
		}
	}
	quiet()
	publisher.Wait()
	b.await("everything that was acknowledged", func() bool { return len(b.handled) >= b.stored*networkKeys })
	t.Logf("%d faults, %d handled, %d repeats", rounds*len(faults), len(b.handled), b.repeats)
}
