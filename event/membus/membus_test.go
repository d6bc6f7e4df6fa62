package membus_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventtest"
	"github.com/wireproof/wireproof/event/membus"
)

func TestConformance(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			eventtest.Run(t, eventtest.Bus{
				New:        func(*testing.T) event.Bus { return membus.New() },
				KeyOrder:   true,
				Partitions: true,
				Late:       true,
				Seed:       seed + 1,
			})
		})
	}
}

func message(topic, key, payload string) *event.Message {
	return &event.Message{Topic: topic, Key: []byte(key), Payload: []byte(payload)}
}

func open(t *testing.T, b *membus.Bus, group string, topics ...string) event.Source {
	t.Helper()
	s, err := b.Group(group).Open(t.Context(), topics...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func receive(t *testing.T, s event.Source) *event.Batch {
	t.Helper()
	b, err := s.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func settle(t *testing.T, b *event.Batch) {
	t.Helper()
	if err := b.Lane.Settle(b.Deliveries); err != nil {
		t.Fatal(err)
	}
}

// Keys are spread over all partitions, of which the last option says the number.
func TestPartitionOfKey(t *testing.T) {
	b := membus.New(membus.Partitions(3), membus.Partitions(12))
	for i := range 1000 {
		if err := b.Publish(t.Context(), message("t", fmt.Sprint("key-", i), "")); err != nil {
			t.Fatal(err)
		}
	}
	at := map[int32]int{}
	err := b.Browse(t.Context(), "t", nil, func(d *event.Delivery) bool { at[d.Partition]++; return true })
	if err != nil {
		t.Fatal(err)
	}
	for p := range int32(12) {
		if at[p] < 40 || at[p] > 140 {
			t.Errorf("partition %d has %d of 1000 keys", p, at[p])
		}
	}
}

// A publisher waits while the slowest group lags, and goes on once it has
// settled; what is settled gives way to what is new, oldest first.
func TestBackPressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := membus.New(membus.Partitions(1), membus.Limit(4, 1000))
		slow, fast := open(t, b, "slow", "t"), open(t, b, "fast", "t")
		for i := range 4 {
			if err := b.Publish(t.Context(), message("t", "k", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		done := make(chan error, 1)
		go func() { done <- b.Publish(t.Context(), message("t", "k", "4")) }()
		waits := func(want bool, when string) {
			t.Helper()
			synctest.Wait()
			select {
			case err := <-done:
				if want || err != nil {
					t.Errorf("%s: publish returned %v", when, err)
				}
			default:
				if !want {
					t.Errorf("%s: publish waits", when)
				}
			}
		}
		waits(true, "nobody has settled")
		settle(t, receive(t, fast))
		waits(true, "only the fast group has settled")
		batch := receive(t, slow)
		if err := batch.Lane.Settle(batch.Deliveries[:1]); err != nil {
			t.Fatal(err)
		}
		waits(false, "both have settled one")
		ms := b.Messages("t")
		if len(ms) != 4 || string(ms[0].Payload) != "1" || string(ms[3].Payload) != "4" {
			t.Errorf("the topic keeps %v, want 1 to 4", ms)
		}
		var first int64 = -1
		err := b.Browse(t.Context(), "t", map[int32]int64{0: 0}, func(d *event.Delivery) bool { first = d.Offset; return false })
		if err != nil || first != 1 {
			t.Errorf("browse begins at %d (%v), want the oldest kept, 1", first, err)
		}
		if d := receive(t, open(t, b, "new", "t")).Deliveries[0]; d.Offset != 1 {
			t.Errorf("a new group begins at %d, want 1", d.Offset)
		}
	})
}

// On a full topic without a group Publish waits for its context, and says which
// messages were not stored.
func TestFullTopicWithoutGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := membus.New(membus.Limit(2, 1000))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ms := []*event.Message{message("t", "a", ""), message("t", "b", ""), message("t", "c", ""), message("t", "d", "")}
		err := b.Publish(ctx, ms...)
		var pe *event.PublishError
		if !errors.As(err, &pe) || !errors.Is(err, context.DeadlineExceeded) || len(pe.Failed) != 2 || pe.Failed[0].Index != 2 {
			t.Errorf("error %v, want messages 2 and 3 at the end of the context", err)
		}
		if n := len(b.Messages("t")); n != 2 {
			t.Errorf("%d messages are kept, want 2", n)
		}
	})
}

