package dlq_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

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
