package natsbus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// A Server is a NATS server in this process.
type Server struct {
	server *server.Server
	lock   *os.File

	closing sync.Once
	err     error // of the close
}

// A ServerOption configures [Embedded].
type ServerOption interface{ applyServer(*server.Options) error }

type serverOption func(*server.Options) error

func (o serverOption) applyServer(s *server.Options) error { return o(s) }

// Listen makes the server listen on host:port, for other processes; port 0 means
// one that is free. Whoever reaches it may do everything: keep it on loopback. By
// default it has no network.
func Listen(host string, port int) ServerOption {
	return serverOption(func(o *server.Options) error {
		if host == "" || port < 0 || port > 65535 {
			return fmt.Errorf("listen on %q port %d: expected a host and 0 to 65535", host, port)
		}
		o.DontListen, o.Host, o.Port = false, host, port
		if port == 0 {
			o.Port = server.RANDOM_PORT
		}
		return nil
	})
}

// MaxPayload is the size in bytes of the largest message with its headers; the
// default is 1 MiB, at most 64 MiB.
func MaxPayload(bytes int) ServerOption {
	return serverOption(func(o *server.Options) error {
		if bytes < 2*roomForOurs || bytes > 64<<20 {
			return fmt.Errorf("max_payload is %d bytes; expected %d to %d", bytes, 2*roomForOurs, 64<<20)
		}
		o.MaxPayload, o.MaxPending = int32(bytes), max(o.MaxPending, 2*int64(bytes), server.MAX_PENDING_SIZE)
		return nil
	})
}

// Embedded starts a server with JetStream that keeps everything in dir, which it
// makes if it is not there and which one process has at a time. What it has
// answered for is on the disk: it survives the end of the process and of the
// machine. It has no network unless [Listen] says so.
func Embedded(dir string, opts ...ServerOption) (*Server, error) {
	if dir == "" {
		return nil, errors.New("start a nats server: no folder is given")
	}
	o := &server.Options{
		DontListen: true, JetStream: true, StoreDir: dir, SyncAlways: true,
		NoLog: true, NoSigs: true, JetStreamMaxStore: 1 << 50, JetStreamMaxMemory: 1 << 32,
	}
	for _, opt := range opts {
		if err := opt.applyServer(o); err != nil {
			return nil, fmt.Errorf("start a nats server: %w", err)
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("start a nats server: %w", err)
	}
	lock, err := lockFile(filepath.Join(dir, "wireproof.lock"))
	if err != nil {
		return nil, fmt.Errorf("start a nats server in %s: %w", dir, err)
	}
	s := &Server{lock: lock}
	if s.server, err = server.NewServer(o); err != nil {
		return nil, errors.Join(fmt.Errorf("start a nats server in %s: %w", dir, err), lock.Close())
	}
	s.server.Start()
	if !s.server.ReadyForConnections(30*time.Second) || !s.server.JetStreamEnabled() {
		s.stop()
		return nil, errors.Join(fmt.Errorf("start a nats server in %s: it does not come up; is the folder writable, and the port free?", dir), lock.Close())
	}
	return s, nil
}

// Open returns a bus on this server; of config, what says where servers are and
// how to sign in is not looked at. Several may be open at a time.
func (s *Server) Open(ctx context.Context, config Config) (*Bus, error) {
	config.Servers, config.TLS = nil, nil
	config.User, config.Password, config.Token, config.Credentials, config.NKey = "", "", "", "", ""
	bus, err := open(ctx, config, nats.DefaultURL, nats.InProcessServer(s.server))
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded nats server: %w", err)
	}
	return bus, nil
}

// URL returns where the server listens; empty if it has no network.
func (s *Server) URL() string {
	if s.server.Addr() == nil {
		return ""
	}
	return s.server.ClientURL()
}

// Close stops the server and returns when its files are closed. It is idempotent.
// Close buses first: what they send afterwards fails.
func (s *Server) Close(ctx context.Context) error {
	s.closing.Do(func() {
		stopped := make(chan error, 1)
		go func() {
			s.stop()
			stopped <- s.lock.Close()
		}()
		select {
		case s.err = <-stopped:
		case <-ctx.Done():
			s.err = fmt.Errorf("stop the embedded nats server: %w", ctx.Err())
		}
	})
	return s.err
}

func (s *Server) stop() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

// note writes who has the lock, for people.
func note(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
