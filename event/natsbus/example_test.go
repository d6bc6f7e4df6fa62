package natsbus_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/natsbus"
)

// Durable events without a broker: the server runs in this process, and keeps what
// it was given in a folder.
func ExampleEmbedded() {
	ctx, stop := context.WithCancel(context.Background())
	dir, err := os.MkdirTemp("", "events")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	server, err := natsbus.Embedded(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close(context.Background())
	bus, err := server.Open(ctx, natsbus.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer bus.Close(context.Background())

	if err := bus.MakeTopic(ctx, "orders", ""); err != nil {
		log.Fatal(err)
	}
	if err := bus.Publish(ctx, &event.Message{Topic: "orders", Key: []byte("42"), Payload: []byte("placed")}); err != nil {
		log.Fatal(err)
	}
	err = event.Run(ctx, bus.Group("billing"), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
		fmt.Printf("order %s: %s\n", d.Key, d.Payload)
		stop() // the first one is enough here
		return nil
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output: order 42: placed
}
