package registry_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/memlog"
)

// used counts who uses a log, and says when that is forbidden.
type used struct {
	registry.Log
	now, total atomic.Int64
	entered    chan struct{} // receives when an append or a reading waits at the gate
	gate       chan struct{} // nil lets everybody pass
}

func (l *used) use() func() {
	l.total.Add(1)
	l.now.Add(1)
	if l.gate != nil {
		l.entered <- struct{}{}
		<-l.gate
	}
	return func() { l.now.Add(-1) }
}

func (l *used) Append(ctx context.Context, at registry.Offset, records []registry.Record) (registry.Offset, error) {
	defer l.use()()
	return l.Log.Append(ctx, at, records)
}

func (l *used) ReadFrom(ctx context.Context, at registry.Offset) ([]registry.Record, registry.Offset, error) {
	defer l.use()()
	return l.Log.ReadFrom(ctx, at)
}

// What is in flight when a registry is closed is done and answered, what waits
// behind it too, and then nothing uses the log any more.
func TestCloseWithJobsInFlight(t *testing.T) {
	t.Parallel()
	log := &used{Log: memlog.New(), entered: make(chan struct{}, 100)}
	reg := open(t, log)
	log.gate = make(chan struct{})
	of := func(text string) registry.Registration {
		return registry.Registration{Subject: text, Request: api.RegisterRequest{Schema: text}}
	}
	ctx, leave := context.WithCancel(t.Context())
	abandoned := make(chan error)
	go func() {
		_, err := reg.Register(ctx, of("abandoned"))
		abandoned <- err
	}()
	<-log.entered // the writer waits for the log
	leave()
	if err := <-abandoned; !errors.Is(err, context.Canceled) {
		t.Errorf("Register with a context that ended = %v", err)
	}
	queued := []func() error{reg.Enqueue(of("queued-1")), reg.Enqueue(of("queued-2"))}
	closed := make(chan struct{})
	for range 2 {
		go func() {
			reg.Close()
			if n := log.now.Load(); n > 0 {
				t.Errorf("Close returned while %d calls used the log", n)
			}
			closed <- struct{}{}
		}()
	}
	close(log.gate)
	<-closed
	<-closed
	for _, end := range queued {
		if err := end(); err != nil {
			t.Errorf("Register before Close = %v, want success", err)
		}
	}
	total := log.total.Load()
	have := reg.Subjects(nil, registry.Live)
	if diff := cmp.Diff([]string{"abandoned", "queued-1", "queued-2"}, have); diff != "" {
		t.Errorf("subjects after Close (-want +got):\n%s", diff)
	}
	if _, err := put(reg, "queued-1", "queued-1"); !errors.Is(err, api.Unavailable) {
		t.Errorf("Register after Close = %v, want that it is shutting down", err)
	}
	if _, err := reg.ByID(t.Context(), 99, ""); !errors.Is(err, api.Unavailable) {
		t.Errorf("ByID of what is not there, after Close = %v, want that it is shutting down", err)
	}
	if err := reg.CatchUp(t.Context()); !errors.Is(err, api.Unavailable) {
		t.Errorf("CatchUp after Close = %v, want that it is shutting down", err)
	}
	if v, err := reg.ByID(t.Context(), 1, ""); err != nil || v.Text != "abandoned" {
		t.Errorf("ByID after Close = %+v, %v", v, err)
	}
	if now := log.total.Load(); now != total {
		t.Errorf("the log was used %d times after Close", now-total)
	}
}

// Close waits for a read that looks at the log.
func TestCloseWithReadsInFlight(t *testing.T) {
	t.Parallel()
	log := &used{Log: memlog.New(), entered: make(chan struct{}, 100)}
	reg := open(t, log)
	log.gate = make(chan struct{})
	read := make(chan error)
	go func() {
		_, err := reg.ByID(t.Context(), 99, "")
		read <- err
	}()
	<-log.entered
	closed := make(chan struct{})
	go func() {
		reg.Close()
		if n := log.now.Load(); n > 0 {
			t.Errorf("Close returned while %d calls used the log", n)
		}
		close(closed)
	}()
	close(log.gate)
	if err := <-read; !errors.Is(err, api.SchemaNotFound) {
		t.Errorf("ByID that had begun = %v, want its answer", err)
	}
	<-closed
}

// However many clients write, read and delete while a registry is closed, each
// gets an answer, the log holds what was acknowledged and nothing that was
// refused, and nothing uses it afterwards.
func TestCloseStorm(t *testing.T) {
	t.Parallel()
	for range 8 {
		log := &used{Log: memlog.New()}
		reg := open(t, log)
		var mu sync.Mutex // guards the field below
		acked := map[string]bool{}
		var started, wg sync.WaitGroup
		started.Add(8)
		for client := range 8 {
			wg.Go(func() {
				for n := 0; ; n++ {
					if n == 3 {
						started.Done()
					}
					subject := fmt.Sprintf("c%d-n%d", client, n)
					_, err := put(reg, subject, subject)
					mu.Lock()
					acked[subject] = err == nil
					mu.Unlock()
					if _, err := reg.Version(t.Context(), "nobody", 1, registry.Live); !errors.Is(err, api.SubjectNotFound) && !errors.Is(err, api.Unavailable) {
						t.Errorf("Version = %v, want that it is not there or that it is shutting down", err)
					}
					if errors.Is(err, api.Unavailable) && n >= 3 {
						return
					} else if err != nil && !errors.Is(err, api.Unavailable) {
						t.Errorf("Register = %v", err)
					}
				}
			})
		}
		started.Wait()
		reg.Close()
		if log.now.Load() != 0 {
			t.Error("Close returned while the log was in use")
		}
		total := log.total.Load()
		wg.Wait()
		if log.total.Load() != total {
			t.Error("the log was used after Close")
		}
		again := open(t, log.Log)
		for subject, ok := range acked {
			if _, err := again.Version(t.Context(), subject, 1, registry.Live); (err == nil) != ok {
				t.Errorf("%s: acknowledged %v, in the log: %v", subject, ok, err)
			}
		}
	}
}
