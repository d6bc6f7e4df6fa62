package dlq_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/membus"
)

// A timed bus notes when copies for orders are published, and takes a while.
type timed struct {
	*membus.Bus
	takes time.Duration

	mu sync.Mutex // guards at
	at []time.Time
}

func (b *timed) Publish(ctx context.Context, ms ...*event.Message) error {
	time.Sleep(b.takes)
	b.mu.Lock()
	for _, m := range ms {
		if m.Topic == "orders" {
			b.at = append(b.at, time.Now())
		}
	}
	b.mu.Unlock()
	return b.Bus.Publish(ctx, ms...)
}

// bury publishes n dead letters of billing for orders, a few of each key.
func bury(t *testing.T, bus event.Publisher, from, n int) {
	t.Helper()
	var ms []*event.Message
	for i := range n {
		d := &event.Delivery{Message: event.Message{
			Topic: "orders", Key: fmt.Appendf(nil, "k%d", (from+i)%17), Payload: fmt.Append(nil, from+i),
		}, Offset: int64(from + i), Attempt: 1}
		ms = append(ms, event.DeadLetter(d, "billing", errors.New("no such account")))
	}
	if err := bus.Publish(t.Context(), ms...); err != nil {
		t.Fatal(err)
	}
}

// freeze makes a job of all letters that are there.
func freeze(t *testing.T, bus event.Bus) string {
	t.Helper()
	ls, err := dlq.List(t.Context(), bus, "orders", "billing", dlq.Selection{Pending: true})
	if err != nil {
		t.Fatal(err)
	}
	var ps []dlq.Planned
	for _, l := range ls {
		ps = append(ps, l.Planned())
	}
	path := filepath.Join(t.TempDir(), "replay.json")
	job, err := dlq.CreateJob(path, ps)
	if err != nil {
		t.Fatal(err)
	}
	if err := job.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func openJob(t *testing.T, path string) *dlq.Job {
	t.Helper()
	job, err := dlq.OpenJob(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = job.Close() })
	return job
}

// In no second do more letters go than the rate says, and it is used in full; a bus
// that is slow for a while is not flooded after it.
func TestRate(t *testing.T) {
	for _, takes := range []time.Duration{0, 30 * time.Millisecond, 700 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			bus := &timed{Bus: membus.New(), takes: takes}
			bury(t, bus.Bus, 0, 300)
			job := openJob(t, freeze(t, bus.Bus))
			begin := time.Now()
			if err := job.Run(t.Context(), bus, dlq.Pace{Rate: 50}, nil); err != nil {
				t.Fatal(err)
			}
			if len(bus.at) != 300 {
				t.Fatalf("%d letters were replayed, want 300", len(bus.at))
			}
			for i, first := range bus.at {
				n := 0
				for _, x := range bus.at[i:] {
					if x.Sub(first) < time.Second {
						n++
					}
				}
				if n > 50+6 { // what is made up for of a tenth of a second
					t.Fatalf("takes %v: %d letters in the second after %v, want at most 56", takes, n, first.Sub(begin))
				}
			}
			if d := time.Since(begin); takes < time.Second/10 && (d < 5*time.Second || d > 7*time.Second) {
				t.Errorf("takes %v: 300 letters at 50 a second took %v", takes, d)
			}
		})
	}
}

// The rate grows evenly: by the time t of a ramp no more letters went than lie below
// the line, and not many less.
func TestRamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate, ramp = 100.0, 20.0
		bus := &timed{Bus: membus.New()}
		bury(t, bus.Bus, 0, 1200)
		job := openJob(t, freeze(t, bus.Bus))
		begin := time.Now()
		if err := job.Run(t.Context(), bus, dlq.Pace{Rate: rate, Ramp: ramp * time.Second}, nil); err != nil {
			t.Fatal(err)
		}
		for i, at := range bus.at {
			s := at.Sub(begin).Seconds()
			below := s + (rate-1)*s*s/(2*ramp)
			if s > ramp {
				below = ramp*(1+rate)/2 + (s-ramp)*rate
			}
			if n := float64(i + 1); n > below+1.001 || n < below*0.9-10 {
				t.Fatalf("%d letters after %.3f s, want about %.1f", i+1, s, below)
			}
		}
		if d := time.Since(begin); d < 21*time.Second || d > 25*time.Second {
			t.Errorf("1200 letters took %v, want about 22 s", d)
		}
	})
}

// A run whose context ends says what it has done, and the next one goes on there.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := &timed{Bus: membus.New()}
		bury(t, bus.Bus, 0, 100)
		path := freeze(t, bus.Bus)
		job := openJob(t, path)
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		err := job.Run(ctx, bus, dlq.Pace{Rate: 10}, nil)
		if !errors.Is(err, dlq.ErrPaused) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error %v, want that it is paused, and why", err)
		}
		if n := job.Counts()[dlq.Replayed]; n < 30 || n > 40 || job.Left() != 100-n || len(bus.at) != n {
			t.Fatalf("%d replayed, %d left, %d published", n, job.Left(), len(bus.at))
		}
		if err := job.Close(); err != nil {
			t.Fatal(err)
		}
		job = openJob(t, path)
		if err := job.Run(t.Context(), bus, dlq.Pace{}, nil); err != nil {
			t.Fatal(err)
		}
		if len(bus.at) != 100 || job.Left() != 0 {
			t.Errorf("%d published in all, %d left", len(bus.at), job.Left())
		}
	})
}
