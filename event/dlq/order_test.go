package dlq_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/membus"
)

// die buries messages of topic orders with the given key, and the payloads.
func die(t *testing.T, bus event.Publisher, first int, key []byte, payloads ...string) {
	t.Helper()
	for i, p := range payloads {
		d := &event.Delivery{Message: event.Message{Topic: "orders", Key: key, Payload: []byte(p)}, Offset: int64(first + i), Attempt: 1}
		if err := bus.Publish(t.Context(), event.DeadLetter(d, "billing", errors.New("no"))); err != nil {
			t.Fatal(err)
		}
	}
}

// payloadsOf returns what was replayed to orders under a key.
func payloadsOf(bus *membus.Bus, key []byte) []string {
	var out []string
	for _, m := range bus.Messages("orders") {
		if string(m.Key) == string(key) && (m.Key == nil) == (key == nil) {
			out = append(out, string(m.Payload))
		}
	}
	return out
}

// A letter that is refused holds up those of its key, however many are replayed at
// once, and nothing else: an empty key is one, and no key is none.
func TestRefusedLetterHoldsUpNoMore(t *testing.T) {
	for _, key := range [][]byte{[]byte("k"), {}} {
		bus := membus.New(membus.Grace(0), membus.Partitions(1))
		die(t, bus, 0, key, "refused")
		die(t, bus, 1, nil, "no key")
		var want []string
		for i := range 450 {
			want = append(want, fmt.Sprint(i))
		}
		die(t, bus, 2, key, want...)
		die(t, bus, 500, nil, "refused")
		die(t, bus, 501, []byte("other"), "other")
		if _, err := dlq.Replay(t.Context(), refusing{bus, "refused"}, "orders", "billing", dlq.Selection{}); err == nil {
			t.Error("no error")
		}
		if got := payloadsOf(bus, key); len(got) != 0 {
			t.Errorf("key %q: %d letters have overtaken the one that was refused, first %q", key, len(got), got[0])
		}
		if got := append(payloadsOf(bus, nil), payloadsOf(bus, []byte("other"))...); fmt.Sprint(got) != "[no key other]" {
			t.Errorf("of no key and another: %q, want both that were not refused", got)
		}
		if _, err := dlq.Replay(t.Context(), bus, "orders", "billing", dlq.Selection{}); err != nil {
			t.Error(err)
		}
		if got, want := fmt.Sprint(payloadsOf(bus, key)), fmt.Sprint(append([]string{"refused"}, want...)); got != want {
			t.Errorf("key %q came back as %.60s…, want %.60s…", key, got, want)
		}
	}
}

// No key that is refused holds up no empty key.
func TestRefusedWithoutKey(t *testing.T) {
	for _, transactional := range []bool{false, true} {
		mem := membus.New(membus.Grace(0), membus.Partitions(1))
		die(t, mem, 0, nil, "refused")
		die(t, mem, 1, []byte{}, "a", "b")
		var bus event.Bus = refusing{mem, "refused"}
		if transactional {
			bus = whole{refusing{mem, "refused"}}
		}
		if _, err := dlq.Replay(t.Context(), bus, "orders", "billing", dlq.Selection{}); err == nil {
			t.Error("no error")
		}
		if got := payloadsOf(mem, []byte{}); fmt.Sprint(got) != "[a b]" {
			t.Errorf("transactional %v: of the empty key %q, want both", transactional, got)
		}
	}
}

// Group b.c of topic a and group c of topic a.b have one topic of dead letters. Each
// sees its own, and replays none to the topic of the other.
func TestDeadLettersOfOneName(t *testing.T) {
	bus := membus.New(membus.Grace(0), membus.Partitions(1))
	for topic, group := range map[string]string{"a": "b.c", "a.b": "c"} {
		d := &event.Delivery{Message: event.Message{Topic: topic, Payload: []byte(topic)}, Attempt: 1}
		if err := bus.Publish(t.Context(), event.DeadLetter(d, group, errors.New("no"))); err != nil {
			t.Fatal(err)
		}
	}
	for topic, group := range map[string]string{"a": "b.c", "a.b": "c"} {
		ls, err := dlq.List(t.Context(), bus, topic, group, dlq.Selection{})
		if err != nil || len(ls) != 1 || string(ls[0].Payload) != topic {
			t.Errorf("letters of %s for %s: %+v, %v; want one", group, topic, ls, err)
		}
		if _, err := dlq.List(t.Context(), bus, topic, group, dlq.Selection{IDs: []string{"0:0", "0:1"}}); !errors.Is(err, dlq.ErrNotFound) {
			t.Errorf("a letter of the other group by its id: %v", err)
		}
		if _, err := dlq.Replay(t.Context(), bus, topic, group, dlq.Selection{}); err != nil {
			t.Error(err)
		}
	}
	for _, topic := range []string{"a", "a.b"} {
		if ms := bus.Messages(topic); len(ms) != 1 || string(ms[0].Payload) != topic {
			t.Errorf("replayed to %s: %v, want its own message", topic, ms)
		}
	}
}

