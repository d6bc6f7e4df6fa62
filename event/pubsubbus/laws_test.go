package pubsubbus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/pubsubbus"
)

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for want, c := range map[string]pubsubbus.Config{
		"no project is given":                      {},
		"AckDeadline is 5s; expected whole":        {Project: "p", AckDeadline: 5 * time.Second},
		"KeepFor is 1m0s; expected 10 min":         {Project: "p", KeepFor: time.Minute},
		"MaxOutstandingMessages is -1; expected 1": {Project: "p", MaxOutstandingMessages: -1},
	} {
		if _, err := pubsubbus.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open error = %v, want it to contain %q", err, want)
		}
	}
}

// receive takes n messages, settling each batch.
func receive(t testing.TB, src event.Source, n int) []*event.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
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

// The messages of a key come in the order of publishing. The fake gives one when
// the one before it is settled.
func TestKeyOrderOnFake(t *testing.T) {
	_, config := fake(t)
	bus := open(t, config)
	topic := makeTopic(t, bus)
	src := join(t, bus, "g", topic)
	var ms []*event.Message
	for i := range 60 {
		ms = append(ms, &event.Message{Topic: topic, Key: []byte{byte(i % 6), 0xff}, Payload: fmt.Appendf(nil, "%02d", i)})
	}
	if err := bus.Publish(t.Context(), ms...); err != nil {
		t.Fatal(err)
	}
	last := map[string]string{}
	for _, d := range receive(t, src, len(ms)) {
		if p := string(d.Payload); p <= last[string(d.Key)] {
			t.Errorf("key %x: %s came after %s", d.Key, p, last[string(d.Key)])
		}
		last[string(d.Key)] = string(d.Payload)
	}
}

// A message that cannot be stored fails by itself, and its key goes on once the
// caller knows.
func TestPublishErrorNamesOnlyWhatFailed(t *testing.T) {
	_, config := fake(t)
	config.MaxMessageBytes = 1000
	bus := open(t, config)
	topic := makeTopic(t, bus)
	src := join(t, bus, "g", topic)
	late := topic + "-late"
	ms := make([]*event.Message, 6)
	for i := range ms {
		ms[i] = &event.Message{Topic: topic, Key: []byte("k"), Payload: fmt.Appendf(nil, "%d", i)}
	}
	ms[1].Topic, ms[3].Topic, ms[5].Payload = late, "x", make([]byte, 1001)
	wrong := map[int]string{1: "there is no such topic", 3: "the name of topic", 5: "the payload has 1001 bytes"}
	err := bus.Publish(t.Context(), ms...)
	var failed *event.PublishError
	if !errors.As(err, &failed) || len(failed.Failed) != len(wrong) {
		t.Fatalf("publish: %v, want a PublishError of 3", err)
	}
	for _, f := range failed.Failed {
		if want := wrong[f.Index]; want == "" || f.Message != ms[f.Index] || !strings.Contains(f.Err.Error(), want) {
			t.Errorf("message %d failed with %v, want %q", f.Index, f.Err, want)
		}
	}
	if got := len(receive(t, src, 3)); got != 3 {
		t.Errorf("%d messages are stored, want 3", got)
	}
	if err := bus.MakeTopic(t.Context(), late, ""); err != nil {
		t.Fatal(err)
	}
	for err = bus.Publish(t.Context(), ms[1]); err != nil; err = bus.Publish(t.Context(), ms[1]) {
		if !strings.Contains(err.Error(), "paused due to previous error") {
			t.Fatal(err)
		}
	}
}

