package dlq_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dedupe"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/membus"
)

// A crashing bus panics after so many more messages, in the middle of a call.
type crashing struct {
	*membus.Bus
	left int
}

var errCrash = errors.New("crash")

func (c *crashing) Publish(ctx context.Context, ms ...*event.Message) error {
	if c.left < len(ms) {
		if err := c.Bus.Publish(ctx, ms[:c.left]...); err != nil {
			return err
		}
		panic(errCrash)
	}
	c.left -= len(ms)
	return c.Bus.Publish(ctx, ms...)
}

// An atomic bus stores what one call publishes whole or not at all, whenever it
// crashes.
type atomic struct{ *crashing }

func (a atomic) Atomic(context.Context, string) (event.Publisher, error) { return transactions{a}, nil }

type transactions struct{ atomic }

func (transactions) Close(context.Context) error { return nil }

func (x transactions) Publish(ctx context.Context, ms ...*event.Message) error {
	crash := x.left < len(ms)
	if crash && x.left%2 == 0 { // before the commit
		panic(errCrash)
	}
	x.left -= len(ms)
	if err := x.Bus.Publish(ctx, ms...); err != nil {
		return err
	}
	if crash { // after it, before anybody knows
		panic(errCrash)
	}
	return nil
}

// untilItCrashes runs the job and reports whether it came to its end.
func untilItCrashes(t *testing.T, job *dlq.Job, bus event.Bus) (done bool) {
	defer func() {
		if v := recover(); v != nil && v != any(errCrash) {
			panic(v)
		}
	}()
	if err := job.Run(t.Context(), bus, dlq.Pace{}, nil); err != nil {
		t.Fatal(err)
	}
	return true
}

