package event_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

// bubble runs a consumer of "orders" on an in-process bus for d of fake time.
func bubble(t *testing.T, d time.Duration, ms []*event.Message, h event.Handler, opts ...event.ConsumerOption) *membus.Bus {
	t.Helper()
	bus := membus.New(membus.Partitions(1))
	if err := bus.Publish(t.Context(), ms...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, h, opts...); err != nil {
		t.Errorf("run: %v", err)
	}
	return bus
}

// A tally counts calls by key. The lanes of a topic and of its retry topics call
// their handlers side by side.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

// add counts a call with d and returns how many there were for its key.
func (c *tally) add(d *event.Delivery) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[string(d.Key)]++
	return c.n[string(d.Key)]
}

func (c *tally) is(want map[string]int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Equal(c.n, want)
}

func order(key string) *event.Message {
	return &event.Message{Topic: "orders", Key: []byte(key), Payload: []byte(key)}
}

// The waits are those of the levels, to the instant, and then it is dead.
func TestRetryLevelsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []string
		var counts event.Counts
		bus := bubble(t, time.Hour, []*event.Message{order("o-1")}, func(_ context.Context, d *event.Delivery) error {
			at = append(at, fmt.Sprintf("%d@%v", d.Attempt, time.Since(start)))
			return errors.New("no")
		}, event.RetryLevels(time.Minute, 5*time.Minute), event.Immediate(1), event.Observe(counts.Observe))
		want := []string{"1@0s", "2@0s", "3@1m0s", "4@1m0s", "5@6m0s", "6@6m0s"}
		if !slices.Equal(at, want) {
			t.Errorf("attempts %v, want %v", at, want)
		}
		if counts.Of(event.Retried) != 2 || counts.Of(event.DeadLettered) != 1 || counts.Of(event.Handled) != 0 {
			t.Errorf("counts %v", &counts)
		}
		if n := len(bus.Messages("orders.billing.dlq")); n != 1 {
			t.Errorf("%d dead letters, want 1", n)
		}
	})
}

// RetryIn gives its own wait on the level, and one that is due sooner does not
// wait behind one that is due later.
func TestRetryIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		at := map[string]time.Duration{}
		var mu sync.Mutex
		bubble(t, 2*time.Hour, []*event.Message{order("late"), order("usual"), order("soon"), order("now")},
			func(_ context.Context, d *event.Delivery) error {
				mu.Lock()
				defer mu.Unlock()
				if d.Attempt > 1 {
					at[string(d.Key)] = time.Since(start)
					return nil
				}
				switch string(d.Key) {
				case "late":
					return event.RetryIn(time.Hour, errors.New("closed"))
				case "soon":
					return fmt.Errorf("wrapped: %w", event.RetryIn(time.Second, nil))
				case "now":
					return event.RetryIn(0, nil)
				}
				return errors.New("usual")
			}, event.RetryLevels(time.Minute), event.Immediate(5), event.ByKey(2))
		// Immediate retries apply to the usual error only.
		want := map[string]time.Duration{"late": time.Hour, "usual": 0, "soon": time.Second, "now": 0}
		for key, d := range want {
			if got, ok := at[key]; !ok || got != d {
				t.Errorf("%s: tried again after %v (%v), want %v", key, got, ok, d)
			}
		}
	})
}

// Outcomes that end a message at once.
func TestOutcomesAreFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls *tally
		h := func(_ context.Context, d *event.Delivery) error {
			calls.add(d)
			switch string(d.Key) {
			case "drop":
				return event.Drop("no use")
			case "permanent":
				return event.Permanent(errors.New("cannot be read"))
			case "skip":
				return event.Skip("unknown type")
			case "panic":
				panic("boom")
			case "again":
				return fmt.Errorf("inbox: %w", event.AlreadyHandled())
			}
			return nil
		}
		ms := []*event.Message{order("ok"), order("drop"), order("permanent"), order("skip"), order("panic"), order("again")}
		for _, unknown := range []bool{false, true} {
			var counts event.Counts
			opts := []event.ConsumerOption{event.RetryLevels(time.Second), event.Observe(counts.Observe)}
			wantDead, wantSkipped := 2, int64(1)
			if unknown {
				opts = append(opts, event.DeadLetterUnknown())
				wantDead, wantSkipped = 3, 0
			}
			calls = &tally{}
			bus := bubble(t, time.Hour, ms, h, opts...)
			if !calls.is(map[string]int{"ok": 1, "drop": 1, "permanent": 1, "skip": 1, "panic": 2, "again": 1}) {
				t.Errorf("calls %v", calls.n)
			}
			dead := bus.Messages("orders.billing.dlq")
			if len(dead) != wantDead || counts.Of(event.Skipped) != wantSkipped || counts.Of(event.Dropped) != 1 ||
				counts.Of(event.Retried) != 1 || counts.Of(event.Handled) != 1 || counts.Of(event.Duplicate) != 1 || int(counts.Of(event.DeadLettered)) != wantDead {
				t.Errorf("unknown %v: %d dead letters, counts %v", unknown, len(dead), &counts)
			}
		}
	})
}

