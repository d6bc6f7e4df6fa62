package event_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

// Group b.c of topic a and group c of topic a.b have retry topics of one name. Each
// handles its own messages, and no other.
func TestRetryTopicsOfOneName(t *testing.T) {
	for name, batches := range map[string]bool{"one": false, "batch": true} {
		t.Run(name, func(t *testing.T) {
			bus := membus.New(membus.Partitions(1))
			if event.RetryTopic("a", "b.c", 1) != event.RetryTopic("a.b", "c", 1) {
				t.Fatal("the names differ")
			}
			for _, topic := range []string{"a", "a.b"} {
				if err := bus.Publish(t.Context(), &event.Message{Topic: topic, Payload: []byte("of " + topic)}); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var mu sync.Mutex
			got := map[string]int{}
			var settled event.Counts
			var wg sync.WaitGroup
			for group, topic := range map[string]string{"b.c": "a", "c": "a.b"} {
				handle := func(_ context.Context, d *event.Delivery) error {
					mu.Lock()
					defer mu.Unlock()
					got["group "+group+": "+string(d.Payload)]++
					if d.Attempt == 1 {
						return errors.New("not yet")
					}
					return nil
				}
				wg.Go(func() {
					var err error
					opts := []event.ConsumerOption{event.RetryLevels(time.Millisecond), event.Observe(settled.Observe)}
					if batches {
						err = event.RunBatches(ctx, bus.Group(group), []string{topic}, 1, time.Millisecond, func(ctx context.Context, ds []*event.Delivery) error {
							return handle(ctx, ds[0])
						}, opts...)
					} else {
						err = event.Run(ctx, bus.Group(group), []string{topic}, handle, opts...)
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			// Each group settles its message and both retries.
			for end := time.Now().Add(10 * time.Second); settled.Of(event.Retried)+settled.Of(event.Handled)+settled.Of(event.Skipped) < 6; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Error("waited in vain")
					break
				}
			}
			cancel()
			wg.Wait()
			if len(got) != 2 || got["group b.c: of a"] != 2 || got["group c: of a.b"] != 2 || settled.Of(event.Skipped) != 2 {
				t.Errorf("calls: %v, %d skipped; want two of each group with its own message, and the other's retry skipped", got, settled.Of(event.Skipped))
			}
		})
	}
}
