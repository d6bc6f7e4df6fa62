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

func TestRace(t *testing.T) {
	t.Parallel()
	registrytest.TestRace(t, func(t *testing.T) func(*testing.T) registry.Log {
		path := filepath.Join(t.TempDir(), "log.db")
		return func(t *testing.T) registry.Log { return open(t, path) }
	}, 0)
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

// A full disk refuses a write whole, and the log works again when there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log.db")
	log := open(t, path)
	if err := sqlitelog.LimitPages(t.Context(), log, 10); err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", 1000)
	var want []registry.Record
	for i := range 100 {
		want = append(want, registry.Record{Kind: registry.SchemaRecord, Subject: "s", Version: i + 1, ID: i + 1, Schema: &registry.StoredSchema{Text: text}})
	}
	first, err := log.Append(t.Context(), 0, want[:1])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), first, want[1:]); err == nil {
		t.Fatal("100 KB fit into 10 pages")
	}
	if got, next, err := log.ReadFrom(t.Context(), 0); err != nil || len(got) != 1 || next != first {
		t.Fatalf("after a refused write: %d records, offset %d, %v, want 1, %d", len(got), next, err, first)
	}
	if err := sqlitelog.LimitPages(t.Context(), log, 1000); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), first, want[1:]); err != nil {
		t.Fatal(err)
	}
	if got, _, err := open(t, path).ReadFrom(t.Context(), 0); err != nil || len(got) != len(want) {
		t.Errorf("%d records, %v, want %d", len(got), err, len(want))
	}
}