// Of two that make a job of one name at once, one does, and has it.
func TestJobsOfOneName(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no lock here")
	}
	dir := t.TempDir()
	for round := range 300 {
		path := filepath.Join(dir, fmt.Sprint(round))
		var wg sync.WaitGroup
		var errs [2]error
		for i := range errs {
			wg.Go(func() {
				job, err := dlq.CreateJob(path, []dlq.Planned{{Topic: "t", Group: "g", ID: fmt.Sprintf("%d:0", i)}})
				if err == nil {
					err = job.Close()
				}
				errs[i] = err
			})
		}
		wg.Wait()
		job, err := dlq.OpenJob(path)
		if err != nil {
			t.Fatalf("round %d: made with %v, and then: %v", round, errs, err)
		}
		made := 0
		for i, err := range errs {
			if err == nil {
				made++
				if id := fmt.Sprintf("%d:0", i); job.Letters()[0].ID != id {
					t.Fatalf("round %d: letters %v, want %s", round, job.Letters(), id)
				}
			} else if !errors.Is(err, os.ErrExist) {
				t.Errorf("round %d: %v", round, err)
			}
		}
		if made != 1 {
			t.Fatalf("round %d: made with %v, want one", round, errs)
		}
		_ = job.Close()
	}
}

// A rate may be so low that one letter goes, and the next in ages.
func TestLowestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := membus.New(membus.Partitions(1))
		bury(t, bus, 0, 3)
		job := openJob(t, freeze(t, bus))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := job.Run(ctx, bus, dlq.Pace{Rate: 1e-12}, nil); !errors.Is(err, dlq.ErrPaused) || job.Counts()[dlq.Replayed] != 1 {
			t.Errorf("%v, outcomes %v; want one replayed", err, job.Counts())
		}
	})
}

// A journal whose last write is a hole of zeros with whole lines behind it, as a crash of
// the machine may leave it, is gone on with, and no letter is replayed twice.
func TestHoleInTheJournal(t *testing.T) {
	bus := membus.New(membus.Partitions(1))
	bury(t, bus, 0, 30)
	path := freeze(t, bus)
	job := openJob(t, path)
	if err := errors.Join(job.Run(t.Context(), bus, dlq.Pace{}, nil), job.Close()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path + ".journal")
	if err != nil {
		t.Fatal(err)
	}
	clear(text[len(text)/3 : len(text)/2])
	if err := os.WriteFile(path+".journal", text, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		job = openJob(t, path)
		if err := errors.Join(job.Run(t.Context(), bus, dlq.Pace{}, nil), job.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if n, counts := len(bus.Messages("orders")), job.Counts(); n != 30 || counts[dlq.Already] == 0 || counts[dlq.Already]+counts[dlq.Replayed] != 30 {
		t.Errorf("%d copies, outcomes %v; want 30 copies, and of each letter that it was replayed", n, counts)
	}
}

// A counting bus counts the dead letters that are read.
type counting struct {
	*membus.Bus
	read int
}

func (c *counting) Browse(ctx context.Context, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	return c.Bus.Browse(ctx, topic, from, func(d *event.Delivery) bool {
		if topic == dlq.Topic("orders", "billing") {
			c.read++
		}
		return fn(d)
	})
}

// A job reads each letter about once, however many there are in how many partitions.
func TestJobReadsOnce(t *testing.T) {
	const n = 6000
	bus := &counting{Bus: membus.New(membus.Partitions(8))}
	bury(t, bus, 0, n)
	job := openJob(t, freeze(t, bus))
	bus.read = 0
	if err := job.Run(t.Context(), bus, dlq.Pace{}, nil); err != nil {
		t.Fatal(err)
	}
	if got := job.Counts()[dlq.Replayed]; got != n || bus.read > 2*n {
		t.Errorf("%d letters were replayed and %d read, want %d and about as many", got, bus.read, n)
	}
}
