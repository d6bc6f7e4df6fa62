package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/telemetry"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/rest"
)

// A server is a running registry.
type server struct {
	url, adminURL string
	store         string
	failed        chan error // receives why it can serve no longer

	cfg      *config.Server
	log      *slog.Logger
	metrics  *telemetry.Metrics
	observer *telemetry.Observer
	access   *serverAccess
	health   *health
	opened   *store
	registry *registry.Registry

	http, admin *http.Server
	unused      unusedConns
	closers     []func(context.Context) error // in the order of opening
}

// newServer starts a registry. It listens before it reads the store, so that
// /healthz and /readyz tell what it does, and returns when everything is there.
func newServer(ctx context.Context, cfg *config.Server, log *slog.Logger) (*server, error) {
	s := &server{failed: make(chan error, 2), cfg: cfg, log: log}
	if err := s.start(ctx); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		return nil, errors.Join(err, s.stop(stop))
	}
	return s, nil
}

func (s *server) start(ctx context.Context) error {
	build := buildVersion()
	s.metrics = telemetry.NewMetrics(telemetry.Build{Version: build.Version, Revision: build.Revision, Go: build.Go})
	tracing, err := telemetry.NewTracing(ctx, telemetry.TraceOptions{
		Endpoint: s.cfg.Traces.Endpoint, Sample: s.cfg.Traces.Sample, Version: build.Version,
		OnError: func(err error) { s.log.Warn("traces are lost", "error", err) },
	})
	if err != nil {
		return err
	}
	s.closers = append(s.closers, tracing.Close)
	if s.access, err = newAccess(s); err != nil {
		return err
	}
	s.observer = &telemetry.Observer{
		Metrics: s.metrics, Tracing: tracing, Log: s.log, Level: requestLevel(s.cfg.Log), Who: s.access.who,
	}
	s.health = newHealth(s.log)
	if err := s.listen(); err != nil {
		return err
	}
	openCtx, cancel := context.WithTimeout(ctx, time.Duration(s.cfg.Store.OpenTimeout))
	defer cancel()
	if err := s.open(openCtx); err != nil {
		if errors.Is(openCtx.Err(), context.DeadlineExceeded) {
			err = fmt.Errorf("after %v (%s): %w", s.cfg.Store.OpenTimeout, named(s.cfg, "store.open_timeout"), err)
		}
		return err
	}
	options := rest.Options{
		MaxBody: int64(s.cfg.Limits.Body), Version: build.Version, Commit: build.Revision, KafkaCluster: s.opened.kafka, Group: s.cfg.Store.Kafka.Group,
		LegacyConflict: s.cfg.LegacyConflict, OnAnswer: s.observer.OnAnswer,
		Leader: s.opened.leader, OnError: s.requestFailed,
	}
	if s.opened.leader != nil {
		if options.LeaderTransport, err = s.access.toLeader(s.cfg); err != nil {
			return err
		}
	}
	if s.cfg.Auth.Guarded() { // without, answers may be kept by anybody's cache
		options.Access = s.access.guard
	}
	s.health.opened(s.registry, s.opened.leader, rest.New(s.registry, options))
	return nil
}

// open opens the store and the registry on it.
func (s *server) open(ctx context.Context) error {
	var err error
	if s.opened, err = openStore(ctx, s.cfg, s.url, s.log); err != nil {
		return err
	}
	s.store = s.opened.name
	s.closers = append(s.closers, func(context.Context) error { return s.opened.close() })
	l := s.cfg.Limits
	s.registry, err = registry.Open(ctx, s.metrics.Log(s.opened.log), all.Lenient(), registry.Rules(compat.Default()), registry.Options{
		Level:      s.cfg.Compatibility,
		Limits:     registry.Limits{Text: int(l.Text), References: l.References, Closure: int(l.Closure)},
		FixedModes: !s.cfg.ModeMutability, RejectEmptySubject: s.cfg.RejectEmpty,
		OnWrite: s.access.onWrite(),
	})
	if err != nil {
		return fmt.Errorf("open the registry in %s: %w", s.store, err)
	}
	s.closers = append(s.closers, func(context.Context) error { return s.registry.Close() })
	s.metrics.Stats(s.registry.Stats)
	s.metrics.Leader(func() bool {
		if s.opened.leader == nil {
			return true
		}
		_, self := s.opened.leader()
		return self
	})
	return nil
}

