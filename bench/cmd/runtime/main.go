// Command runtime prints what a message costs in the runtime, as CPU time beside
// peers of the same run, in a Markdown table with a bar for each row. It measures in
// rounds over all cases and takes medians. Nothing of it needs a broker.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

const (
	rounds   = 5 // the median counts
	messages = 100_000
	slow     = 5_000 // of peers that take long
	batch    = 500
)

var start = time.Now()

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "runtime:", err)
		os.Exit(1)
	}
}

// A load moves n messages from a publisher to a handler that does nothing.
type load struct {
	name string
	n    int
	run  func(ctx context.Context, n int) error
	cpu  []float64 // of a message, in nanoseconds, for each round
}

func (l *load) median() float64 {
	slices.Sort(l.cpu)
	return l.cpu[len(l.cpu)/2]
}

func run(ctx context.Context) error {
	around := []event.ConsumerOption{
		event.Prepare(func(context.Context, *event.Delivery) error { return nil }),
		event.Within(func(ctx context.Context, d *event.Delivery, h event.Handler) error { return h(ctx, d) }),
	}
	channel := &load{name: "a channel of Go", n: messages, run: overChannel}
	raw := &load{name: "membus, batches", n: messages, run: overBus}
	serial := &load{name: "event.Run over membus, serial", n: messages, run: consume(around...)}
	byKey := &load{name: "event.Run over membus, by key, 32 workers", n: messages, run: consume(append(around[:2:2], event.ByKey(32))...)}
	goChannel := &load{name: "Watermill's gochannel", n: slow, run: overGoChannel}
	router := &load{name: "Watermill's Router over gochannel", n: slow, run: overRouter}
	loads := []*load{channel, raw, serial, byKey, goChannel, router}
	for range rounds {
		for _, l := range loads {
			runtime.GC()
			before := cpuTime()
			if err := l.run(ctx, l.n); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			l.cpu = append(l.cpu, float64(cpuTime()-before)/float64(l.n))
		}
	}
	fmt.Println("| what | CPU, ns a message |\n|---|---|")
	for _, l := range loads {
		fmt.Printf("| %s | %.0f |\n", l.name, l.median())
	}
	fmt.Println("\n| ratio | measured | bar | |\n|---|---|---|---|")
	for _, r := range []struct {
		of, to *load
		bar    float64
	}{
		{raw, channel, 2}, {raw, goChannel, 0.02}, {serial, router, 0.1}, {byKey, router, 0.35},
	} {
		got, verdict := r.of.median()/r.to.median(), "met"
		if got > r.bar {
			verdict = "not met"
		}
		fmt.Printf("| %s / %s | %.3f | %v | %s |\n", r.of.name, r.to.name, got, r.bar, verdict)
	}
	return nil
}

func overChannel(_ context.Context, n int) error {
	c := make(chan *event.Message, 256)
	go func() {
		defer close(c)
		for range n {
			c <- &event.Message{Topic: "t"}
		}
	}()
	for range c {
	}
	return nil
}

// publish sends n messages of a thousand keys in batches.
func publish(ctx context.Context, bus event.Bus, n int) error {
	for from := 0; from < n; from += batch {
		ms := make([]*event.Message, min(batch, n-from))
		for i := range ms {
			ms[i] = &event.Message{Topic: "t", Key: []byte{byte(i), byte((from + i) % 1000 / 256)}}
		}
		if err := bus.Publish(ctx, ms...); err != nil {
			return err
		}
	}
	return nil
}

func overBus(ctx context.Context, n int) error {
	bus := membus.New()
	src, err := bus.Group("g").Open(ctx, "t")
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- publish(ctx, bus, n) }()
	for got := 0; got < n; {
		b, err := src.Receive(ctx)
		if err != nil {
			return err
		}
		got += len(b.Deliveries)
		if err := b.Lane.Settle(b.Deliveries); err != nil {
			return err
		}
	}
	return errors.Join(<-done, src.Close(ctx), bus.Close(ctx))
}

func consume(opts ...event.ConsumerOption) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		bus := membus.New()
		running, stop := context.WithCancel(ctx)
		defer stop()
		left := newCountdown(n, stop)
		done := make(chan error, 1)
		go func() {
			done <- event.Run(running, bus.Group("g"), []string{"t"}, func(context.Context, *event.Delivery) error {
				left.one()
				return nil
			}, opts...)
		}()
		return errors.Join(publish(ctx, bus, n), <-done, bus.Close(ctx))
	}
}

func newGoChannel() *gochannel.GoChannel {
	return gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, watermill.NopLogger{})
}

func overGoChannel(ctx context.Context, n int) error {
	c := newGoChannel()
	in, err := c.Subscribe(ctx, "t")
	if err != nil {
		return err
	}
	go func() {
		for m := range in {
			m.Ack()
		}
	}()
	return errors.Join(publishAll(c, n), c.Close())
}

func publishAll(p message.Publisher, n int) error {
	for range n {
		if err := p.Publish("t", message.NewMessage("u", nil)); err != nil {
			return err
		}
	}
	return nil
}

func overRouter(ctx context.Context, n int) error {
	c := newGoChannel()
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	for range 2 { // as many as there are around ours
		router.AddMiddleware(func(h message.HandlerFunc) message.HandlerFunc {
			return func(m *message.Message) ([]*message.Message, error) { return h(m) }
		})
	}
	router.AddNoPublisherHandler("h", "t", c, func(*message.Message) error { return nil })
	done := make(chan error, 1)
	go func() { done <- router.Run(ctx) }()
	<-router.Running()
	return errors.Join(publishAll(c, n), router.Close(), <-done)
}
