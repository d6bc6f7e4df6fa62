package inbox_test

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/inbox"
	"github.com/wireproof/wireproof/event/membus"
)

// That a message is handled is noted in the transaction of what it changes.
func ExampleInbox() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	bus := membus.New(membus.Partitions(1))
	m := &event.Message{Topic: "orders", Key: []byte("tea"), Headers: event.Headers{{Key: event.HeaderID, Value: []byte("o-17 placed")}}}
	if err := bus.Publish(ctx, m, m); err != nil { // twice
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
	if _, err := db.ExecContext(ctx, `CREATE TABLE stock (sku TEXT, pieces INTEGER); INSERT INTO stock VALUES ('tea', 10)`); err != nil {
		fmt.Println(err)
		return
	}
	duplicates := event.Observe(func(o event.Outcome, _ *event.Delivery, _ error) {
		if o == event.Duplicate {
			stop()
		}
	})

	in := inbox.New(db)
	if err := in.Create(ctx); err != nil {
		fmt.Println(err)
		return
	}
	take := func(ctx context.Context, d *event.Delivery) error {
		_, err := inbox.Tx(ctx).ExecContext(ctx, `UPDATE stock SET pieces = pieces - 1 WHERE sku = $1`, string(d.Key))
		return err // nil commits, anything else rolls back
	}
	err = event.Run(ctx, bus.Group("stock"), []string{"orders"}, take, in.Option(), duplicates)

	var pieces int
	fmt.Println(err, db.QueryRow(`SELECT pieces FROM stock`).Scan(&pieces), pieces)
	// Output: <nil> <nil> 9
}
