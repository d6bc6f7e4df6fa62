package event_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

// batches runs a consumer of batches of "orders" for d of fake time.
func batches(t *testing.T, d time.Duration, ms []*event.Message, size int, age time.Duration, h event.BatchHandler, opts ...event.ConsumerOption) *membus.Bus {
	t.Helper()
	bus := membus.New(membus.Partitions(1))
	if err := bus.Publish(t.Context(), ms...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := event.RunBatches(ctx, bus.Group("billing"), []string{"orders"}, size, age, h, opts...); err != nil {
		t.Errorf("run: %v", err)
	}
	return bus
}

func keysOf(ds []*event.Delivery) string {
	var out []string
	for _, d := range ds {
		out = append(out, string(d.Key))
	}
	return strings.Join(out, " ")
}

// A batch is full, or as old as it may be; the rest of the lane follows in order.
func TestBatchesBySizeAndAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var ms []*event.Message
		for i := range 7 {
			ms = append(ms, order(fmt.Sprint(i)))
		}
		var got []string
		batches(t, time.Hour, ms, 3, 5*time.Second, func(_ context.Context, ds []*event.Delivery) error {
			got = append(got, fmt.Sprintf("%s @%v", keysOf(ds), time.Since(start)))
			return nil
		})
		if want := []string{"0 1 2 @0s", "3 4 5 @0s", "6 @5s"}; !slices.Equal(got, want) {
			t.Errorf("batches %q, want %q", got, want)
		}
	})
}

// What is handled together is settled together, also if nothing waits behind it.
func TestBatchesAreSettledTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, size = 120, 40
		s := newScript(1)
		l := newTestLane(t, s, false)
		settles := 0
		l.onSettle = func() { settles++ }
		for i := range int64(n) {
			l.sent = append(l.sent, i)
		}
		for from := int64(0); from < n; from += size {
			var ds []*event.Delivery
			for i := range int64(size) {
				ds = append(ds, delivery("orders", "", from+i))
			}
			s.send(l, ds...)
			if from == 0 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				go func() {
					h := func(_ context.Context, ds []*event.Delivery) error {
						for _, d := range ds {
							l.finished(d.Offset)
						}
						return nil
					}
					if err := event.RunBatches(ctx, s, []string{"orders"}, size, time.Second, h); err != nil {
						t.Errorf("run: %v", err)
					}
				}()
			}
			time.Sleep(time.Second)
		}
		if l.countSettled() != n || settles != n/size {
			t.Errorf("%d messages were settled in %d calls, want %d in %d", l.countSettled(), settles, n, n/size)
		}
		time.Sleep(time.Hour)
	})
}

// By key, a key is once in a batch, never in two at once, and keeps its order.
func TestBatchesByKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ms []*event.Message
		for i := range 600 {
			m := order(fmt.Sprint(i % 7))
			m.Payload = fmt.Append(nil, i)
			ms = append(ms, m)
		}
		var mu sync.Mutex
		busy, last, n := map[string]bool{}, map[string]int64{}, 0
		batches(t, time.Hour, ms, 5, time.Millisecond, func(_ context.Context, ds []*event.Delivery) error {
			mu.Lock()
			for _, d := range ds {
				k := string(d.Key)
				if busy[k] {
					t.Errorf("key %s is in two batches at once, or twice in one", k)
				}
				if d.Offset < last[k] {
					t.Errorf("key %s: offset %d after %d", k, d.Offset, last[k])
				}
				busy[k], last[k] = true, d.Offset
				n++
			}
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			for _, d := range ds {
				busy[string(d.Key)] = false
			}
			return nil
		}, event.ByKey(3))
		if n != len(ms) {
			t.Errorf("%d of %d handled", n, len(ms))
		}
	})
}