func (s *server) requestFailed(r *http.Request, err error) {
	s.log.Error("request failed", "request_id", r.Header.Get("X-Request-ID"), "method", r.Method, "path", r.URL.Path, "error", err)
}

// listen opens the addresses and answers on them.
func (s *server) listen() error {
	main, err := listenOn(s.cfg, "listen", s.cfg.Listen)
	if err != nil {
		return err
	}
	scheme := "http"
	if s.access.tls != nil {
		scheme = "https"
	}
	s.url = scheme + "://" + main.Addr().String()
	s.http = s.newHTTP(s.observer.Wrap(s.routes()))
	s.http.TLSConfig = s.access.tls
	s.http.ConnState = s.unused.watch
	s.run(s.http, main)
	if s.cfg.Admin.Listen == "" {
		return nil
	}
	second, err := listenOn(s.cfg, "admin.listen", s.cfg.Admin.Listen)
	if err != nil {
		return err
	}
	s.adminURL = "http://" + second.Addr().String()
	s.admin = s.newHTTP(s.adminRoutes())
	s.run(s.admin, second)
	return nil
}

func (s *server) newHTTP(h http.Handler) *http.Server {
	arrive := time.Duration(s.cfg.Limits.Time)
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: min(10*time.Second, arrive),
		ReadTimeout:       arrive,
		WriteTimeout:      arrive + time.Minute, // the answer may have to wait for the store, or for the leader
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    int(s.cfg.Limits.Headers),
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

func (s *server) run(h *http.Server, l net.Listener) {
	go func() {
		serve := h.Serve
		if h.TLSConfig != nil {
			serve = func(l net.Listener) error { return h.ServeTLS(l, "", "") }
		}
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serve on %s: %w", l.Addr(), err)
		}
	}()
}

// listenOn listens on the address of a setting. Its errors say what to do.
func listenOn(cfg *config.Server, key, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen on %s, as %s says: another program does; stop it or choose another port", address, named(cfg, key))
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("listen on %s, as %s says: not allowed; choose a port above 1023", address, named(cfg, key))
	}
	return nil, fmt.Errorf("listen on %s, as %s says: %w", address, named(cfg, key), err)
}

// named returns a key and where its value comes from, for errors.
func named(cfg *config.Server, key string) string { return key + " (" + cfg.Origin(key) + ")" }

// about says what runs, for the first line of the log.
func (s *server) about() []any {
	auth := "off"
	if s.cfg.Auth.Guarded() {
		auth = "on"
	}
	out := []any{"url", s.url, "store", s.store, "auth", auth, "version", buildVersion().Version}
	if s.adminURL != "" {
		out = append(out, "admin_url", s.adminURL)
	}
	return out
}

// drain makes /readyz say no, and goes on serving for a time, so that whoever
// sends requests here learns of it.
func (s *server) drain(ctx context.Context, delay time.Duration) {
	s.health.draining.Store(true)
	select {
	case <-time.After(delay):
	case <-ctx.Done():
	}
}

// stopWithin is stop with a limit on what is in flight.
func (s *server) stopWithin(ctx context.Context, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	return s.stop(ctx)
}

// stop answers what is in flight until ctx ends, and then closes everything. What
// has to be written or sent at the end has a time of its own.
func (s *server) stop(ctx context.Context) error {
	if s.health != nil {
		s.health.draining.Store(true)
	}
	var errs []error
	if s.http != nil {
		done := make(chan error, 1)
		go func() { done <- s.http.Shutdown(ctx) }()
		s.unused.close()
		if err := <-done; err != nil {
			errs = append(errs, fmt.Errorf("requests were still in flight: %w", err), s.http.Close())
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, close := range slices.Backward(s.closers) {
		errs = append(errs, close(last))
	}
	if s.admin != nil {
		errs = append(errs, s.admin.Close())
	}
	return errors.Join(errs...)
}
