package event_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/wireproof/wireproof/event"
)

// A mill is a transport of one lane without a cost of its own worth mentioning:
// it makes messages until there are n, never more than a thousand or so ahead of
// what is settled.
type mill struct {
	script
	keys    [][]byte
	n       int64
	made    int64
	settled atomic.Int64
	more    chan struct{} // something was settled
	done    chan struct{} // all was
}

func newMill(keys, n int) *mill {
	m := &mill{n: int64(n), more: make(chan struct{}, 1), done: make(chan struct{})}
	for i := range keys {
		m.keys = append(m.keys, fmt.Appendf(nil, "key-%d", i))
	}
	return m
}

func (m *mill) Name() string                                          { return "g" }
func (m *mill) Bus() event.Bus                                        { return &m.script }
func (m *mill) Open(context.Context, ...string) (event.Source, error) { return (*millSource)(m), nil }

type millSource mill

func (m *millSource) Close(context.Context) error { return nil }

func (m *millSource) Receive(ctx context.Context) (*event.Batch, error) {
	for m.made == m.n || m.made-m.settled.Load() > 1000 {
		select {
		case <-m.more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	k := min(m.n-m.made, 500)
	slab, ds := make([]event.Delivery, k), make([]*event.Delivery, k)
	for i := range slab {
		d := &slab[i]
		d.Topic, d.Offset = "t", m.made
		d.Key = m.keys[m.made%int64(len(m.keys))]
		ds[i] = d
		m.made++
	}
	return &event.Batch{Lane: (*millLane)(m), Deliveries: ds}, nil
}

type millLane mill

func (m *millLane) Context() context.Context { return context.Background() }
func (m *millLane) Cumulative() bool         { return true }
func (m *millLane) Pause()                   {}
func (m *millLane) Resume()                  {}

func (m *millLane) Settle(ds []*event.Delivery) error {
	if m.settled.Add(int64(len(ds))) == m.n {
		close(m.done)
	}
	select {
	case m.more <- struct{}{}:
	default:
	}
	return nil
}

// grind runs n messages through event.Run.
func grind(tb testing.TB, keys, n int, opts ...event.ConsumerOption) {
	m := newMill(keys, n)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- event.Run(ctx, m, []string{"t"}, nothing, opts...) }()
	<-m.done
	cancel()
	if err := <-done; err != nil {
		tb.Fatal(err)
	}
}

// The cost of a message is bounded in allocations: none in order, one by key
// (that of the key, when nothing else of it waits), and what a run costs itself.
func TestAllocations(t *testing.T) {
	const n = 50000
	for name, c := range map[string]struct {
		opts []event.ConsumerOption
		most float64
	}{
		"serial":               {nil, 0.1},
		"by key":               {[]event.ConsumerOption{event.ByKey(8)}, 1.1},
		"serial, within three": {[]event.ConsumerOption{event.Within(pass), event.Within(pass), event.Within(pass)}, 0.1},
		"serial, observed":     {[]event.ConsumerOption{event.Observe(new(event.Counts).Observe), event.Immediate(3)}, 0.1},
	} {
		if got := testing.AllocsPerRun(2, func() { grind(t, 1000, n, c.opts...) }) / n; got > c.most {
			t.Errorf("%s: %.2f allocations a message, want at most %v", name, got, c.most)
		}
	}
}

func pass(ctx context.Context, d *event.Delivery, h event.Handler) error { return h(ctx, d) }

func BenchmarkSerial(b *testing.B) {
	b.ReportAllocs()
	grind(b, 1000, b.N)
}

func BenchmarkByKey32(b *testing.B) {
	b.ReportAllocs()
	grind(b, 1000, b.N, event.ByKey(32), event.MaxInFlight(8192, 1<<26))
}
