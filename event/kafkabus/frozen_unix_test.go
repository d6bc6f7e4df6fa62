//go:build unix

package kafkabus_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
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
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "KAFKABUS_FROZEN_TOPIC="+topic)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { timer.Stop(); _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	next := func(want string) {
		t.Helper()
		if !lines.Scan() || !strings.Contains(lines.Text(), want) {
			t.Fatalf("the child says %q, want %q", lines.Text(), want)
		}
	}
	next("holds 10")
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}

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
	// As it wakes, it has been told to settle already.
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	next("late: not settled")
	publish(10, 11)
	next("then 10 true")
	if err := cmd.Wait(); err != nil {
		t.Errorf("the child: %v", err)
	}
}
