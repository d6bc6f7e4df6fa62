package sourcing_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/outbox"
	"github.com/wireproof/wireproof/event/sourcing"
)

// databases runs f on SQLite, and on PostgreSQL if there is one, in a schema of
// its own.
func databases(t *testing.T, f func(t *testing.T, db *sql.DB)) {
	open := func(t *testing.T, driver, url string) *sql.DB {
		db, err := sql.Open(driver, url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	t.Run("sqlite", func(t *testing.T) {
		f(t, open(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "db")+"?_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_pragma=synchronous(full)"))
	})
	t.Run("postgres", func(t *testing.T) {
		url := os.Getenv("POSTGRES_URL")
		if url == "" {
			if os.Getenv("REQUIRE_SERVICES") == "1" {
				t.Fatal("POSTGRES_URL names no server")
			}
			t.Skip("POSTGRES_URL names no server")
		}
		schema, admin := fmt.Sprintf("sourcing_%016x", rand.Uint64()), open(t, "pgx", url)
		if _, err := admin.Exec("CREATE SCHEMA " + schema); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = admin.Exec("DROP SCHEMA " + schema + " CASCADE") })
		f(t, open(t, "pgx", url+"&search_path="+schema))
	})
}

func message(payload string) *event.Message {
	return &event.Message{Topic: "t", Payload: []byte(payload)}
}

// Of those who append to one stream at once, exactly one wins each version; and
// whoever reads all streams meanwhile passes over nothing.
func TestConcurrentAppenders(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB) {
		s, err := sourcing.New(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		const writers, each = 6, 15
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				at, streams := map[string]int64{}, []string{"shared", fmt.Sprint("own", w)}
				for i := range 2 * each {
					stream := streams[i%2]
					for {
						v, err := s.Append(t.Context(), stream, at[stream], message(fmt.Sprint(w, "/", i)))
						if err == nil {
							at[stream] = v
							break
						}
						if !sourcing.IsConflict(err) {
							t.Error(err)
							return
						}
						for e, err := range s.Load(t.Context(), stream, at[stream]) {
							if err != nil {
								t.Error(err)
								return
							}
							at[stream] = e.Version
						}
					}
				}
			})
		}
		var seen int64
		for seen < 2*writers*each && !t.Failed() {
			for e, err := range s.All(t.Context(), seen) {
				if err != nil {
					t.Fatal(err) // also of a gap
				}
				seen = e.Offset
			}
		}
		wg.Wait()
		got := map[string]bool{}
		for e, err := range s.Load(t.Context(), "shared", 0) {
			if err != nil {
				t.Fatal(err)
			}
			got[string(e.Payload)] = true
		}
		if len(got) != writers*each {
			t.Errorf("the shared stream has %d different events, want %d", len(got), writers*each)
		}
	})
}

// A conflict names both versions and leaves nothing, neither in the stream nor in
// the outbox; what is appended is in both.
func TestConflictAndOutbox(t *testing.T) {
	databases(t, func(t *testing.T, db *sql.DB) {
		o, err := outbox.New(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		s, err := sourcing.New(t.Context(), db, sourcing.PublishTo(o))
		if err != nil {
			t.Fatal(err)
		}
		if v, err := s.Append(t.Context(), "a", 0, message("1"), message("2")); v != 2 || err != nil {
			t.Fatalf("append: version %d, %v", v, err)
		}
		_, err = s.Append(t.Context(), "a", 1, message("3"))
		if want := (sourcing.ConflictError{Stream: "a", Expected: 1, Actual: 2}); !sourcing.IsConflict(err) || err.Error() != want.Error() {
			t.Errorf("append at an old version: %v, want %v", err, &want)
		}
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(outbox.In(t.Context(), tx), "a", 2, message("3")); err != nil {
			t.Error(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if n, err := o.Len(t.Context()); n != 2 || err != nil {
			t.Errorf("%d messages wait (%v), want 2", n, err)
		}
		if v, err := s.Append(t.Context(), "a", 2, message("3")); v != 3 || err != nil {
			t.Errorf("append after a rollback: version %d, %v", v, err)
		}
	})
}
