package sqlstore_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/wireproof/wireproof/event/eventlog"
	"github.com/wireproof/wireproof/event/eventlog/eventlogtest"
	"github.com/wireproof/wireproof/event/eventlog/sqlstore"
)

func open(t *testing.T, driver, url string) *sqlstore.Store {
	t.Helper()
	db, err := sql.Open(driver, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s, err := sqlstore.New(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSQLite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	eventlogtest.Run(t, func(t *testing.T) eventlog.Store {
		return open(t, "sqlite", "file:"+path+"?_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_pragma=synchronous(full)")
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
	eventlogtest.Run(t, func(t *testing.T) eventlog.Store { return open(t, "pgx", url) })
}

// What may lose an append is refused.
func TestNotDurable(t *testing.T) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "db")+"?_pragma=synchronous(normal)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := sqlstore.New(t.Context(), db); err == nil || !strings.Contains(err.Error(), "synchronous(full)") {
		t.Errorf("a database that may lose commits: %v", err)
	}
}

// Records that are missing from the table are an error wherever a read begins; those that
// were trimmed are passed over.
func TestMissingRecords(t *testing.T) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "db")+"?_pragma=synchronous(full)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s, err := sqlstore.New(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), "t", [][]byte{{0}, {1}, {2}, {3}, {4}, {5}, {6}, {7}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Trim(t.Context(), "t", 2); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`DELETE FROM wireproof_log WHERE seq IN (4, 5)`); err != nil {
		t.Fatal(err)
	}
	for from, want := range []struct {
		first int64
		err   bool
	}{{2, true}, {2, true}, {2, true}, {3, true}, {0, true}, {0, true}, {6, false}, {7, false}} {
		first, rs, err := s.Read(t.Context(), "t", int64(from), 10, 1000)
		if (err != nil) != want.err || err == nil && (first != want.first || len(rs) != 8-from) {
			t.Errorf("read from %d: %d records from %d, %v; want error %v", from, len(rs), first, err, want.err)
		}
	}
	if first, rs, err := s.Read(t.Context(), "t", 0, 2, 1000); err != nil || first != 2 || len(rs) != 2 {
		t.Errorf("read before what is missing: %d records from %d, %v; want 2 from 2", len(rs), first, err)
	}
}
