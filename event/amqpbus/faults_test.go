package amqpbus_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/amqpbus"
	"github.com/wireproof/wireproof/test/proctest"
)

// A ledger knows what the broker has acknowledged and what was handled.
type ledger struct {
	t *testing.T

	mu      sync.Mutex // guards the fields below
	stored  map[string]bool
	handled map[string]int
	next    map[string]int // by key: lowest number that was not handled
	repeats int
	more    chan struct{} // closed when another was handled
}

func newLedger(t *testing.T) *ledger {
	return &ledger{t: t, stored: map[string]bool{}, handled: map[string]int{}, next: map[string]int{}, more: make(chan struct{})}
}

const ledgerKeys = 20

// publish publishes numbered messages, some at a time, until ctx ends.
func (l *ledger) publish(ctx context.Context, bus event.Bus, topic string) {
	for n := 0; ; n += ledgerKeys {
		var ms []*event.Message
		for k := range ledgerKeys {
			ms = append(ms, &event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", k), Payload: fmt.Appendf(nil, "%d", n/ledgerKeys)})
		}
		err := bus.Publish(ctx, ms...)
		if err != nil {
			var failed *event.PublishError
			if !errors.As(err, &failed) || !errors.Is(err, context.Canceled) {
				l.t.Errorf("publish: %v, want none before its context ends", err)
			}
			return
		}
		l.mu.Lock()
		for _, m := range ms {
			l.stored[string(m.Key)+"/"+string(m.Payload)] = true
		}
		l.mu.Unlock()
	}
}

// handle notes a message. None comes for the first time before those that went
// before it in its key.
func (l *ledger) handle(_ context.Context, d *event.Delivery) error {
	var n int
	if _, err := fmt.Sscan(string(d.Payload), &n); err != nil {
		return event.Permanent(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch next := l.next[string(d.Key)]; {
	case n == next:
		l.next[string(d.Key)]++
	case n > next:
		l.t.Errorf("key %s: %d came before %d", d.Key, n, next)
	default:
		l.repeats++
	}
	l.handled[string(d.Key)+"/"+string(d.Payload)]++
	close(l.more)
	l.more = make(chan struct{})
	return nil
}

// await waits until ok, which is called with mu held.
func (l *ledger) await(ctx context.Context, what string, ok func() bool) {
	l.t.Helper()
	for {
		l.mu.Lock()
		done, more := ok(), l.more
		l.mu.Unlock()
		if done {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			l.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// handledMore waits until n more messages were handled.
func (l *ledger) handledMore(ctx context.Context, n int) {
	l.t.Helper()
	l.mu.Lock()
	want := len(l.handled) + n
	l.mu.Unlock()
	l.await(ctx, fmt.Sprintf("%d handled messages", want), func() bool { return len(l.handled) >= want })
}

// underLoad publishes to and consumes a new topic while fault is at work. Nothing
// that was acknowledged is lost.
func underLoad(t *testing.T, n *node, fault func(ctx context.Context, l *ledger)) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	config := amqpbus.Config{URLs: []string{n.url}, InFlight: 100, Prefetch: 100}
	bus := open(t, config)
	topic := makeTopic(t, bus)
	l := newLedger(t)
	running, stop := context.WithCancel(ctx)
	defer stop()
	join(t, bus, "g", topic).Close(ctx) // the queue is there
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := event.Run(running, bus.Group("g"), []string{topic}, l.handle, event.ByKey(4)); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	publishing, quiet := context.WithCancel(ctx)
	defer quiet()
	var publisher sync.WaitGroup
	publisher.Go(func() { l.publish(publishing, bus, topic) })
	fault(ctx, l)
	l.handledMore(ctx, 2000)
	quiet()
	publisher.Wait()
	l.await(ctx, "everything that was stored", func() bool {
		for id := range l.stored {
			if l.handled[id] == 0 {
				return false
			}
		}
		return true
	})
	stop()
	wg.Wait()
	t.Logf("%d stored, %d handled, %d repeats", len(l.stored), len(l.handled), l.repeats)
}

func TestConnectionsClosedUnderLoad(t *testing.T) {
	n := ownBroker(t)
	underLoad(t, n, func(ctx context.Context, l *ledger) {
		for range 3 {
			l.handledMore(ctx, 500)
			n.ctl(t, "close_all_connections", "test")
		}
	})
}

func TestBrokerKilledUnderLoad(t *testing.T) {
	n := ownBroker(t)
	underLoad(t, n, func(ctx context.Context, l *ledger) {
		// A quorum queue that is younger than some seconds may have no leader after
		// a kill: a bug of the broker.
		for begin := time.Now(); time.Since(begin) < 6*time.Second; {
			l.handledMore(ctx, 100)
		}
		for range 2 {
			n.kill(t)
			l.handledMore(ctx, 500)
		}
	})
}

// While the broker is short of memory it takes nothing: Publish waits for the end
// of its context and says why, consumers go on, and later everything does.
func TestBlockedPublisherWaits(t *testing.T) {
	n := ownBroker(t)
	bus := open(t, amqpbus.Config{URLs: []string{n.url}})
	topic := makeTopic(t, bus)
	src := join(t, bus, "g", topic)
	m := &event.Message{Topic: topic, Payload: make([]byte, 100_000)}
	if err := bus.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	n.ctl(t, "set_vm_memory_high_watermark", "0.00001")
	defer n.ctl(t, "set_vm_memory_high_watermark", "0.6")
	for range 2 { // the first makes the broker say so
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		var many []*event.Message
		for range 500 { // more than a socket holds
			many = append(many, m)
		}
		err := bus.Publish(ctx, many...)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("publish on a blocked broker: %v, want the end of its context", err)
		}
		if !strings.Contains(err.Error(), "blocks publishers: low on memory") {
			t.Errorf("publish on a blocked broker: %v, want the reason", err)
		}
	}
	b, err := src.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Lane.Settle(b.Deliveries); err != nil {
		t.Error(err)
	}
	n.ctl(t, "set_vm_memory_high_watermark", "0.6")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := bus.Publish(ctx, m); err != nil {
		t.Errorf("publish after the alarm: %v", err)
	}
}

// child takes what there is, waits to be told, and says what became of settling.
func child(topic string) {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	bus, err := amqpbus.Open(ctx, amqpbus.Config{URLs: []string{os.Getenv("AMQP_URL")}, Heartbeat: time.Second})
	fail(err)
	src, err := bus.Group("g").Open(ctx, topic)
	fail(err)
	var ds []*event.Delivery
	var lane event.Lane
	for len(ds) < 20 {
		b, err := src.Receive(ctx)
		fail(err)
		ds, lane = append(ds, b.Deliveries...), b.Lane
	}
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println("early", lane.Settle(ds[:10]))
	<-lane.Context().Done()
	fmt.Println("late", lane.Settle(ds[10:]))
	fmt.Println("cause", context.Cause(lane.Context()))
}

// A consumer that is frozen for longer than its heartbeat allows has lost its
// messages: another one gets them all, and what it settles afterwards is refused.
func TestFrozenConsumer(t *testing.T) {
	url := broker(t)
	bus := open(t, amqpbus.Config{})
	topic := makeTopic(t, bus)
	join(t, bus, "g", topic).Close(t.Context())
	var ms []*event.Message
	for i := range 20 {
		ms = append(ms, &event.Message{Topic: topic, Payload: fmt.Appendf(nil, "%d", i)})
	}
	if err := bus.Publish(t.Context(), ms...); err != nil {
		t.Fatal(err)
	}
	p := proctest.Start(t, "AMQPBUS_CHILD_TOPIC="+topic, "AMQP_URL="+url)
	p.Want("ready")
	p.Signal(syscall.SIGSTOP)
	src := join(t, bus, "g", topic)
	got := map[string]bool{}
	for len(got) < len(ms) { // the broker takes them from the child
		b, err := src.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range b.Deliveries {
			got[string(d.Payload)] = true
		}
	}
	p.Signal(syscall.SIGCONT)
	p.Tell("settle")
	p.Want("early") // it may not know yet
	p.Want("late settle 10 messages")
	p.Want("cause")
	p.End()
}
