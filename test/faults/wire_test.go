package faults

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

// A wire lies between clients and a server, and can be cut.
type wire struct {
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

func newWire(t *testing.T, to string, kafka bool) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{l: l, to: to, fix: kafka, links: map[*link]bool{}, open: make(chan struct{})}
	close(w.open)
	w.here, w.far = address(t, l.Addr().String()), address(t, to)
	go w.serve()
	t.Cleanup(func() {
		_ = l.Close()
		w.pass()
		w.cut(false)
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

func (w *wire) addr() string { return w.l.Addr().String() }

func (w *wire) serve() {
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

func (w *wire) passing() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}

// copy passes on what comes, whole answers of Kafka if frames is set.
func (w *wire) copy(k *link, to, from *net.TCPConn, frames bool) {
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
func (w *wire) end(k *link, abrupt bool) {
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

// cut ends all connections. New ones may be made.
func (w *wire) cut(abrupt bool) {
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

// hold lets nothing pass any more, and tells nobody; new connections wait.
func (w *wire) hold() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = make(chan struct{})
}

// pass lets everything pass again, what was held first.
func (w *wire) pass() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.open:
	default:
		close(w.open)
	}
}

func (w *wire) setSlow(slow bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slow = slow
}
