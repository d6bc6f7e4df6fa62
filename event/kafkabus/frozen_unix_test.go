//go:build unix

package kafkabus_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
	"github.com/wireproof/wireproof/test/proctest"
)

// A member that is frozen for longer than its session loses its partition to another
// one, which settles what it held. What the first one settles when it wakes moves
// the group nowhere: it goes on, with a new lane, behind what the other has done.
func TestFrozenMember(t *testing.T) {
	brokers := kafkatest.Real(t)
	topic := fmt.Sprintf("frozen-%016x", rand.Uint64())
	makeTopic(t, brokers, topic, 1)
	bus := open(t, kafkabus.Config{Brokers: brokers, SessionTimeout: 3 * time.Second, RevokeGrace: time.Second})
	defer bus.Close(context.Background())
	publish := func(from, to int) {
		t.Helper()
		var ms []*event.Message
		for i := from; i < to; i++ {
			ms = append(ms, &event.Message{Topic: topic, Payload: fmt.Append(nil, i)})
		}
		if err := bus.Publish(t.Context(), ms...); err != nil {
			t.Fatal(err)
		}
	}
	publish(0, 10)
	p := proctest.Start(t, "KAFKABUS_FROZEN_TOPIC="+topic)
	p.Want("holds 10")
	p.Signal(syscall.SIGSTOP)

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	other, err := bus.Group(topic).Open(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < 10; {
		b, err := other.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range b.Deliveries {
			if got := string(d.Payload); got != fmt.Sprint(n) {
				t.Fatalf("another member gets %s, want %d", got, n)
			}
			n++
		}
		if err := b.Lane.Settle(b.Deliveries); err != nil {
			t.Fatal(err)
		}
		if n == 10 {
			b.Lane.(event.Releaser).Release()
		}
	}
	if err := other.Close(ctx); err != nil {
		t.Fatal(err)
	}
	p.Tell("") // as it wakes, it has been told to settle already
	p.Signal(syscall.SIGCONT)
	p.Want("late: not settled")
	publish(10, 11)
	p.Want("then 10 true")
	p.End()
}
