package sqlitelog_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/registry/sqlitelog"
)

func open(t *testing.T, path string) *sqlitelog.Log {
	t.Helper()
	log, err := sqlitelog.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

func TestConformance(t *testing.T) {
	t.Parallel()
	registrytest.TestLog(t, func(t *testing.T) func(*testing.T) registry.Log {
		path := filepath.Join(t.TempDir(), "a name with %20 and ?.db")
		return func(t *testing.T) registry.Log { return open(t, path) }
	})
}

func TestOpenRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.db")
	db, err := sql.Open("sqlite", other)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE theirs (x)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, other, filepath.Join(dir, "no", "such", "folder.db")} {
		log, err := sqlitelog.Open(t.Context(), path)
		if err == nil {
			log.Close()
			t.Errorf("Open(%s) succeeded", path)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("Open(%s) = %v, want the path in it", path, err)
		}
	}
}

// A commit is on the disk only with both settings; a change of either must not
// go unnoticed.
func TestDurabilitySettings(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path)
	journal, synchronous, err := sqlitelog.Durability(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	if journal != "wal" || synchronous != 2 {
		t.Errorf("journal_mode %q, synchronous %d, want wal and 2 (FULL)", journal, synchronous)
	}
}
