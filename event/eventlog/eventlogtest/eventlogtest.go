// Package eventlogtest says what every store of an event log must do, as tests
// that one runs against itself, and runs the suite of transports on a log on it.
// It is for tests only.
package eventlogtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventlog"
	"github.com/wireproof/wireproof/event/eventtest"
)

// Run runs the suite. Each call of open opens the same store once more, as
// another process would.
func Run(t *testing.T, open func(t *testing.T) eventlog.Store) {
	t.Run("store", func(t *testing.T) {
		for name, f := range map[string]func(*testing.T, eventlog.Store){
			"append and read": appendAndRead, "bounds and trim": boundsAndTrim, "turns": turns,
		} {
			t.Run(name, func(t *testing.T) { f(t, open(t)) })
		}
		t.Run("appends follow one another", func(t *testing.T) { race(t, open) })
	})
	var refused sync.Map // topics to which nothing is appended
	connect := func(t *testing.T) event.Bus { return newLog(t, refusing{open(t), &refused}) }
	t.Run("bus", func(t *testing.T) {
		eventtest.Run(t, eventtest.Bus{New: connect, Reconnect: connect, KeyOrder: true, Late: true,
			Refuse: func(_ *testing.T, _ event.Bus, topic string) { refused.Store(topic, true) }})
	})
	t.Run("seek", func(t *testing.T) { seek(t, newLog(t, open(t))) })
	t.Run("replay", func(t *testing.T) { replay(t, newLog(t, open(t))) })
	t.Run("a member that dies is followed", func(t *testing.T) { takeover(t, open(t)) })
}

// A refusing store does not append to some topics, as when its disk is full.
type refusing struct {
	eventlog.Store
	topics *sync.Map
}

func (r refusing) Append(ctx context.Context, topic string, records [][]byte) (int64, error) {
	if _, ok := r.topics.Load(topic); ok {
		return 0, errors.New("no space left")
	}
	return r.Store.Append(ctx, topic, records)
}

