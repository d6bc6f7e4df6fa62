package amqpbus_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/amqpbus"
	"github.com/wireproof/wireproof/event/dlq"
)

// raw returns a channel of the bare client.
func raw(t testing.TB) *amqp.Channel {
	t.Helper()
	conn, err := amqp.Dial(broker(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

// take receives n messages and settles them.
func take(t testing.TB, src event.Source, n int) []*event.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out []*event.Delivery
	for len(out) < n {
		b, err := src.Receive(ctx)
		if err != nil {
			t.Fatalf("receive after %d of %d: %v", len(out), n, err)
		}
		if err := b.Lane.Settle(b.Deliveries); err != nil {
			t.Fatal(err)
		}
		out = append(out, b.Deliveries...)
	}
	return out
}

func texts(ds []*event.Delivery) string {
	var out []string
	for _, d := range ds {
		out = append(out, string(d.Payload))
	}
	return strings.Join(out, " ")
}

// A message that cannot be stored fails by itself; the others of the call, and
// those of others, are stored.
func TestPublishErrorNamesOnlyWhatFailed(t *testing.T) {
	bus := open(t, amqpbus.Config{MaxMessageBytes: 1000, Topic: func(name string) amqpbus.Topic {
		return amqpbus.Topic{Kind: "topic", NoGroup: strings.HasSuffix(name, "-nobody")}
	}})
	topic, alone := makeTopic(t, bus), makeTopic(t, bus)
	nobody := alone + "-nobody"
	if err := bus.MakeTopic(t.Context(), nobody, ""); err != nil {
		t.Fatal(err)
	}
	// The broker closes the channel of whoever publishes to this one.
	inner := topic + "-inner"
	if err := raw(t).ExchangeDeclare(inner, "topic", true, false, true, false, nil); err != nil {
		t.Fatal(err)
	}
	src := join(t, bus, "g", topic)
	wrong := map[int]string{
		1: "no queue is bound", 3: "there is no exchange of that name", 5: "the payload has 1001 bytes",
		7: "cannot publish to internal exchange", 9: "key and headers take", 11: "the topic has no name",
	}
	ms := make([]*event.Message, 14)
	for i := range ms {
		ms[i] = &event.Message{Topic: topic, Payload: fmt.Appendf(nil, "%d", i)}
	}
	ms[1].Topic, ms[3].Topic, ms[5].Payload = alone, topic+"-misspelt", make([]byte, 1001)
	ms[7].Topic, ms[9].Key, ms[11].Topic, ms[13].Topic = inner, make([]byte, 200_000), "", nobody
	err := bus.Publish(t.Context(), ms...)
	var failed *event.PublishError
	if !errors.As(err, &failed) {
		t.Fatalf("publish: %v, want a PublishError", err)
	}
	for _, f := range failed.Failed {
		if want, ok := wrong[f.Index]; !ok || f.Message != ms[f.Index] || !strings.Contains(f.Err.Error(), want) {
			t.Errorf("message %d failed with %v, want %q", f.Index, f.Err, want)
		}
		delete(wrong, f.Index)
	}
	for i, want := range wrong {
		t.Errorf("message %d is stored, want an error with %q", i, want)
	}
	// What was in flight with the fault is sent again: it may be there twice.
	seen := map[string]bool{}
	for len(seen) < 7 {
		for _, d := range take(t, src, 1) {
			seen[string(d.Payload)] = true
		}
	}
	if got := slices.Sorted(maps.Keys(seen)); fmt.Sprint(got) != "[0 10 12 2 4 6 8]" {
		t.Errorf("stored are %v", got)
	}
}

// A queue that is deleted under its consumer ends the lane: what it has handed out
// cannot be settled any more, and the source makes the queue again.
func TestDeletedQueueEndsTheLane(t *testing.T) {
	bus := open(t, amqpbus.Config{})
	topic := makeTopic(t, bus)
	src := join(t, bus, "g", topic)
	m := &event.Message{Topic: topic, Payload: []byte("1")}
	if err := bus.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	first, err := src.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ch := raw(t)
	if _, err := ch.QueueDelete(topic+".g", false, false, false); err != nil {
		t.Fatal(err)
	}
	if err := ch.ExchangeDelete(topic, false, false); err != nil {
		t.Fatal(err)
	}
	<-first.Lane.Context().Done()
	if err := first.Lane.Settle(first.Deliveries); err == nil || !strings.Contains(err.Error(), "its queue was deleted") {
		t.Errorf("settle on a lost lane: %v, want the reason", err)
	}
	first.Lane.(event.Releaser).Release()
	for { // until exchange and queue are there again
		if err = bus.Publish(t.Context(), m); err == nil {
			break
		}
		if text := err.Error(); !strings.Contains(text, "no exchange") && !strings.Contains(text, "no queue") {
			t.Fatal(err)
		}
	}
	second, err := src.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if second.Lane == first.Lane || second.Lane.Context().Err() != nil {
		t.Error("the lane that was lost came back")
	}
}

// Dead letters are listed, replayed to their group and written down as replayed.
func TestReplay(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bus := open(t, amqpbus.Config{KeepFor: time.Hour, KeepBytes: 1 << 20})
	topic := makeTopic(t, bus)
	other := join(t, bus, "other", topic)
	join(t, bus, "g", topic).Close(ctx)
	m := &event.Message{Topic: topic, Key: []byte("k"), Headers: event.Headers{{Key: "h", Value: []byte{0, 255}}}, Payload: []byte("p")}
	if err := bus.Publish(ctx, m); err != nil {
		t.Fatal(err)
	}
	good := false // once it is true the handler succeeds
	consume := func() {
		t.Helper()
		running, stop := context.WithCancel(ctx)
		err := event.Run(running, bus.Group("g"), []string{topic}, func(_ context.Context, d *event.Delivery) error {
			if !good {
				return event.Permanent(errors.New("no"))
			}
			if string(d.Key) != "k" || string(d.Payload) != "p" || fmt.Sprint(d.Meta().Headers) != fmt.Sprint(m.Headers) {
				t.Errorf("the replay is %+v, want %+v", d.Message, *m)
			}
			return nil
		}, event.Observe(func(event.Outcome, *event.Delivery, error) { stop() }))
		if err != nil {
			t.Error(err)
		}
	}
	consume()
	origin := take(t, other, 1)[0]
	letters, err := dlq.List(ctx, bus, topic, "g", dlq.Selection{})
	if err != nil || len(letters) != 1 || letters[0].ID != "0:0" || letters[0].Partition != origin.Partition || letters[0].Offset != origin.Offset {
		t.Fatalf("list: %+v, %v, want one letter of %d/%d", letters, err, origin.Partition, origin.Offset)
	}
	if _, err := dlq.Replay(ctx, bus, topic, "g", dlq.Selection{}); err != nil {
		t.Fatal(err)
	}
	good = true
	consume()
	if letters, err = dlq.List(ctx, bus, topic, "g", dlq.Selection{}); err != nil || len(letters) != 1 || letters[0].Replayed != 1 {
		t.Errorf("list after the replay: %+v, %v, want one letter, replayed once", letters, err)
	}
	if err := bus.Browse(ctx, topic, nil, func(*event.Delivery) bool { return true }); err == nil || !strings.Contains(err.Error(), "it has no stream") {
		t.Errorf("browse of a topic without a stream: %v, want that it has none", err)
	}
}

// After its delivery limit the broker moves a message to the group's dead letters.
func TestDeliveryLimit(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bus := open(t, amqpbus.Config{Queue: func(string, string) amqpbus.Queue { return amqpbus.Queue{DeliveryLimit: 2} }})
	topic := makeTopic(t, bus)
	letters := event.DeadLetterTopic(topic, "g")
	if err := bus.MakeTopic(ctx, letters, topic); err != nil {
		t.Fatal(err)
	}
	src := join(t, bus, "g", topic)
	if err := bus.Publish(ctx, &event.Message{Topic: topic, Key: []byte("k"), Payload: []byte("poison")}); err != nil {
		t.Fatal(err)
	}
	for range 3 { // a member that dies over it
		if _, err := src.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		if err := src.Close(ctx); err != nil {
			t.Fatal(err)
		}
		src = join(t, bus, "g", topic)
	}
	for found := false; !found; {
		err := bus.Browse(ctx, letters, nil, func(d *event.Delivery) bool {
			found = string(d.Payload) == "poison" && string(d.Key) == "k" && d.Topic == letters
			return !found
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A source holds no more than its prefetch, however slow its handler.
func TestPrefetchBoundsWhatIsHeld(t *testing.T) {
	const n, ahead = 500, 40
	bus := open(t, amqpbus.Config{Prefetch: ahead})
	topic := makeTopic(t, bus)
	src := join(t, bus, "g", topic)
	var ms []*event.Message
	for i := range n {
		ms = append(ms, &event.Message{Topic: topic, Payload: fmt.Appendf(nil, "%d", i)})
	}
	if err := bus.Publish(t.Context(), ms...); err != nil {
		t.Fatal(err)
	}
	var held []*event.Delivery
	var lane event.Lane
	for len(held) < ahead {
		b, err := src.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held, lane = append(held, b.Deliveries...), b.Lane
	}
	ch := raw(t)
	for waits := -1; waits != n-ahead; { // what the broker has not handed out
		q, err := ch.QueueDeclarePassive(topic+".g", true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		if waits = q.Messages; waits < n-ahead {
			t.Fatalf("%d messages wait at the broker, want %d", waits, n-ahead)
		}
	}
	// Out of order, so that none stands for those before it.
	slices.Reverse(held)
	for _, d := range held {
		if err := lane.Settle([]*event.Delivery{d}); err != nil {
			t.Fatal(err)
		}
	}
	if err := lane.Settle(held[:1]); err == nil {
		t.Error("a message is settled twice without an error")
	}
	rest := take(t, src, n-ahead)
	if got, want := texts(rest[:3]), fmt.Sprintf("%d %d %d", ahead, ahead+1, ahead+2); got != want {
		t.Errorf("then came %s, want %s", got, want)
	}
	if err := src.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if q, err := ch.QueueDeclarePassive(topic+".g", true, false, false, false, nil); err != nil || q.Messages != 0 {
		t.Errorf("%d messages came back after all were settled, error %v", q.Messages, err)
	}
}

// A queue with one active member keeps the order of its keys when that member
// leaves in the middle and the other goes on.
func TestOneActiveMemberKeepsOrder(t *testing.T) {
	const n, keys = 400, 10
	bus := open(t, amqpbus.Config{Prefetch: 20, Queue: func(string, string) amqpbus.Queue { return amqpbus.Queue{SingleActive: true} }})
	topic := makeTopic(t, bus)
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	var mu sync.Mutex
	last, seen, by := map[string]int{}, map[int]bool{}, map[int]int{}
	var members sync.WaitGroup
	join(t, bus, "g", topic).Close(ctx) // the queue is there before what is published
	for member := range 2 {
		run, leave := context.WithCancel(ctx)
		defer leave()
		members.Go(func() {
			err := event.Run(run, bus.Group("g"), []string{topic}, func(_ context.Context, d *event.Delivery) error {
				mu.Lock()
				defer mu.Unlock()
				i, err := strconv.Atoi(string(d.Payload))
				before := last[string(d.Key)]
				if err != nil || i >= keys && i > before+keys {
					t.Errorf("key %s: %q was handled, the last before it was %d", d.Key, d.Payload, before)
				}
				last[string(d.Key)] = max(before, i)
				seen[i] = true
				switch by[member]++; {
				case len(seen) == n:
					end()
				case by[member] == n/4 && len(by) == 1:
					leave() // the first to be active
				}
				return nil
			}, event.ByKey(4))
			if err != nil {
				t.Error(err)
			}
		})
	}
	for i := range n {
		if err := bus.Publish(t.Context(), &event.Message{Topic: topic, Key: fmt.Append(nil, i%keys), Payload: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	members.Wait()
	if len(seen) != n || len(by) != 2 {
		t.Errorf("%d of %d messages came, to %d members; want all, and both", len(seen), n, len(by))
	}
}

// What a member that closes has not settled goes back to its old place.
func TestUnsettledGoesBackInOrder(t *testing.T) {
	for _, kind := range []string{"quorum", "classic"} {
		t.Run(kind, func(t *testing.T) {
			bus := open(t, amqpbus.Config{Prefetch: 10, Queue: func(string, string) amqpbus.Queue { return amqpbus.Queue{Type: kind} }})
			topic := makeTopic(t, bus)
			src := join(t, bus, "g", topic)
			var ms []*event.Message
			for i := range 30 {
				ms = append(ms, &event.Message{Topic: topic, Payload: fmt.Appendf(nil, "%d", i)})
			}
			if err := bus.Publish(t.Context(), ms...); err != nil {
				t.Fatal(err)
			}
			b, err := src.Receive(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := b.Lane.Settle(b.Deliveries[:1]); err != nil {
				t.Fatal(err)
			}
			if err := src.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := take(t, join(t, bus, "g", topic), 29)
			for i, d := range got {
				if string(d.Payload) != fmt.Sprint(i+1) {
					t.Fatalf("after the close come %s, want 1 to 29", texts(got))
				}
			}
		})
	}
}