// What waits for its time survives the end of the consumer: the next one tries
// it when it is due, neither before nor from the beginning.
func TestRetriesOutliveTheConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		bus := membus.New(membus.Partitions(1))
		if err := bus.Publish(t.Context(), order("o-1")); err != nil {
			t.Fatal(err)
		}
		var at []string
		for range 3 { // consumers of 25 s each
			ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
			err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
				at = append(at, fmt.Sprintf("%d@%v", d.Attempt, time.Since(start)))
				if d.Attempt == 1 {
					return errors.New("no")
				}
				return nil
			}, event.RetryLevels(time.Minute))
			cancel()
			if err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(at, []string{"1@0s", "2@1m0s"}) {
			t.Errorf("attempts %v, want the first at 0s and the second at 1m", at)
		}
	})
}

// Many that are due together are all tried when they are due: the lane sleeps
// once, not once for each. And none of them keeps the topic itself waiting.
func TestDueTogether(t *testing.T) {
	const n = 5000
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var ms []*event.Message
		for i := range n {
			ms = append(ms, order(fmt.Sprint(i)))
		}
		again, first := 0, 0
		bubble(t, time.Hour, ms, func(_ context.Context, d *event.Delivery) error {
			if d.Attempt == 1 {
				first++
				if time.Since(start) != 0 {
					t.Errorf("first attempt after %v", time.Since(start))
				}
				return errors.New("no")
			}
			again++
			if time.Since(start) != time.Minute {
				t.Errorf("second attempt after %v", time.Since(start))
			}
			return nil
		}, event.RetryLevels(time.Minute), event.MaxInFlight(100, 1<<20))
		if first != n || again != n {
			t.Errorf("%d first and %d second attempts, want %d each", first, again, n)
		}
	})
}

// However many wait on a level for longer, ahead of the others, and however much of
// what may be held they take: these are tried when they are due, and those come back
// in their time, once each, with all they had.
func TestLongWaitsHoldNothingUp(t *testing.T) {
	const n = 3000
	for _, c := range []struct{ long, messages, bytes, size int }{
		{1, 100, 1 << 20, 0}, {300, 100, 1 << 20, 0}, {300, 10000, 1 << 20, 1000}, {600, 10000, 1 << 20, 1000},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var ms []*event.Message
				for i := range n {
					m := order(fmt.Sprint(i))
					m.Payload = append(m.Payload, make([]byte, c.size)...)
					ms = append(ms, m)
				}
				var mu sync.Mutex
				again := map[time.Duration]int{}
				h := func(_ context.Context, d *event.Delivery) error {
					if d.Attempt == 1 {
						if i, _ := strconv.Atoi(string(d.Key)); i < c.long {
							return event.RetryIn(time.Hour, errors.New("closed"))
						}
						return errors.New("usual")
					}
					mu.Lock()
					defer mu.Unlock()
					again[time.Since(start)]++
					if m := d.Meta(); d.Attempt != 2 || m.Topic != "orders" || !bytes.HasPrefix(d.Payload, d.Key) || len(d.Payload) != len(d.Key)+c.size {
						t.Errorf("%s comes back as attempt %d of %s: %d bytes", d.Key, d.Attempt, m.Topic, len(d.Payload))
					}
					return nil
				}
				bubble(t, 2*time.Hour, ms, h, event.RetryLevels(time.Minute), event.MaxInFlight(c.messages, c.bytes))
				if want := map[time.Duration]int{time.Minute: n - c.long, time.Hour: c.long}; !maps.Equal(again, want) {
					t.Errorf("tried again after %v, want %v", again, want)
				}
			})
		})
	}
}
