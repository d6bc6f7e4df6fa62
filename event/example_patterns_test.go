package event_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

// ordersOf returns a bus with one order for each payload, all under one key.
func ordersOf(payloads ...string) *membus.Bus {
	bus := membus.New(membus.Partitions(1))
	for _, p := range payloads {
		if err := bus.Publish(context.Background(), &event.Message{Topic: "orders", Key: []byte("o-17"), Payload: []byte(p)}); err != nil {
			panic(err)
		}
	}
	return bus
}

// until calls stop when n messages are settled, and counts what became of them.
func until(n int64, stop func(), counts *event.Counts) event.ConsumerOption {
	var seen atomic.Int64
	return event.Observe(func(o event.Outcome, d *event.Delivery, err error) {
		counts.Observe(o, d, err)
		if seen.Add(1) == n {
			stop()
		}
	})
}

func charge(context.Context, *event.Delivery) error { return nil }

// What a handler returns is the outcome.
func Example_outcomes() {
	bus := ordersOf("19.99", "test", "-1", "late")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	handle := func(ctx context.Context, d *event.Delivery) error {
		switch string(d.Payload) {
		case "test":
			return event.Drop("a test order") // acknowledged, and counted with the reason
		case "-1":
			return event.Permanent(errors.New("negative amount")) // dead letter, now
		case "late":
			return event.RetryIn(time.Hour, errors.New("the bank is closed")) // next level, in an hour
		}
		return charge(ctx, d) // nil acknowledges; any other error is tried again
	}
	var counts event.Counts
	err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, handle, event.RetryLevels(time.Minute), until(4, stop, &counts))
	fmt.Println(err)
	fmt.Println(counts.Of(event.Handled), "handled,", counts.Of(event.Dropped), "dropped,", counts.Of(event.DeadLettered), "dead,", counts.Of(event.Retried), "waiting")
	// Output:
	// <nil>
	// 1 handled, 1 dropped, 1 dead, 1 waiting
}

// A slowBank answers later, on a goroutine of its own.
type slowBank struct{}

func (slowBank) Charge(order string, answer func(error)) {
	go func() {
		fmt.Println("charged", order)
		answer(nil)
	}()
}

// The work is done elsewhere, and the message is settled when it is.
func ExampleHold() {
	bus, bank := ordersOf("19.99"), slowBank{}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	handle := event.Hold(func(_ context.Context, d *event.Delivery, done func(error)) error {
		bank.Charge(string(d.Key), done) // done is called once, from anywhere
		return nil                       // started; an error here would be the outcome
	})
	var counts event.Counts
	err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, handle, event.Unordered(100), event.HandlerTimeout(time.Minute), until(1, stop, &counts))
	fmt.Println(counts.Of(event.Handled), err)
	// Output:
	// charged o-17
	// 1 <nil>
}

// Many at once, and the events of one key one after another.
func ExampleByKey() {
	bus := ordersOf("placed", "paid", "shipped")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	handle := func(_ context.Context, d *event.Delivery) error {
		fmt.Printf("%s %s\n", d.Key, d.Payload)
		return nil
	}
	options := []event.ConsumerOption{
		event.ByKey(32),                        // or Serial(), the default; or Unordered(32)
		event.MaxInFlight(500, 8<<20),          // of each lane: messages, and bytes of them
		event.HandlerTimeout(10 * time.Second), // ends the context of a call
		event.DrainTimeout(20 * time.Second),   // how long shutdown waits for handlers
	}
	var counts event.Counts
	err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, handle, append(options, until(3, stop, &counts))...)
	fmt.Println(err)
	// Output:
	// o-17 placed
	// o-17 paid
	// o-17 shipped
	// <nil>
}

// A searchIndex takes many documents at once, and says which it refuses.
type searchIndex struct{}

func (searchIndex) Bulk(ds []*event.Delivery) map[int]error {
	refused := map[int]error{}
	for i, d := range ds {
		if len(d.Payload) == 0 {
			refused[i] = event.Permanent(errors.New("an empty document"))
		}
	}
	return refused
}

// Of a batch, those that failed take the course of their own error.
func ExampleRunBatches() {
	bus, index := ordersOf("placed", "", "shipped"), searchIndex{}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	handle := func(_ context.Context, ds []*event.Delivery) error {
		if refused := index.Bulk(ds); len(refused) > 0 {
			return &event.BatchError{Failed: refused} // the others are handled
		}
		return nil
	}
	var counts event.Counts
	counted := until(3, stop, &counts)
	// Of up to 100, or as many as there are when the first has waited for 50 ms.
	err := event.RunBatches(ctx, bus.Group("search"), []string{"orders"}, 100, 50*time.Millisecond, handle, counted)
	fmt.Println(counts.Of(event.Handled), "indexed,", counts.Of(event.DeadLettered), "dead,", err)
	// Output:
	// 2 indexed, 1 dead, <nil>
}

var errClosedAccount = errors.New("the account is closed")

// Short waits in place, long ones on topics of their own, none where it is no use.
func ExampleRetryLevels() {
	bus := ordersOf("19.99", "closed")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	handle := func(_ context.Context, d *event.Delivery) error {
		switch {
		case string(d.Payload) == "closed":
			return errClosedAccount
		case d.Attempt == 1:
			return errors.New("connection reset")
		}
		return nil
	}
	options := []event.ConsumerOption{
		event.Immediate(2), event.Backoff(50*time.Millisecond, time.Second), // in place
		event.RetryLevels(time.Minute, 10*time.Minute, time.Hour), // on topics of their own
		event.Jitter(0.2), // up to a fifth longer
		event.RetryIf(func(err error) bool { return !errors.Is(err, errClosedAccount) }),
	}
	var counts event.Counts
	err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, handle, append(options, until(2, stop, &counts))...)
	fmt.Println(counts.Of(event.Handled), "handled,", counts.Of(event.DeadLettered), "dead,", err)
	// Output:
	// 1 handled, 1 dead, <nil>
}

// The events of a key wait for the one before them, also while it waits to be
// tried again.
func ExampleKeepKeyOrder() {
	bus := ordersOf("placed", "shipped")
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	handle := func(_ context.Context, d *event.Delivery) error {
		if string(d.Payload) == "placed" && d.Attempt == 1 {
			return errors.New("connection reset")
		}
		fmt.Printf("%s, attempt %d\n", d.Payload, d.Attempt)
		return nil
	}
	options := []event.ConsumerOption{event.ByKey(32), event.KeepKeyOrder(), event.RetryLevels(10*time.Millisecond, time.Minute)}
	var counts event.Counts
	err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, handle, append(options, until(2, stop, &counts))...)
	fmt.Println(err)
	// Output:
	// placed, attempt 2
	// shipped, attempt 1
	// <nil>
}
