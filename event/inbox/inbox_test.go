package inbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/inbox"
	"github.com/wireproof/wireproof/event/membus"
)

// databases runs f on SQLite, and on PostgreSQL if there is one.
func databases(t *testing.T, f func(t *testing.T, db *sql.DB)) {
	run := func(name, driver, url string) {
		t.Run(name, func(t *testing.T) {
			db, err := sql.Open(driver, url)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			f(t, db)
		})
	}
	run("sqlite", "sqlite", "file:"+filepath.Join(t.TempDir(), "db")+"?_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_txlock=immediate")
	url := os.Getenv("POSTGRES_URL")
	if url == "" && os.Getenv("REQUIRE_SERVICES") == "1" {
		t.Fatal("POSTGRES_URL names no server")
	}
	if url != "" {
		run("postgres", "pgx", url)
	}
}

// Each effect is there once: of messages that come twice, at the same time or
// later, of handlers that fail after their change, and of those that panic.
func TestEachEffectOnce(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB) {
		in, table, group := inbox.New(db), fmt.Sprintf("effects_%x", rand.Uint64()), fmt.Sprintf("g%x", rand.Uint64())
		for range 2 {
			if err := in.Create(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := db.Exec("CREATE TABLE " + table + " (message TEXT)"); err != nil {
			t.Fatal(err)
		}
		defer db.Exec("DROP TABLE " + table)
		bus := membus.New()
		const n = 60
		for i := range n {
			m := &event.Message{Topic: "t", Key: fmt.Append(nil, i), Headers: event.Headers{{Key: event.HeaderID, Value: fmt.Append(nil, i)}}}
			if err := bus.Publish(t.Context(), m, m); err != nil { // the second goes to the same partition
				t.Fatal(err)
			}
			m.Key = fmt.Append(nil, i, "elsewhere")
			if err := bus.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		var mu sync.Mutex
		calls := map[string]int{}
		var counts event.Counts
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		seen := 0
		err := event.Run(ctx, bus.Group(group), []string{"t"}, func(ctx context.Context, d *event.Delivery) error {
			if _, err := inbox.Tx(ctx).ExecContext(ctx, "INSERT INTO "+table+" VALUES ($1)", d.ID()); err != nil {
				return err
			}
			mu.Lock()
			calls[d.ID()]++
			first := calls[d.ID()] == 1
			mu.Unlock()
			switch {
			case first && d.ID()[0] == '1':
				return errors.New("after the change")
			case first && d.ID()[0] == '2':
				panic("after the change")
			}
			return nil
		}, in.Option(), event.Immediate(3), event.ByKey(8), event.Observe(counts.Observe), event.Observe(func(event.Outcome, *event.Delivery, error) {
			mu.Lock()
			defer mu.Unlock()
			if seen++; seen == 3*n {
				cancel()
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		if counts.Of(event.Handled) != n || counts.Of(event.Duplicate) != 2*n {
			t.Errorf("counts %v, want %d handled and %d duplicates", &counts, n, 2*n)
		}
		var rows, distinct int
		if err := db.QueryRow("SELECT COUNT(*), COUNT(DISTINCT message) FROM "+table).Scan(&rows, &distinct); err != nil || rows != n || distinct != n {
			t.Errorf("%d effects of %d messages (%v), want one each of %d", rows, distinct, err, n)
		}
		if k, err := in.Sweep(t.Context(), time.Hour); err != nil || k != 0 {
			t.Errorf("sweep of what is older than an hour: %d (%v), want none", k, err)
		}
		if k, err := in.Sweep(t.Context(), -time.Second); err != nil || k < n {
			t.Errorf("sweep of everything: %d (%v), want %d", k, err, n)
		}
	})
}

// A message may be named by any bytes, also where a database takes text only, and no
// more than some of it into an index.
func TestIDsThatAreNoText(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB) {
		in, group := inbox.New(db), fmt.Sprintf("g%x", rand.Uint64())
		if err := in.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		bus := membus.New(membus.Partitions(1))
		ids := []string{"\xff", "\xfe", "a\x00", "a", strings.Repeat("x", 1<<16), strings.Repeat("x", 1<<16+1)}
		for _, id := range ids {
			m := &event.Message{Topic: "t", Headers: event.Headers{{Key: event.HeaderID, Value: []byte(id)}}}
			if err := bus.Publish(t.Context(), m, m); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var counts event.Counts
		err := event.Run(ctx, bus.Group(group), []string{"t"}, func(context.Context, *event.Delivery) error { return nil },
			in.Option(), event.Observe(counts.Observe), event.Observe(func(event.Outcome, *event.Delivery, error) {
				if counts.Of(event.Handled)+counts.Of(event.Duplicate)+counts.Of(event.DeadLettered) == 2*int64(len(ids)) {
					cancel()
				}
			}))
		if err != nil || counts.Of(event.Handled) != int64(len(ids)) || counts.Of(event.Duplicate) != int64(len(ids)) {
			t.Errorf("%v, counts %v; want each of %d handled once", err, &counts, len(ids))
		}
		rows, err := db.Query("SELECT message FROM wireproof_inbox WHERE consumer = $1", group)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil || !utf8.ValidString(id) || strings.Contains(id, "\x00") || len(id) > 2000 {
				t.Errorf("message %.60q (%v) of %d bytes, want short text", id, err, len(id))
			}
		}
		if err := rows.Err(); err != nil {
			t.Error(err)
		}
	})
}

func TestNoTransaction(t *testing.T) {
	if tx := inbox.Tx(t.Context()); tx != nil {
		t.Error("a context without a transaction has one")
	}
}
