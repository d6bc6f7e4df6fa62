package faults

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventlog"
	"github.com/wireproof/wireproof/event/eventlog/filestore"
	"github.com/wireproof/wireproof/event/eventlog/sqlstore"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// openLog opens an event log in a folder; done closes what is under it.
func openLog(ctx context.Context, store, dir string) (log *eventlog.Log, done func() error, err error) {
	var s eventlog.Store
	switch store {
	case "files":
		var fs *filestore.Store
		if fs, err = filestore.Open(dir); err != nil {
			return nil, nil, err
		}
		s, done = fs, fs.Close
	default:
		db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "db")+"?_pragma=busy_timeout(60000)&_pragma=journal_mode("+store+")&_pragma=synchronous(full)")
		if err != nil {
			return nil, nil, err
		}
		done = db.Close
		if s, err = sqlstore.New(ctx, db); err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
	}
	log, err = eventlog.New(s)
	return log, done, err
}

// read returns how many of the messages "0 ", "1 " and so on a log holds, in order.
func read(ctx context.Context, log *eventlog.Log) (n int, err error) {
	err = log.Browse(ctx, "orders", nil, func(d *event.Delivery) bool {
		var got int
		if _, err := fmt.Sscan(string(d.Payload[:8]), &got); err == nil && got == n {
			n++
		}
		return true
	})
	return n, err
}

func appendOne(ctx context.Context, log *eventlog.Log, n int) error {
	payload := make([]byte, 10_000) // which nothing packs
	for i := range payload {
		payload[i] = byte(rand.Uint32())
	}
	copy(payload, fmt.Sprintf("%d          ", n))
	return log.Publish(ctx, &event.Message{Topic: "orders", Payload: payload})
}

// eventLogRole appends until it cannot, reads everything, and prints how much that
// was.
func eventLogRole(ctx context.Context, _ *slog.Logger) error {
	log, _, err := openLog(ctx, os.Getenv("FAULTS_STORE"), os.Getenv("FAULTS_NAME"))
	if err != nil {
		return err
	}
	n := 0
	for ; n < 1000; n++ {
		if err = appendOne(ctx, log, n); err != nil {
			break
		}
	}
	if err == nil {
		return errors.New("10 MB went into files of 1 MB")
	}
	if got, rerr := read(ctx, log); rerr != nil || got != n {
		return fmt.Errorf("%d of %d messages are read (%v) after %w", got, n, rerr, err)
	}
	fmt.Println(n, strings.ReplaceAll(err.Error(), "\n", " "))
	os.Exit(0)
	return nil
}

// An event log whose files may not grow any more, as on a full disk, refuses what it
// cannot store, and serves what it has. After a new start with room it goes on, and
// what it had acknowledged is there.
func TestEventLogOnFullDisk(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash to bound files with")
	}
	for _, store := range []string{"files", "WAL", "DELETE"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cmd := exec.Command("bash", "-c", `trap "" XFSZ; ulimit -f 1024; exec "$0"`, os.Args[0])
			cmd.Env = append(os.Environ(), "FAULTS_ROLE=eventlog", "FAULTS_STORE="+store, "FAULTS_NAME="+dir)
			var out, complaints bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &complaints
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, complaints.String())
			}
			var n int
			if _, err := fmt.Sscan(out.String(), &n); err != nil || n == 0 {
				t.Fatalf("the process says %q", out.String())
			}
			log, done, err := openLog(t.Context(), store, dir)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := read(t.Context(), log); err != nil || got != n {
				t.Errorf("%d of %d acknowledged messages are there (%v)", got, n, err)
			}
			if err := appendOne(t.Context(), log, n); err != nil {
				t.Errorf("with room again: %v", err)
			}
			if got, err := read(t.Context(), log); err != nil || got != n+1 {
				t.Errorf("%d of %d messages are there (%v)", got, n+1, err)
			}
			if err := errors.Join(log.Close(t.Context()), done()); err != nil {
				t.Error(err)
			}
			t.Logf("%s", out.String())
		})
	}
}

// An event log in PostgreSQL whose files may not grow any more: what it cannot store
// is refused, and what it has is served. Killed and started again with room, it has
// everything and goes on.
func TestEventLogOnFullPostgres(t *testing.T) {
	if os.Getenv("POSTGRES_URL") == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("POSTGRES_URL names no server")
		}
		t.Skip("POSTGRES_URL names no server")
	}
	t.Parallel()
	dir := t.TempDir()
	t.Cleanup(func() { kafkatest.Services(t, "clean", dir) })
	// A segment of its own log has 16 MB from the beginning.
	out := kafkatest.Cramped(t, 17<<10, nil, "start", dir, "postgres")
	_, url, _ := strings.Cut(out[strings.LastIndex(out, "export "):], "=")
	url = strings.Trim(url, "'")
	open := func() *eventlog.Log {
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		s, err := sqlstore.New(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		log, err := eventlog.New(s)
		if err != nil {
			t.Fatal(err)
		}
		return log
	}
	log := open()
	n := 0
	var full error
	for ; full == nil; n++ {
		if full = appendOne(t.Context(), log, n); n > 5000 {
			t.Fatal("50 MB went into files of 17 MB")
		}
	}
	n-- // that one failed
	t.Logf("%d stored, then: %v", n, full)
	if got, err := read(t.Context(), log); err != nil || got != n {
		t.Errorf("%d of %d acknowledged messages are read from a full disk (%v)", got, n, err)
	}
	restarted(t, dir, "postgres")
	log = open()
	if err := appendOne(t.Context(), log, n); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if got, err := read(t.Context(), log); err != nil || got != n+1 {
		t.Errorf("%d of %d messages are there (%v)", got, n+1, err)
	}
}
