package watermillbus_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/event/watermillbus"
)

// bill is a handler as it was written for Watermill.
func bill(m *message.Message) ([]*message.Message, error) {
	if len(m.Payload) == 0 {
		return nil, errors.New("no amount")
	}
	out := message.NewMessage("bill-"+m.UUID, m.Payload)
	out.Metadata.Set("kind", "bill")
	return []*message.Message{out}, nil
}

// A Router of Watermill over a transport of package event.
func ExampleNewSubscriber() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	bus := membus.New() // or kafkabus.Open(ctx, …)

	pub := watermillbus.NewPublisher(bus)
	sub := watermillbus.NewSubscriber(bus.Group("billing"), watermillbus.SubscriberConfig{})
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		log.Fatal(err)
	}
	router.AddHandler("bill", "orders", sub, "bills", pub, bill) // as before

	done := make(chan error, 1)
	go func() { done <- router.Run(ctx) }()
	if err := pub.Publish("orders", message.NewMessage("o-17", []byte("19.99"))); err != nil {
		log.Fatal(err)
	}
	bills, err := watermillbus.NewSubscriber(bus.Group("print"), watermillbus.SubscriberConfig{}).Subscribe(ctx, "bills")
	if err != nil {
		log.Fatal(err)
	}
	m := <-bills
	m.Ack()
	fmt.Printf("%s: %s, %s\n", m.UUID, m.Payload, m.Metadata.Get("kind"))
	cancel()
	if err := <-done; err != nil {
		log.Fatal(err)
	}
	// Output: bill-o-17: 19.99, bill
}

// The same handler without a Router: retries, the dead letter and workers by key are
// options.
func ExampleHandler() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	bus := membus.New()
	if err := watermillbus.NewPublisher(bus).Publish("orders", message.NewMessage("o-18", nil)); err != nil {
		log.Fatal(err)
	}
	go func() {
		src, err := bus.Group("print").Open(ctx, event.DeadLetterTopic("orders", "billing"))
		if err != nil {
			log.Fatal(err)
		}
		letters, err := src.Receive(ctx)
		if err != nil {
			log.Fatal(err)
		}
		cause, _ := letters.Deliveries[0].Headers.Get(event.HeaderErrorLast)
		fmt.Printf("dead letter: %s\n", cause)
		cancel()
	}()

	err := event.Run(ctx, bus.Group("billing"), []string{"orders"},
		watermillbus.Handler(bill, bus, "bills"),
		event.ByKey(32),
		event.Immediate(2),
		event.RetryLevels(10*time.Millisecond, 50*time.Millisecond),
	)
	if err != nil {
		log.Fatal(err)
	}
	// Output: dead letter: no amount
}

// unclosed is a subscriber that others use too.
type unclosed struct{ message.Subscriber }

func (unclosed) Close() error { return nil }

// Our runtime over a transport of Watermill.
func ExampleNewBus() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	channel := gochannel.NewGoChannel(gochannel.Config{Persistent: true}, watermill.NopLogger{})

	bus := watermillbus.NewBus(channel, func(group string) (message.Subscriber, error) {
		return unclosed{channel}, nil // elsewhere: a new subscriber whose consumer group is group
	})

	if err := bus.Publish(ctx, &event.Message{Topic: "orders", Key: []byte("o-19"), Payload: []byte("5.00")}); err != nil {
		log.Fatal(err)
	}
	err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
		fmt.Printf("%s costs %s, attempt %d\n", d.Key, d.Payload, d.Attempt)
		if d.Attempt == 1 {
			return errors.New("not yet")
		}
		cancel()
		return nil
	}, event.RetryLevels(time.Millisecond))
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// o-19 costs 5.00, attempt 1
	// o-19 costs 5.00, attempt 2
}
