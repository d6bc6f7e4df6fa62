package registrytest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// Soak returns how often a test of faults repeats itself: short, or full where
// WIREPROOF_SOAK is set.
func Soak(short, full int) int {
	if os.Getenv("WIREPROOF_SOAK") != "" {
		return full
	}
	return short
}

// A Load is clients that write through several registries, as behind a load
// balancer, while a test makes something fail. They remember what was
// acknowledged. The registries are of the toy language (see [OpenToy]).
type Load struct {
	regs   []*registry.Registry
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	acks    int
	failed  int
	lastErr error
	live    map[string]registry.Registered // by subject
	gone    map[int]string                 // ids of what was deleted for good
	ids     map[int]string                 // every acknowledged id, with its text
	broken  error                          // a promise that was broken
}

// requestTimeout is how long a client of a [Load] waits before it asks again.
const requestTimeout = 2 * time.Second

// StartLoad starts clients that register, read what they registered and now and
// then delete for good, until Stop. One that gets an error asks again.
func StartLoad(t *testing.T, clients int, regs ...*registry.Registry) *Load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	l := &Load{regs: regs, cancel: cancel, live: map[string]registry.Registered{}, gone: map[int]string{}, ids: map[int]string{}}
	for client := range clients {
		l.done.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.step(ctx, client, n)
			}
		})
	}
	t.Cleanup(l.Stop)
	return l
}

// Stop ends the clients and waits for them.
func (l *Load) Stop() {
	l.cancel()
	l.done.Wait()
}

// step registers one subject and, for every fifth, deletes it again.
func (l *Load) step(ctx context.Context, client, n int) {
	subject := fmt.Sprintf("c%d-n%d", client, n)
	var out registry.Registered
	ok := l.insist(ctx, func(ctx context.Context, i int) (err error) {
		out, err = registerSomewhere(ctx, l.regs, client+i, registry.Registration{Subject: subject, Request: api.RegisterRequest{Schema: subject}})
		return err
	})
	if !ok {
		return
	}
	l.note(func() {
		if before, taken := l.ids[out.ID]; taken && before != subject {
			l.broken = fmt.Errorf("id %d was given to %s and to %s", out.ID, before, subject)
		}
		l.ids[out.ID] = subject
		l.live[subject] = out
	})
	if got, err := l.regs[client%len(l.regs)].Version(ctx, subject, out.Number, registry.Live); err == nil && got.ID != out.ID {
		l.note(func() {
			l.broken = fmt.Errorf("%s was acknowledged with id %d and is read with %d", subject, out.ID, got.ID)
		})
	}
	if n%5 != 4 {
		return
	}
	// From here on it may be there or not, until the last answer says which.
	l.note(func() { delete(l.live, subject) })
	for _, permanent := range []bool{false, true} {
		if !l.insist(ctx, func(ctx context.Context, i int) error {
			_, err := l.regs[(client+i)%len(l.regs)].DeleteSubject(ctx, registry.SubjectDeletion{Subject: subject, Permanent: permanent})
			return err
		}) {
			return
		}
	}
	l.note(func() { l.gone[out.ID] = subject })
}

func (l *Load) note(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
}

// insist asks until it gets an answer that settles the matter. It returns false
// if the load ends before.
func (l *Load) insist(ctx context.Context, ask func(ctx context.Context, i int) error) bool {
	for i := 0; ctx.Err() == nil; i++ {
		once, cancel := context.WithTimeout(ctx, requestTimeout)
		err := ask(once, i)
		cancel()
		// A deletion whose answer was lost is found done when asked for again.
		if err == nil || i > 0 && settled(err) {
			l.note(func() { l.acks++ })
			return true
		}
		l.note(func() { l.failed, l.lastErr = l.failed+1, err })
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return false
}

// settled reports whether a deletion that is asked for again was done before.
func settled(err error) bool {
	return errors.Is(err, api.SubjectNotFound) || errors.Is(err, api.SubjectSoftDeleted)
}

// Acked returns how many answers the clients got, and how many errors, up to now.
func (l *Load) Acked() (acks, failed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acks, l.failed
}

// Await waits until that many more answers have come. It fails the test when
// they do not come within a minute, which is far longer than anything takes.
func (l *Load) Await(t *testing.T, more int) {
	t.Helper()
	start, _ := l.Acked()
	for range 6_000 {
		if now, _ := l.Acked(); now >= start+more {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	now, failed := l.Acked()
	l.mu.Lock()
	defer l.mu.Unlock()
	t.Fatalf("%d answers and %d errors in a minute, expected %d answers; the last error was %v", now-start, failed, more, l.lastErr)
}

// AwaitFailures waits until requests fail.
func (l *Load) AwaitFailures(t *testing.T, more int) {
	t.Helper()
	_, start := l.Acked()
	for range 6_000 {
		if _, now := l.Acked(); now >= start+more {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("fewer than %d requests failed within a minute", more)
}

// Check lets the registries read the log to its end and says what is wrong: an
// acknowledged registration that is not there, an id that stood for two schemas,
// registries that disagree. The load must have been stopped. Others that read
// the same log, as after a restart, can be checked too.
func (l *Load) Check(t *testing.T, regs ...*registry.Registry) {
	t.Helper()
	wantSame(t, regs)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		t.Error(l.broken)
	}
	if len(l.live) == 0 {
		t.Error("nothing was acknowledged")
	}
	ids := maps.Clone(l.ids)
	for _, v := range regs[0].Schemas(registry.Listing{Visible: registry.All}) {
		if other, taken := ids[v.ID]; taken && other != v.Text {
			t.Errorf("id %d was given to %q and to %q", v.ID, other, v.Text)
		}
		ids[v.ID] = v.Text
	}
	lost := 0
	for subject, ack := range l.live {
		if got, err := regs[0].Version(t.Context(), subject, ack.Number, registry.Live); err != nil || got.ID != ack.ID {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d acknowledged registrations are lost", lost, len(l.live))
	}
	for id, subject := range l.gone {
		if got, err := regs[0].ByID(t.Context(), id, ""); err == nil {
			t.Errorf("id %d of %s was deleted for good and stands for %q", id, subject, got.Text)
		}
	}
	t.Logf("%d acknowledged, %d errors, %d ids", l.acks, l.failed, len(ids))
}
