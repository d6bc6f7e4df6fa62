package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// childVariable makes the command the process of the clusters.
const childVariable = "WIREPROOF_BENCH_KAFKA"

// The clusters, by what they are for. Those that are far answer 2 ms later. Sinks forget
// what they are given, so that a round that publishes leaves nothing behind.
const (
	near     = "near"
	far      = "far"
	nearSink = "near sink"
	farSink  = "far sink"
)

// Clusters are in-process clusters of Kafka in a process of their own, so that the CPU
// time of this one is that of the clients.
type clusters struct {
	brokers map[string][]string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
}

func startClusters(ctx context.Context) (*clusters, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &clusters{cmd: exec.CommandContext(ctx, self)}
	c.cmd.Env = append(os.Environ(), childVariable+"=1")
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.out = json.NewDecoder(out)
	if err := c.out.Decode(&c.brokers); err != nil {
		return nil, errors.Join(fmt.Errorf("start the clusters: %w", err), c.stop())
	}
	return c, nil
}

// requests returns how many requests of each kind the clusters have had since it was
// called last.
func (c *clusters) requests() (map[string]int, error) {
	if _, err := io.WriteString(c.in, "\n"); err != nil {
		return nil, err
	}
	var counts map[string]int
	err := c.out.Decode(&counts)
	return counts, err
}

// stop ends the process: it does when its input does.
func (c *clusters) stop() error { return errors.Join(c.in.Close(), c.cmd.Wait()) }

// serveClusters is the process of the clusters. It writes their addresses, and the counts
// of requests for each line that it reads.
func serveClusters(in io.Reader, out io.Writer) error {
	var count counter
	brokers := map[string][]string{}
	for name, opts := range map[string][]kfake.Opt{
		near: nil, nearSink: {kfake.BlackholeProduce()},
		far: {kfake.ListenFn(listenFar)}, farSink: {kfake.BlackholeProduce(), kfake.ListenFn(listenFar)},
	} {
		c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(1))...)
		if err != nil {
			return err
		}
		defer c.Close()
		c.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			count.add(kmsg.NameForKey(r.Key()))
			return nil, nil, false
		})
		brokers[name] = c.ListenAddrs()
	}
	enc := json.NewEncoder(out)
	if err := enc.Encode(brokers); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := enc.Encode(count.take()); err != nil {
			return err
		}
	}
	return lines.Err()
}

type counter struct {
	mu sync.Mutex // guards n
	n  map[string]int
}

func (c *counter) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[name]++
}

func (c *counter) take() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := maps.Clone(c.n)
	clear(c.n)
	return n
}

// distance is what every answer of a far cluster takes longer.
const distance = 2 * time.Millisecond

func listenFar(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return farListener{l}, err
}

type farListener struct{ net.Listener }

func (l farListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	f := &farConn{Conn: c, under: make(chan answer, 1024), closed: make(chan struct{})}
	go f.deliver()
	return f, nil
}

// A farConn delivers what is written late, in order, however much is under way.
type farConn struct {
	net.Conn
	under  chan answer
	once   sync.Once
	closed chan struct{}
}

type answer struct {
	due  time.Time
	data []byte
}

func (f *farConn) Write(p []byte) (int, error) {
	select {
	case f.under <- answer{time.Now().Add(distance), append([]byte(nil), p...)}:
		return len(p), nil
	case <-f.closed:
		return 0, net.ErrClosed
	}
}

func (f *farConn) Close() error {
	f.once.Do(func() { close(f.closed) })
	return f.Conn.Close()
}

func (f *farConn) deliver() {
	for {
		select {
		case a := <-f.under:
			time.Sleep(time.Until(a.due))
			if _, err := f.Conn.Write(a.data); err != nil {
				_ = f.Close()
				return
			}
		case <-f.closed:
			return
		}
	}
}
