package claimcheck_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/claimcheck"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/membus"
)

var large = bytes.Repeat([]byte("large "), 1000)

func setup(t *testing.T) (bus *membus.Bus, dir string, pub event.Publisher, fetch *claimcheck.Fetcher) {
	t.Helper()
	dir = t.TempDir()
	store, err := claimcheck.NewFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	bus = membus.New(membus.Grace(0))
	if pub, err = claimcheck.Publisher(bus, store, 100); err != nil {
		t.Fatal(err)
	}
	if fetch, err = claimcheck.NewFetcher(store, 1<<20); err != nil {
		t.Fatal(err)
	}
	return bus, dir, pub, fetch
}

// consume runs group billing until n messages are settled.
func consume(t *testing.T, bus event.Bus, n int64, h event.Handler, opts ...event.ConsumerOption) *event.Counts {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var c event.Counts
	var seen atomic.Int64
	opts = append(opts, event.Observe(c.Observe), event.Observe(func(event.Outcome, *event.Delivery, error) {
		if seen.Add(1) == n {
			cancel()
		}
	}))
	if err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, h, opts...); err != nil {
		t.Fatal(err)
	}
	return &c
}

// objects returns the files of the store.
func objects(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*-*-*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The reference survives retries, the dead letter and its replay; the handler sees
// the payload each time.
func TestRetryDeadLetterReplay(t *testing.T) {
	bus, dir, pub, fetch := setup(t)
	for range 2 { // equal payloads share an object
		if err := pub.Publish(t.Context(), &event.Message{Topic: "orders", Key: []byte("k"), Payload: large}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(objects(t, dir)); n != 1 {
		t.Fatalf("%d objects, want 1", n)
	}
	var fail atomic.Bool
	fail.Store(true)
	var calls atomic.Int64
	h := func(_ context.Context, d *event.Delivery) error {
		calls.Add(1)
		if _, has := d.Headers.Get(claimcheck.Header); has || !bytes.Equal(d.Payload, large) {
			t.Errorf("the handler sees %d bytes, reference %v", len(d.Payload), has)
		}
		if fail.Load() {
			return errors.New("no")
		}
		return nil
	}
	c := consume(t, bus, 4, h, event.Immediate(1), event.RetryLevels(time.Millisecond), fetch.Prepare())
	if c.Of(event.Retried) != 2 || c.Of(event.DeadLettered) != 2 || calls.Load() != 8 {
		t.Fatalf("%d retried, %d dead, %d calls; want 2, 2, 8", c.Of(event.Retried), c.Of(event.DeadLettered), calls.Load())
	}
	for _, m := range bus.Messages(dlq.Topic("orders", "billing")) {
		if _, ok, err := claimcheck.RefOf(&m); !ok || err != nil {
			t.Errorf("a dead letter of %d bytes without its reference: %v", len(m.Payload), err)
		}
	}
	if _, err := dlq.Replay(t.Context(), bus, "orders", "billing", dlq.Selection{}); err != nil {
		t.Fatal(err)
	}
	fail.Store(false)
	if c := consume(t, bus, 2, h, event.RetryLevels(time.Millisecond), fetch.Prepare()); c.Of(event.Handled) != 2 {
		t.Errorf("%d replays handled, want 2", c.Of(event.Handled))
	}
}

// counting is a store that counts what is fetched.
type counting struct {
	claimcheck.Store
	opened atomic.Int64
}

func (c *counting) Open(ctx context.Context, key string) (io.ReadCloser, error) {
	c.opened.Add(1)
	return c.Store.Open(ctx, key)
}

// Without Prepare a handler sees the reference, and fetches what it wants: as
// bytes, as a reader, or not at all. A message without a reference is its own
// payload.
func TestLazily(t *testing.T) {
	bus, dir, pub, _ := setup(t)
	folder, err := claimcheck.NewFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	store := &counting{Store: folder}
	fetch, err := claimcheck.NewFetcher(store, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"bytes", "reader", "nothing"} {
		for _, payload := range [][]byte{large, []byte("small")} {
			if err := pub.Publish(t.Context(), &event.Message{Topic: "orders", Key: []byte(want), Payload: payload}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var seen [2]atomic.Int64 // large, small
	c := consume(t, bus, 6, func(ctx context.Context, d *event.Delivery) error {
		var got []byte
		switch string(d.Key) {
		case "bytes":
			var err error
			if got, err = fetch.Payload(ctx, d); err != nil {
				return err
			}
		case "reader":
			r, size, err := fetch.Open(ctx, d)
			if err != nil {
				return err
			}
			defer r.Close()
			if got, err = io.ReadAll(r); err != nil || int64(len(got)) != size {
				return fmt.Errorf("%d bytes of %d: %w", len(got), size, err)
			}
		case "nothing":
			return nil
		}
		switch {
		case bytes.Equal(got, large) && len(d.Payload) == 0:
			seen[0].Add(1)
		case string(got) == "small":
			seen[1].Add(1)
		}
		return nil
	})
	if c.Of(event.Handled) != 6 || seen[0].Load() != 2 || seen[1].Load() != 2 {
		t.Errorf("%d handled, %d large and %d small seen; want 6, 2 and 2", c.Of(event.Handled), seen[0].Load(), seen[1].Load())
	}
	if n := store.opened.Load(); n != 2 {
		t.Errorf("%d payloads were fetched, want the two that were asked for", n)
	}
}

// What is small, empty or null goes as it is, and a copied reference means nothing.
func TestAsItIs(t *testing.T) {
	bus, dir, pub, fetch := setup(t)
	ref := event.Headers{{Key: claimcheck.Header, Value: []byte(claimcheck.NewRef(large, time.Now()).String())}}
	for _, payload := range [][]byte{nil, {}, []byte("small")} {
		h := ref
		if payload != nil && len(payload) == 0 {
			h = nil
		}
		if err := pub.Publish(t.Context(), &event.Message{Topic: "orders", Headers: h, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	var null, empty, small atomic.Int64
	consume(t, bus, 3, func(_ context.Context, d *event.Delivery) error {
		switch {
		case d.Payload == nil:
			null.Add(1)
		case len(d.Payload) == 0:
			empty.Add(1)
		case string(d.Payload) == "small":
			small.Add(1)
		}
		return nil
	}, fetch.Prepare())
	if null.Load() != 1 || empty.Load() != 1 || small.Load() != 1 || len(objects(t, dir)) != 0 {
		t.Errorf("null %d, empty %d, small %d, objects %v", null.Load(), empty.Load(), small.Load(), objects(t, dir))
	}
}

// A changed object is permanent, a missing one takes the retries; both say so.
func TestIntegrity(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil func(path string) error
		want  error
	}{
		"another byte": {func(p string) error { return os.WriteFile(p, bytes.ToUpper(large), 0o600) }, claimcheck.ErrTampered},
		"shorter":      {func(p string) error { return os.Truncate(p, 5) }, claimcheck.ErrTampered},
		"longer":       {func(p string) error { return os.WriteFile(p, append(bytes.Clone(large), 1), 0o600) }, claimcheck.ErrTampered},
		"missing":      {os.Remove, claimcheck.ErrMissing},
	} {
		t.Run(name, func(t *testing.T) {
			bus, dir, pub, fetch := setup(t)
			if err := pub.Publish(t.Context(), &event.Message{Topic: "orders", Payload: large}); err != nil {
				t.Fatal(err)
			}
			if err := tc.spoil(objects(t, dir)[0]); err != nil {
				t.Fatal(err)
			}
			m := bus.Messages("orders")[0]
			_, err := fetch.Payload(t.Context(), &event.Delivery{Message: m})
			if !errors.Is(err, tc.want) || event.IsPermanent(err) != (tc.want == claimcheck.ErrTampered) {
				t.Errorf("error %v, permanent %v; want %v", err, event.IsPermanent(err), tc.want)
			}
			// Published again, the object is as it should be.
			if err := pub.Publish(t.Context(), &event.Message{Topic: "orders", Payload: large}); err != nil {
				t.Fatal(err)
			}
			if got, err := fetch.Payload(t.Context(), &event.Delivery{Message: m}); err != nil || !bytes.Equal(got, large) {
				t.Errorf("after it was stored again: %v", err)
			}
		})
	}
}

type down struct{ claimcheck.Store }

func (down) Put(context.Context, string, []byte) error { return errors.New("store is down") }

// If the store is down, nothing of the call is published.
func TestStoreDown(t *testing.T) {
	bus := membus.New()
	pub, err := claimcheck.Publisher(bus, down{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	err = pub.Publish(t.Context(), &event.Message{Topic: "orders", Payload: []byte("s")}, &event.Message{Topic: "orders", Payload: large})
	var pe *event.PublishError
	if !errors.As(err, &pe) || len(pe.Failed) != 2 || len(bus.Messages("orders")) != 0 {
		t.Errorf("error %v, %d messages published; want both failed and none", err, len(bus.Messages("orders")))
	}
}

// A sweep removes the days that are long over, and no others: an orphan included.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	store, err := claimcheck.NewFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, days := range []int{0, -2, -30} {
		if err := store.Put(t.Context(), claimcheck.NewRef(large, now.AddDate(0, 0, days)).Key(), large); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Sweep(t.Context(), time.Hour); err == nil {
		t.Error("an age of an hour: no error")
	}
	for range 2 {
		if _, err := store.Sweep(t.Context(), 7*24*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(objects(t, dir)); n != 2 {
		t.Errorf("%d objects left, want 2", n)
	}
	if _, err := store.Open(t.Context(), "../../etc/passwd"); err == nil {
		t.Error("a key that leaves the folder: no error")
	}
}

// A reference is read exactly as it was written, and nothing else is one.
func FuzzParseRef(f *testing.F) {
	f.Add(claimcheck.NewRef(large, time.Unix(0, 0)).String())
	f.Add("2026-01-31/../1")
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := claimcheck.ParseRef(s); err == nil && (r.String() != s || claimcheck.CheckKey(r.Key()) != nil) {
			t.Errorf("%q is read as %q", s, r)
		}
	})
}