// Each delivery of a batch has the outcome of its own error; those that failed
// are called again without the others.
func TestPartialFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var counts event.Counts
		var calls []string
		ms := []*event.Message{order("ok"), order("flaky"), order("bad"), order("drop"), order("late")}
		bus := batches(t, time.Hour, ms, 5, time.Second, func(_ context.Context, ds []*event.Delivery) error {
			calls = append(calls, keysOf(ds))
			failed := map[int]error{}
			for i, d := range ds {
				switch {
				case string(d.Key) == "bad":
					failed[i] = event.Permanent(errors.New("no"))
				case string(d.Key) == "drop":
					failed[i] = event.Drop("no use")
				case string(d.Key) == "flaky" && d.Attempt == 1, string(d.Key) == "late" && d.Attempt <= 2:
					failed[i] = errors.New("not yet")
				}
			}
			if len(failed) == 0 {
				return nil
			}
			return fmt.Errorf("wrapped: %w", &event.BatchError{Failed: failed})
		}, event.Immediate(1), event.RetryLevels(time.Minute), event.Observe(counts.Observe))
		if want := []string{"ok flaky bad drop late", "flaky late", "late"}; !slices.Equal(calls, want) {
			t.Errorf("calls %q, want %q", calls, want)
		}
		if counts.Of(event.Handled) != 3 || counts.Of(event.DeadLettered) != 1 || counts.Of(event.Dropped) != 1 || counts.Of(event.Retried) != 1 {
			t.Errorf("counts %v", &counts)
		}
		if n := len(bus.Messages("orders.billing.dlq")); n != 1 {
			t.Errorf("%d dead letters, want 1", n)
		}
	})
}

// What a handler says wrongly about a batch settles nothing as handled.
func TestBatchErrorsThatMakeNoSense(t *testing.T) {
	for name, err := range map[string]error{
		"out of range": &event.BatchError{Failed: map[int]error{0: errors.New("x"), 7: errors.New("x")}},
		"nil inside":   &event.BatchError{Failed: map[int]error{1: nil}},
		"empty":        &event.BatchError{},
		"plain":        errors.New("x"),
	} {
		synctest.Test(t, func(t *testing.T) {
			var counts event.Counts
			batches(t, time.Minute, []*event.Message{order("a"), order("b")}, 2, time.Second,
				func(context.Context, []*event.Delivery) error { return err }, event.Observe(counts.Observe))
			if counts.Of(event.DeadLettered) != 2 || counts.Of(event.Handled) != 0 {
				t.Errorf("%s: counts %v, want two dead letters", name, &counts)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		var counts event.Counts
		batches(t, time.Minute, []*event.Message{order("a"), order("b")}, 2, time.Second,
			func(context.Context, []*event.Delivery) error { panic("boom") }, event.Observe(counts.Observe))
		if counts.Of(event.DeadLettered) != 2 {
			t.Errorf("a panic: counts %v, want two dead letters", &counts)
		}
	})
}

func TestBatchOptionsThatMakeNoSense(t *testing.T) {
	h := func(context.Context, []*event.Delivery) error { return nil }
	within := event.Within(func(ctx context.Context, d *event.Delivery, next event.Handler) error { return next(ctx, d) })
	for want, run := range map[string]func(*script) error{
		"batches of 0 messages": func(s *script) error {
			return event.RunBatches(t.Context(), s, []string{"t"}, 0, 1, h)
		},
		"batches of 9 messages, want 1 to the 8": func(s *script) error {
			return event.RunBatches(t.Context(), s, []string{"t"}, 9, 1, h, event.MaxInFlight(8, 8))
		},
		"batches that wait 0s": func(s *script) error { return event.RunBatches(t.Context(), s, []string{"t"}, 1, 0, h) },
		"one of them is nil":   func(s *script) error { return event.RunBatches(t.Context(), s, []string{"t"}, 1, 1, nil) },
		"Within is for single": func(s *script) error { return event.RunBatches(t.Context(), s, []string{"t"}, 1, 1, h, within) },
		"KeepKeyOrder wants ByKey": func(s *script) error {
			return event.RunBatches(t.Context(), s, []string{"t"}, 1, 1, h, event.KeepKeyOrder(), event.RetryLevels(1))
		},
	} {
		s := newScript(0)
		if err := run(s); err == nil || !strings.Contains(err.Error(), want) || s.opened != nil {
			t.Errorf("error %v, want one with %q and nothing opened", err, want)
		}
	}
}
