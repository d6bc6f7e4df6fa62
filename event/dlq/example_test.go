package dlq_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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

// The letters of one error are replayed as a job: its set is in a file, and if the
// program dies, OpenJob and Run go on where it was.
func ExampleJob() {
	ctx, bus := context.Background(), membus.New(membus.Partitions(1))
	for i, text := range []string{"no account 17", "no account 18", "the total is negative"} {
		d := &event.Delivery{Message: event.Message{Topic: "orders", Payload: fmt.Append(nil, i)}, Offset: int64(i), Attempt: 1}
		if err := bus.Publish(ctx, event.DeadLetter(d, "billing", errors.New(text))); err != nil {
			fmt.Println(err)
		}
	}
	var set []dlq.Planned
	err := dlq.Each(ctx, bus, "orders", "billing", dlq.Selection{Pending: true, Where: func(l *dlq.Letter) bool {
		return dlq.ErrorClass(l.LastError) == "no account #"
	}}, func(l dlq.Letter) error {
		set = append(set, l.Planned())
		return nil
	})
	fmt.Println(len(set), err)

	dir, err := os.MkdirTemp("", "replay")
	fmt.Println(err)
	defer os.RemoveAll(dir)
	job, err := dlq.CreateJob(filepath.Join(dir, "accounts.json"), set)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer job.Close()
	fmt.Println(job.Run(ctx, bus, dlq.Pace{Rate: 500}, func(r dlq.Record) { fmt.Println(r.Outcome, r.ID) }))
	fmt.Println(job.Left(), "left")
	// Output:
	// 2 <nil>
	// <nil>
	// replayed 0:0
	// replayed 0:1
	// <nil>
	// 0 left
}
