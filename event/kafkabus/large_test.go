package kafkabus_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// A topic of Kafka's defaults takes batches of 1 MiB, whatever they hold: much that is
// published at once is not refused where each message of it would not be.
func TestMuchAtOnce(t *testing.T) {
	brokers := kafkatest.Real(t)
	topic := topicName("much")
	makeTopic(t, brokers, topic, 1)
	bus := open(t, kafkabus.Config{Brokers: brokers})
	defer bus.Close(t.Context())
	ms := make([]*event.Message, 300)
	for i := range ms {
		ms[i] = &event.Message{Topic: topic, Key: []byte{byte(i)}, Payload: bytes.Repeat([]byte{byte(i)}, 10<<10)}
	}
	if err := bus.Publish(t.Context(), ms...); err != nil {
		t.Errorf("in one call: %.300v", err)
	}
	atomic, err := bus.Atomic(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if err := atomic.Publish(t.Context(), ms...); err != nil {
		t.Errorf("in one transaction: %.300v", err)
	}
	if err := atomic.Close(t.Context()); err != nil {
		t.Error(err)
	}
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			m := &event.Message{Topic: topic, Payload: bytes.Repeat([]byte{byte(i)}, 400<<10)}
			if err := bus.Publish(t.Context(), m); err != nil {
				t.Errorf("in a call of its own: %.300v", err)
			}
		})
	}
	callers.Wait()
}

// Where a topic takes less than it does by default, or a message is larger, what is
// published together is refused one by one, and comes in the order of the call.
func TestSmallTopic(t *testing.T) {
	eachKafka(t, func(t *testing.T, brokers []string) {
		topic := topicName("small")
		makeTopic(t, brokers, topic, 1)
		bus := open(t, kafkabus.Config{Brokers: brokers})
		defer bus.Close(context.WithoutCancel(t.Context()))
		takeSmall(t, bus, topic)
		if err := bus.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		bus = open(t, kafkabus.Config{Brokers: brokers}) // knows nothing of the topic
		defer bus.Close(context.WithoutCancel(t.Context()))
		ms := make([]*event.Message, 100)
		for i := range ms {
			ms[i] = &event.Message{Topic: topic, Key: []byte("key"), Payload: bytes.Repeat([]byte{byte(i)}, 100)}
		}
		ms[50].Payload = make([]byte, 5000)
		var want []byte
		for round := range 2 {
			var failed *event.PublishError
			err := bus.Publish(t.Context(), ms...)
			if !errors.As(err, &failed) {
				t.Fatalf("Publish() in round %d = %.300v, want an error of message 50", round, err)
			}
			refused := map[int]bool{}
			for _, f := range failed.Failed {
				refused[f.Index] = true
			}
			// In the first call, what went out in a batch before the last one stays refused.
			if !refused[50] || len(refused) > 1 && (round > 0 || refused[99]) {
				t.Fatalf("Publish() in round %d = %.300v, want an error of message 50", round, err)
			}
			for i := range ms {
				if !refused[i] {
					want = append(want, byte(i))
				}
			}
		}
		var got []byte
		err := bus.Browse(t.Context(), topic, nil, func(d *event.Delivery) bool {
			if len(d.Payload) == 100 {
				got = append(got, d.Payload[0])
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("stored %v, want %v", got, want)
		}
	})
}

// A message of several MB goes in a batch of its own, among small ones.
func TestLargeAmongSmall(t *testing.T) {
	eachKafka(t, func(t *testing.T, brokers []string) {
		topic := topicName("large")
		makeTopic(t, brokers, topic, 1)
		bus := open(t, kafkabus.Config{Brokers: brokers})
		defer bus.Close(context.WithoutCancel(t.Context()))
		if err := bus.ConfigureTopic(t.Context(), topic, map[string]string{"max.message.bytes": "5000000"}); err != nil {
			t.Fatal(err)
		}
		sizes := []int{10, 4_000_000, 10, 900_000, 900_000, 4_000_000, 4_000_000, 10}
		ms := make([]*event.Message, len(sizes))
		for i, n := range sizes {
			ms[i] = &event.Message{Topic: topic, Key: []byte("key"), Payload: make([]byte, n)}
		}
		for t.Context().Err() == nil && bus.Publish(t.Context(), ms[1]) != nil { // until the leader knows
		}
		if err := bus.Publish(t.Context(), ms...); err != nil {
			t.Fatalf("%.300v", err)
		}
		var failed *event.PublishError
		over := &event.Message{Topic: topic, Payload: make([]byte, 9<<20)}
		if err := bus.Publish(t.Context(), ms[0], over, ms[2]); !errors.As(err, &failed) || len(failed.Failed) != 1 || failed.Failed[0].Index != 1 {
			t.Errorf("Publish() with a message over MaxMessageBytes = %.300v, want an error of message 1", err)
		}
		var got []int
		err := bus.Browse(t.Context(), topic, nil, func(d *event.Delivery) bool { got = append(got, len(d.Payload)); return true })
		if err != nil {
			t.Fatal(err)
		}
		if want := slices.Concat([]int{4_000_000}, sizes, []int{10, 10}); !slices.Equal(got, want) {
			t.Errorf("stored messages of %v bytes, want %v", got, want)
		}
	})
}