// However often a replay dies, and wherever: nothing is lost, each copy has the
// letter's one replay id, keys are in order, what died after the set was frozen
// stays; a bus with transactions repeats nothing, and elsewhere a group with a
// dedupe handles each letter once.
func TestReplayThatCrashes(t *testing.T) {
	for name, transactional := range map[string]bool{"plain": false, "transactional": true} {
		t.Run(name, func(t *testing.T) {
			runs := 5
			if os.Getenv("WIREPROOF_SOAK") == "1" {
				runs = 300
			}
			for range runs {
				seed := rand.Uint64()
				crashes(t, rand.New(rand.NewPCG(seed, 0)), transactional)
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
		})
	}
}

func crashes(t *testing.T, r *rand.Rand, transactional bool) {
	mem := membus.New(membus.Grace(0))
	n := 1 + r.IntN(700)
	bury(t, mem, 0, n)
	path := freeze(t, mem)
	bury(t, mem, n, 5) // not in the set
	died := 0
	for {
		job, err := dlq.OpenJob(path)
		if err != nil {
			t.Fatal(err)
		}
		c := &crashing{mem, r.IntN(n + 400*died)}
		var bus event.Bus = c
		if transactional {
			bus = atomic{c}
		}
		done := untilItCrashes(t, job, bus)
		if err := job.Close(); err != nil {
			t.Fatal(err)
		}
		if done {
			if job.Left() != 0 || job.Counts()[dlq.Replayed]+job.Counts()[dlq.Already] != n {
				t.Fatalf("done with %v, %d left", job.Counts(), job.Left())
			}
			break
		}
		died++
		tear(t, r, path+".journal")
	}
	copies := map[string]int{}
	last := map[string]int{}
	for _, m := range mem.Messages("orders") {
		id, _ := m.Headers.Get(event.HeaderReplayID)
		copies[string(id)]++
		var i int
		fmt.Sscan(string(m.Payload), &i)
		if want := fmt.Sprintf("orders/0/%d", i); string(id) != want || i >= n {
			t.Errorf("message %d has replay id %q, want %q and nothing above %d", i, id, want, n)
		}
		if before, ok := last[string(m.Key)]; copies[string(id)] == 1 && ok && i < before {
			t.Errorf("key %s: %d came after %d", m.Key, i, before)
		}
		last[string(m.Key)] = max(last[string(m.Key)], i)
	}
	for id, k := range copies {
		if k > 1 && transactional || k > 1+died {
			t.Errorf("%s has %d copies after %d crashes", id, k, died)
		}
	}
	if len(copies) != n {
		t.Errorf("%d of %d letters were replayed", len(copies), n)
	}
	handledOnce(t, mem, n)
}

// tear cuts off the end of a file now and then, as a crash of the machine might.
func tear(t *testing.T, r *rand.Rand, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if r.IntN(2) == 0 {
		text = text[:len(text)-r.IntN(min(200, len(text)))]
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// handledOnce fails unless group billing, which remembers what it has handled,
// handles each of n letters once.
func handledOnce(t *testing.T, bus *membus.Bus, n int) {
	t.Helper()
	memory, err := dedupe.NewMemory(dedupe.Times{Claim: time.Minute, Done: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	total := len(bus.Messages("orders"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex // guards the two below
	handled, seen := map[string]int{}, 0
	err = event.Run(ctx, bus.Group("billing"), []string{"orders"}, func(_ context.Context, d *event.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		handled[string(d.Payload)]++
		return nil
	}, event.Deduplicate(memory), event.Observe(func(event.Outcome, *event.Delivery, error) {
		mu.Lock()
		defer mu.Unlock()
		if seen++; seen == total {
			cancel()
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	for k, times := range handled {
		if times != 1 {
			t.Errorf("letter %s was handled %d times", k, times)
		}
	}
	if len(handled) != n {
		t.Errorf("%d letters were handled, want %d", len(handled), n)
	}
}

// What cannot be replayed fails with its reason and holds up its key; the next run
// tries it again. What the broker has deleted is gone, and no failure.
func TestFailuresAndWhatIsGone(t *testing.T) {
	bus := membus.New(membus.Grace(0), membus.Partitions(1))
	bury(t, bus, 0, 40)
	path := freeze(t, bus)
	job := openJob(t, path)
	if err := job.Run(t.Context(), refusing{bus, "\x00none"}, dlq.Pace{}, nil); err != nil {
		t.Fatal(err)
	}

	bury(t, bus, 100, 34) // two of each of 17 keys
	path = freeze(t, bus)
	job = openJob(t, path)
	var records []dlq.Record
	slow := dlq.Pace{Rate: 1e6} // a few letters a call
	err := job.Run(t.Context(), refusing{bus, "orders105"}, slow, func(r dlq.Record) { records = append(records, r) })
	if err == nil || job.Counts()[dlq.Failed] != 2 {
		t.Fatalf("error %v, outcomes %v; want one letter that failed, and the next of its key", err, job.Counts())
	}
	if len(records) != 34 {
		t.Errorf("%d outcomes were told, want 34", len(records))
	}
	for _, r := range records {
		if (r.Outcome == dlq.Failed) != (r.Error != "") || r.Time.IsZero() {
			t.Errorf("record %+v", r)
		}
	}
	if err := job.Run(t.Context(), bus, dlq.Pace{}, nil); err != nil || job.Left() != 0 {
		t.Errorf("run after the failure: %v, %d left", err, job.Left())
	}
	gone, err := dlq.CreateJob(path+"2", []dlq.Planned{{Topic: "orders", Group: "billing", ID: "0:9999", ReplayID: "orders/0/1"}, {Topic: "orders", Group: "billing", ID: "0:1", ReplayID: "orders/0/other"}})
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	if err := gone.Run(t.Context(), bus, dlq.Pace{}, nil); err != nil || gone.Counts()[dlq.Gone] != 2 {
		t.Errorf("%v, outcomes %v; want both gone", err, gone.Counts())
	}
}

// A letter does not overtake an earlier one of its key that the broker refuses, be they
// published in one call; and however many wait for it, the others are replayed.
func TestRefusedLetterHoldsUpItsKey(t *testing.T) {
	for _, transactional := range []bool{false, true} {
		mem := membus.New(membus.Grace(0), membus.Partitions(1))
		refuses := refusing{mem, "orders0"}
		var bus event.Bus = refuses
		if transactional {
			bus = whole{refuses}
		}
		for i := range 10 { // 0, 17, 34 … are of one key
			bury(t, mem, 17*i, 17-16*(i%2))
		}
		job := openJob(t, freeze(t, mem))
		if err := job.Run(t.Context(), bus, dlq.Pace{}, nil); err == nil || job.Counts()[dlq.Failed] != 10 || job.Left() != 10 {
			t.Errorf("transactional %v: %v, outcomes %v; want 10 failed", transactional, err, job.Counts())
		}
		if err := job.Run(t.Context(), mem, dlq.Pace{}, nil); err != nil {
			t.Error(err)
		}
		var got []string
		for _, m := range mem.Messages("orders") {
			if string(m.Key) == "k0" {
				got = append(got, string(m.Payload))
			}
		}
		if want := "[0 17 34 51 68 85 102 119 136 153]"; fmt.Sprint(got) != want {
			t.Errorf("transactional %v: the key came back as %v, want %s", transactional, got, want)
		}
	}
}

// A whole bus stores all of a call or nothing.
type whole struct{ refusing }

func (w whole) Atomic(context.Context, string) (event.Publisher, error) {
	return wholePublisher{w}, nil
}

type wholePublisher struct{ whole }

func (wholePublisher) Close(context.Context) error { return nil }

func (w wholePublisher) Publish(ctx context.Context, ms ...*event.Message) error {
	for i, m := range ms {
		if strings.Contains(m.Topic+string(m.Payload), w.word) {
			return &event.PublishError{Failed: []event.Failure{{Index: i, Message: m, Err: errors.New("refused")}}}
		}
	}
	return w.Bus.Publish(ctx, ms...)
}

// A broker that takes nothing ends the run after some letters, not after all.
func TestBrokerThatTakesNothing(t *testing.T) {
	bus := membus.New()
	for i := range 1000 { // each of its own key
		d := &event.Delivery{Message: event.Message{Topic: "orders", Key: fmt.Append(nil, i)}, Offset: int64(i), Attempt: 1}
		if err := bus.Publish(t.Context(), event.DeadLetter(d, "billing", errors.New("no such account"))); err != nil {
			t.Fatal(err)
		}
	}
	job := openJob(t, freeze(t, bus))
	if err := job.Run(t.Context(), refusing{bus, ""}, dlq.Pace{}, nil); err == nil || job.Counts()[dlq.Failed] > 400 {
		t.Errorf("error %v, outcomes %v", err, job.Counts())
	}
	if err := job.Run(t.Context(), bus, dlq.Pace{}, nil); err != nil {
		t.Error(err)
	}
}

// Somebody else replays a letter after the set was frozen: it is not replayed again.
func TestReplayedMeanwhile(t *testing.T) {
	bus := membus.New(membus.Partitions(1))
	bury(t, bus, 0, 3)
	job := openJob(t, freeze(t, bus))
	if _, err := dlq.Replay(t.Context(), bus, "orders", "billing", dlq.Selection{IDs: []string{"0:1"}}); err != nil {
		t.Fatal(err)
	}
	if err := job.Run(t.Context(), bus, dlq.Pace{}, nil); err != nil || job.Counts()[dlq.Already] != 1 {
		t.Fatalf("%v, outcomes %v", err, job.Counts())
	}
	if n := len(bus.Messages("orders")); n != 3 {
		t.Errorf("%d copies, want 3", n)
	}
}

func TestJobFiles(t *testing.T) {
	bus := membus.New()
	bury(t, bus, 0, 3)
	path := freeze(t, bus)
	if _, err := dlq.CreateJob(path, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("a set over another: %v", err)
	}
	job := openJob(t, path)
	if _, err := dlq.OpenJob(path); runtime.GOOS == "linux" && (err == nil || !strings.Contains(err.Error(), "another process")) {
		t.Errorf("opened twice: %v", err)
	}
	if err := errors.Join(job.Cancel(), job.Cancel(), job.Close()); err != nil {
		t.Fatal(err)
	}
	job = openJob(t, path)
	if err := job.Run(t.Context(), bus, dlq.Pace{}, nil); !errors.Is(err, dlq.ErrCancelled) || !job.Cancelled() {
		t.Errorf("run of what was cancelled: %v", err)
	}
	if n := len(bus.Messages("orders")); n != 0 {
		t.Errorf("%d copies of what was cancelled", n)
	}
	if job.Made().IsZero() || time.Since(job.Made()) > time.Hour || len(job.Letters()) != 3 {
		t.Errorf("made %v, letters %v", job.Made(), job.Letters())
	}
	other := filepath.Join(t.TempDir(), "other.json")
	text, _ := os.ReadFile(path + ".journal")
	if err := errors.Join(os.WriteFile(other, []byte(`{"version":1}`), 0o600), os.WriteFile(other+".journal", text, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := dlq.OpenJob(other); err == nil || !strings.Contains(err.Error(), "another set") {
		t.Errorf("the journal of another set: %v", err)
	}
	for _, text := range []string{"", "{}", "null", `{"version":2}`, `{"version":1,"letters":[{"id":"x"}]}`} {
		if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := dlq.OpenJob(other); err == nil {
			t.Errorf("a file that holds %q is a replay", text)
		}
	}
	if err := job.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after its removal: %v", err)
	}
}

// An edited copy has the letter's key, headers and replay id, and says what it takes
// the place of, also when it has died again. The letter is still there.
func TestReplayEdited(t *testing.T) {
	bus := membus.New(membus.Partitions(1), membus.Grace(0))
	bury(t, bus, 0, 2)
	l, err := dlq.ReplayEdited(t.Context(), bus, "orders", "billing", "0:1", []byte("better"))
	if err != nil || l.Replayed != 1 || l.Edited != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
	ms := bus.Messages("orders")
	of, _ := ms[0].Headers.Get(dlq.HeaderEditOf)
	id, _ := ms[0].Headers.Get(event.HeaderReplayID)
	if len(ms) != 1 || string(ms[0].Payload) != "better" || string(of) != "orders.billing.dlq@0:1" || string(id) != "orders/0/1" || string(ms[0].Key) != "k1" {
		t.Errorf("published %+v", ms)
	}
	consume(t, bus, "billing", 1, func(context.Context, *event.Delivery) error { return event.Permanent(errors.New("still")) })
	ls, err := dlq.List(t.Context(), bus, "orders", "billing", dlq.Selection{})
	if err != nil || len(ls) != 3 {
		t.Fatal(ls, err)
	}
	if a, b := ls[1], ls[2]; string(a.Payload) != "1" || a.Edited != 1 || a.Replayed != 1 || b.EditOf != "orders.billing.dlq@0:1" || b.ReplayID != a.ReplayID || b.Edited != 0 {
		t.Errorf("letters %+v", ls[1:])
	}
	if _, err := dlq.ReplayEdited(t.Context(), bus, "orders", "billing", "0:9", nil); !errors.Is(err, dlq.ErrNotFound) {
		t.Errorf("edit of nothing: %v", err)
	}
	ls, err = dlq.List(t.Context(), bus, "orders", "billing", dlq.Selection{Pending: true, Where: func(l *dlq.Letter) bool { return l.EditOf != "" }})
	if err != nil || len(ls) != 1 {
		t.Errorf("pending copies %v, %v", ls, err)
	}
}
