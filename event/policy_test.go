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
)

// A key that fails keeps its order: what follows it waits, other keys do not.
func TestKeepKeyOrder(t *testing.T) {
	for name, opt := range map[string]event.ConsumerOption{"by key": event.ByKey(4), "one worker": event.ByKey(1), "serial": event.Serial()} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			var mu sync.Mutex
			var got []string
			ms := []*event.Message{order("a"), order("b"), order("a"), order("b")}
			bus := bubble(t, time.Hour, ms, func(_ context.Context, d *event.Delivery) error {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, fmt.Sprintf("%s%d/%d@%v", d.Key, d.Offset, d.Attempt, time.Since(start)))
				if d.Offset == 0 && d.Attempt <= 2 {
					return errors.New("not yet")
				}
				return nil
			}, opt, event.KeepKeyOrder(), event.RetryLevels(time.Minute, 2*time.Minute))
			want := []string{"a0/1@0s", "a0/2@1m0s", "a0/3@3m0s", "a2/1@3m0s", "b1/1@0s", "b3/1@0s"}
			if name == "serial" {
				want = []string{"a0/1@0s", "a0/2@1m0s", "a0/3@3m0s", "a2/1@3m0s", "b1/1@3m0s", "b3/1@3m0s"}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s: calls %v, want %v", name, got, want)
			}
			if n := len(bus.Messages("orders.billing.retry.1")); n != 0 {
				t.Errorf("%s: %d messages on a retry topic", name, n)
			}
		})
	}
}

// After its last level it is dead, with its first error and its last, and its key
// goes on.
func TestKeepKeyOrderEndsInTheDeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after := 0
		bus := bubble(t, time.Hour, []*event.Message{order("a"), order("a")}, func(_ context.Context, d *event.Delivery) error {
			if d.Offset == 1 {
				after++
				return nil
			}
			return fmt.Errorf("no %d", d.Attempt)
		}, event.ByKey(2), event.KeepKeyOrder(), event.RetryLevels(time.Minute, time.Minute))
		dead := bus.Messages("orders.billing.dlq")
		if len(dead) != 1 || after != 1 {
			t.Fatalf("%d dead letters and %d calls for what follows, want one each", len(dead), after)
		}
		for key, want := range map[string]string{event.HeaderErrorFirst: "no 1", event.HeaderErrorLast: "no 3", event.HeaderAttempt: "3"} {
			if v, _ := dead[0].Headers.Get(key); string(v) != want {
				t.Errorf("header %s is %q, want %q", key, v, want)
			}
		}
	})
}

// A consumer that ends does not wait for what waits in its place: it stays with
// the broker, and so does what is behind it.
func TestWhatWaitsDoesNotHoldUpTheEnd(t *testing.T) {
	for _, opt := range []event.ConsumerOption{event.ByKey(2), event.Serial()} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			bus := bubble(t, time.Second, []*event.Message{order("a"), order("a")}, func(context.Context, *event.Delivery) error {
				return errors.New("no")
			}, opt, event.KeepKeyOrder(), event.RetryLevels(time.Hour))
			if took := time.Since(start); took != time.Second {
				t.Errorf("Run took %v, want the second that it was given", took)
			}
			left := 0
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, func(context.Context, *event.Delivery) error {
				left++
				return nil
			}); err != nil || left != 2 {
				t.Errorf("the next consumer got %d messages (%v), want 2", left, err)
			}
		})
	}
}

func TestJitterAndBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var at []time.Duration
		bubble(t, time.Hour, []*event.Message{order("a")}, func(context.Context, *event.Delivery) error {
			at = append(at, time.Since(start))
			return errors.New("no")
		}, event.Immediate(4), event.Backoff(time.Second, 5*time.Second))
		if want := []time.Duration{0, 1e9, 3e9, 7e9, 12e9}; !slices.Equal(at, want) {
			t.Errorf("calls at %v, want %v", at, want)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		seen := map[time.Duration]bool{}
		var ms []*event.Message
		for i := range 50 {
			ms = append(ms, order(fmt.Sprint(i)))
		}
		bubble(t, time.Hour, ms, func(_ context.Context, d *event.Delivery) error {
			if d.Attempt == 1 {
				return errors.New("no")
			}
			seen[time.Since(start)] = true
			return nil
		}, event.RetryLevels(time.Minute), event.Jitter(0.5))
		for d := range seen {
			if d < time.Minute || d > 90*time.Second {
				t.Errorf("tried again after %v, want 1m to 1m30s", d)
			}
		}
		if len(seen) < 10 {
			t.Errorf("50 messages came back at %d instants, want them spread", len(seen))
		}
	})
}

