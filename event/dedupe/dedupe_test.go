package dedupe_test

import (
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dedupe"
	"github.com/wireproof/wireproof/event/dedupe/dedupetest"
)

func TestMemory(t *testing.T) {
	dedupetest.Run(t, false, func(t *testing.T, claim, done time.Duration) event.Deduper {
		d, err := dedupe.NewMemory(dedupe.Times{Claim: claim, Done: done})
		if err != nil {
			t.Fatal(err)
		}
		return d
	})
}

func TestSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	runSQL(t, func() (*sql.DB, error) {
		db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)&_txlock=immediate")
		if err == nil {
			db.SetMaxOpenConns(1)
		}
		return db, err
	})
}

func TestPostgres(t *testing.T) {
	url := postgresURL(t)
	runSQL(t, func() (*sql.DB, error) { return sql.Open("pgx", url) })
}

func postgresURL(t *testing.T) string {
	url := os.Getenv("POSTGRES_URL")
	if url == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("POSTGRES_URL names no server")
		}
		t.Skip("POSTGRES_URL names no server")
	}
	return url
}

// A sweep that waits for whoever claims an expired entry anew leaves it there.
func TestSweepLeavesWhatIsClaimed(t *testing.T) {
	db, err := sql.Open("pgx", postgresURL(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d, err := dedupe.NewSQL(db, dedupe.Times{Claim: time.Minute, Done: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := "swept/" + rand.Text()
	if _, err := db.ExecContext(t.Context(), `INSERT INTO wireproof_dedupe (key, done, holder, until_ms) VALUES ($1, TRUE, 'h', 1)`, key); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(t.Context(), `UPDATE wireproof_dedupe SET until_ms = $2 WHERE key = $1`, key, time.Now().Add(time.Hour).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	swept := make(chan error, 1)
	go func() { _, err := d.Sweep(t.Context()); swept <- err }()
	for waiting, end := false, time.Now().Add(30*time.Second); !waiting; {
		err := db.QueryRowContext(t.Context(), `SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE FROM wireproof_dedupe%')`).Scan(&waiting)
		if err != nil || time.Now().After(end) {
			t.Fatalf("the sweep does not come to the entry: %v", err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-swept; err != nil {
		t.Fatal(err)
	}
	if _, err := d.Claim(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if states, err := d.Claim(t.Context(), key); err != nil || states[0] != event.Done {
		t.Errorf("the entry that was noted anew has state %v (%v), want Done", states, err)
	}
}

func runSQL(t *testing.T, open func() (*sql.DB, error)) {
	dedupetest.Run(t, true, func(t *testing.T, claim, done time.Duration) event.Deduper {
		db, err := open()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		d, err := dedupe.NewSQL(db, dedupe.Times{Claim: claim, Done: done})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Create(t.Context()); err != nil {
			t.Fatal(err)
		}
		return d
	})
	db, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// What PostgreSQL takes as text, and into an index, is less than what SQLite does.
	var most int
	rows, err := db.Query("SELECT key FROM wireproof_dedupe")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil || !utf8.ValidString(key) || strings.Contains(key, "\x00") {
			t.Errorf("key %.60q (%v), want text", key, err)
		}
		most = max(most, len(key))
	}
	if err := rows.Err(); err != nil || most == 0 || most > 2000 {
		t.Errorf("the longest key has %d bytes (%v), want 2000 at most", most, err)
	}
	d, err := dedupe.NewSQL(db, dedupe.Times{Claim: time.Millisecond, Done: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Done(t.Context(), "g/old"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; {
		n, err := d.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("what has expired is not swept")
		}
	}
}

func TestTimes(t *testing.T) {
	for _, bad := range []dedupe.Times{{}, {Claim: time.Minute}, {Claim: time.Minute, Done: time.Second}} {
		if _, err := dedupe.NewMemory(bad); err == nil {
			t.Errorf("%+v: no error", bad)
		}
		if _, err := dedupe.NewSQL(nil, bad); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}
