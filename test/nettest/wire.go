// Package nettest lies between a transport and its server, cuts, holds and slows
// what they say to one another, and counts what becomes of the messages. It makes
// certificates for their servers. It is for tests only.
package nettest

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// A Wire lies between clients and a server, and can be cut.
type Wire struct {
	l    net.Listener
	to   string
	here [13]byte // this end and the server's, as Kafka writes them: clients of Kafka
	far  [13]byte // go where its answers say
	fix  bool     // an answer that names the server names this end instead

	mu    sync.Mutex // guards the fields below
	links map[*link]bool
	open  chan struct{} // closed while bytes pass
	slow  bool
}

// A link is one connection through a wire.
type link struct{ client, server *net.TCPConn }

// New returns a wire to a server at 127.0.0.1:port, which ends with the test. Where
// that is Kafka, which tells clients where it is, it is said to be at this end.
func New(t *testing.T, to string, kafka bool) *Wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Wire{l: l, to: to, fix: kafka, links: map[*link]bool{}, open: make(chan struct{})}
	close(w.open)
	w.here, w.far = address(t, l.Addr().String()), address(t, to)
	go w.serve()
	t.Cleanup(func() {
		_ = l.Close()
		w.Pass()
		w.Cut(false)
	})
	return w
}

// address returns 127.0.0.1:port as Kafka writes it.
func address(t *testing.T, hostPort string) (out [13]byte) {
	host, port, err := net.SplitHostPort(hostPort)
	n, nerr := strconv.ParseUint(port, 10, 16)
	if err != nil || nerr != nil || host != "127.0.0.1" {
		t.Fatalf("server is at %s; expected 127.0.0.1:port", hostPort)
	}
	copy(out[:], host)
	binary.BigEndian.PutUint32(out[9:], uint32(n))
	return out
}

// Addr returns where clients connect to.
func (w *Wire) Addr() string { return w.l.Addr().String() }

func (w *Wire) serve() {
	for {
		client, err := w.l.Accept()
		if err != nil {
			return
		}
		go func() {
			<-w.passing()
			server, err := net.Dial("tcp", w.to)
			if err != nil {
				_ = client.Close()
				return
			}
			k := &link{client.(*net.TCPConn), server.(*net.TCPConn)}
			w.mu.Lock()
			w.links[k] = true
			w.mu.Unlock()
			go w.copy(k, k.server, k.client, false)
			w.copy(k, k.client, k.server, w.fix)
		}()
	}
}

func (w *Wire) passing() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}

// copy passes on what comes, whole answers of Kafka if frames is set.
func (w *Wire) copy(k *link, to, from *net.TCPConn, frames bool) {
	defer w.end(k, false)
	buf := make([]byte, 32<<10)
	for {
		part := buf
		if frames {
			var size [4]byte
			if _, err := io.ReadFull(from, size[:]); err != nil {
				return
			}
			part = make([]byte, 4+binary.BigEndian.Uint32(size[:]))
			copy(part, size[:])
			if _, err := io.ReadFull(from, part[4:]); err != nil {
				return
			}
			part = bytes.ReplaceAll(part, w.far[:], w.here[:])
		} else {
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			part = buf[:n]
		}
		for len(part) > 0 {
			<-w.passing()
			n := len(part)
			w.mu.Lock()
			slow := w.slow
			w.mu.Unlock()
			if slow {
				n = min(n, 700)
				time.Sleep(2 * time.Millisecond)
			}
			if _, err := to.Write(part[:n]); err != nil {
				return
			}
			part = part[n:]
		}
	}
}

// end ends a connection: with a reset, which drops what is on its way, if abrupt.
func (w *Wire) end(k *link, abrupt bool) {
	for _, c := range []*net.TCPConn{k.client, k.server} {
		if abrupt {
			_ = c.SetLinger(0)
		}
		_ = c.Close()
	}
	w.mu.Lock()
	delete(w.links, k)
	w.mu.Unlock()
}

// Cut ends all connections. New ones may be made.
func (w *Wire) Cut(abrupt bool) {
	w.mu.Lock()
	var all []*link
	for k := range w.links {
		all = append(all, k)
	}
	w.mu.Unlock()
	for _, k := range all {
		w.end(k, abrupt)
	}
}

// Hold lets nothing pass any more, and tells nobody; new connections wait.
func (w *Wire) Hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = make(chan struct{})
}

// Pass lets everything pass again, what was held first.
func (w *Wire) Pass() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.open:
	default:
		close(w.open)
	}
}

// SetSlow makes the wire slow, or fast again.
func (w *Wire) SetSlow(slow bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slow = slow
}
