package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/wireproof/wireproof/bench/internal/measure"
	"github.com/wireproof/wireproof/event"
)

// A broker is what the cases need to know of one.
type broker struct {
	name      string
	bus       event.Bus
	sent      int                                                    // messages of a round that publishes
	total     int                                                    // messages of a round that consumes
	empty     func(context.Context) error                            // makes the topic hold nothing
	fill      func(ctx context.Context, group string) error          // lets a group have total messages before it
	publish   func(ctx context.Context, n int) error                 // by the bare client
	consume   func(ctx context.Context, group string, n int) error   // likewise
	unsettled func(ctx context.Context, group string) (int64, error) // nil if the server does not say: leaving the group is measured then
	close     func()
}

// cases are: publish bare and ours; consume bare, ours and with event.Run.
func (b *broker) cases() []*measure.Case {
	m := &member{broker: b}
	fill := func(group string) func(context.Context) error {
		return func(ctx context.Context) error { return b.fill(ctx, group) }
	}
	return []*measure.Case{
		{Name: b.name + ": publish, bare client", N: b.sent, Before: b.empty, Run: b.publish},
		{Name: b.name + ": publish", N: b.sent, Before: b.empty, Run: func(ctx context.Context, n int) error { return publish(ctx, b.bus, n) }},
		{Name: b.name + ": consume, bare client", N: b.total, Before: fill("bare"), Run: func(ctx context.Context, n int) error {
			return errors.Join(b.consume(ctx, "bare", n), b.settled(ctx, "bare"))
		}},
		{Name: b.name + ": consume, source", N: b.total, Before: fill("source"), Run: m.source, After: m.left},
		{Name: b.name + ": consume, event.Run", N: b.total, Before: fill("run"), Run: m.run, After: m.left},
	}
}

// publish sends n messages in batches.
func publish(ctx context.Context, bus event.Publisher, n int) error {
	ms := make([]*event.Message, batch)
	for i := range ms {
		ms[i] = &event.Message{Topic: topic, Key: key(i), Payload: payload}
	}
	for range n / batch {
		if err := bus.Publish(ctx, ms...); err != nil {
			return err
		}
	}
	return nil
}

func key(i int) []byte { return fmt.Appendf(nil, "key-%d", i) }

// settled returns when the server knows that a group has settled everything.
func (b *broker) settled(ctx context.Context, group string) error {
	for b.unsettled != nil {
		if n, err := b.unsettled(ctx, group); n == 0 || err != nil {
			return err
		}
	}
	return nil
}

// A member consumes with ours.
type member struct {
	*broker
	leave func() error // nil once it has left
}

func (m *member) left(context.Context) error {
	if m.leave == nil {
		return nil
	}
	leave := m.leave
	m.leave = nil
	return leave()
}

// end is the end of what is measured.
func (m *member) end(ctx context.Context, group string) error {
	if m.unsettled == nil {
		return m.left(ctx)
	}
	return m.settled(ctx, group)
}

func (m *member) source(ctx context.Context, n int) error {
	src, err := m.bus.Group("source").Open(ctx, topic)
	if err != nil {
		return err
	}
	m.leave = func() error { return src.Close(ctx) }
	for n > 0 {
		b, err := src.Receive(ctx)
		if err == nil {
			err = b.Lane.Settle(b.Deliveries)
		}
		if err != nil {
			return errors.Join(err, m.left(ctx))
		}
		n -= len(b.Deliveries)
	}
	return m.end(ctx, "source")
}

func (m *member) run(ctx context.Context, n int) error {
	running, stop := context.WithCancel(ctx)
	var left atomic.Int64
	left.Store(int64(n))
	all, done := make(chan struct{}), make(chan error, 1)
	go func() {
		done <- event.Run(running, m.bus.Group("run"), []string{topic}, func(context.Context, *event.Delivery) error {
			if left.Add(-1) == 0 {
				close(all)
			}
			return nil
		})
	}()
	m.leave = func() error { stop(); return <-done }
	select {
	case <-all:
		return m.end(ctx, "run")
	case err := <-done:
		stop()
		m.leave = nil
		return errors.Join(err, errors.New("event.Run has ended before all messages"))
	}
}
