package pglog_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/pglog"
	"github.com/wireproof/wireproof/registry/registrytest"
)

// wake waits for a value. It fails after a minute, far longer than anything
// takes.
func wake(t *testing.T, changed <-chan struct{}) {
	t.Helper()
	select {
	case _, ok := <-changed:
		if !ok {
			t.Fatal("the channel is closed")
		}
	case <-time.After(time.Minute):
		t.Fatal("nothing was told within a minute")
	}
}

// drain forgets what was told up to now.
func drain(changed <-chan struct{}) {
	select {
	case <-changed:
	default:
	}
}

// An append wakes the others at once: with a poll of an hour, only a
// notification can.
func TestWatch(t *testing.T) {
	t.Parallel()
	url := database(t)
	opts := pglog.Options{Schema: newSchema(t, url), Poll: time.Hour}
	one, two := open(t, url, opts), open(t, url, opts)
	ctx, cancel := context.WithCancel(t.Context())
	changed := one.Watch(ctx)
	wake(t, changed) // it listens
	at, err := two.Append(t.Context(), 0, note(1))
	if err != nil {
		t.Fatal(err)
	}
	wake(t, changed)
	if _, next, err := one.ReadFrom(t.Context(), 0); err != nil || next != at {
		t.Errorf("after the wake-up: offset %d, %v, want %d", next, err, at)
	}

	// The server ends the connection; Watch makes a new one and tells so, since
	// something may have come meanwhile.
	for range 3 {
		drain(changed)
		exec(t, url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = $1", "LISTEN "+pgx.Identifier{opts.Schema}.Sanitize())
		wake(t, changed)
	}
	cancel()
	for range changed { // ends when it is closed
	}
}

// Without notifications, Watch asks by itself.
func TestWatchPolls(t *testing.T) {
	t.Parallel()
	url := database(t)
	log := open(t, url, pglog.Options{Schema: newSchema(t, url), Poll: time.Millisecond})
	changed := log.Watch(t.Context())
	for range 5 {
		wake(t, changed)
	}
}

// Watch outlives a server that is away, and tells when it is back.
func TestWatchRestart(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	log := open(t, s.url, pglog.Options{Poll: time.Hour})
	changed := log.Watch(t.Context())
	wake(t, changed)
	s.end(t, "INT")
	s.start(t)
	other := open(t, s.url, pglog.Options{})
	at, err := other.Append(t.Context(), 0, note(1))
	if err != nil {
		t.Fatal(err)
	}
	for {
		wake(t, changed)
		if _, next, err := log.ReadFrom(t.Context(), 0); err == nil && next == at {
			break
		}
	}
}

// Two servers on one database know of each other's writes without being asked
// for them.
func TestFollow(t *testing.T) {
	t.Parallel()
	url := database(t)
	opts := pglog.Options{Schema: newSchema(t, url), Poll: time.Hour}
	var regs []*registry.Registry
	for range 2 {
		reg, err := registrytest.OpenToy(t.Context(), open(t, url, opts))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { reg.Close() })
		regs = append(regs, reg)
	}
	for n := range 10 {
		subject := fmt.Sprintf("s%d", n)
		what := registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: "x"}}
		if _, err := regs[n%2].Register(t.Context(), what); err != nil {
			t.Fatal(err)
		}
		// A listing is answered from memory alone.
		for tries := 0; !slices.Contains(regs[1-n%2].Subjects(nil, registry.Live), subject); tries++ {
			if tries == 3000 {
				t.Fatalf("registry %d has not heard of %s", 1-n%2, subject)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}