func newLog(t *testing.T, s eventlog.Store) *eventlog.Log {
	t.Helper()
	l, err := eventlog.New(s, eventlog.Poll(20*time.Millisecond), eventlog.Lease(2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func name() string { return "log-" + rand.Text() }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func appended(t *testing.T, s eventlog.Store, topic string, first int64, records ...string) {
	t.Helper()
	rs := make([][]byte, len(records))
	for i, r := range records {
		rs[i] = []byte(r)
	}
	if got, err := s.Append(t.Context(), topic, rs); err != nil || got != first {
		t.Fatalf("append: offset %d (%v), want %d", got, err, first)
	}
}

func reads(t *testing.T, s eventlog.Store, topic string, from int64, n, size int, first int64, want ...string) {
	t.Helper()
	at, rs, err := s.Read(t.Context(), topic, from, n, size)
	var got []string
	for _, r := range rs {
		got = append(got, string(r))
	}
	if err != nil || !slices.Equal(got, want) || len(want) > 0 && at != first {
		t.Errorf("read from %d: %q at %d (%v), want %q at %d", from, got, at, err, want, first)
	}
}

func appendAndRead(t *testing.T, s eventlog.Store) {
	topic, other := name(), name()
	reads(t, s, topic, 0, 10, 100, 0)
	appended(t, s, topic, 0, "a", "bb")
	appended(t, s, other, 0, "x")
	appended(t, s, topic, 2, "", "dddd")
	reads(t, s, topic, 0, 10, 100, 0, "a", "bb", "", "dddd")
	reads(t, s, topic, 1, 2, 100, 1, "bb", "")
	reads(t, s, topic, 1, 10, 3, 1, "bb", "")
	reads(t, s, topic, 3, 10, 1, 3, "dddd") // one at least
	reads(t, s, topic, 4, 10, 100, 4)
	reads(t, s, topic, 1000, 10, 100, 4)
	big := bytes.Repeat([]byte{0, 255}, 1<<20)
	if first, err := s.Append(t.Context(), topic, [][]byte{big}); err != nil || first != 4 {
		t.Fatalf("append 2 MiB: %d, %v", first, err)
	}
	if _, rs, err := s.Read(t.Context(), topic, 4, 1, 1); err != nil || len(rs) != 1 || !bytes.Equal(rs[0], big) {
		t.Errorf("2 MiB came back as %d records (%v)", len(rs), err)
	}
	topics, err := s.Topics(t.Context())
	if err != nil || !slices.IsSorted(topics) || !slices.Contains(topics, topic) || !slices.Contains(topics, other) {
		t.Errorf("topics %q (%v), want %q and %q among them, in order", topics, err, topic, other)
	}
}

func boundsAndTrim(t *testing.T, s eventlog.Store) {
	topic := name()
	bounds := func(oldest, end int64) {
		t.Helper()
		if a, b, err := s.Bounds(t.Context(), topic); err != nil || a > oldest || b != end || oldest == end && a != b {
			t.Errorf("bounds %d to %d (%v), want at most %d to %d", a, b, err, oldest, end)
		}
	}
	bounds(0, 0)
	must(t, s.Trim(t.Context(), topic, 5)) // there is nothing
	for i := range 10 {
		appended(t, s, topic, int64(i), fmt.Sprint(i))
	}
	bounds(0, 10)
	must(t, s.Trim(t.Context(), topic, 4))
	bounds(4, 10)
	must(t, s.Trim(t.Context(), topic, 2)) // never back
	bounds(4, 10)
	a, _, err := s.Bounds(t.Context(), topic)
	must(t, err)
	first, rs, err := s.Read(t.Context(), topic, 0, 1, 100)
	if err != nil || len(rs) != 1 || first != a || string(rs[0]) != fmt.Sprint(a) {
		t.Errorf("read from 0 after a trim: %q at %d (%v), want the oldest, %d", rs, first, err, a)
	}
	appended(t, s, topic, 10, "10")
	reads(t, s, topic, 9, 10, 100, 9, "9", "10")
}

// turns: one holder at a time; a seek takes its hold.
func turns(t *testing.T, s eventlog.Store) {
	group, topic := name(), name()
	ctx := t.Context()
	take := func(holder string, lease time.Duration, at int64, want bool) {
		t.Helper()
		if got, ok, err := s.Take(ctx, group, topic, holder, lease); err != nil || ok != want || ok && got != at {
			t.Errorf("%s takes: offset %d, %v (%v), want %d, %v", holder, got, ok, err, at, want)
		}
	}
	yes := func(ok bool, err error) {
		t.Helper()
		if err != nil || !ok {
			t.Errorf("%v (%v), want true", ok, err)
		}
	}
	no := func(ok bool, err error) {
		t.Helper()
		if err != nil || ok {
			t.Errorf("%v (%v), want false", ok, err)
		}
	}
	no(s.Save(ctx, group, topic, "a", 1))
	take("a", time.Minute, 0, true)
	take("b", time.Minute, 0, false)
	yes(s.Save(ctx, group, topic, "a", 3))
	no(s.Save(ctx, group, topic, "b", 9))
	no(s.Extend(ctx, group, topic, "b", time.Minute))
	must(t, s.Leave(ctx, group, topic, "b"))
	yes(s.Extend(ctx, group, topic, "a", time.Minute))
	must(t, s.Leave(ctx, group, topic, "a"))
	no(s.Extend(ctx, group, topic, "a", time.Minute))
	take("b", 50*time.Millisecond, 3, true)
	for end := time.Now().Add(30 * time.Second); ; { // its lease ends by itself
		if _, ok, err := s.Take(ctx, group, topic, "c", time.Minute); err != nil {
			t.Fatal(err)
		} else if ok {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a lease of 50ms does not end")
		}
	}
	no(s.Save(ctx, group, topic, "b", 9))
	must(t, s.Seek(ctx, group, topic, 1))
	no(s.Save(ctx, group, topic, "c", 9))
	no(s.Extend(ctx, group, topic, "c", time.Minute))
	take("d", time.Minute, 1, true)
	must(t, s.Seek(ctx, name(), topic, 7)) // of a group that has not read yet
}

// race: records of one append stay together, and offsets have no gaps, however
// many append at once.
func race(t *testing.T, open func(t *testing.T) eventlog.Store) {
	const writers, appends, each = 4, 25, 3
	topic := name()
	var wg sync.WaitGroup
	var mu sync.Mutex
	at := map[int64]string{}
	first := open(t)
	for w := range writers {
		s := first
		if w%2 == 1 {
			s = open(t)
		}
		wg.Go(func() {
			for i := range appends {
				id := fmt.Sprintf("%d-%d", w, i)
				offset, err := s.Append(t.Context(), topic, [][]byte{[]byte(id), []byte(id), []byte(id)})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				at[offset] = id
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	const n = writers * appends * each
	if _, end, err := first.Bounds(t.Context(), topic); err != nil || end != n {
		t.Fatalf("the end is %d (%v), want %d", end, err, n)
	}
	for from := int64(0); from < n; {
		begin, rs, err := first.Read(t.Context(), topic, from, 50, 1<<20)
		if err != nil || begin != from || len(rs) == 0 {
			t.Fatalf("read from %d: %d records at %d (%v)", from, len(rs), begin, err)
		}
		for i, r := range rs {
			o := from + int64(i)
			if want := at[o-o%each]; string(r) != want {
				t.Fatalf("offset %d holds %q, want %q", o, r, want)
			}
		}
		from += int64(len(rs))
	}
}

// seek: from the beginning again, from a time on, while somebody reads.
func seek(t *testing.T, l *eventlog.Log) {
	topic, group := name(), name()
	base := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 10 {
		must(t, l.Publish(t.Context(), &event.Message{Topic: topic, Payload: fmt.Append(nil, i), Time: base.Add(time.Duration(i) * time.Hour)}))
	}
	for _, c := range []struct {
		t    time.Time
		want int64
	}{{base.Add(-1), 0}, {base, 0}, {base.Add(90 * time.Minute), 2}, {base.Add(9 * time.Hour), 9}, {base.Add(99 * time.Hour), 10}} {
		if at, err := l.OffsetAt(t.Context(), topic, c.t); err != nil || at != c.want {
			t.Errorf("offset at %v is %d (%v), want %d", c.t, at, err, c.want)
		}
	}
	var mu sync.Mutex
	var got []string
	all, ctx := make(chan struct{}, 100), t.Context()
	run, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		done <- event.Run(run, l.Group(group), []string{topic}, func(_ context.Context, d *event.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, string(d.Payload))
			all <- struct{}{}
			return nil
		})
	}()
	wait := func(n int) {
		t.Helper()
		for range n {
			select {
			case <-all:
			case <-time.After(30 * time.Second):
				t.Fatal("waited in vain")
			}
		}
	}
	wait(10)
	must(t, l.Seek(ctx, group, topic, 8))
	wait(2)
	must(t, l.Publish(ctx, &event.Message{Topic: topic, Payload: []byte("live")}))
	wait(1)
	cancel()
	must(t, <-done)
	if want := []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "8", "9", "live"}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
	if err := l.Seek(ctx, group, topic, -1); err == nil {
		t.Error("seek to -1: no error")
	}
}

// takeover: a member that stops extending its lease is followed by another, which
// begins where it had come to; what it settles too late is refused.
func takeover(t *testing.T, s eventlog.Store) {
	topic, group := name(), name()
	l := newLog(t, s)
	for i := range 6 {
		must(t, l.Publish(t.Context(), &event.Message{Topic: topic, Payload: fmt.Append(nil, i)}))
	}
	frozen := &frozenStore{Store: s}
	src, err := newLog(t, frozen).Group(group).Open(t.Context(), topic)
	must(t, err)
	b, err := src.Receive(t.Context())
	must(t, err)
	must(t, b.Lane.Settle(b.Deliveries[:2]))
	frozen.freezeAt(2)
	other, err := l.Group(group).Open(t.Context(), topic)
	must(t, err)
	next, err := other.Receive(t.Context())
	must(t, err)
	if string(next.Deliveries[0].Payload) != "2" {
		t.Errorf("the successor begins at %q, want 2", next.Deliveries[0].Payload)
	}
	frozen.thaw()
	select {
	case <-b.Lane.Context().Done():
	case <-time.After(30 * time.Second):
		t.Error("the member that was followed does not learn of it")
	}
	if err := b.Lane.Settle(b.Deliveries[2:]); err == nil {
		t.Error("what is settled too late is accepted")
	}
	must(t, errors.Join(src.Close(t.Context()), other.Close(t.Context())))
}

// A frozenStore does not answer one member while it is frozen.
type frozenStore struct {
	eventlog.Store
	mu     sync.Mutex
	frozen chan struct{} // closed by thaw; nil: not frozen
	saved  int64
}

func (f *frozenStore) wait() {
	f.mu.Lock()
	c := f.frozen
	f.mu.Unlock()
	if c != nil {
		<-c
	}
}

// freezeAt freezes once what is settled up to an offset is saved.
func (f *frozenStore) freezeAt(at int64) {
	for {
		f.mu.Lock()
		if f.saved >= at {
			f.frozen = make(chan struct{})
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
}

func (f *frozenStore) thaw() { close(f.frozen) }

func (f *frozenStore) Save(ctx context.Context, group, topic, holder string, at int64) (bool, error) {
	f.wait()
	ok, err := f.Store.Save(ctx, group, topic, holder, at)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saved = at
	return ok, err
}

func (f *frozenStore) Extend(ctx context.Context, group, topic, holder string, lease time.Duration) (bool, error) {
	f.wait()
	return f.Store.Extend(ctx, group, topic, holder, lease)
}
