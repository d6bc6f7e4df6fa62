package event_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

// A handler's error is the outcome: nil settles the message, any other error
// takes the retry levels and then the dead letter.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	bus := membus.New()
	err := bus.Publish(ctx,
		&event.Message{Topic: "orders", Key: []byte("o-1"), Payload: []byte("19.99")},
		&event.Message{Topic: "orders", Key: []byte("o-1"), Payload: []byte("5.00")},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	handled := 0
	err = event.Run(ctx, bus.Group("billing"), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
		fmt.Printf("charge %s for %s\n", d.Payload, d.Key)
		if handled++; handled == 2 {
			cancel() // Run drains and returns nil
		}
		return nil
	}, event.ByKey(8), event.RetryLevels(time.Minute, 5*time.Minute))
	fmt.Println(err)
	// Output:
	// charge 19.99 for o-1
	// charge 5.00 for o-1
	// <nil>
}

// Counts tell what became of the messages.
func ExampleCounts() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	bus := membus.New()
	for _, amount := range []string{"19.99", "-1", "test", "?"} {
		if err := bus.Publish(ctx, &event.Message{Topic: "orders", Payload: []byte(amount)}); err != nil {
			fmt.Println(err)
			return
		}
	}
	var counts event.Counts
	var all sync.WaitGroup
	all.Add(4)
	go func() { all.Wait(); cancel() }()
	err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
		switch string(d.Payload) {
		case "-1":
			return event.Permanent(errors.New("negative amount"))
		case "test":
			return event.Drop("a test order")
		case "?":
			return event.Skip("not an order")
		}
		return nil
	}, event.Observe(counts.Observe), event.Observe(func(event.Outcome, *event.Delivery, error) { all.Done() }))
	fmt.Println(err)
	for o := event.Handled; o <= event.Skipped; o++ {
		fmt.Println(counts.Of(o), o)
	}
	fmt.Println(len(bus.Messages(event.DeadLetterTopic("orders", "billing"))), "dead letter")
	// Output:
	// <nil>
	// 1 handled
	// 0 retried
	// 1 dead-lettered
	// 1 dropped
	// 1 skipped
	// 1 dead letter
}
