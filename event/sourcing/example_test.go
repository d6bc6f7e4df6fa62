package sourcing_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/inbox"
	"github.com/wireproof/wireproof/event/sourcing"
)

// An account is what its events make of it. It refuses what is not covered.
type account struct{ balance int }

// Apply changes the balance by what was booked: it has happened.
func (a *account) Apply(e *sourcing.Event) error {
	n, err := strconv.Atoi(string(e.Payload))
	a.balance += n
	return err
}

// book decides on the state that all events before have made.
func (a *account) book(n int) (*event.Message, error) {
	if a.balance+n < 0 {
		return nil, errors.New("not covered")
	}
	return &event.Message{Topic: "bookings", Payload: fmt.Append(nil, n)}, nil
}

// An account is loaded, decides and is saved; a projection lists all bookings.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	db, err := sql.Open("sqlite", "file::memory:?_txlock=immediate")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `CREATE TABLE booking (amount TEXT)`); err != nil {
		fmt.Println(err)
		return
	}

	store, err := sourcing.New(ctx, db) // PublishTo(out) hands all events to an outbox as well
	if err != nil {
		fmt.Println(err)
		return
	}
	accounts, err := sourcing.NewRepository(store, 0, nil, func() *account { return &account{} })
	if err != nil {
		fmt.Println(err)
		return
	}
	book := func(id string, n int) error {
		a, version, err := accounts.Load(ctx, id)
		if err != nil {
			return err
		}
		m, err := a.book(n)
		if err != nil {
			return err
		}
		_, err = accounts.Save(ctx, id, a, version, m) // a *sourcing.ConflictError if somebody was faster
		return err
	}
	fmt.Println(book("a-1", 100), book("a-1", -30), book("a-1", -80))

	second := event.Observe(func(_ event.Outcome, d *event.Delivery, _ error) {
		if d.Offset == 2 {
			stop()
		}
	})
	list := func(ctx context.Context, d *event.Delivery) error { // in the transaction of the checkpoint
		_, err := inbox.Tx(ctx).ExecContext(ctx, `INSERT INTO booking (amount) VALUES ($1)`, string(d.Payload))
		return err
	}
	err = store.Project(ctx, "bookings", list, second) // from the first event on, and then what comes
	fmt.Println(err)
	var sum int
	fmt.Println(db.QueryRow(`SELECT SUM(amount) FROM booking`).Scan(&sum), sum)
	// Output:
	// <nil> <nil> not covered
	// <nil>
	// <nil> 70
}
