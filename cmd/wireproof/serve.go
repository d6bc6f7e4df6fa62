package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/internal/config"
)

const serveLong = `Serve runs a schema registry that any Confluent client can use. Everything is in
one SQLite file below --data, unless the settings name another store; an answer
is given after the write is on disk.

Settings come from flags, then the environment, then the file that --config or
WIREPROOF_SERVE_CONFIG names, then defaults. Each has one key: store.sqlite.dir
is a place in the file, --set store.sqlite.dir=DIR, and the variable
WIREPROOF_SERVE_STORE_SQLITE_DIR. The SCHEMA_REGISTRY_ variables of Confluent's
container image are understood where they mean something here. Secrets are only
in variables and files that the settings name. --check prints every setting and
where it comes from, and wireproof config schema --server what there is.

/metrics is for Prometheus, /healthz says that the process lives, /readyz that it
can do its work. On Ctrl-C or SIGTERM /readyz says no, the requests in flight are
answered, and the store is closed; a second signal ends it at once. SIGHUP opens
the audit log anew, after it was rotated.`

const serveExample = `  wireproof serve --data registry-data
  wireproof serve --memory --listen 127.0.0.1:0     # for tests: nothing is kept
  wireproof serve --config registry.yaml --check    # what would it do?
  wireproof serve --config registry.yaml --log-format json

  # HTTPS for everybody who is in the file of passwords
  wireproof serve --listen 0.0.0.0:8081 --tls-cert server.pem --tls-key server.key \
    --set auth.basic.file=users --set 'auth.grants=[{who: ["*"], may: ["*"], subjects: ["*"], contexts: ["*"]}]'

  # several servers on one PostgreSQL database
  WIREPROOF_POSTGRES_URL=postgres://registry@db/registry wireproof serve --store postgres

  # the settings of a container of Confluent's image, as they are
  SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS=kafka:9092 SCHEMA_REGISTRY_HOST_NAME=registry-1 wireproof serve`

func (a *app) serveCmd() *cobra.Command {
	var flags serveFlags
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Serve a schema registry",
		Long:    serveLong,
		Example: serveExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.serverSettings(cmd, &flags)
			if err != nil {
				return err
			}
			if flags.check {
				return a.showServerSettings(cfg)
			}
			return a.serve(cmd.Context(), cfg)
		},
	}
	flags.add(cmd.Flags())
	return cmd
}

// serve runs the registry until ctx ends, and then to the end of what it has
// begun, unless a second signal comes.
func (a *app) serve(ctx context.Context, cfg *config.Server) error {
	log := newLogger(a.stderr, cfg.Log)
	for _, w := range cfg.Warnings() {
		log.Warn(w)
	}
	warnIfOpen(log, cfg)
	defer runtime.KeepAlive(calm())
	hangup := make(chan os.Signal, 1) // which ends a program that does not ask for it
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	s, err := newServer(ctx, cfg, log)
	if err != nil {
		if ctx.Err() != nil {
			return exitWith(exitInterrupted, fmt.Errorf("interrupted while starting: %w", err))
		}
		return exitWith(exitUsage, err)
	}
	log.Info("registry is up", s.about()...)
	fatal := s.wait(ctx, hangup)
	log.Info("registry is stopping", "delay", cfg.Shutdown.Delay, "grace", cfg.Shutdown.Grace)
	stopCtx, hurried := untilSecondSignal(context.WithoutCancel(ctx))
	if fatal == nil {
		s.drain(stopCtx, time.Duration(cfg.Shutdown.Delay))
	}
	err = errors.Join(fatal, s.stopWithin(stopCtx, time.Duration(cfg.Shutdown.Grace)))
	switch {
	case hurried():
		return exitWith(exitInterrupted, errors.Join(errors.New("ended by a second signal"), err))
	case err != nil:
		return exitWith(exitIncomplete, err)
	}
	log.Info("registry has stopped")
	return nil
}

// calm returns memory that is never touched, so that it takes none of the
// machine's. The collector runs when the heap has doubled;
// a registry's is so small that it would run all the time. Who sets GOGC has
// another idea.
func calm() []byte {
	const size = 16 << 20
	if os.Getenv("GOGC") != "" {
		return nil
	}
	return make([]byte, size)
}

// wait returns when ctx ends, or with the error that ends the server. Meanwhile
// hangup opens the audit log anew, for programs that rotate logs.
func (s *server) wait(ctx context.Context, hangup <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.failed:
			return err
		case <-hangup:
			if s.access.audit == nil {
				continue
			}
			if err := s.access.audit.Reopen(); err != nil {
				s.log.Error("the audit log cannot be opened anew", "error", err)
			}
		}
	}
}

// sameSignal is how long another signal counts as the one that ended the
// context: some senders signal a process and its group.
const sameSignal = 250 * time.Millisecond

// untilSecondSignal returns a context that ends when the program is told to end
// once more. The function ends the waiting and reports whether it was.
func untilSecondSignal(ctx context.Context) (context.Context, func() bool) {
	ctx, cancel := context.WithCancel(ctx)
	again := make(chan os.Signal, 1)
	start, told := time.Now(), make(chan bool, 1)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer signal.Stop(again)
		for {
			select {
			case <-again:
				if time.Since(start) > sameSignal {
					told <- true
					cancel()
					return
				}
			case <-ctx.Done():
				told <- false
				return
			}
		}
	}()
	return ctx, func() bool {
		cancel()
		return <-told
	}
}

// startServer starts a registry on an address, in a folder or, if that is empty,
// in memory. It logs requests that fail through no fault of the client, if log is
// not nil.
func startServer(ctx context.Context, listen, data string, log *slog.Logger) (*server, error) {
	flags := []config.Setting{{Key: "listen", Value: listen, Origin: "--listen"}, {Key: "store.kind", Value: "memory", Origin: "--memory"}}
	if data != "" {
		abs, err := filepath.Abs(data)
		if err != nil {
			return nil, err
		}
		flags[1] = config.Setting{Key: "store.sqlite.dir", Value: abs, Origin: "--data"}
	}
	cfg, err := config.LoadServer(config.ServerSource{Flags: flags})
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return newServer(ctx, cfg, log)
}
