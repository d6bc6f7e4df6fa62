//go:build !bootstrap

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/registry/client"
)

func (a *app) demoCmd() *cobra.Command {
	var kafka []string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "The whole story, on embedded parts",
		Long: `Demo starts a registry on SQLite in a temporary folder and tells one story on it:
push, publish and handle 10,000 events in key order, old and new writers side by
side, a breaking change refused twice, a poison message, a bug with its dead
letters replayed after the fix. It prints what it measured and fails if a claim
does not hold. With --kafka the messages go over a real broker, on topics of
this run alone.`,
		Example: `  wireproof demo
  wireproof demo --kafka 127.0.0.1:9092`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), kafka) },
	}
	cmd.Flags().StringSliceVar(&kafka, "kafka", nil, "host:port of a Kafka broker; default: in process")
	return cmd
}

// A demo is the state of one telling of the story.
type demo struct {
	a         *app
	bus       event.Bus
	registry  *client.Client
	url       string
	workspace string // a repository with the schemas, as a user has it
	step      int
	books     ledger
}

func (a *app) demo(ctx context.Context, kafka []string) (err error) {
	start := time.Now()
	dir, err := os.MkdirTemp("", "wireproof-demo-")
	if err != nil {
		return err
	}
	defer closing(&err, func() error { return os.RemoveAll(dir) })

	d := &demo{a: a}
	up := time.Now()
	server, err := startServer(ctx, "127.0.0.1:0", dir+"/registry", nil)
	if err != nil {
		return err
	}
	defer closing(&err, func() error {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return server.stop(stop)
	})
	d.url, d.registry = server.url, client.New(server.url)
	d.say("A registry is up", "%s, on SQLite, empty, after %s", d.url, since(up))

	if d.bus, err = a.demoBus(ctx, kafka); err != nil {
		return err
	}
	defer closing(&err, func() error {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return d.bus.Close(stop)
	})
	if d.workspace, err = writeWorkspace(dir); err != nil {
		return err
	}
	for _, chapter := range []func(context.Context) error{
		d.oldSchema, d.push, d.traffic, d.evolution, d.breakingChange, d.poison, d.balance,
	} {
		if err := chapter(ctx); err != nil {
			if ctx.Err() != nil {
				return err
			}
			return exitWith(exitFindings, fmt.Errorf("the demo's claim does not hold: %w", err))
		}
	}
	fmt.Fprintf(a.stdout, "\nEvery claim held, in %s.\n", since(start))
	return nil
}

func (a *app) demoBus(ctx context.Context, kafka []string) (event.Bus, error) {
	if len(kafka) == 0 {
		return membus.New(), nil
	}
	bus, err := a.kafka(ctx, kafka)
	if err != nil {
		return nil, err
	}
	prefix := fmt.Sprintf("wireproof-demo-%d-", time.Now().UnixNano())
	fmt.Fprintf(a.stdout, "Topics of this run on Kafka start with %s\n", prefix)
	return newPrefixBus(ctx, bus, prefix, "orders", "payments")
}

// say prints a step of the story and what was measured.
func (d *demo) say(title, format string, args ...any) {
	d.step++
	fmt.Fprintf(d.a.stdout, "\n%d. %s\n", d.step, title)
	d.detail(format, args...)
}

func (d *demo) detail(format string, args ...any) {
	fmt.Fprintf(d.a.stdout, "   "+format+"\n", args...)
}

func since(t time.Time) time.Duration { return time.Since(t).Round(time.Millisecond) }

// claim is an error unless ok.
func claim(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// consume runs subscriptions until done says so, then drains them.
func consume(ctx context.Context, done func() bool, subscriptions ...func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	run, stop := context.WithCancel(ctx)
	defer stop()
	results := make(chan error, len(subscriptions))
	for _, subscribe := range subscriptions {
		go func() { results <- subscribe(run) }()
	}
	var errs []error
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for running := len(subscriptions); running > 0; {
		select {
		case err := <-results:
			running--
			errs = append(errs, err)
			stop() // one that ends early ends all
		case <-tick.C:
			if done() {
				stop()
			}
		}
	}
	if !done() && ctx.Err() != nil {
		errs = append(errs, fmt.Errorf("not everything was handled within a minute: %w", ctx.Err()))
	}
	return errors.Join(errs...)
}
