package kafkabus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// ours returns the stacks of goroutines that this package or sarama has started.
func ours() []string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var out []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if (strings.Contains(stack, "wireproof/event/kafkabus.") || strings.Contains(stack, "IBM/sarama.")) && !strings.Contains(stack, "testing.tRunner") {
			out = append(out, stack)
		}
	}
	return out
}

// Closing leaves nothing behind: everything that a source and a bus have started
// has stopped. No test of this package runs beside it.
func TestCloseLeavesNothingBehind(t *testing.T) {
	brokers := kafkatest.Fake(t)
	makeTopic(t, brokers, "leak", 3)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for round := range 3 {
		bus := open(t, kafkabus.Config{Brokers: brokers})
		if err := bus.Publish(ctx, &event.Message{Topic: "leak", Payload: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		source, err := bus.Group(fmt.Sprintf("g%d", round)).Open(ctx, "leak")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := source.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		if err := bus.Browse(ctx, "leak", nil, func(*event.Delivery) bool { return false }); err != nil {
			t.Fatal(err)
		}
		if err := source.Close(ctx); err != nil {
			t.Error(err)
		}
		if _, err := source.Receive(ctx); err == nil {
			t.Error("a closed source receives")
		}
		if err := bus.Close(ctx); err != nil {
			t.Error(err)
		}
	}
	for left := ours(); len(left) > 0; left = ours() {
		select {
		case <-ctx.Done():
			t.Fatalf("%d goroutines are left, such as\n%s", len(left), left[0])
		case <-time.After(20 * time.Millisecond): // connections end a little later
		}
	}
}

// A publish whose context ends names the messages that have no answer.
func TestPublishNamesTheUnanswered(t *testing.T) {
	brokers := kafkatest.Fake(t)
	makeTopic(t, brokers, "late", 1)
	bus := open(t, kafkabus.Config{Brokers: brokers})
	defer bus.Close(context.Background())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // sarama works on what it was given meanwhile
		err := bus.Publish(ctx, &event.Message{Topic: "late", Payload: []byte("1")}, &event.Message{Topic: "late", Payload: []byte("2")})
		var failed *event.PublishError
		if !errors.As(err, &failed) || !errors.Is(err, context.Canceled) {
			t.Fatalf("Publish error = %v, want a PublishError that matches context.Canceled", err)
		}
		for _, f := range failed.Failed {
			if f.Message == nil || f.Err == nil {
				t.Errorf("failure %+v names no message or no reason", f)
			}
		}
	}
}
