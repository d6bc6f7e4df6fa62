package dlq_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/membus"
)

// An order dies because of a bug, and is replayed after the fix.
func Example() {
	bus := membus.New(membus.Partitions(1))
	run := func(h event.Handler) error {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		return event.Run(ctx, bus.Group("billing"), []string{"orders"}, h,
			event.Observe(func(event.Outcome, *event.Delivery, error) { cancel() }))
	}
	ctx := context.Background()
	fmt.Println(bus.Publish(ctx, &event.Message{Topic: "orders", Key: []byte("o-17"), Payload: []byte("19.99")}))
	fmt.Println(run(func(context.Context, *event.Delivery) error { return errors.New("no rate for EUR") }))

	letters, err := dlq.List(ctx, bus, "orders", "billing", dlq.Selection{Pending: true})
	fmt.Println(len(letters), err)
	for _, l := range letters {
		fmt.Printf("%s %s of %s: %s\n", l.ID, l.Key, l.ReplayID, l.LastError)
	}
	_, err = dlq.Replay(ctx, bus, "orders", "billing", dlq.Selection{})
	fmt.Println(err)
	fmt.Println(run(func(_ context.Context, d *event.Delivery) error {
		fmt.Printf("charge %s for %s, attempt %d\n", d.Payload, d.Key, d.Attempt)
		return nil
	}))
	// Output:
	// <nil>
	// <nil>
	// 1 <nil>
	// 0:0 o-17 of orders/0/0: no rate for EUR
	// <nil>
	// charge 19.99 for o-17, attempt 1
	// <nil>
}