func TestMessagesThatCannotBeStored(t *testing.T) {
	b := membus.New(membus.Limit(10, 100))
	for name, m := range map[string]*event.Message{
		"nil": nil, "no topic": {}, "too large": {Topic: "t", Payload: make([]byte, 101)},
	} {
		var pe *event.PublishError
		if err := b.Publish(t.Context(), message("t", "a", ""), m); !errors.As(err, &pe) || len(pe.Failed) != 1 || pe.Failed[0].Index != 1 {
			t.Errorf("%s: error %v, want message 1 refused", name, err)
		}
	}
}

// Close fails those who wait for room, and all who come later.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := membus.New(membus.Limit(1, 100))
		s := open(t, b, "g", "other")
		if err := b.Publish(t.Context(), message("t", "a", "")); err != nil {
			t.Fatal(err)
		}
		waiting, receiving := make(chan error, 1), make(chan error, 1)
		go func() { waiting <- b.Publish(t.Context(), message("t", "b", "")) }()
		go func() {
			_, err := s.Receive(t.Context())
			receiving <- err
		}()
		synctest.Wait()
		for range 2 {
			if err := b.Close(t.Context()); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		if err := <-waiting; !errors.Is(err, membus.ErrClosed) {
			t.Errorf("the publisher that waited: %v", err)
		}
		if err := <-receiving; !errors.Is(err, membus.ErrClosed) {
			t.Errorf("the source that waited: %v", err)
		}
		_, openErr := b.Group("g").Open(t.Context(), "t")
		for what, err := range map[string]error{
			"open": openErr, "make topic": b.MakeTopic(t.Context(), "x", "t"),
			"browse": b.Browse(t.Context(), "t", nil, nil),
		} {
			if !errors.Is(err, membus.ErrClosed) {
				t.Errorf("%s on a closed bus: %v", what, err)
			}
		}
	})
}

func TestOpenMistakes(t *testing.T) {
	b := membus.New()
	for _, topics := range [][]string{nil, {""}, {"a", ""}} {
		if _, err := b.Group("g").Open(t.Context(), topics...); err == nil {
			t.Errorf("open of %q: no error", topics)
		}
	}
	if len(b.Topics()) != 0 {
		t.Errorf("topics %q appeared", b.Topics())
	}
}

