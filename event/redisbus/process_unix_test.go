//go:build unix

package redisbus_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/redisbus"
	"github.com/wireproof/wireproof/test/kafkatest"
	"github.com/wireproof/wireproof/test/proctest"
)

// TestMain is also the member that TestFrozenMember freezes.
func TestMain(m *testing.M) {
	if topic := os.Getenv("REDISBUS_CHILD_TOPIC"); topic != "" {
		o, err := redis.ParseURL(os.Getenv("REDIS_URL"))
		proctest.Must(err)
		bus, err := redisbus.Open(context.Background(), redis.NewClient(o), redisbus.Config{ClaimAfter: time.Second})
		proctest.Must(err)
		proctest.HoldOne(bus.Group("g"), topic)
	}
	os.Exit(m.Run())
}

// A member that is frozen for longer than messages are its own loses them to
// another one. When it wakes, what it settles is refused, its lane has ended, and
// it goes on with a new one.
func TestFrozenMember(t *testing.T) {
	bus := open(t, client(t), redisbus.Config{ClaimAfter: time.Second})
	topic := fresh("topic")
	makeTopic(t, bus, topic)
	publish(t, bus, numbered(topic, 1, 2)...)
	p := proctest.Start(t, "REDISBUS_CHILD_TOPIC="+topic)
	p.Want("holds 1")
	p.Signal(syscall.SIGSTOP)
	other := member(t, bus, "g", topic)
	if ds, _ := take(t, other, 1, true); string(ds[0].Payload) != "1" {
		t.Fatalf("another member gets %s", ds[0].Payload)
	}
	if err := other.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Tell("") // as it wakes, it has been told to settle already
	p.Signal(syscall.SIGCONT)
	p.Want("settled: not settled: this member of group")
	p.Want("ended: this member of group")
	publish(t, bus, numbered(topic, 2, 3)...)
	p.Want("then 2 true")
	p.End()
}

// A server that writes before it answers and is killed again and again under load
// loses nothing that it has acknowledged, lets no key skip ahead, and members go on
// when it is back.
func TestServerIsKilledUnderLoad(t *testing.T) {
	client(t) // where real servers are
	t.Setenv("REDIS_FSYNC", "always")
	dir := t.TempDir()
	start := func() string {
		out := kafkatest.Services(t, "start", dir, "redis")
		_, address, _ := strings.Cut(out[strings.LastIndex(out, "export REDIS_URL="):], "=")
		return strings.TrimSpace(address)
	}
	c := clientOf(t, start())
	t.Cleanup(func() { kafkatest.Services(t, "clean", dir) })
	bus := open(t, c, redisbus.Config{ClaimAfter: 2 * time.Second})
	makeTopic(t, bus, "orders")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()

	const keys, each = 8, 800
	var wg sync.WaitGroup
	progress := make(chan struct{}, 100)
	for k := range keys {
		wg.Go(func() {
			for i := 0; i < each; i += 20 {
				ms := make([]*event.Message, 20)
				for j := range ms {
					ms[j] = &event.Message{Topic: "orders", Key: fmt.Append(nil, k), Payload: fmt.Appendf(nil, "%d %d", k, i+j)}
				}
				for bus.Publish(ctx, ms...) != nil { // it may be stored: it is sent again
					if ctx.Err() != nil {
						t.Error("publishing does not go on")
						return
					}
				}
				if k == 0 && i%60 == 0 {
					progress <- struct{}{}
				}
			}
		})
	}
	var mu sync.Mutex
	handled := map[string]bool{}
	all := make(chan struct{})
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- event.Run(running, bus.Group("g"), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			if before := len(handled); !handled[string(d.Payload)] {
				if handled[string(d.Payload)] = true; before == keys*each-1 {
					close(all)
				}
			}
			return nil
		}, event.ByKey(4))
	}()
	for range 4 {
		for range 3 {
			select {
			case <-progress:
			case <-ctx.Done():
				t.Fatal("publishing does not go on")
			}
		}
		kafkatest.Services(t, "kill", dir, "redis")
		start()
	}
	wg.Wait()
	select {
	case <-all:
	case <-ctx.Done():
		mu.Lock()
		t.Errorf("%d of %d messages were handled", len(handled), keys*each)
		mu.Unlock()
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	checkNoneSkipped(t, stored(t, bus, "orders"), keys, each)
}

// checkNoneSkipped fails unless each key has all its numbers, none of them for the
// first time before the one that goes before it.
func checkNoneSkipped(t *testing.T, payloads []string, keys, each int) {
	t.Helper()
	byKey := make([][]int, keys)
	for _, p := range payloads {
		var k, i int
		if _, err := fmt.Sscan(p, &k, &i); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(byKey[k], i) {
			byKey[k] = append(byKey[k], i)
		}
	}
	for k, is := range byKey {
		if len(is) != each || !slices.IsSorted(is) {
			t.Errorf("key %d has %d different messages, sorted: %v; want %d in order", k, len(is), slices.IsSorted(is), each)
		}
	}
}

// serve starts a server of the test's own, and returns its port. It ends with the
// test.
func serve(t *testing.T, args func(port string) []string) string {
	t.Helper()
	client(t)
	port := freePort(t)
	cmd := exec.Command("redis-server", append([]string{"--bind", "127.0.0.1", "--dir", t.TempDir(), "--save", ""}, args(port)...)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return port
}
