package eventtest_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventtest"
	"github.com/wireproof/wireproof/event/membus"
)

// faults are transports that break one promise each, and the tests of the suite
// that must find it.
var faults = map[string]struct {
	found string
	wrap  func(*faulty)
}{
	"loses a message":        {"everything_published", func(f *faulty) { f.drop = true }},
	"changes the order":      {"a_key_keeps", func(f *faulty) { f.swap = true }},
	"settles what it gives":  {"unsettled_is_delivered", func(f *faulty) { f.settleEarly = true }},
	"forgets settlements":    {"settled_is_not_delivered_again", func(f *faulty) { f.settleNever = true }},
	"nil becomes empty":      {"bytes_come_back", func(f *faulty) { f.noNil = true }},
	"one header of each key": {"bytes_come_back", func(f *faulty) { f.singleHeaders = true }},
	"cuts what is large":     {"a_large_payload", func(f *faulty) { f.cut = true }},
	"publishes after close":  {"publish_after_close", func(f *faulty) { f.neverClosed = true }},
	"waits for ever":         {"receive_ends", func(f *faulty) { f.deaf = true }},
	"pause stops everything": {"pause_holds_one_lane", func(f *faulty) { f.pauseAll = true }},
	"late is too late":       {"a_group_that_comes_late", func(f *faulty) { f.late = true }},
	"no id comes back":       {"what_is_published_twice", func(f *faulty) { f.noID = true }},
	"browsing is empty":      {"browse_reads", func(f *faulty) { f.blind = true }},
}

// TestSuiteFindsFaults runs the suite, in a process of its own, on transports
// that are broken.
func TestSuiteFindsFaults(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFaultyBus$/^"+fault.found, "-test.timeout=60s")
			cmd.Env = append(os.Environ(), "EVENTTEST_FAULT="+name)
			out, err := cmd.CombinedOutput()
			if err == nil || !bytes.Contains(out, []byte("--- FAIL: TestFaultyBus/"+fault.found)) {
				t.Errorf("the suite did not fail at %q (%v):\n%s", fault.found, err, out)
			}
		})
	}
}

// TestFaultyBus is what the processes of TestSuiteFindsFaults run: without a
// fault it is one more run of the suite.
func TestFaultyBus(t *testing.T) {
	name := os.Getenv("EVENTTEST_FAULT")
	wait := time.Minute
	if name != "" {
		wait = time.Second // it may well wait in vain
	}
	eventtest.Run(t, eventtest.Bus{
		New: func(*testing.T) event.Bus {
			f := &faulty{Bus: membus.New()}
			if name != "" {
				faults[name].wrap(f)
			}
			return f
		},
		KeyOrder: true, Partitions: true, Late: true, Wait: wait,
	})
}

// A faulty bus is a good one, but for one thing.
type faulty struct {
	*membus.Bus
	drop, swap, settleEarly, settleNever, noNil, singleHeaders, cut, neverClosed, deaf, pauseAll, blind, late, noID bool

	mu sync.Mutex // guards n
	n  int
}

func (f *faulty) Publish(ctx context.Context, ms ...*event.Message) error {
	sent := ms
	ms = slices.Clone(ms)
	for i, m := range ms {
		c := *m
		if f.noNil && c.Payload == nil {
			c.Payload = []byte{}
		}
		if f.singleHeaders {
			for _, h := range m.Headers {
				c.Headers = c.Headers.With(h.Key, h.Value)
			}
		}
		if f.noID {
			c.Headers = slices.DeleteFunc(slices.Clone(c.Headers), func(h event.Header) bool { return h.Key == event.HeaderID })
		}
		if f.cut && len(c.Payload) > 100000 {
			c.Payload = c.Payload[:100000]
		}
		ms[i] = &c
	}
	f.mu.Lock()
	f.n += len(ms)
	lose := f.drop && f.n > 900
	f.mu.Unlock()
	if lose {
		ms = ms[1:]
	}
	if f.swap {
		slices.Reverse(ms)
	}
	err := f.Bus.Publish(ctx, ms...)
	var pe *event.PublishError
	if errors.As(err, &pe) {
		for i := range pe.Failed {
			pe.Failed[i].Message = sent[pe.Failed[i].Index]
		}
	}
	return err
}

func (f *faulty) Close(ctx context.Context) error {
	if f.neverClosed {
		return nil
	}
	return f.Bus.Close(ctx)
}

func (f *faulty) Browse(ctx context.Context, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	if f.blind {
		return nil
	}
	return f.Bus.Browse(ctx, topic, from, fn)
}

func (f *faulty) Group(name string) event.Group { return faultyGroup{f.Bus.Group(name), f} }

type faultyGroup struct {
	event.Group
	f *faulty
}

func (g faultyGroup) Bus() event.Bus { return g.f }

func (g faultyGroup) Open(ctx context.Context, topics ...string) (event.Source, error) {
	s, err := g.Group.Open(ctx, topics...)
	src := &faultySource{Source: s, f: g.f, lanes: map[event.Lane]*faultyLane{}}
	if g.f.late {
		g.f.mu.Lock()
		src.skip = g.f.n
		g.f.mu.Unlock()
	}
	return src, err
}

type faultySource struct {
	event.Source
	f     *faulty
	lanes map[event.Lane]*faultyLane
	skip  int // messages that came before the group
}

func (s *faultySource) Receive(ctx context.Context) (*event.Batch, error) {
	if s.f.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	b, err := s.Source.Receive(ctx)
	if err != nil {
		return nil, err
	}
	l := s.lanes[b.Lane]
	if l == nil {
		l = &faultyLane{Lane: b.Lane, s: s}
		s.lanes[b.Lane] = l
	}
	if k := min(s.skip, len(b.Deliveries)); k > 0 {
		s.skip -= k
		_ = b.Lane.Settle(b.Deliveries[:k])
		if b.Deliveries = b.Deliveries[k:]; len(b.Deliveries) == 0 {
			return s.Receive(ctx)
		}
	}
	if s.f.settleEarly {
		_ = b.Lane.Settle(b.Deliveries)
	}
	return &event.Batch{Lane: l, Deliveries: b.Deliveries}, nil
}

type faultyLane struct {
	event.Lane
	s *faultySource
}

func (l *faultyLane) Release() { l.Lane.(event.Releaser).Release() }

func (l *faultyLane) Settle(ds []*event.Delivery) error {
	if l.s.f.settleNever {
		return nil
	}
	return l.Lane.Settle(ds)
}

// Pause of the faulty kind closes the source's ears for every lane.
func (l *faultyLane) Pause() {
	if l.s.f.pauseAll {
		l.s.Source = stalled{l.s.Source}
		return
	}
	l.Lane.Pause()
}

// A stalled source gives nothing any more.
type stalled struct{ event.Source }

func (stalled) Receive(ctx context.Context) (*event.Batch, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
