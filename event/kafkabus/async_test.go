package kafkabus_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
)

// What is published without waiting has one answer each, and is stored in the order
// of its keys.
func TestAsync(t *testing.T) {
	t.Parallel()
	eachKafka(t, func(t *testing.T, brokers []string) {
		const n, keys = 2000, 10
		topic := topicName("async")
		makeTopic(t, brokers, topic, 4)
		bus := open(t, kafkabus.Config{Brokers: brokers})
		defer bus.Close(context.WithoutCancel(t.Context()))
		async, err := event.NewAsync(bus, 500, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex // guards answers
		answers := 0
		for i := range n {
			m := &event.Message{Topic: topic, Key: fmt.Append(nil, i%keys), Payload: fmt.Append(nil, i)}
			err := async.Enqueue(t.Context(), m, func(err error) {
				mu.Lock()
				defer mu.Unlock()
				if answers++; err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := async.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		next, stored := map[string]int{}, 0
		err = bus.Browse(t.Context(), topic, nil, func(d *event.Delivery) bool {
			var k, i int
			fmt.Sscan(string(d.Key), &k)
			fmt.Sscan(string(d.Payload), &i)
			if want := next[string(d.Key)]*keys + k; i != want {
				t.Errorf("key %d has %d, want %d", k, i, want)
			}
			next[string(d.Key)]++
			stored++
			return true
		})
		if err != nil || stored != n || answers != n {
			t.Errorf("%d stored and %d answers (%v), want %d of each", stored, answers, err, n)
		}
	})
}
