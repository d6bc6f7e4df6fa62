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
	s, err := startServer(ctx, listen, data)
	if err != nil {
		return exitWith(exitUsage, err)
	}
	log := slog.New(slog.NewTextHandler(a.stderr, nil))
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
}

func startServer(ctx context.Context, listen, data string) (*server, error) {
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
	s.http = &http.Server{
		Handler:           rest.New(s.registry, rest.Options{Version: buildVersion().Version, Commit: buildVersion().Revision}),
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
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = fmt.Errorf("requests were still in flight: %w", err)
	}
	return errors.Join(err, s.registry.Close(), s.closeLog())
}
