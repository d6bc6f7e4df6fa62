package dedupe_test

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dedupe"
	"github.com/wireproof/wireproof/event/membus"
)

// A message that was published twice is handled once.
func ExampleNewSQL() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	bus := membus.New(membus.Partitions(1))
	m := &event.Message{Topic: "orders", Headers: event.Headers{{Key: event.HeaderID, Value: []byte("o-17 placed")}}, Payload: []byte("19.99")}
	if err := bus.Publish(ctx, m, m); err != nil {
		fmt.Println(err)
		return
	}
	db, err := sql.Open("sqlite", "file::memory:?_txlock=immediate")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	sendMail := func(_ context.Context, d *event.Delivery) error {
		fmt.Printf("mail: your order over %s\n", d.Payload)
		return nil
	}
	duplicates := event.Observe(func(o event.Outcome, _ *event.Delivery, _ error) {
		if o == event.Duplicate {
			stop()
		}
	})

	remembered, err := dedupe.NewSQL(db, dedupe.Times{Claim: time.Minute, Done: 7 * 24 * time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := remembered.Create(ctx); err != nil {
		fmt.Println(err)
		return
	}
	err = event.Run(ctx, bus.Group("mail"), []string{"orders"}, sendMail,
		event.Deduplicate(remembered), event.HandlerTimeout(30*time.Second), duplicates)
	fmt.Println(err)
	// Output:
	// mail: your order over 19.99
	// <nil>
}
