//go:build unix

package natsbus_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/natsbus"
	"github.com/wireproof/wireproof/test/kafkatest"
	"github.com/wireproof/wireproof/test/proctest"
)

// TestMain is also the processes that tests freeze and kill.
func TestMain(m *testing.M) {
	switch os.Getenv("NATSBUS_CHILD") {
	case "publish":
		publishForEver(os.Getenv("NATSBUS_DIR"))
	case "consume":
		bus, err := natsbus.Open(context.Background(), natsbus.Config{Servers: []string{os.Getenv("NATSBUS_SERVER")}, AckWait: time.Second})
		proctest.Must(err)
		proctest.HoldOne(bus.Group("g"), "orders")
	case "disk":
		fillDisk(os.Getenv("NATSBUS_DIR"))
	}
	os.Exit(m.Run())
}

// publishForEver prints the number of each message that was acknowledged.
func publishForEver(dir string) {
	ctx := context.Background()
	s, err := natsbus.Embedded(dir)
	proctest.Must(err)
	bus, err := s.Open(ctx, natsbus.Config{})
	proctest.Must(err)
	proctest.Must(bus.MakeTopic(ctx, "orders", ""))
	var out sync.Mutex
	for p := range 4 {
		go func() {
			for i := p; ; i += 4 {
				proctest.Must(bus.Publish(ctx, &event.Message{Topic: "orders", Payload: fmt.Append(nil, i)}))
				out.Lock()
				fmt.Println(i)
				out.Unlock()
			}
		}()
	}
	select {}
}

// What the embedded server has acknowledged is there after its process was killed.
func TestEmbeddedSurvivesKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for range 2 {
		p := proctest.Start(t, "NATSBUS_CHILD=publish", "NATSBUS_DIR="+dir)
		for n := 0; ; n++ {
			if n == 300 {
				p.Signal(os.Kill)
			}
			line, ok := p.Line()
			if !ok {
				break
			}
			if strings.HasPrefix(line, "process:") {
				t.Fatal(line)
			}
			acknowledged[line] = true
		}
		p.Kill()
	}
	bus := on(t, embedded(t, dir), natsbus.Config{})
	got := stored(t, bus, "orders")
	for _, x := range got {
		delete(acknowledged, x)
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged messages are lost, such as %v", len(acknowledged), acknowledged)
	}
}

func TestOneServerInAFolder(t *testing.T) {
	dir := t.TempDir()
	embedded(t, dir)
	if _, err := natsbus.Embedded(dir); err == nil || !strings.Contains(err.Error(), "another server uses it") {
		t.Errorf("a second server in the same folder: %v", err)
	}
}

// A member that is frozen for longer than messages are its own loses them to
// another one. When it wakes, what it settles is refused, its lane has ended, and
// it goes on with a new one.
func TestFrozenMember(t *testing.T) {
	s := embedded(t, t.TempDir(), natsbus.Listen("127.0.0.1", 0))
	bus := on(t, s, natsbus.Config{AckWait: time.Second})
	makeTopic(t, bus, "orders")
	publish := func(payload string) {
		t.Helper()
		if err := bus.Publish(t.Context(), &event.Message{Topic: "orders", Payload: []byte(payload)}); err != nil {
			t.Fatal(err)
		}
	}
	publish("1")
	p := proctest.Start(t, "NATSBUS_CHILD=consume", "NATSBUS_SERVER="+s.URL())
	p.Want("holds 1")
	p.Signal(syscall.SIGSTOP)
	other := member(t, bus, "g", "orders")
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
	publish("2")
	p.Want("then 2 true")
	p.End()
}

// A server that is killed again and again under load loses nothing that it has
// acknowledged, keeps the order of a key, and members go on when it is back.
func TestServerIsKilledUnderLoad(t *testing.T) {
	url(t, "NATS_URL") // where real servers are
	dir := t.TempDir()
	start := func() string {
		out := kafkatest.Services(t, "start", dir, "nats")
		_, address, _ := strings.Cut(out[strings.LastIndex(out, "export NATS_URL="):], "=")
		return strings.TrimSpace(address)
	}
	address := start()
	t.Cleanup(func() { kafkatest.Services(t, "clean", dir) })
	bus := open(t, natsbus.Config{Servers: []string{address}, AckWait: 2 * time.Second})
	makeTopic(t, bus, "orders")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()

	const keys, each = 8, 600
	var wg sync.WaitGroup
	tenth := make(chan struct{}, 100)
	for k := range keys {
		wg.Go(func() {
			for i := 0; i < each; i += 20 {
				ms := make([]*event.Message, 20)
				for j := range ms {
					ms[j] = &event.Message{Topic: "orders", Key: fmt.Append(nil, k), Payload: fmt.Appendf(nil, "%d %d", k, i+j)}
				}
				if err := bus.Publish(ctx, ms...); err != nil {
					t.Errorf("publish: %v", err)
					return
				}
				if k == 0 && i%60 == 0 {
					tenth <- struct{}{}
				}
			}
		})
	}
	handled := map[string]bool{}
	var mu sync.Mutex
	all := make(chan struct{})
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- event.Run(running, bus.Group("g"), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			if handled[string(d.Payload)] = true; len(handled) == keys*each {
				select {
				case <-all:
				default:
					close(all)
				}
			}
			return nil
		}, event.ByKey(4))
	}()
	for range 4 {
		for range 2 {
			select {
			case <-tenth:
			case <-ctx.Done():
				t.Fatal("publishing does not go on")
			}
		}
		kafkatest.Services(t, "kill", dir, "nats")
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
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
	checkOnceInOrder(t, stored(t, bus, "orders"), keys, each)
}

// checkOnceInOrder fails unless each key has its numbers once, ascending.
func checkOnceInOrder(t *testing.T, payloads []string, keys, each int) {
	t.Helper()
	byKey := make([][]int, keys)
	for _, p := range payloads {
		var k, i int
		if _, err := fmt.Sscan(p, &k, &i); err != nil {
			t.Fatal(err)
		}
		byKey[k] = append(byKey[k], i)
	}
	for k, is := range byKey {
		if len(is) != each || !slices.IsSorted(is) {
			t.Errorf("key %d has %d messages, sorted: %v; want %d in order", k, len(is), slices.IsSorted(is), each)
		}
	}
}
