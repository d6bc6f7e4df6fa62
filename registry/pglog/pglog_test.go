package pglog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/pglog"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// database returns the address of a PostgreSQL server for tests.
func database(t testing.TB) string {
	t.Helper()
	url := os.Getenv("POSTGRES_URL")
	if url == "" {
		if os.Getenv("REQUIRE_SERVICES") != "" {
			t.Fatal("POSTGRES_URL is not set")
		}
		t.Skip("POSTGRES_URL is not set: see test/services.sh")
	}
	return url
}

var schemas atomic.Int64

// newSchema returns a name that is in no other test's way and is gone after the
// test.
func newSchema(t testing.TB, url string) string {
	t.Helper()
	// The name has what must be quoted, and the pid, since packages share a server.
	name := fmt.Sprintf(`test "Log" %d_%d`, os.Getpid(), schemas.Add(1))
	t.Cleanup(func() { exec(t, url, "DROP SCHEMA IF EXISTS "+pgx.Identifier{name}.Sanitize()+" CASCADE") })
	return name
}

// exec runs a statement on a connection of its own.
func exec(t testing.TB, url, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func open(t testing.TB, url string, opts pglog.Options) *pglog.Log {
	t.Helper()
	log, err := pglog.Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	return log
}

func note(n int) []registry.Record {
	return []registry.Record{{Kind: registry.IDRecord, ID: n}}
}

// A race of clients ends the same whoever keeps the log.
func TestRace(t *testing.T) {
	t.Parallel()
	url := database(t)
	registrytest.TestRace(t, func(t *testing.T) func(*testing.T) registry.Log {
		schema := newSchema(t, url)
		return func(t *testing.T) registry.Log { return open(t, url, pglog.Options{Schema: schema}) }
	}, 0)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	url := database(t)
	registrytest.TestLog(t, func(t *testing.T) func(*testing.T) registry.Log {
		schema := newSchema(t, url)
		return func(t *testing.T) registry.Log { return open(t, url, pglog.Options{Schema: schema}) }
	})
}

// Servers that start together make the tables once.
func TestOpenTogether(t *testing.T) {
	t.Parallel()
	url := database(t)
	schema := newSchema(t, url)
	logs := make([]*pglog.Log, 8)
	var wg sync.WaitGroup
	for i := range logs {
		wg.Go(func() {
			var err error
			if logs[i], err = pglog.Open(t.Context(), url, pglog.Options{Schema: schema}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	at := registry.Offset(0)
	for i, log := range logs {
		if log == nil {
			continue
		}
		defer log.Close()
		var err error
		if at, err = log.Append(t.Context(), at, note(i)); err != nil {
			t.Error(err)
		}
	}
	if int(at) != len(logs) {
		t.Errorf("the log ends at %d, want %d", at, len(logs))
	}
}

// A log that a newer program has changed is neither read nor written, also not
// by servers that run already.
func TestNewerFormat(t *testing.T) {
	t.Parallel()
	url := database(t)
	schema := newSchema(t, url)
	log := open(t, url, pglog.Options{Schema: schema})
	next, err := log.Append(t.Context(), 0, note(1))
	if err != nil {
		t.Fatal(err)
	}
	exec(t, url, "UPDATE "+pgx.Identifier{schema, "head"}.Sanitize()+" SET format = 99")
	_, opened := pglog.Open(t.Context(), url, pglog.Options{Schema: schema})
	_, _, read := log.ReadFrom(t.Context(), 0)
	for doing, err := range map[string]error{"open": opened, "read": read} {
		if err == nil || !strings.Contains(err.Error(), "format 99") {
			t.Errorf("%s of a log of format 99 = %v, want an error that says so", doing, err)
		}
	}
	if _, err := log.Append(t.Context(), next, note(2)); err == nil {
		t.Error("an append to a log of format 99 succeeded")
	}
}

// A database that lost data, or another one in its place, is an error and not a
// shorter log.
func TestLostData(t *testing.T) {
	t.Parallel()
	url := database(t)
	for name, damage := range map[string]string{
		"cut off": "UPDATE HEAD SET next = 2; DELETE FROM LOG WHERE seq >= 2",
		"a hole":  "DELETE FROM LOG WHERE seq = 1",
		"no head": "DELETE FROM HEAD",
		"garbage": `UPDATE LOG SET record = '\x00ff'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			schema := newSchema(t, url)
			log := open(t, url, pglog.Options{Schema: schema})
			at := registry.Offset(0)
			for n := range 4 {
				var err error
				if at, err = log.Append(t.Context(), at, note(n)); err != nil {
					t.Fatal(err)
				}
			}
			head, table := pgx.Identifier{schema, "head"}.Sanitize(), pgx.Identifier{schema, "log"}.Sanitize()
			exec(t, url, strings.NewReplacer("HEAD", head, "LOG", table).Replace(damage))
			from := registry.Offset(0)
			if name == "cut off" {
				from = at
			}
			if records, next, err := log.ReadFrom(t.Context(), from); err == nil {
				t.Errorf("ReadFrom(%d) = %d records, offset %d, want an error", from, len(records), next)
			} else if !strings.Contains(err.Error(), schema) {
				t.Errorf("%v, want the schema in it", err)
			}
		})
	}
}

// What a server is told when it opens the log is never a password.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = "s3cr/et%zz"
	for _, url := range []string{
		"postgres://u:" + secret + "@127.0.0.1:1/db",
		"postgres://u:s3cr@et@127.0.0.1:1/db",
		"postgres://u:s3cret@127.0.0.1:1/db",
		"postgres://u:s3cret@127.0.0.1:1/db?sslmode=nonsense",
		"postgres://u@127.0.0.1:1/db?password=s3cret",
		"postgres://u@127.0.0.1:1/db?password=s3cret&sslmode=nonsense",
		"host=127.0.0.1 port=1 user=u password=s3cret",
		"host=127.0.0.1 port=x user=u password = 's3c ret'",
		"u:s3cret@127.0.0.1:1",
		"postgres://u:s3cret@[::1/db",
		"postgres://u:s3cret@127.0.0.1:port/db",
		"postgres://u:s3cret@127.0.0.1:1/db?connect_timeout=x",
	} {
		log, err := pglog.Open(t.Context(), url, pglog.Options{})
		if err == nil {
			log.Close()
			t.Errorf("Open(%q) succeeded", url)
			continue
		}
		for e := err; e != nil; e = errors.Unwrap(e) {
			if strings.Contains(e.Error(), "s3c") {
				t.Errorf("Open(%q) = %v, which holds the password", url, e)
			}
		}
	}
	if _, err := pglog.Open(t.Context(), "postgres://u@127.0.0.1:1/db?sslmode=nonsense", pglog.Options{}); err == nil || !strings.Contains(err.Error(), "sslmode") {
		t.Errorf("Open with a wrong sslmode and no password = %v, want an error that names it", err)
	}
	if _, err := pglog.Open(t.Context(), "postgres://u@127.0.0.1:1/db", pglog.Options{Schema: strings.Repeat("x", 64)}); err == nil || !strings.Contains(err.Error(), "63 bytes") {
		t.Errorf("Open with a long schema = %v, want an error that says so", err)
	}
}

// lock holds the tables of a log until the function is called.
func lock(t *testing.T, url, schema string) (unlock func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE "+pgx.Identifier{schema, "head"}.Sanitize()); err != nil {
		t.Fatal(err)
	}
	return func() { conn.Close(context.WithoutCancel(t.Context())) }
}

// awaitWaiting waits until a session waits for the tables of a log.
func awaitWaiting(t *testing.T, url, schema string) { t.Helper(); await(t, url, schema, true) }

// awaitNotWaiting waits until none does.
func awaitNotWaiting(t *testing.T, url, schema string) { t.Helper(); await(t, url, schema, false) }

func await(t *testing.T, url, schema string, want bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	for range 3000 {
		var waiting bool
		const sql = `SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE NOT l.granted AND n.nspname = $1)`
		if err := conn.QueryRow(t.Context(), sql, schema).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		if waiting == want {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("sessions that wait for the log: want %v", want)
}

func BenchmarkDurableRegister(b *testing.B) {
	url := database(b)
	registrytest.BenchmarkRegister(b, func(b *testing.B) registry.Log {
		return open(b, url, pglog.Options{Schema: newSchema(b, url)})
	})
}

// A pooler between forbids what pgx does by default; each of its modes must do,
// and so must each isolation and a database that acknowledges too early.
func TestSettings(t *testing.T) {
	t.Parallel()
	url := database(t)
	for _, setting := range []string{
		"default_query_exec_mode=cache_describe", "default_query_exec_mode=describe_exec", "default_query_exec_mode=exec",
		"default_query_exec_mode=simple_protocol", "default_transaction_isolation=serializable",
		"default_transaction_isolation=repeatable%20read", "synchronous_commit=off",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			opts := pglog.Options{Schema: newSchema(t, url)}
			logs := []*pglog.Log{open(t, url+"&"+setting, opts), open(t, url+"&"+setting, opts)}
			want := []registry.Record{{Kind: registry.ModeRecord, Subject: "a\x00'\\ü", Mode: `"\`}, note(7)[0]}
			at, err := logs[0].Append(t.Context(), 0, want)
			if err != nil {
				t.Fatal(err)
			}
			got, next, err := logs[1].ReadFrom(t.Context(), 0)
			if err != nil || next != at || !reflect.DeepEqual(got, want) {
				t.Fatalf("ReadFrom(0) = %v, %d, %v, want %v, %d", got, next, err, want, at)
			}
			for n := range 20 {
				var won atomic.Int32
				var wg sync.WaitGroup
				for i := range 4 {
					wg.Go(func() {
						switch _, err := logs[i%2].Append(t.Context(), at, note(n)); {
						case err == nil:
							won.Add(1)
						case !errors.Is(err, registry.ErrConflict):
							t.Error(err)
						}
					})
				}
				wg.Wait()
				if won.Load() != 1 {
					t.Fatalf("%d appends at %d succeeded, want 1", won.Load(), at)
				}
				at++
			}
		})
	}
}
