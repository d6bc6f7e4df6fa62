package kafkabus_test

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
)

// A call stores all its messages or none, over topics; who comes later under the
// same id ends who was there before.
func TestAtomic(t *testing.T) {
	eachKafka(t, func(t *testing.T, brokers []string) {
		a, b, id := topicName("a"), topicName("b"), topicName("id")
		makeTopic(t, brokers, a, 2)
		makeTopic(t, brokers, b, 2)
		bus := open(t, kafkabus.Config{Brokers: brokers, MaxMessageBytes: 1 << 16})
		defer bus.Close(context.Background())
		ctx := t.Context()
		both := func(text string) []*event.Message {
			return []*event.Message{{Topic: a, Payload: []byte(text)}, {Topic: b, Payload: []byte(text)}}
		}
		holds := func(topic string, want ...string) {
			t.Helper()
			got := map[string]int{}
			n := 0
			if err := bus.Browse(ctx, topic, nil, func(d *event.Delivery) bool { got[string(d.Payload)]++; n++; return true }); err != nil {
				t.Fatal(err)
			}
			for _, w := range want {
				if got[w] != 1 {
					t.Errorf("%s holds %q %d times, want once", topic, w, got[w])
				}
			}
			if n != len(want) {
				t.Errorf("%s holds %d messages, want %d", topic, n, len(want))
			}
		}
		first, err := bus.Atomic(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Publish(ctx, both("one")...); err != nil {
			t.Fatal(err)
		}
		large := both("two")
		large[1].Payload = bytes.Repeat([]byte("x"), 1<<20)
		if err := first.Publish(ctx, large...); err == nil {
			t.Error("a message that is too large was stored")
		}
		if err := first.Publish(ctx, both("three")...); err != nil {
			t.Errorf("after a transaction that was aborted: %v", err)
		}
		second, err := bus.Atomic(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		// The client takes half a minute to believe it, and reads what its own goroutines write.
		if os.Getenv("WIREPROOF_SOAK") == "1" && !raceDetector {
			if err := first.Publish(ctx, both("four")...); err == nil {
				t.Error("a publisher with a successor stores messages")
			}
		}
		if err := second.Publish(ctx, both("five")...); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := second.Close(ctx); err != nil {
				t.Error(err)
			}
		}
		if err := second.Publish(ctx, both("six")...); err == nil {
			t.Error("a closed publisher stores messages")
		}
		_ = first.Close(ctx) // fenced
		holds(a, "one", "three", "five")
		holds(b, "one", "three", "five")
	})
}
