package kafkabus_test

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
)

// Each order has one invoice, also when the process dies between the two.
func ExampleBus_Transform() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders", "invoices"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cluster.Close()
	bus, err := kafkabus.Open(ctx, kafkabus.Config{Brokers: cluster.ListenAddrs()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer bus.Close(context.Background())
	if err := bus.Publish(ctx, &event.Message{Topic: "orders", Key: []byte("o-17"), Payload: []byte("19.99")}); err != nil {
		fmt.Println(err)
		return
	}

	config := kafkabus.TransformConfig{Group: "invoicing", Topics: []string{"orders"}}
	config.Observe = func(event.Outcome, *event.Delivery, error) { stop() }
	err = bus.Transform(ctx, config, func(_ context.Context, batch []*event.Delivery, out func(...*event.Message)) error {
		for _, d := range batch {
			out(&event.Message{Topic: "invoices", Key: d.Key, Payload: fmt.Appendf(nil, "pay %s", d.Payload)})
		}
		return nil // results and offsets are committed together
	})
	fmt.Println(err)
	err = bus.Browse(context.Background(), "invoices", nil, func(d *event.Delivery) bool {
		fmt.Printf("%s: %s\n", d.Key, d.Payload)
		return true
	})
	fmt.Println(err)
	// Output:
	// <nil>
	// o-17: pay 19.99
	// <nil>
}
