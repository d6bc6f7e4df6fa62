package event_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

// A brokenError cannot be looked at while it is nil, as one that a handler returns
// by mistake in a variable of its type.
type brokenError struct{ err error }

func (e *brokenError) Error() string { return e.err.Error() }
func (e *brokenError) Unwrap() error { return e.err }

// An error that panics when it is looked at is the panic of the handler: its message
// is dead-lettered, and the process goes on.
func TestErrorThatPanics(t *testing.T) {
	var broken *brokenError
	for name, run := range map[string]func(context.Context, event.Group, event.ConsumerOption) error{
		"one": func(ctx context.Context, g event.Group, o event.ConsumerOption) error {
			return event.Run(ctx, g, []string{"t"}, func(context.Context, *event.Delivery) error { return broken }, o)
		},
		"wrapped": func(ctx context.Context, g event.Group, o event.ConsumerOption) error {
			return event.Run(ctx, g, []string{"t"}, func(context.Context, *event.Delivery) error { return fmt.Errorf("handle: %w", broken) }, o)
		},
		"thrown": func(ctx context.Context, g event.Group, o event.ConsumerOption) error {
			return event.Run(ctx, g, []string{"t"}, func(context.Context, *event.Delivery) error { panic(broken) }, o)
		},
		"a RetryIf that panics": func(ctx context.Context, g event.Group, o event.ConsumerOption) error {
			retryIf := event.RetryIf(func(err error) bool { return err.(*brokenError) == nil })
			return event.Run(ctx, g, []string{"t"}, func(context.Context, *event.Delivery) error { return broken }, o, retryIf)
		},
		"batch": func(ctx context.Context, g event.Group, o event.ConsumerOption) error {
			return event.RunBatches(ctx, g, []string{"t"}, 1, 1, func(context.Context, []*event.Delivery) error {
				return &event.BatchError{Failed: map[int]error{0: broken}}
			}, o)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bus := membus.New()
			if err := bus.Publish(t.Context(), &event.Message{Topic: "t", Payload: []byte("1")}); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var got error
			err := run(ctx, bus.Group("g"), event.Observe(func(o event.Outcome, _ *event.Delivery, err error) {
				if got = err; o != event.DeadLettered {
					t.Errorf("outcome %v, want dead-lettered", o)
				}
				cancel()
			}))
			if err != nil {
				t.Fatal(err)
			}
			if pe := (*event.PanicError)(nil); !errors.As(got, &pe) || !strings.Contains(pe.Where, "brokenError") {
				t.Errorf("the error is %v, want the panic with its place", got)
			}
		})
	}
}

// A wait that asks for the end of time is not over in the past, whatever jitter adds.
func TestWaitOfAges(t *testing.T) {
	for range 20 {
		synctest.Test(t, func(t *testing.T) {
			calls := 0
			bubble(t, time.Hour, []*event.Message{order("a")}, func(context.Context, *event.Delivery) error {
				calls++
				return event.RetryIn(math.MaxInt64, errors.New("no"))
			}, event.RetryLevels(time.Minute), event.Jitter(1))
			if calls != 1 {
				t.Errorf("%d calls within an hour, want one", calls)
			}
		})
	}
}

// Work that has finished before the end of its context has succeeded, even if its
// handler learns of both at once.
func TestHoldThatFinishedInTime(t *testing.T) {
	h := event.Hold(func(ctx context.Context, _ *event.Delivery, done func(error)) error {
		done(nil)
		<-ctx.Done()
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		if err := h(ctx, &event.Delivery{}); err != nil {
			t.Fatalf("outcome %v, want that of the work", err)
		}
	}
}

// What Prepare does to the headers of its copy changes nothing of the message.
func TestPrepareChangesHeaders(t *testing.T) {
	for name, run := range map[string]func(context.Context, event.Group, ...event.ConsumerOption) error{
		"one": func(ctx context.Context, g event.Group, opts ...event.ConsumerOption) error {
			return event.Run(ctx, g, []string{"t"}, func(context.Context, *event.Delivery) error { return errors.New("no") }, opts...)
		},
		"batch": func(ctx context.Context, g event.Group, opts ...event.ConsumerOption) error {
			return event.RunBatches(ctx, g, []string{"t"}, 1, 1, func(context.Context, []*event.Delivery) error { return errors.New("no") }, opts...)
		},
	} {
		bus := membus.New()
		if err := bus.Publish(t.Context(), &event.Message{Topic: "t", Headers: event.Headers{{Key: "own", Value: []byte("as it came")}}}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := run(ctx, bus.Group("g"), event.Prepare(func(_ context.Context, d *event.Delivery) error {
			d.Headers[0].Value = []byte("changed")
			return nil
		}), event.Observe(func(event.Outcome, *event.Delivery, error) { cancel() }))
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		if ms := bus.Messages(event.DeadLetterTopic("t", "g")); len(ms) != 1 || string(ms[0].Headers[0].Value) != "as it came" {
			t.Errorf("%s: dead letters %v, want the header as it came", name, ms)
		}
	}
}

// A transport that does not come back from settling is no clean end.
func TestSettleThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(1)
		l := newTestLane(t, s, true)
		l.sent = []int64{1}
		l.handled[1] = true
		release := make(chan struct{})
		defer close(release)
		l.onSettle = func() { <-release }
		s.send(l, delivery("t", "", 1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := event.Run(ctx, s, []string{"t"}, nothing, event.DrainTimeout(10*time.Second))
		if err == nil || !strings.Contains(err.Error(), "settle") {
			t.Errorf("error %v, want one that says what still settles", err)
		}
	})
}
