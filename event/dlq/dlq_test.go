package dlq_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/membus"
)

// consume runs group billing on orders until n messages have an outcome.
func consume(t *testing.T, bus event.Bus, group string, n int, h event.Handler) *event.Counts {
	t.Helper()
	var c event.Counts
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	seen := 0
	err := event.Run(ctx, bus.Group(group), []string{"orders"}, h, event.ByKey(4), event.Observe(c.Observe),
		event.Observe(func(event.Outcome, *event.Delivery, error) {
			mu.Lock()
			defer mu.Unlock()
			if seen++; seen == n {
				cancel()
			}
		}))
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

func publish(t *testing.T, bus event.Bus, n int) {
	t.Helper()
	for i := range n {
		err := bus.Publish(t.Context(), &event.Message{
			Topic: "orders", Key: fmt.Appendf(nil, "k%d", i%3), Payload: fmt.Appendf(nil, "\x00\x00\x00\x00\x07%d", i),
			Headers: event.Headers{{Key: "own", Value: []byte{byte(i)}}, {Key: "own", Value: nil}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	const n = 9
	ctx, bus := t.Context(), membus.New(membus.Grace(0))
	if ls, err := dlq.List(ctx, bus, "orders", "billing", dlq.Selection{}); err != nil || len(ls) != 0 {
		t.Fatalf("list before anything died: %v, %v", ls, err)
	}
	publish(t, bus, n)
	broken := errors.New("no such account")
	consume(t, bus, "billing", n, func(context.Context, *event.Delivery) error { return broken })

	ls, err := dlq.List(ctx, bus, "orders", "billing", dlq.Selection{})
	if err != nil || len(ls) != n {
		t.Fatalf("%d letters, error %v; want %d", len(ls), err, n)
	}
	for _, l := range ls {
		if l.Topic != "orders" || l.Group != "billing" || l.Attempts != 1 || l.LastError != broken.Error() ||
			l.FirstError != l.LastError || l.SchemaID != "7" || l.Replayed != 0 || len(l.Headers) != 2 || l.DeadAt.IsZero() {
			t.Errorf("letter %+v", l)
		}
		if want := fmt.Sprintf("orders/%d/%d", l.Partition, l.Offset); l.ReplayID != want {
			t.Errorf("replay id %q, want %q", l.ReplayID, want)
		}
	}
	one, err := dlq.Show(ctx, bus, "orders", "billing", ls[3].ID)
	if err != nil || one.ReplayID != ls[3].ReplayID {
		t.Fatalf("show %s: %+v, %v", ls[3].ID, one, err)
	}

	res, err := dlq.Replay(ctx, bus, "orders", "billing", dlq.Selection{IDs: []string{one.ID}})
	if err != nil || len(res) != 1 || res[0].Err != nil || res[0].Letter.Replayed != 1 {
		t.Fatalf("replay of one: %+v, %v", res, err)
	}
	res, err = dlq.Replay(ctx, bus, "orders", "billing", dlq.Selection{Limit: 5})
	if err != nil || len(res) != 5 {
		t.Fatalf("replay of five: %d, %v", len(res), err)
	}
	res, err = dlq.Replay(ctx, bus, "orders", "billing", dlq.Selection{})
	if err != nil || len(res) != n-6 {
		t.Fatalf("replay of the rest: %d, %v; want %d", len(res), err, n-6)
	}
	if ls, err = dlq.List(ctx, bus, "orders", "billing", dlq.Selection{Pending: true}); err != nil || len(ls) != 0 {
		t.Fatalf("pending after all were replayed: %v, %v", ls, err)
	}

	// The group that failed handles them now, with its attempts from 1; another
	// group has them once, not twice.
	last := map[string]string{}
	var mu sync.Mutex
	c := consume(t, bus, "billing", n, func(_ context.Context, d *event.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		id, ok := d.Headers.Get(event.HeaderReplayID)
		if m := d.Meta(); !ok || d.Attempt != 1 || len(m.Headers) != 2 || m.Topic != "orders" {
			t.Errorf("replay %+v", d)
		}
		last[string(id)] = string(d.Payload)
		return nil
	})
	if c.Of(event.Handled) != n || len(last) != n {
		t.Errorf("%d replays handled, of %d messages; want %d", c.Of(event.Handled), len(last), n)
	}
	c = consume(t, bus, "mail", 2*n, func(context.Context, *event.Delivery) error { return nil })
	if c.Of(event.Handled) != n || c.Of(event.Skipped) != n {
		t.Errorf("another group handled %d and skipped %d, want %d each", c.Of(event.Handled), c.Of(event.Skipped), n)
	}
}

// A replay that dies again is a new letter of the same replay id, and pending.
func TestReplayThatDiesAgain(t *testing.T) {
	ctx, bus := t.Context(), membus.New(membus.Grace(0))
	publish(t, bus, 1)
	die := func(context.Context, *event.Delivery) error { return event.Permanent(errors.New("still broken")) }
	consume(t, bus, "billing", 1, die)
	if _, err := dlq.Replay(ctx, bus, "orders", "billing", dlq.Selection{}); err != nil {
		t.Fatal(err)
	}
	consume(t, bus, "billing", 1, die)
	ls, err := dlq.List(ctx, bus, "orders", "billing", dlq.Selection{})
	if err != nil || len(ls) != 2 {
		t.Fatalf("%v, %v", ls, err)
	}
	if ls[0].ReplayID != ls[1].ReplayID || ls[0].ID == ls[1].ID || ls[0].Replayed != 1 || ls[1].Replayed != 0 {
		t.Errorf("letters %+v", ls)
	}
}

// However often a message is tried, buried, edited and replayed, it has the headers
// that it had after the first time, and no more.
func TestHeadersStayBounded(t *testing.T) {
	bus := membus.New(membus.Partitions(1), membus.Grace(0))
	own := event.Headers{{Key: "own", Value: []byte("v")}, {Key: "own", Value: []byte("w")}}
	if err := bus.Publish(t.Context(), &event.Message{Topic: "orders", Key: []byte("k"), Payload: []byte("x"), Headers: own}); err != nil {
		t.Fatal(err)
	}
	weight := func(h event.Headers) (n, bytes int) {
		for _, x := range h {
			bytes += len(x.Key) + len(x.Value)
		}
		return len(h), bytes
	}
	var first, firstBytes int
	for i := range 25 {
		ctx, stop := context.WithCancel(t.Context())
		err := event.Run(ctx, bus.Group("billing"), []string{"orders"}, func(context.Context, *event.Delivery) error {
			return errors.New(strings.Repeat("no such account ", 1000))
		}, event.Immediate(1), event.RetryLevels(time.Millisecond, time.Millisecond), event.Observe(func(o event.Outcome, _ *event.Delivery, _ error) {
			if o == event.DeadLettered {
				stop()
			}
		}))
		stop()
		if err != nil {
			t.Fatal(err)
		}
		ms := bus.Messages(dlq.Topic("orders", "billing"))
		last := ms[len(ms)-1]
		n, bytes := weight(last.Headers)
		if i < 2 { // the first replay adds its id, and the first edit its letter
			first, firstBytes = n, bytes
		}
		if n > first+1 || bytes > firstBytes+100 {
			t.Fatalf("after %d burials there are %d headers of %d bytes, after the second %d of %d", i+1, n, bytes, first, firstBytes)
		}
		id := fmt.Sprintf("0:%d", len(ms)-1)
		if i%2 == 0 {
			_, err = dlq.Replay(t.Context(), bus, "orders", "billing", dlq.Selection{IDs: []string{id}})
		} else {
			_, err = dlq.ReplayEdited(t.Context(), bus, "orders", "billing", id, []byte("y"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestMistakes(t *testing.T) {
	ctx, bus := t.Context(), membus.New(membus.Grace(0))
	publish(t, bus, 1)
	consume(t, bus, "billing", 1, func(context.Context, *event.Delivery) error { return errors.New("x") })
	ls, err := dlq.List(ctx, bus, "orders", "billing", dlq.Selection{})
	if err != nil || len(ls) != 1 {
		t.Fatal(ls, err)
	}
	for _, id := range []string{"", "1", "a:b", "-1:0", "0:-1", "0:1:2", "99999999999:0", " 0:0"} {
		if _, err := dlq.Show(ctx, bus, "orders", "billing", id); !errors.Is(err, dlq.ErrID) {
			t.Errorf("id %q: error %v, want one that explains the form", id, err)
		}
	}
	if _, err := dlq.Show(ctx, bus, "orders", "billing", "0:99"); !errors.Is(err, dlq.ErrNotFound) {
		t.Errorf("show of a letter that is not there: %v", err)
	}
	res, err := dlq.Replay(ctx, bus, "orders", "billing", dlq.Selection{IDs: []string{ls[0].ID, "0:99"}})
	if !errors.Is(err, dlq.ErrNotFound) || len(res) != 0 {
		t.Errorf("replay with an id that is not there: %v, %v; want nothing replayed", res, err)
	}
	if _, err := dlq.List(ctx, bus, "", "billing", dlq.Selection{}); err == nil {
		t.Error("list without a topic: no error")
	}
	if _, err := dlq.List(ctx, blind{bus}, "orders", "billing", dlq.Selection{}); !errors.Is(err, dlq.ErrNotBrowsable) {
		t.Errorf("list on a bus that cannot be browsed: %v", err)
	}
}

// blind hides what a bus can do beyond the interface.
type blind struct{ event.Bus }

// A refusing bus stores nothing for topics that contain a word.
type refusing struct {
	*membus.Bus
	word string
}

func (r refusing) Publish(ctx context.Context, ms ...*event.Message) error {
	var pe event.PublishError
	for i, m := range ms {
		if strings.Contains(m.Topic+string(m.Payload), r.word) {
			pe.Failed = append(pe.Failed, event.Failure{Index: i, Message: m, Err: errors.New("refused")})
		} else if err := r.Bus.Publish(ctx, m); err != nil {
			return err
		}
	}
	if pe.Failed != nil {
		return &pe
	}
	return nil
}

func TestRefusedReplays(t *testing.T) {
	ctx, bus := t.Context(), membus.New(membus.Grace(0))
	publish(t, bus, 4)
	consume(t, bus, "billing", 4, func(context.Context, *event.Delivery) error { return errors.New("x") })

	res, err := dlq.Replay(ctx, refusing{bus, "\x072"}, "orders", "billing", dlq.Selection{})
	if err == nil || len(res) != 4 {
		t.Fatalf("%d results, error %v; want 4 and an error", len(res), err)
	}
	for _, r := range res {
		if bad := strings.HasSuffix(string(r.Letter.Payload), "2"); bad != (r.Err != nil) {
			t.Errorf("letter %s: %v", r.Letter.ID, r.Err)
		}
	}
	ls, err := dlq.List(ctx, bus, "orders", "billing", dlq.Selection{Pending: true})
	if err != nil || len(ls) != 1 {
		t.Fatalf("pending %v, %v; want the one that was refused", ls, err)
	}
	// Stored, but not written down: said, and replayed again the next time.
	res, err = dlq.Replay(ctx, refusing{bus, ".replayed"}, "orders", "billing", dlq.Selection{})
	if err == nil || len(res) != 1 || !strings.Contains(fmt.Sprint(res[0].Err), "written down") {
		t.Errorf("%+v, %v", res, err)
	}
	if ls, _ = dlq.List(ctx, bus, "orders", "billing", dlq.Selection{Pending: true}); len(ls) != 1 {
		t.Errorf("pending %v, want the one that was not written down", ls)
	}
}

// A message that the runtime did not write is a letter all the same.
func TestForeignLetter(t *testing.T) {
	ctx, bus := t.Context(), membus.New(membus.Partitions(1))
	m := &event.Message{Topic: dlq.Topic("orders", "billing"), Payload: []byte("by hand")}
	if err := bus.Publish(ctx, m); err != nil {
		t.Fatal(err)
	}
	l, err := dlq.Show(ctx, bus, "orders", "billing", "0:0")
	if err != nil || l.Partition != -1 || l.Offset != -1 || l.ReplayID != "orders/dlq/0/0" {
		t.Fatalf("%+v, %v", l, err)
	}
	if _, err := dlq.Replay(ctx, bus, "orders", "billing", dlq.Selection{}); err != nil {
		t.Fatal(err)
	}
	if ms := bus.Messages("orders"); len(ms) != 1 || string(ms[0].Payload) != "by hand" {
		t.Errorf("%v", ms)
	}
}
