package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
	"github.com/wireproof/wireproof/registry/sqlitelog"
)

func (a *app) serveCmd() *cobra.Command {
	var listen, data string
	var memory bool
	var grace time.Duration
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a schema registry",
		Long: `Serve runs a schema registry that any Confluent client can use. Everything is in
one SQLite file below --data; an answer is given after the write is on disk.
It stops on Ctrl-C or SIGTERM, after the requests in flight are answered.`,
		Example: `  wireproof serve --data registry-data
  wireproof serve --listen 127.0.0.1:8081 --data registry-data
  wireproof serve --memory       # for tests: nothing is kept`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if memory && cmd.Flags().Changed("data") {
				return usagef("--memory keeps nothing, so --data makes no sense with it")
			}
			if memory {
				data = ""
			}
			return a.serve(cmd.Context(), listen, data, grace)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8081", "address to listen on; port 0 picks one")
	cmd.Flags().StringVar(&data, "data", "registry-data", "folder of the SQLite file; made if it is not there")
	cmd.Flags().BoolVar(&memory, "memory", false, "keep everything in memory only")
	cmd.Flags().DurationVar(&grace, "grace", 10*time.Second, "how long requests in flight may take at the end")
	return cmd
}

// serve runs the registry until ctx ends. An empty data folder means memory.
func (a *app) serve(ctx context.Context, listen, data string, grace time.Duration) error {
	log := slog.New(slog.NewTextHandler(a.stderr, nil))
	s, err := startServer(ctx, listen, data, log)
	if err != nil {
		return exitWith(exitUsage, err)
	}
	log.Info("registry is up", "url", s.url, "store", s.store)
	var fatal error
	select {
	case <-ctx.Done():
		log.Info("registry is stopping", "grace", grace)
	case fatal = <-s.failed:
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := errors.Join(fatal, s.stop(stopCtx)); err != nil {
		return exitWith(exitIncomplete, err)
	}
	log.Info("registry has stopped")
	return nil
}

// A server is a running registry.
type server struct {
	url, store string
	failed     chan error
	http       *http.Server
	registry   *registry.Registry
	closeLog   func() error
	unused     unusedConns
}

// unusedConns are connections that have sent nothing yet. Clients open some in
// reserve, and a shutdown would wait for them.
type unusedConns struct {
	mu    sync.Mutex // guards the fields below
	conns map[net.Conn]bool
}

func (u *unusedConns) watch(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if state != http.StateNew {
		delete(u.conns, c)
		return
	}
	if u.conns == nil {
		u.conns = map[net.Conn]bool{}
	}
	u.conns[c] = true
}

func (u *unusedConns) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		_ = c.Close() // nothing was promised on it
	}
}

// startServer starts a registry. It logs requests that fail through no fault of
// the client to onError, if that is not nil.
func startServer(ctx context.Context, listen, data string, onError *slog.Logger) (*server, error) {
	s := &server{failed: make(chan error, 1), store: "memory", closeLog: func() error { return nil }}
	var log registry.Log = memlog.New()
	if data != "" {
		if err := os.MkdirAll(data, 0o755); err != nil {
			return nil, fmt.Errorf("make the data folder: %w", err)
		}
		s.store = filepath.Join(data, "registry.db")
		db, err := sqlitelog.Open(ctx, s.store)
		if err != nil {
			return nil, err
		}
		log, s.closeLog = db, db.Close
	}
	var err error
	s.registry, err = registry.Open(ctx, log, all.Languages(), registry.Rules(compat.Default()), registry.Options{})
	if err != nil {
		return nil, errors.Join(err, s.closeLog())
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen on %s: %w", listen, err), s.registry.Close(), s.closeLog())
	}
	s.url = "http://" + listener.Addr().String()
	options := rest.Options{Version: buildVersion().Version, Commit: buildVersion().Revision}
	if onError != nil {
		options.OnError = func(r *http.Request, err error) {
			onError.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		}
	}
	s.http = &http.Server{
		ConnState:         s.unused.watch,
		Handler:           rest.New(s.registry, options),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return s, nil
}

// stop answers what is in flight, then closes the store.
func (s *server) stop(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.http.Shutdown(ctx) }()
	s.unused.close()
	err := <-done
	if err != nil {
		err = fmt.Errorf("requests were still in flight: %w", err)
	}
	return errors.Join(err, s.registry.Close(), s.closeLog())
}
