package kafkabus_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
	"github.com/wireproof/wireproof/test/proctest"
)

// TestMain is also the consumer that TestKilledConsumerLosesNothing kills, and the
// member that TestFrozenMember freezes.
func TestMain(m *testing.M) {
	if topic := os.Getenv("KAFKABUS_FROZEN_TOPIC"); topic != "" {
		holdTen(topic, strings.Split(os.Getenv("KAFKA_BROKERS"), ","))
	}
	if topic := os.Getenv("KAFKABUS_CHILD_TOPIC"); topic != "" {
		child(topic, strings.Split(os.Getenv("KAFKA_BROKERS"), ","))
	}
	os.Exit(m.Run())
}

// child handles messages slowly enough to be killed in the middle of a batch, and
// prints each one after it was handled.
func child(topic string, brokers []string) {
	bus, err := kafkabus.Open(context.Background(), kafkabus.Config{Brokers: brokers, SessionTimeout: 6 * time.Second})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	err = event.Run(context.Background(), bus.Group(topic), []string{topic}, func(_ context.Context, d *event.Delivery) error {
		time.Sleep(time.Millisecond)
		fmt.Println(string(d.Payload))
		return nil
	}, event.ByKey(4))
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// holdTen takes ten messages, says so, waits for a line, settles half of them, which
// it may not know yet to be another's, and the rest when it does.
func holdTen(topic string, brokers []string) {
	ctx := context.Background()
	bus, err := kafkabus.Open(ctx, kafkabus.Config{Brokers: brokers, SessionTimeout: 3 * time.Second, RevokeGrace: time.Second})
	proctest.Must(err)
	src, err := bus.Group(topic).Open(ctx, topic)
	proctest.Must(err)
	var ds []*event.Delivery
	var lane event.Lane
	for len(ds) < 10 {
		b, err := src.Receive(ctx)
		proctest.Must(err)
		ds, lane = append(ds, b.Deliveries...), b.Lane
	}
	fmt.Println("holds", len(ds))
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	_ = lane.Settle(ds[:5])
	<-lane.Context().Done()
	fmt.Println("late:", lane.Settle(ds[5:]))
	lane.(event.Releaser).Release()
	again, err := src.Receive(ctx)
	proctest.Must(err)
	fmt.Println("then", string(again.Deliveries[0].Payload), again.Lane != lane)
	proctest.Must(again.Lane.Settle(again.Deliveries))
	proctest.Must(src.Close(ctx))
	os.Exit(0)
}

// A consumer that is killed in the middle of a batch loses nothing: what it had
// not settled is delivered to the next member.
func TestKilledConsumerLosesNothing(t *testing.T) {
	brokers := kafkatest.Real(t)
	topic := fmt.Sprintf("kill-%d", time.Now().UnixNano())
	makeTopic(t, brokers, topic, 3)
	bus := open(t, kafkabus.Config{Brokers: brokers, SessionTimeout: 6 * time.Second})
	defer bus.Close(context.Background())
	const total = 6000
	var ms []*event.Message
	for i := range total {
		ms = append(ms, &event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", i%50), Payload: fmt.Appendf(nil, "m%d", i)})
	}
	if err := bus.Publish(t.Context(), ms...); err != nil {
		t.Fatal(err)
	}

	handled := map[string]int{}
	var mu sync.Mutex // guards handled
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(handled) }
	for range 2 {
		killChild(t, topic, func(line string) bool {
			mu.Lock()
			defer mu.Unlock()
			handled[line]++
			return len(handled)%1200 != 0
		})
	}
	if n := count(); n == 0 || n >= total {
		t.Fatalf("the children handled %d of %d: they were not killed in the middle", n, total)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	last := map[string]int{}
	err := event.Run(ctx, bus.Group(topic), []string{topic}, func(_ context.Context, d *event.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		var n int
		if _, err := fmt.Sscanf(string(d.Payload), "m%d", &n); err != nil {
			return event.Permanent(err)
		}
		if before, ok := last[string(d.Key)]; ok && n < before {
			t.Errorf("key %s: message %d came after %d", d.Key, n, before)
		}
		last[string(d.Key)] = n
		handled[string(d.Payload)]++
		if len(handled) == total {
			cancel()
		}
		return nil
	}, event.ByKey(8))
	if err != nil {
		t.Fatal(err)
	}
	if n := count(); n != total {
		t.Errorf("%d of %d messages were handled: %d are lost", n, total, total-n)
	}
}

// killChild runs a child until visit returns false for one of its lines, then
// kills it with SIGKILL.
func killChild(t *testing.T, topic string, visit func(line string) bool) {
	t.Helper()
	p := proctest.Start(t, "KAFKABUS_CHILD_TOPIC="+topic)
	killed := false // or about to be
	for line, ok := p.Line(); ok; line, ok = p.Line() {
		if !visit(line) && !killed {
			killed = true
			p.Signal(os.Kill)
		}
	}
	if !p.Kill() || !killed {
		t.Error("the child ended by itself")
	}
}
