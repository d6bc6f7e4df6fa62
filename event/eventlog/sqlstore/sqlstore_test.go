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
