package natsbus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/natsbus"
)

// A consumer of a pattern has retries and dead letters for each topic that it
// finds, also for one that is made while it runs.
func TestRunOnPattern(t *testing.T) {
	for _, pattern := range []string{"orders.*", "orders.>"} {
		t.Run(pattern, func(t *testing.T) {
			bus := on(t, embedded(t, t.TempDir()), natsbus.Config{Discover: 20 * time.Millisecond})
			makeTopic(t, bus, "orders.placed")
			ctx, cancel := context.WithCancel(patient(t))
			defer cancel()
			tried := make(chan event.Meta, 100)
			done := make(chan error, 1)
			go func() {
				done <- event.Run(ctx, bus.Group("g"), []string{pattern}, func(_ context.Context, d *event.Delivery) error {
					tried <- d.Meta()
					return errors.New("no")
				}, event.RetryLevels(time.Millisecond, time.Millisecond))
			}()
			makeTopic(t, bus, "orders.late")
			for _, topic := range []string{"orders.placed", "orders.late"} {
				if err := bus.Publish(ctx, &event.Message{Topic: topic, Payload: []byte(topic)}); err != nil {
					t.Fatal(err)
				}
			}
			attempts := map[string][]int{}
			for range 6 {
				select {
				case m := <-tried:
					attempts[m.Topic] = append(attempts[m.Topic], m.Attempt)
				case err := <-done:
					t.Fatalf("run ended: %v", err)
				}
			}
			for _, topic := range []string{"orders.placed", "orders.late"} {
				if a := attempts[topic]; len(a) != 3 || a[0] != 1 || a[2] != 3 {
					t.Errorf("attempts of %s are %v, want 1 to 3", topic, a)
				}
				letter, _ := take(t, member(t, bus, "watch", waitFor(t, bus, event.DeadLetterTopic(topic, "g"))), 1, true)
				if string(letter[0].Payload) != topic || letter[0].Meta().Topic != topic {
					t.Errorf("the dead letter of %s is %s of %s", topic, letter[0].Payload, letter[0].Meta().Topic)
				}
			}
			cancel()
			if err := <-done; err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// waitFor returns the topic when it holds something.
func waitFor(t *testing.T, bus *natsbus.Bus, topic string) string {
	t.Helper()
	ctx := patient(t)
	for len(stored(t, bus, topic)) == 0 {
		select {
		case <-ctx.Done():
			t.Fatalf("nothing comes to %s", topic)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return topic
}
