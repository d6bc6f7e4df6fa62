package sourcing_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/inbox"
	"github.com/wireproof/wireproof/event/sourcing"
)

// Two processes project under one name and stop at failures, again and again: each
// event is applied once, in its order.
func TestProjectionAppliesOnce(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB) {
		s, err := sourcing.New(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`CREATE TABLE effects (position BIGINT)`); err != nil {
			t.Fatal(err)
		}
		const n = 60
		for i := range n {
			if _, err := s.Append(t.Context(), fmt.Sprint(i), 0, message("x")); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for calls := 0; ; {
					// The other one may come to the end first: then nothing comes to this one.
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					_ = s.Project(ctx, "p", func(ctx context.Context, d *event.Delivery) error {
						if _, err := inbox.Tx(ctx).ExecContext(ctx, `INSERT INTO effects VALUES ($1)`, d.Offset); err != nil {
							return err
						}
						if calls++; calls%7 == 0 {
							return errors.New("after the change")
						}
						return nil
					}, event.Observe(func(_ event.Outcome, d *event.Delivery, _ error) {
						if d.Offset == n {
							cancel()
						}
					}))
					cancel()
					at, err := s.Checkpoint(t.Context(), "p")
					if err != nil {
						t.Error(err)
					}
					if err != nil || at == n {
						return
					}
				}
			})
		}
		wg.Wait()
		var rows, distinct int
		if err := db.QueryRow(`SELECT COUNT(*), COUNT(DISTINCT position) FROM effects`).Scan(&rows, &distinct); err != nil || rows != n || distinct != n {
			t.Errorf("%d effects of %d events (%v), want one each of %d", rows, distinct, err, n)
		}
	})
}
