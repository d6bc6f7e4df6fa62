package nettest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
)

// A Load is what is published and handled while faults happen.
type Load struct {
	Keys    int
	Ordered bool // a key keeps its order when messages come again
	Work    int  // messages handled before each fault, at least
}

// Storm lets faults happen to w while bus is at work over it: nothing that was
// acknowledged is lost, and Run goes on.
func Storm(t *testing.T, w *Wire, bus event.Bus, load Load) {
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
	b := &book{t: t, load: load, handled: map[string]bool{}, next: make([]int, load.Keys)}
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
		{"cut", func() { w.Cut(false) }},
		{"reset", func() { w.Cut(true) }},
		{"silent for a while", func() { w.Hold(); time.Sleep(time.Duration(500+r.IntN(1000)) * time.Millisecond); w.Pass() }},
		{"silent for longer than the session, then reset", func() { w.Hold(); time.Sleep(4 * time.Second); w.Cut(true); w.Pass() }},
		{"slow", func() { w.SetSlow(true); time.Sleep(time.Second); w.SetSlow(false) }},
		{"slow, then cut", func() { w.SetSlow(true); time.Sleep(500 * time.Millisecond); w.Cut(false); w.SetSlow(false) }},
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
					want = len(b.handled) + load.Work + r.IntN(load.Work)
				}
				return len(b.handled) >= want
			})
			faults[i].do()
		}
	}
	quiet()
	publisher.Wait()
	b.await("everything that was acknowledged", func() bool { return len(b.handled) >= b.stored*load.Keys })
	t.Logf("%d faults, %d handled, %d repeats", rounds*len(faults), len(b.handled), b.repeats)
}

// A book knows what was acknowledged and what was handled.
type book struct {
	t    *testing.T
	load Load

	mu      sync.Mutex // guards the fields below
	stored  int        // messages of each key
	handled map[string]bool
	next    []int // highest that was handled, and one
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
	if b.load.Ordered && n != b.next[k] {
		b.t.Errorf("key %d: %d came when %d was next", k, n, b.next[k])
	}
	b.next[k] = max(b.next[k], n+1)
	b.handled[string(d.Payload)] = true
	return nil
}

// publish publishes one message of each key after another, each until it is
// acknowledged, until ctx ends; what was begun then is brought to its end. It does not
// run far ahead of the handlers.
func (b *book) publish(ctx context.Context, bus event.Bus, topic string) {
	for n := 0; ctx.Err() == nil; n++ {
		var ms []*event.Message
		for k := range b.load.Keys {
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
		ahead := b.stored*b.load.Keys - len(b.handled)
		b.mu.Unlock()
		for ahead > 2000 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
			b.mu.Lock()
			ahead = b.stored*b.load.Keys - len(b.handled)
			b.mu.Unlock()
		}
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
			b.t.Fatalf("waited in vain for %s: of %d keys with %d messages each, %d were handled", what, b.load.Keys, b.stored, len(b.handled))
		}
	}
}
