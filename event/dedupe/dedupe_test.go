package dedupe_test

import (
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
	url := os.Getenv("POSTGRES_URL")
	if url == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("POSTGRES_URL names no server")
		}
		t.Skip("POSTGRES_URL names no server")
	}
	runSQL(t, func() (*sql.DB, error) { return sql.Open("pgx", url) })
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
