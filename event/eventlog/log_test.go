package eventlog_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventlog"
	"github.com/wireproof/wireproof/event/eventlog/filestore"
)

func newLog(t *testing.T, dir string, wrap func(eventlog.Store) eventlog.Store, opts ...eventlog.Option) *eventlog.Log {
	t.Helper()
	store, err := filestore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	l, err := eventlog.New(wrap(store), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func asItIs(s eventlog.Store) eventlog.Store { return s }

func publish(t *testing.T, l *eventlog.Log, topic string, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		if err := l.Publish(t.Context(), &event.Message{Topic: topic, Payload: []byte(p)}); err != nil {
			t.Fatal(err)
		}
	}
}

// A group that stands behind the end, since its topic was restored from an older copy,
// says so: it does not pass over what is appended until the end has come to it.
func TestGroupBehindTheEnd(t *testing.T) {
	l := newLog(t, t.TempDir(), func(s eventlog.Store) eventlog.Store {
		if err := s.Seek(t.Context(), "g", "t", 3); err != nil {
			t.Fatal(err)
		}
		return s
	})
	publish(t, l, "t", "a", "b")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := event.Run(ctx, l.Group("g"), []string{"t"}, func(context.Context, *event.Delivery) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "offset 3") || !strings.Contains(err.Error(), "Seek") {
		t.Errorf("a group at offset 3 of a topic that ends at 2: %v", err)
	}
	if lags, err := l.Lag(t.Context(), "g", "t"); err == nil {
		t.Errorf("it has a lag of %d messages, want an error", lags[0].Messages)
	}
	if err := l.Seek(t.Context(), "g", "t", 3); err == nil {
		t.Error("a seek behind the end is no error")
	}
	if err := l.Seek(t.Context(), "g", "t", 2); err != nil {
		t.Errorf("a seek to the end: %v", err)
	}
}

// A silentStore does not answer to who extends a lease.
type silentStore struct {
	eventlog.Store
	heeds  bool // the context
	silent *atomic.Bool
}

func (s silentStore) Extend(ctx context.Context, group, topic, holder string, lease time.Duration) (bool, error) {
	if !s.silent.Load() {
		return s.Store.Extend(ctx, group, topic, holder, lease)
	}
	if s.heeds {
		<-ctx.Done()
	} else {
		time.Sleep(100 * lease)
	}
	return false, errors.New("no answer")
}

// A member that cannot extend its lease has lost its topic when the lease is over,
// and not a moment later: the next member may have it then.
func TestLeaseThatIsNotExtended(t *testing.T) {
	for _, heeds := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			const lease = time.Minute
			silent := silentStore{heeds: heeds, silent: &atomic.Bool{}}
			l := newLog(t, t.TempDir(), func(s eventlog.Store) eventlog.Store {
				silent.Store = s
				return silent
			}, eventlog.Lease(lease))
			publish(t, l, "t", "a")
			src, err := l.Group("g").Open(t.Context(), "t")
			if err != nil {
				t.Fatal(err)
			}
			b, err := src.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * lease)
			if err := b.Lane.Context().Err(); err != nil {
				t.Fatalf("a lease that is extended: %v", err)
			}
			silent.silent.Store(true)
			begin := time.Now()
			<-b.Lane.Context().Done()
			if past := time.Since(begin); past > lease || past < lease/2 {
				t.Errorf("heeds its context %v: the lane ends %v after the last answer, want no more than the lease of %v", heeds, past, lease)
			}
			if err := src.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// A message that is none fails alone, and leases that nobody could extend are refused.
func TestWhatIsNone(t *testing.T) {
	l := newLog(t, t.TempDir(), asItIs)
	err := l.Publish(t.Context(), nil, &event.Message{Topic: "t"})
	if pe := (*event.PublishError)(nil); !errors.As(err, &pe) || len(pe.Failed) != 1 || pe.Failed[0].Index != 0 {
		t.Errorf("publish nil beside another: %v, want the first to fail", err)
	}
	store, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if _, err := eventlog.New(store, eventlog.Lease(1)); err == nil {
		t.Error("leases of a nanosecond: no error")
	}
}