// Partitions are shared out evenly, and no more of them move than must.
func TestSharing(t *testing.T) {
	b := membus.New(membus.Partitions(6), membus.Grace(0))
	for i := range 600 {
		if err := b.Publish(t.Context(), message("t", fmt.Sprint(i), "")); err != nil {
			t.Fatal(err)
		}
	}
	lanes := func(s event.Source, n int) map[event.Lane]bool {
		out := map[event.Lane]bool{}
		for len(out) < n {
			out[receive(t, s).Lane] = true
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Receive(ctx); err == nil {
			t.Error("a member has more than its share")
		}
		return out
	}
	lost := func(ls map[event.Lane]bool) (n int) {
		for l := range ls {
			if l.Context().Err() != nil {
				n++
			}
		}
		return n
	}
	first := open(t, b, "g", "t")
	all := lanes(first, 6)
	second := open(t, b, "g", "t")
	if n := lost(all); n != 3 {
		t.Errorf("%d partitions moved to the second of two members, want 3", n)
	}
	half := lanes(second, 3)
	third := open(t, b, "g", "t")
	if n := lost(all) + lost(half); n != 5 {
		t.Errorf("%d partitions moved in all after the third member, want 5", n)
	}
	lanes(third, 2)
	if err := third.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := third.Close(t.Context()); err != nil {
		t.Errorf("second close: %v", err)
	}
	if n := lost(all) + lost(half); n != 5 {
		t.Errorf("%d partitions moved in all after it left, want none more than 5", n)
	}
	// A member of another topic has no part in this one.
	open(t, b, "g", "u")
	if n := lost(all) + lost(half); n != 5 {
		t.Errorf("%d partitions moved to a member that does not read the topic", n-5)
	}
}

// The next owner of a partition waits for the handlers of the last one, but not
// for ever. What was delivered and not settled comes again.
func TestGrace(t *testing.T) {
	for want, release := range map[time.Duration]bool{time.Second: true, time.Minute: false} {
		synctest.Test(t, func(t *testing.T) {
			b := membus.New(membus.Partitions(2), membus.Grace(time.Minute))
			first := open(t, b, "g", "t")
			for range 6 { // without a key they take turns
				if err := b.Publish(t.Context(), &event.Message{Topic: "t"}); err != nil {
					t.Fatal(err)
				}
			}
			held := []*event.Batch{receive(t, first), receive(t, first)}
			for _, batch := range held {
				if err := batch.Lane.Settle(batch.Deliveries[:1]); err != nil {
					t.Fatal(err)
				}
			}
			start := time.Now()
			second := open(t, b, "g", "t")
			moved := held[0].Lane
			if moved.Context().Err() == nil {
				moved = held[1].Lane
			}
			if release {
				time.AfterFunc(time.Second, moved.(event.Releaser).Release)
			}
			got := receive(t, second)
			if d := got.Deliveries[0]; d.Offset != 1 || len(got.Deliveries) != 2 {
				t.Errorf("the next owner begins at %d with %d, want 1 with 2", d.Offset, len(got.Deliveries))
			}
			if waited := time.Since(start); waited != want {
				t.Errorf("release %v: the next owner waited %v, want %v", release, waited, want)
			}
			if err := moved.Settle(held[0].Deliveries); err == nil {
				t.Error("a lost lane was settled")
			}
		})
	}
}

// Null and empty differ, also where there is nothing else in a call.
func TestNullAndEmpty(t *testing.T) {
	for _, want := range []*event.Message{{Topic: "t"}, {Topic: "t", Key: []byte{}}, {Topic: "t", Payload: []byte{}}, {Topic: "t", Key: []byte{}, Payload: []byte{}}} {
		b := membus.New()
		if err := b.Publish(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		got := b.Messages("t")[0]
		if (got.Key == nil) != (want.Key == nil) || (got.Payload == nil) != (want.Payload == nil) || len(got.Key)+len(got.Payload) != 0 {
			t.Errorf("%#v came back as %#v", want, got)
		}
	}
}

// What a caller does with his bytes after Publish is not the bus's, whichever piece
// of memory its copies share.
func TestCopies(t *testing.T) {
	b := membus.New(membus.Partitions(1))
	var ms []*event.Message
	for i := range 2000 { // several pieces and chunks
		ms = append(ms, &event.Message{Topic: "t", Key: fmt.Append(nil, i), Payload: make([]byte, i%150), Headers: event.Headers{{Key: "h", Value: fmt.Append(nil, i)}}})
	}
	if err := b.Publish(t.Context(), ms...); err != nil {
		t.Fatal(err)
	}
	for _, m := range ms {
		clear(m.Key)
		clear(m.Headers[0].Value)
	}
	for i, m := range b.Messages("t") {
		if string(m.Key) != fmt.Sprint(i) || string(m.Headers[0].Value) != fmt.Sprint(i) || len(m.Payload) != i%150 || len(append(m.Key, 'x')) == 0 {
			t.Fatalf("message %d is %q with %v", i, m.Key, m.Headers)
		}
	}
	for i, m := range b.Messages("t") { // nor did an append write into a neighbour
		if string(m.Key) != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, m.Key)
		}
	}
}
