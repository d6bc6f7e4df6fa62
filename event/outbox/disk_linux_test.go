package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/outbox"
)

// diskEnv is where a process that runs out of room has its database.
const diskEnv = "OUTBOX_DISK"

// TestMain is also the process of TestFullDisk.
func TestMain(m *testing.M) {
	if dir := os.Getenv(diskEnv); dir != "" {
		for _, mode := range []string{"WAL", "DELETE"} {
			if err := fullDisk(filepath.Join(dir, mode), mode); err != nil {
				fmt.Fprintf(os.Stderr, "journal_mode %s: %v\n", mode, err)
				os.Exit(1)
			}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A database whose files may not grow any more, as on a full disk: the user's
// transaction fails, and nothing of it is there. Whether the relay can work without
// room or not, everything that was committed is published in order; what it could not
// delete comes again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), diskEnv+"="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// limit bounds the files of this process; 0 is no bound.
func limit(size uint64) error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &now); err != nil {
		return err
	}
	if now.Cur = size; size == 0 {
		now.Cur = now.Max
	}
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now)
}

func fullDisk(path, mode string) error {
	signal.Ignore(syscall.SIGXFSZ) // which would end the process
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(60000)&_pragma=journal_mode("+mode+")&_txlock=immediate")
	if err != nil {
		return err
	}
	defer db.Close()
	o, err := outbox.New(ctx, db)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE orders (id INTEGER PRIMARY KEY, note BLOB)"); err != nil {
		return err
	}
	if err := limit(1 << 20); err != nil {
		return err
	}
	place := func(id int) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback()
		if _, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES ($1, $2)", id, make([]byte, 5000)); err != nil {
			return err
		}
		m := &event.Message{Topic: "orders", Key: []byte("k"), Payload: []byte(strconv.Itoa(id)), Headers: event.Headers{{Key: "x", Value: make([]byte, 5000)}}}
		if err := o.Publish(outbox.In(ctx, tx), m); err != nil {
			return err
		}
		return tx.Commit()
	}
	n := 0
	for ; err == nil && n < 1000; n++ {
		err = place(n)
	}
	n-- // that one failed
	refused := err
	if refused == nil {
		return errors.New("10 MB went into files of 1 MB")
	}
	var orders int
	if err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM orders").Scan(&orders); err != nil {
		return err
	}
	if waiting, err := o.Len(ctx); err != nil || orders != n || waiting != n {
		return fmt.Errorf("%d orders and %d messages are there, %w; want %d of both", orders, waiting, err, n)
	}
	if err := relayInto(ctx, o, n, func() error { return place(n) }); err != nil {
		return err
	}
	fmt.Printf("journal_mode %s: %d committed, then: %v\n", mode, n, refused)
	return nil
}

// relayInto relays while the disk is full, then makes room and publishes one more.
func relayInto(ctx context.Context, o *outbox.Outbox, n int, more func() error) error {
	to, failures := newSink(), &counter{}
	relaying, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() {
		done <- o.Relay(relaying, to, outbox.Poll(10*time.Millisecond), outbox.Lease(time.Second), outbox.Logger(slog.New(failures)))
	}()
	until := func(what string, ok func() bool) error {
		for !ok() {
			select {
			case <-ctx.Done():
				return fmt.Errorf("waited in vain for %s", what)
			case <-time.After(10 * time.Millisecond):
			}
		}
		return nil
	}
	empty := func() bool {
		left, err := o.Len(ctx)
		return err == nil && left == 0
	}
	if err := until("the relay to say that the disk is full, or to need no room", func() bool { return failures.n.Load() > 0 || empty() }); err != nil {
		return err
	}
	if err := limit(0); err != nil {
		return err
	}
	if err := more(); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	if err := until("everything to be published", empty); err != nil {
		return err
	}
	stop()
	if err := <-done; err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	next, repeats := 0, 0
	for _, m := range to.messages() {
		switch id, _ := strconv.Atoi(string(m.Payload)); {
		case id == next:
			next++
		case id < next:
			repeats++
		default:
			return fmt.Errorf("message %d came when %d was next", id, next)
		}
	}
	if next != n+1 {
		return fmt.Errorf("%d messages were published, want %d", next, n+1)
	}
	fmt.Printf("%d published, %d repeats, the relay failed %d times\n", next, repeats, failures.n.Load())
	return nil
}

// A counter counts what is logged.
type counter struct{ n atomic.Int64 }

func (c *counter) Enabled(context.Context, slog.Level) bool  { return true }
func (c *counter) Handle(context.Context, slog.Record) error { c.n.Add(1); return nil }
func (c *counter) WithAttrs([]slog.Attr) slog.Handler        { return c }
func (c *counter) WithGroup(string) slog.Handler             { return c }
