// Command orders is a shop to copy from: it takes orders over HTTP, publishes
// each in the transaction that stores it, and bills it once, whatever dies when.
//
// Without settings it brings what it needs in this process, in place of
// PostgreSQL, Kafka and a registry, and keeps nothing. README.md has the tour.
package main

//go:generate go run -tags bootstrap ../../cmd/wireproof generate

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/inbox"
	"github.com/wireproof/wireproof/event/outbox"
	"github.com/wireproof/wireproof/event/prommetrics"
	"github.com/wireproof/wireproof/examples/orders/gen/orders"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(ctx, fromEnv(os.Getenv), log); err != nil {
		log.Error("the shop has ended", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. Then it takes no more orders, finishes what it is at,
// and returns nil; what waits in the outbox waits for the next start.
func run(ctx context.Context, c config, log *slog.Logger) (err error) {
	p, err := open(ctx, c, log)
	defer func() { err = errors.Join(err, p.close()) }()
	if err != nil {
		return err
	}
	out, err := outbox.New(ctx, p.db)
	if err != nil {
		return err
	}
	in := inbox.New(p.db)
	if err := in.Create(ctx); err != nil {
		return err
	}
	publisher, err := orders.NewPublisher(ctx, out, p.registry, p.publish...)
	if err != nil {
		return err
	}
	reg := prometheus.NewRegistry()
	metrics, err := prommetrics.New(reg)
	if err != nil {
		return err
	}
	if err := prommetrics.RegisterLag(reg, p.bus, "billing", orders.Topic); err != nil {
		return err
	}
	cards := newBank()

	mux := http.NewServeMux()
	mux.Handle("/orders", &shop{p.db, publisher})
	mux.Handle("/orders/{id}", &shop{p.db, publisher})
	mux.Handle("/bank/blocked/{card}", cards)
	mux.Handle("/metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))

	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return serve(ctx, c.listen, mux) })
	g.Go(func() error { return out.Relay(ctx, p.bus, outbox.Wake(p.wake), outbox.Logger(log)) })
	g.Go(func() error {
		return orders.Subscribe(ctx, p.bus.Group("billing"), p.registry, &billing{cards}, append(metrics.Options(),
			event.ByKey(8), event.HandlerTimeout(10*time.Second), event.RetryLevels(time.Second, 3*time.Second),
			in.Option(), event.Logger(log))...)
	})
	log.Info("the shop is open", "url", "http://"+c.listen)
	return g.Wait()
}

// serve answers requests until ctx ends, and then those that are under way.
func serve(ctx context.Context, addr string, h http.Handler) error {
	server := &http.Server{Addr: addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return server.Shutdown(drain)
	}
}