// A source holds no more than it may, by count and by bytes.
func TestOutstandingIsBounded(t *testing.T) {
	for name, bound := range map[string]pubsubbus.Config{
		"messages": {MaxOutstandingMessages: 5},
		"bytes":    {MaxOutstandingBytes: 5*1200 - 1}, // 1000 of payload, and attributes
	} {
		t.Run(name, func(t *testing.T) {
			_, config := fake(t)
			config.MaxOutstandingMessages, config.MaxOutstandingBytes = bound.MaxOutstandingMessages, bound.MaxOutstandingBytes
			bus := open(t, config)
			topic := makeTopic(t, bus)
			src := join(t, bus, "g", topic)
			var ms []*event.Message
			for range 30 {
				ms = append(ms, &event.Message{Topic: topic, Payload: make([]byte, 1000)})
			}
			if err := bus.Publish(t.Context(), ms...); err != nil {
				t.Fatal(err)
			}
			var held []*event.Delivery
			for total := 0; total < len(ms); {
				b, err := src.Receive(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				total += len(b.Deliveries)
				if held = append(held, b.Deliveries...); len(held) > 5 {
					t.Fatalf("%d messages are held, want 5 at most", len(held))
				}
				if len(held) >= 4 { // what makes room lets the next one in
					if err := b.Lane.Settle(held[:1]); err != nil {
						t.Fatal(err)
					}
					held = held[1:]
				}
			}
		})
	}
}

// Where messages are delivered exactly once, a refused acknowledgement is told.
func TestRefusedAcknowledgement(t *testing.T) {
	refusal := reactor(func(req any) (bool, any, error) {
		st := status.New(codes.FailedPrecondition, "some acknowledgements failed")
		metadata := map[string]string{}
		for _, id := range req.(*pubsubpb.AcknowledgeRequest).AckIds {
			metadata[id] = "PERMANENT_FAILURE_INVALID_ACK_ID"
		}
		st, err := st.WithDetails(&errdetails.ErrorInfo{Reason: "PERMANENT_FAILURE_INVALID_ACK_ID", Domain: "pubsub.googleapis.com", Metadata: metadata})
		if err != nil {
			return true, nil, err
		}
		return true, nil, st.Err()
	})
	_, config := fake(t, pstest.ServerReactorOption{FuncName: "Acknowledge", Reactor: refusal})
	refused := make(chan error, 10)
	config.Subscription = func(string, string) pubsubbus.Subscription { return pubsubbus.Subscription{ExactlyOnce: true} }
	config.Refused = func(d *event.Delivery, err error) {
		refused <- fmt.Errorf("%s: %w", d.Payload, err)
	}
	bus := open(t, config)
	topic := makeTopic(t, bus)
	src := join(t, bus, "g", topic)
	if err := bus.Publish(t.Context(), &event.Message{Topic: topic, Payload: []byte("m")}); err != nil {
		t.Fatal(err)
	}
	receive(t, src, 1)
	select {
	case err := <-refused:
		if !strings.HasPrefix(err.Error(), "m: ") {
			t.Errorf("told of %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("nobody was told")
	}
}

// While a handler works on a message its deadline is extended, again and again, so
// that it is delivered once.
func TestHoldIsExtended(t *testing.T) {
	t.Parallel()
	srv, config := fake(t)
	bus := open(t, config)
	holdIsExtended(t, srv, bus, makeTopic(t, bus))
}

// What waits on a level is no handler that is stuck: it is extended for as long as it
// takes, or it would come again and again while it waits, and be retried each time.
func TestWaitIsExtended(t *testing.T) {
	t.Parallel()
	srv, config := fake(t)
	config.MaxExtension = time.Second
	bus := open(t, config)
	topic := makeTopic(t, bus)
	level := topic + ".g.retry.1"
	if err := bus.MakeTopic(t.Context(), level, topic); err != nil {
		t.Fatal(err)
	}
	holdIsExtended(t, srv, bus, level)
}

func holdIsExtended(t *testing.T, srv *pstest.Server, bus *pubsubbus.Bus, topic string) {
	t.Helper()
	src := join(t, bus, "g", topic)
	if err := bus.Publish(t.Context(), &event.Message{Topic: topic, Payload: []byte("m")}); err != nil {
		t.Fatal(err)
	}
	b, err := src.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	of := func() (out *pstest.Message) {
		for _, m := range srv.Messages() {
			if string(m.Data) == "m" {
				out = m
			}
		}
		return out
	}
	for extended := 0; extended < 2; { // the first is that of the receipt
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("the deadline was extended %d times, want twice at least", extended)
		}
		extended = 0
		for _, x := range of().Modacks {
			if x.AckDeadline > 0 {
				extended++
			}
		}
	}
	if err := b.Lane.Settle(b.Deliveries); err != nil {
		t.Fatal(err)
	}
	for of().Acks == 0 {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("the message is not acknowledged")
		}
	}
	if n := of().Deliveries; n != 1 {
		t.Errorf("the message was delivered %d times, want once", n)
	}
}

// Closing leaves nothing behind: everything that a source and a bus have started
// has stopped. No test of this package runs beside it.
func TestCloseLeavesNothingBehind(t *testing.T) {
	_, config := fake(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for range 3 {
		bus, err := pubsubbus.Open(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		topic := makeTopic(t, bus)
		src, err := bus.Group("g").Open(ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		if err := bus.Publish(ctx, &event.Message{Topic: topic, Payload: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if _, err := src.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(src.Close(ctx), bus.Close(ctx)); err != nil {
			t.Error(err)
		}
	}
	ours := func() (out []string) {
		buf := make([]byte, 4<<20)
		buf = buf[:runtime.Stack(buf, true)]
		for stack := range strings.SplitSeq(string(buf), "\n\n") {
			if strings.Contains(stack, "wireproof/event/pubsubbus.") && !strings.Contains(stack, "testing.tRunner") {
				out = append(out, stack)
			}
		}
		return out
	}
	for left := ours(); len(left) > 0; left = ours() {
		select {
		case <-ctx.Done():
			t.Fatalf("%d goroutines are left, such as\n%s", len(left), left[0])
		case <-time.After(20 * time.Millisecond):
		}
	}
}

type reactor func(req any) (bool, any, error)

func (r reactor) React(req any) (bool, any, error) {
	handled, _, err := r(req)
	return handled, &emptypb.Empty{}, err
}

// Settling after the source is closed is refused, and what was not settled comes to
// the next member.
func TestLateSettleIsRefused(t *testing.T) {
	_, config := fake(t)
	bus := open(t, config)
	topic := makeTopic(t, bus)
	src := join(t, bus, "g", topic)
	if err := bus.Publish(t.Context(), &event.Message{Topic: topic, Payload: []byte("m")}); err != nil {
		t.Fatal(err)
	}
	b, err := src.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if b.Lane.Context().Err() == nil {
		t.Error("the lane of a closed source lives")
	}
	if err := b.Lane.Settle(b.Deliveries); err == nil || !strings.Contains(err.Error(), "the Pub/Sub source is closed") {
		t.Errorf("late settle: %v, want the reason", err)
	}
	receive(t, join(t, bus, "g", topic), 1)
}

// A dead letter that the service refuses stops the consumer, and the message stays.
func TestRefusedDeadLetterStopsTheLane(t *testing.T) {
	srv, config := fake(t)
	bus := open(t, config)
	topic := makeTopic(t, bus)
	join(t, bus, "g", topic).Close(t.Context())
	if err := bus.Publish(t.Context(), &event.Message{Topic: topic, Payload: []byte("bad")}); err != nil {
		t.Fatal(err)
	}
	err := event.Run(t.Context(), bus.Group("g"), []string{topic}, func(ctx context.Context, _ *event.Delivery) error {
		letters := "projects/p/topics/" + event.DeadLetterTopic(topic, "g")
		if _, err := srv.GServer.DeleteTopic(ctx, &pubsubpb.DeleteTopicRequest{Topic: letters}); err != nil {
			t.Error(err)
		}
		return errors.New("no such account")
	})
	if err == nil || !strings.Contains(err.Error(), "so its lane stops") || !strings.Contains(err.Error(), "no such account") {
		t.Errorf("run: %v, want that the dead letter was refused", err)
	}
	if got := receive(t, join(t, bus, "g", topic), 1); string(got[0].Payload) != "bad" {
		t.Errorf("the next member gets %q", got[0].Payload)
	}
}

func TestOpenRefuses(t *testing.T) {
	_, config := fake(t)
	bus := open(t, config)
	_, err := bus.Group("g").Open(t.Context(), "nowhere")
	if err == nil || !strings.Contains(err.Error(), `open topic "nowhere" for group "g": there is no such topic`) {
		t.Errorf("a topic that is not there: %v", err)
	}
	topic := makeTopic(t, bus)
	if err := bus.MakeTopic(t.Context(), topic+".b", ""); err != nil {
		t.Fatal(err)
	}
	join(t, bus, "b.c", topic)
	if _, err = bus.Group("c").Open(t.Context(), topic+".b"); err == nil || !strings.Contains(err.Error(), "rename the group") {
		t.Errorf("names that run together: %v", err)
	}
	config.Unordered = true
	if _, err = open(t, config).Group("b.c").Open(t.Context(), topic); err == nil || !strings.Contains(err.Error(), "has order true; expected false") {
		t.Errorf("another order: %v", err)
	}
}

// Dead letters are listed in order, replayed to their group and written down as
// replayed.
func TestReplayOnEmulator(t *testing.T) {
	bus := open(t, emulator(t))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	topic := makeTopic(t, bus)
	other := join(t, bus, "other", topic)
	join(t, bus, "g", topic).Close(ctx)
	const n = 12
	var ms []*event.Message
	for i := range n {
		ms = append(ms, &event.Message{
			Topic: topic, Key: fmt.Appendf(nil, "k%d", i%3), Payload: fmt.Appendf(nil, "%d", i), Headers: event.Headers{{Key: "h", Value: []byte{0, 255}}},
		})
	}
	if err := bus.Publish(ctx, ms...); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	good, handled := false, map[string]int{}
	consume := func() {
		t.Helper()
		running, stop := context.WithCancel(ctx)
		clear(handled)
		err := event.Run(running, bus.Group("g"), []string{topic}, func(_ context.Context, d *event.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			if handled[string(d.Payload)]++; len(handled) == n {
				defer stop()
			}
			if !good {
				return event.Permanent(errors.New("no"))
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	consume()
	receive(t, other, n)
	letters, err := dlq.List(ctx, bus, topic, "g", dlq.Selection{})
	if err != nil || len(letters) < n {
		t.Fatalf("list: %d letters, %v, want %d", len(letters), err, n)
	}
	if l, err := dlq.Show(ctx, bus, topic, "g", letters[n-1].ID); err != nil || string(l.Payload) != string(letters[n-1].Payload) || l.LastError != "no" {
		t.Errorf("show %s: %+v, %v", letters[n-1].ID, l, err)
	}
	if _, err := dlq.Replay(ctx, bus, topic, "g", dlq.Selection{}); err != nil {
		t.Fatal(err)
	}
	good = true
	consume()
	if letters, err = dlq.List(ctx, bus, topic, "g", dlq.Selection{Pending: true}); err != nil || len(letters) != 0 {
		t.Errorf("list after the replay: %d pending, %v, want none", len(letters), err)
	}
	if err := bus.Browse(ctx, topic, nil, func(*event.Delivery) bool { return true }); err == nil || !strings.Contains(err.Error(), "it keeps nothing") {
		t.Errorf("browse of a topic that keeps nothing: %v", err)
	}
}

// The service itself moves what was delivered too often to the topic that is named
// for it. The emulator forgets one whose subscription is ordered.
func TestNativeDeadLetterOnEmulator(t *testing.T) {
	config := emulator(t)
	config.Unordered = true
	dead := makeTopic(t, open(t, config))
	config.Subscription = func(_, group string) pubsubbus.Subscription {
		if group != "g" {
			return pubsubbus.Subscription{}
		}
		return pubsubbus.Subscription{DeliveryAttempts: 5, DeadLetters: dead}
	}
	bus := open(t, config)
	topic := makeTopic(t, bus)
	watch := join(t, bus, "watch", dead)
	src := join(t, bus, "g", topic)
	if err := bus.Publish(t.Context(), &event.Message{Topic: topic, Payload: []byte("poison")}); err != nil {
		t.Fatal(err)
	}
	arrived := make(chan *event.Batch, 1)
	go func() {
		if b, err := watch.Receive(t.Context()); err == nil {
			arrived <- b
		}
	}()
	for {
		select {
		case b := <-arrived:
			if d := b.Deliveries[0]; string(d.Payload) != "poison" {
				t.Errorf("the dead letter is %+v", d.Message)
			}
			return
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, _ = src.Receive(ctx)
		cancel()
		if err := src.Close(t.Context()); err != nil { // a member that dies over it
			t.Fatal(err)
		}
		src = join(t, bus, "g", topic)
	}
}

// A subscription that is deleted under its reader is a fatal error of the source.
func TestDeletedSubscriptionOnEmulator(t *testing.T) {
	config := emulator(t)
	bus := open(t, config)
	topic := makeTopic(t, bus)
	src := join(t, bus, "g", topic)
	if err := bus.Publish(t.Context(), &event.Message{Topic: topic}); err != nil {
		t.Fatal(err)
	}
	b, err := src.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, err := pubsub.NewClient(t.Context(), "p", config.Options...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	err = client.SubscriptionAdminClient.DeleteSubscription(t.Context(), &pubsubpb.DeleteSubscriptionRequest{Subscription: "projects/p/subscriptions/" + topic + ".g"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := src.Receive(ctx); err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), `group "g": read projects/p/subscriptions/`) {
		t.Errorf("receive: %v, want the end of the stream", err)
	}
	<-b.Lane.Context().Done()
	if err := b.Lane.Settle(b.Deliveries); err == nil {
		t.Error("a message of a lost lane is settled")
	}
}
