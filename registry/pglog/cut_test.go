package pglog_test

import (
	"context"
	"errors"
	"io"
	"net"
	neturl "net/url"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/pglog"
)

// A cutter stands between a log and its server. Once armed, it lets everything
// through to the server and only so many bytes back, and then cuts the line.
type cutter struct {
	url      string
	upstream string

	mu    sync.Mutex // guards the fields below
	armed bool
	left  int
	seen  int // bytes that came back since it was armed
	conns []net.Conn
}

func newCutter(t *testing.T, url string) *cutter {
	t.Helper()
	u, err := neturl.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{upstream: u.Host}
	u.Host = listener.Addr().String()
	c.url = u.String() + "&pool_max_conns=1"
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", c.upstream)
			if err != nil {
				client.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, client, server)
			c.mu.Unlock()
			running.Go(func() { io.Copy(server, client); server.Close() })
			running.Go(func() { c.back(client, server) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		c.mu.Lock()
		for _, conn := range c.conns {
			conn.Close()
		}
		c.mu.Unlock()
		running.Wait()
	})
	return c
}

// back carries answers as long as it may. The server is left to finish what it
// was asked for: its side is read to the end.
func (c *cutter) back(client, server net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := server.Read(buffer)
		if !c.pass(client, buffer[:n]) || err != nil {
			client.Close()
			io.Copy(io.Discard, server)
			server.Close()
			return
		}
	}
}

func (c *cutter) pass(client net.Conn, data []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.armed {
		c.seen += len(data)
		data = data[:min(len(data), c.left)]
		c.left -= len(data)
	}
	client.Write(data)
	return !c.armed || c.left > 0
}

// arm lets so many more bytes through.
func (c *cutter) arm(bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.left, c.seen = true, bytes, 0
}

// disarm returns how many bytes came back meanwhile.
func (c *cutter) disarm() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = false
	return c.seen
}

// TestLostAnswer cuts the connection after each byte of the answer to an append,
// up to the last one. The log must call none of these a success or a conflict,
// and must have all of the records or none.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	url := database(t)
	cut := newCutter(t, url)
	schema := newSchema(t, url)
	log := open(t, cut.url, pglog.Options{Schema: schema})
	direct := open(t, url, pglog.Options{Schema: schema})
	batch := func(n int) []registry.Record {
		return []registry.Record{note(n)[0], note(-n)[0], note(n)[0]}
	}
	at, err := log.Append(t.Context(), 0, batch(1)) // also prepares the statement
	if err != nil {
		t.Fatal(err)
	}
	cut.arm(1 << 20)
	if at, err = log.Append(t.Context(), at, batch(2)); err != nil {
		t.Fatal(err)
	}
	whole := cut.disarm()
	if whole < 20 {
		t.Fatalf("the answer has %d bytes", whole)
	}
	happened := 0
	for n := range whole {
		// A fresh connection first, with everything prepared.
		if at, err = log.Append(t.Context(), at, batch(2)); err != nil {
			t.Fatal(err)
		}
		cut.arm(n)
		_, err := log.Append(t.Context(), at, batch(3))
		cut.disarm()
		if err == nil || errors.Is(err, registry.ErrConflict) {
			t.Errorf("%d of %d bytes of the answer came through: Append = %v, want an error that is no conflict", n, whole, err)
		}
		records, next, err := direct.ReadFrom(t.Context(), at)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) > 0 {
			happened++
			if diff := cmp.Diff(batch(3), records); diff != "" {
				t.Errorf("%d of %d bytes: the append is half there (-want +got):\n%s", n, whole, diff)
			}
		}
		at = next
	}
	if happened == 0 {
		t.Error("no append happened: the test cuts too early")
	}
}

// A read whose connection dies is tried again; what it returns has no gap.
func TestCutRead(t *testing.T) {
	t.Parallel()
	url := database(t)
	cut := newCutter(t, url)
	schema := newSchema(t, url)
	log := open(t, cut.url, pglog.Options{Schema: schema})
	var want []registry.Record
	for n := range 50 {
		want = append(want, note(n)...)
	}
	if _, err := log.Append(t.Context(), 0, want); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 2000; n += 97 {
		if _, _, err := log.ReadFrom(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		cut.arm(n)
		records, next, err := log.ReadFrom(t.Context(), 0)
		cut.disarm()
		if err == nil && (int(next) != len(want) || !cmp.Equal(want, records)) {
			t.Errorf("cut after %d bytes: ReadFrom = %d records, offset %d, want %d or an error", n, len(records), next, len(want))
		}
	}
}

// A context that ends frees a call that waits for another session's lock.
func TestContext(t *testing.T) {
	t.Parallel()
	url := database(t)
	schema := newSchema(t, url)
	log := open(t, url, pglog.Options{Schema: schema})
	unlock := lock(t, url, schema)
	for name, call := range map[string]func(context.Context) error{
		"append": func(ctx context.Context) error { _, err := log.Append(ctx, 0, note(1)); return err },
		"read":   func(ctx context.Context) error { _, _, err := log.ReadFrom(ctx, 0); return err },
		"open": func(ctx context.Context) error {
			other, err := pglog.Open(ctx, url, pglog.Options{Schema: schema})
			if err == nil {
				other.Close()
			}
			return err
		},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { done <- call(ctx) }()
		awaitWaiting(t, url, schema)
		cancel(nil)
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want the error of the context", name, err)
		}
		awaitNotWaiting(t, url, schema)
	}
	unlock()
	if _, err := log.Append(t.Context(), 0, note(1)); err != nil && !errors.Is(err, registry.ErrConflict) {
		t.Error(err)
	}
}
