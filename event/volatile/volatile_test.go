package volatile_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/volatile"
)

func message(i int) *event.Message {
	return &event.Message{Topic: "work", Payload: fmt.Append(nil, i)}
}

// Each message is handled once, or given up after its tries and counted; a
// publisher waits for slow workers, and loses nothing.
func TestEachHandledOrCounted(t *testing.T) {
	const n = 2000
	q := volatile.New(4)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	calls, ends := map[string]int{}, 0
	done := make(chan error, 1)
	go func() {
		done <- q.Run(ctx, func(_ context.Context, d *event.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			calls[string(d.Payload)]++
			if strings.HasSuffix(string(d.Payload), "7") {
				return errors.New("always")
			}
			return nil
		}, event.Unordered(4), event.MaxInFlight(8, 1<<20), event.Immediate(2), event.Observe(func(event.Outcome, *event.Delivery, error) {
			mu.Lock()
			defer mu.Unlock()
			if ends++; ends == n {
				cancel()
			}
		}))
	}()
	for i := range n {
		if err := q.Publish(t.Context(), message(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for i := range n {
		want := 1
		if i%10 == 7 {
			want = 3
		}
		if got := calls[fmt.Sprint(i)]; got != want {
			t.Errorf("message %d: %d calls, want %d", i, got, want)
		}
	}
	if q.Lost() != n/10 || q.Dropped() != 0 {
		t.Errorf("%d lost and %d dropped, want %d and 0", q.Lost(), q.Dropped(), n/10)
	}
}

// A full queue drops and counts, or makes the publisher wait until its context or
// the queue ends.
func TestFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := volatile.New(2, volatile.DropWhenFull())
		if err := q.Publish(t.Context(), message(1), message(2), message(3)); err != nil || q.Dropped() != 1 || q.Waiting() != 2 {
			t.Errorf("%v, %d dropped, %d wait, want 1 and 2", err, q.Dropped(), q.Waiting())
		}
		q = volatile.New(1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var pe *event.PublishError
		if err := q.Publish(ctx, message(1), message(2)); !errors.As(err, &pe) || len(pe.Failed) != 1 || pe.Failed[0].Index != 1 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("publish to a full queue: %v, want message 1 at the end of the context", err)
		}
		waiting := make(chan error, 1)
		go func() { waiting <- q.Publish(t.Context(), message(3)) }()
		synctest.Wait()
		if err := q.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-waiting; !errors.Is(err, volatile.ErrClosed) {
			t.Errorf("the publisher that waited: %v", err)
		}
	})
}

// Retry levels would want topics.
func TestRetryLevelsAreRefused(t *testing.T) {
	err := volatile.New(1).Run(t.Context(), func(context.Context, *event.Delivery) error { return nil }, event.RetryLevels(time.Second))
	if err == nil || !strings.Contains(err.Error(), "KeepKeyOrder") {
		t.Errorf("retry levels: %v", err)
	}
}
