package outbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/event/outbox"
)

// An order and its event are stored together, or neither is.
func ExampleOutbox() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	bus := membus.New()
	db, err := sql.Open("sqlite", "file::memory:?_txlock=immediate")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `CREATE TABLE orders (id TEXT PRIMARY KEY)`); err != nil {
		fmt.Println(err)
		return
	}
	out, err := outbox.New(ctx, db)
	if err != nil {
		fmt.Println(err)
		return
	}

	place := func(id string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // nothing, once committed
		if _, err := tx.ExecContext(ctx, `INSERT INTO orders (id) VALUES ($1)`, id); err != nil {
			return err
		}
		placed := &event.Message{Topic: "orders", Key: []byte(id), Payload: []byte("placed")}
		if err := out.Publish(outbox.In(ctx, tx), placed); err != nil {
			return err
		}
		return tx.Commit()
	}
	fmt.Println(place("o-17"))
	fmt.Println(place("o-17") != nil) // refused by the table: no second event

	relayed := make(chan error)
	go func() { relayed <- out.Relay(ctx, bus, outbox.Poll(10*time.Millisecond)) }() // in one process, or in several
	err = event.Run(ctx, bus.Group("billing"), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
		fmt.Printf("%s %s\n", d.Key, d.Payload)
		stop()
		return nil
	})
	fmt.Println(err, <-relayed)
	// Output:
	// <nil>
	// true
	// o-17 placed
	// <nil> <nil>
}
