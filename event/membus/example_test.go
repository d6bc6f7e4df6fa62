package membus_test

import (
	"context"
	"fmt"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

// One group reads the orders of all countries, also of those to come.
func Example_patterns() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	bus := membus.New()
	handle := func(ctx context.Context, d *event.Delivery) error {
		fmt.Println(d.Topic)
		if d.Topic == "orders.it" {
			stop()
			return nil
		}
		return bus.Publish(ctx, &event.Message{Topic: "orders.it", Payload: []byte("5.00")})
	}

	if err := bus.Publish(ctx, &event.Message{Topic: "orders.fr", Payload: []byte("19.99")}); err != nil {
		fmt.Println(err)
		return
	}
	err := event.Run(ctx, bus.Group("billing"), []string{"orders.*"}, handle) // * is one token, > the rest
	fmt.Println(err)
	// Output:
	// orders.fr
	// orders.it
	// <nil>
}
