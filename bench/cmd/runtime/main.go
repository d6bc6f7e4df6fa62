// Command runtime prints what a message costs in the runtime, as CPU time beside
// peers of the same run, in a Markdown table with a bar for each row. It measures in
// rounds over all cases and takes medians. Nothing of it needs a broker.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"github.com/wireproof/wireproof/bench/internal/measure"
	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
)

const (
	rounds   = 5 // the median counts
	messages = 500_000
	slow     = 5_000 // of peers that take long
	batch    = 500

	middlewares = 3 // around each handler, ours and the Router's
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "runtime:", err)
		os.Exit(1)
	}
}

// Each case moves its messages from a publisher to a handler that does nothing.
func run(ctx context.Context, stdout io.Writer) error {
	var around []event.ConsumerOption
	for range middlewares {
		around = append(around, event.Within(func(ctx context.Context, d *event.Delivery, h event.Handler) error { return h(ctx, d) }))
	}
	bus := membus.New()
	src, err := bus.Group("g").Open(ctx, "t")
	if err != nil {
		return err
	}
	channel := &measure.Case{Name: "a channel of Go", N: messages, Run: overChannel}
	raw := &measure.Case{Name: "membus, batches", N: messages, Run: overBus(bus, src)}
	serial := &measure.Case{Name: "event.Run over membus, serial", N: messages, Run: consume(around...)}
	byKey := &measure.Case{Name: "event.Run over membus, by key, 32 workers", N: messages, Run: consume(append(around[:middlewares:middlewares], event.ByKey(32))...)}
	goChannel := &measure.Case{Name: "Watermill's gochannel", N: slow, Run: overGoChannel(asItComes)}
	router := &measure.Case{Name: "Watermill's Router over it", N: slow, Run: overRouter(asItComes)}
	waiting := &measure.Case{Name: "gochannel that waits for the Ack", N: slow, Run: overGoChannel(waitForAck)}
	waitingRouter := &measure.Case{Name: "Watermill's Router over that", N: slow, Run: overRouter(waitForAck)}
	cases := []*measure.Case{channel, raw, serial, byKey, goChannel, router, waiting, waitingRouter}
	// Watermill's come last: the collector looks at every goroutine that a process has
	// ever had, and theirs, of which there is one a message, would be paid for by ours.
	if err := measure.Rounds(ctx, rounds, cases[:4]...); err != nil {
		return err
	}
	if err := measure.Rounds(ctx, rounds, cases[4:]...); err != nil {
		return err
	}
	if err := errors.Join(src.Close(ctx), bus.Close(ctx)); err != nil {
		return err
	}
	measure.Figures(stdout, cases...)
	fmt.Fprintln(stdout)
	measure.Bars(stdout,
		measure.Bar{Of: raw, To: channel, Figure: (*measure.Case).CPU, AtMost: 2},
		measure.Bar{Of: raw, To: goChannel, Figure: (*measure.Case).CPU, AtMost: 0.02},
		measure.Bar{Of: raw, To: waiting, Figure: (*measure.Case).CPU, AtMost: 0.02},
		measure.Bar{Of: serial, To: router, Figure: (*measure.Case).CPU, AtMost: 0.1},
		measure.Bar{Of: serial, To: waitingRouter, Figure: (*measure.Case).CPU, AtMost: 0.1},
		measure.Bar{Of: byKey, To: router, Figure: (*measure.Case).CPU, AtMost: 0.35},
		measure.Bar{Of: byKey, To: waitingRouter, Figure: (*measure.Case).CPU, AtMost: 0.35},
	)
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

// publish sends n messages of a thousand keys in batches. The memory of a batch is
// used again: it is the publisher's once Publish has returned.
func publish(ctx context.Context, bus event.Bus, n int) error {
	made, ms := make([]event.Message, batch), make([]*event.Message, batch)
	for i := range made {
		made[i].Topic, ms[i] = "t", &made[i]
	}
	for from := 0; from < n; from += batch {
		most := min(batch, n-from)
		for i := range most {
			made[i].Key = keys[(from+i)%len(keys)]
		}
		if err := bus.Publish(ctx, ms[:most]...); err != nil {
			return err
		}
	}
	return nil
}

var keys = func() (out [1000][]byte) {
	for i := range out {
		out[i] = fmt.Appendf(nil, "key-%d", i)
	}
	return out
}()

// overBus moves messages over a bus that lives on, as it does in a program.
func overBus(bus *membus.Bus, src event.Source) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
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
		return <-done
	}
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

// Configurations of gochannel. As it comes, a goroutine hands each message on, and the
// order is lost; the other one keeps it.
var (
	asItComes  = gochannel.Config{OutputChannelBuffer: 256}
	waitForAck = gochannel.Config{BlockPublishUntilSubscriberAck: true}
)

func overGoChannel(config gochannel.Config) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		c := gochannel.NewGoChannel(config, watermill.NopLogger{})
		in, err := c.Subscribe(ctx, "t")
		if err != nil {
			return err
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range n {
				(<-in).Ack()
			}
		}()
		err = publishAll(c, n)
		if err == nil {
			<-done
		}
		return errors.Join(err, c.Close())
	}
}

func publishAll(p message.Publisher, n int) error {
	for range n {
		if err := p.Publish("t", message.NewMessage("u", nil)); err != nil {
			return err
		}
	}
	return nil
}

func overRouter(config gochannel.Config) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		c := gochannel.NewGoChannel(config, watermill.NopLogger{})
		router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
		if err != nil {
			return err
		}
		for range middlewares {
			router.AddMiddleware(func(h message.HandlerFunc) message.HandlerFunc {
				return func(m *message.Message) ([]*message.Message, error) { return h(m) }
			})
		}
		all := make(chan struct{})
		left := newCountdown(n, func() { close(all) })
		router.AddConsumerHandler("h", "t", c, func(*message.Message) error {
			left.one()
			return nil
		})
		done := make(chan error, 1)
		go func() { done <- router.Run(ctx) }()
		<-router.Running()
		err = publishAll(c, n)
		if err == nil {
			<-all
		}
		return errors.Join(err, router.Close(), <-done)
	}
}
