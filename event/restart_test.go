package event_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

// A flaky bus refuses to store one retry or dead letter in five.
type flaky struct {
	*membus.Bus
	mu   sync.Mutex // guards rand
	rand *rand.Rand
}

func (f *flaky) Group(name string) event.Group { return flakyGroup{f.Bus.Group(name), f} }

type flakyGroup struct {
	event.Group
	f *flaky
}

func (g flakyGroup) Bus() event.Bus { return g.f }

var errFlaky = errors.New("the broker had a bad day")

func (f *flaky) Publish(ctx context.Context, ms ...*event.Message) error {
	f.mu.Lock()
	refuse := strings.Contains(ms[0].Topic, ".billing.") && f.rand.IntN(5) == 0
	f.mu.Unlock()
	if refuse {
		return &event.PublishError{Failed: []event.Failure{{Index: 0, Message: ms[0], Err: errFlaky}}}
	}
	return f.Bus.Publish(ctx, ms...)
}

// TestRestarts runs members that are stopped at random moments, some in the
// middle of their handlers, with handlers that fail and a broker that refuses:
// whatever happens, each message is handled or lies among the dead letters, and
// a message that the handler never refuses is not among them.
func TestRestarts(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { restarts(t, rand.New(rand.NewPCG(seed, 3))) })
		})
	}
}

func restarts(t *testing.T, r *rand.Rand) {
	const n = 300
	bus := &flaky{Bus: membus.New(membus.Partitions(3)), rand: rand.New(rand.NewPCG(r.Uint64(), 4))}
	for i := range n {
		m := &event.Message{Topic: "orders", Key: fmt.Appendf(nil, "k%d", i%17), Payload: fmt.Appendf(nil, "%d", i)}
		if err := bus.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	luck := rand.New(rand.NewPCG(r.Uint64(), 5)) // guarded by mu
	handled := map[string]bool{}
	handler := func(ctx context.Context, d *event.Delivery) error {
		mu.Lock()
		pause, fail := time.Duration(luck.IntN(2000))*time.Millisecond, luck.IntN(3) == 0
		mu.Unlock()
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
		var i int
		if _, err := fmt.Sscan(string(d.Payload), &i); err != nil {
			return event.Permanent(err)
		}
		switch {
		case i%50 == 7:
			return errors.New("always fails")
		case fail && d.Attempt < 3:
			return errors.New("fails for now")
		}
		mu.Lock()
		defer mu.Unlock()
		handled[string(d.Payload)] = true
		return nil
	}
	member := func(d time.Duration) {
		ctx, cancel := context.WithTimeout(t.Context(), d)
		defer cancel()
		err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, handler, event.ByKey(4), event.Immediate(1),
			event.RetryLevels(time.Second, time.Minute), event.DrainTimeout(500*time.Millisecond))
		if err != nil && !errors.Is(err, errFlaky) && !strings.Contains(err.Error(), "did not drain") {
			t.Errorf("run: %v", err)
		}
	}
	for range 15 {
		var members sync.WaitGroup
		for range 1 + r.IntN(3) {
			d := time.Duration(r.IntN(20000)) * time.Millisecond
			members.Go(func() { member(d) })
		}
		members.Wait()
	}
	for range 200 { // until a whole round finds nothing to do
		if done(bus, handled, n) {
			break
		}
		member(10 * time.Minute)
	}
	dead := map[string]bool{}
	for _, m := range bus.Messages("orders.billing.dlq") {
		dead[string(m.Payload)] = true
	}
	for i := range n {
		p := fmt.Sprint(i)
		if always := i%50 == 7; handled[p] == always || dead[p] != always {
			t.Errorf("message %d: handled %v, dead %v", i, handled[p], dead[p])
		}
	}
}

// done reports whether each message is handled or dead.
func done(bus *flaky, handled map[string]bool, n int) bool {
	all := map[string]bool{}
	for p := range handled {
		all[p] = true
	}
	for _, m := range bus.Messages("orders.billing.dlq") {
		all[string(m.Payload)] = true
	}
	return len(all) == n
}