func TestRetryIf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		timeout := errors.New("timeout")
		var calls tally
		bus := bubble(t, time.Hour, []*event.Message{order("timeout"), order("invalid"), order("asked")}, func(_ context.Context, d *event.Delivery) error {
			calls.add(d)
			switch string(d.Key) {
			case "timeout":
				return fmt.Errorf("call: %w", timeout)
			case "asked":
				return event.RetryIn(time.Second, errors.New("invalid"))
			}
			return errors.New("invalid")
		}, event.RetryLevels(time.Minute), event.RetryIf(func(err error) bool { return errors.Is(err, timeout) }))
		if !calls.is(map[string]int{"timeout": 2, "invalid": 1, "asked": 2}) || len(bus.Messages("orders.billing.dlq")) != 3 {
			t.Errorf("calls %v", calls.n)
		}
	})
}

// Unordered runs a key twice at once, which ByKey does not.
func TestUnordered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		bubble(t, time.Hour, []*event.Message{order("a"), order("a"), order("a"), order("a"), order("a")}, func(context.Context, *event.Delivery) error {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			running--
			mu.Unlock()
			return nil
		}, event.Unordered(3))
		if most != 3 {
			t.Errorf("%d handlers ran at once, want 3", most)
		}
	})
}

// Prepare, Within and Spans nest as they say, and change no bytes of a retry.
func TestPrepareWithinSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		say := func(s string) { log = append(log, s) }
		within := func(name string) event.ConsumerOption {
			return event.Within(func(ctx context.Context, d *event.Delivery, next event.Handler) error {
				say(name)
				defer say("/" + name)
				return next(ctx, d)
			})
		}
		bus := bubble(t, time.Hour, []*event.Message{order("a")}, func(_ context.Context, d *event.Delivery) error {
			say(string(d.Payload))
			return errors.New("no")
		}, event.Prepare(func(_ context.Context, d *event.Delivery) error {
			d.Payload = []byte("fetched")
			return nil
		}), within("inner"), within("outer"), event.Spans(func(ctx context.Context, ds []*event.Delivery) (context.Context, func(error)) {
			say("span of " + string(ds[0].Payload))
			return ctx, func(err error) { say("end: " + err.Error()) }
		}))
		if got, want := strings.Join(log, ", "), "span of a, outer, inner, fetched, /inner, /outer, end: no"; got != want {
			t.Errorf("calls were %s, want %s", got, want)
		}
		if dead := bus.Messages("orders.billing.dlq"); len(dead) != 1 || string(dead[0].Payload) != "a" {
			t.Errorf("dead letters %v, want the message as it came", dead)
		}
	})
}

// A held delivery is settled when its work is done, and not before.
func TestHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var counts event.Counts
		bus := bubble(t, time.Hour, []*event.Message{order("a"), order("b")}, event.Hold(func(_ context.Context, d *event.Delivery, done func(error)) error {
			if string(d.Key) == "b" {
				return event.Permanent(errors.New("cannot start"))
			}
			go func() {
				time.Sleep(time.Minute)
				done(nil)
				done(errors.New("twice"))
			}()
			return nil
		}), event.Observe(func(o event.Outcome, d *event.Delivery, err error) {
			counts.Observe(o, d, err)
			if o == event.Handled && time.Since(start) != time.Minute {
				t.Errorf("handled after %v, want a minute", time.Since(start))
			}
		}))
		if counts.Of(event.Handled) != 1 || len(bus.Messages("orders.billing.dlq")) != 1 {
			t.Errorf("counts %v", &counts)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		var last error
		bubble(t, time.Hour, []*event.Message{order("a")}, event.Hold(func(context.Context, *event.Delivery, func(error)) error {
			return nil // and done is never called
		}), event.HandlerTimeout(time.Second), event.Observe(func(_ event.Outcome, _ *event.Delivery, err error) { last = err }))
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("a held delivery that nobody finishes: %v, want its timeout", last)
		}
	})
}
