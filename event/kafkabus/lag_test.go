package kafkabus_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
)

// handle lets a group settle n messages of a topic, or all that come until then.
func handle(t *testing.T, g event.Group, topic string, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	src, err := g.Open(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close(context.WithoutCancel(ctx))
	for n > 0 {
		b, err := src.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		ds := b.Deliveries[:min(n, len(b.Deliveries))]
		if err := b.Lane.Settle(ds); err != nil {
			t.Fatal(err)
		}
		n -= len(ds)
	}
}

// What a group is behind is what it has not settled, from the first message for a
// group that nobody has heard of, and the oldest of it has the time of its message.
func TestLag(t *testing.T) {
	t.Parallel()
	eachKafka(t, func(t *testing.T, brokers []string) {
		topic, group := topicName("lag"), topicName("lag-group")
		makeTopic(t, brokers, topic, 2)
		bus := open(t, kafkabus.Config{Brokers: brokers})
		defer bus.Close(context.Background())
		for i := range 10 {
			m := &event.Message{Topic: topic, Key: []byte("one"), Payload: []byte{byte(i)}, Time: begun.Add(time.Duration(i) * time.Second).UTC()}
			if err := bus.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		check := func(when string, committed, messages, oldest int64) {
			t.Helper()
			lags, err := bus.Lag(t.Context(), group, topic)
			if err != nil {
				t.Fatal(err)
			}
			var got []event.Lag
			for _, l := range lags {
				if l.End > 0 {
					l.Oldest = l.Oldest.UTC()
					got = append(got, l)
				} else if l.Messages != 0 || !l.Oldest.IsZero() || l.Committed > 0 {
					t.Errorf("%s: the empty partition has %+v", when, l)
				}
			}
			want := event.Lag{Topic: topic, Committed: committed, End: 10, Messages: messages}
			if messages > 0 {
				want.Oldest = begun.Add(time.Duration(oldest) * time.Second).UTC()
			}
			if len(lags) != 2 || len(got) != 1 {
				t.Fatalf("%s: lags %+v, want two partitions, one of them empty", when, lags)
			}
			want.Partition = got[0].Partition
			if diff := cmp.Diff(want, got[0]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		check("nobody has heard of the group", -1, 10, 0)
		handle(t, bus.Group(group), topic, 4)
		check("four are settled", 4, 6, 4)
		handle(t, bus.Group(group), topic, 6)
		check("all are settled", 10, 0, 0)
		atomic, err := bus.Atomic(t.Context(), topicName("lag-tx"))
		if err != nil {
			t.Fatal(err)
		}
		defer atomic.Close(context.WithoutCancel(t.Context()))
		if err := atomic.Publish(t.Context(), &event.Message{Topic: topic, Key: []byte("one"), Payload: []byte("t")}); err != nil {
			t.Fatal(err)
		}
		handle(t, bus.Group(group), topic, 1)
		lags, err := bus.Lag(t.Context(), group, topic) // the mark of the transaction is left
		if err != nil || lags[0].Messages+lags[1].Messages != 0 {
			t.Errorf("the only message of a transaction is settled: %+v, %v; want no lag", lags, err)
		}
		if _, err := bus.Lag(t.Context(), group, topic+"-none"); err == nil {
			t.Error("lag in a topic that does not exist: no error")
		}
	})
}

// A topic is what it was made and set up to be, and grows only.
func TestTopics(t *testing.T) {
	t.Parallel()
	eachKafka(t, func(t *testing.T, brokers []string) {
		topic := topicName("made")
		bus := open(t, kafkabus.Config{Brokers: brokers})
		defer bus.Close(context.Background())
		if err := bus.CreateTopic(t.Context(), topic, 2, 1, map[string]string{"retention.ms": "86400000", "cleanup.policy": "compact"}); err != nil {
			t.Fatal(err)
		}
		if err := bus.CreateTopic(t.Context(), topic, 2, 1, nil); err == nil {
			t.Error("a topic is created twice")
		}
		if err := bus.ConfigureTopic(t.Context(), topic, map[string]string{"max.message.bytes": "12345"}); err != nil {
			t.Fatal(err)
		}
		if err := bus.GrowTopic(t.Context(), topic, 5); err != nil {
			t.Fatal(err)
		}
		if err := bus.GrowTopic(t.Context(), topic, 3); err == nil {
			t.Error("a topic loses partitions")
		}
		if err := bus.MakeTopic(t.Context(), topic, ""); err != nil { // has leaders
			t.Fatal(err)
		}
		got, err := bus.Topics(t.Context(), topic+"-none", topic)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 2 || got[0].Exists || !got[1].Exists || got[1].Partitions != 5 || got[1].Replicas != 1 || len(got[1].Leaderless)+len(got[1].Behind) > 0 {
			t.Errorf("topics %+v", got)
		}
		for k, want := range map[string]string{"retention.ms": "86400000", "cleanup.policy": "compact", "max.message.bytes": "12345"} {
			if got[1].Config[k] != want {
				t.Errorf("%s is %q, want %q", k, got[1].Config[k], want)
			}
		}
	})
}
