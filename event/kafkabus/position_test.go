package kafkabus_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
)

// begun is an hour ago: a broker removes what is older than the retention.
var begun = time.Now().Add(-time.Hour).Truncate(time.Second)

// fillOne publishes n messages to the only partition of a topic, the payload of
// each its number, a second apart.
func fillOne(t *testing.T, bus event.Publisher, topic string, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		m := &event.Message{Topic: topic, Key: []byte("k"), Payload: fmt.Append(nil, i), Time: begun.Add(time.Duration(i) * time.Second)}
		if err := bus.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
}

// next returns the first message that a group gets, and settles it.
func next(t *testing.T, g event.Group, topic string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	src, err := g.Open(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close(context.WithoutCancel(ctx))
	b, err := src.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Lane.Settle(b.Deliveries[:1]); err != nil {
		t.Fatal(err)
	}
	return string(b.Deliveries[0].Payload)
}

// A new group begins where it is told to; one that has settled something goes on.
func TestGroupFrom(t *testing.T) {
	t.Parallel()
	eachKafka(t, func(t *testing.T, brokers []string) {
		topic := topicName("from")
		makeTopic(t, brokers, topic, 1)
		bus := open(t, kafkabus.Config{Brokers: brokers})
		defer bus.Close(context.Background())
		fillOne(t, bus, topic, 0, 10)
		offsets := func(at int64) kafkabus.Position {
			return kafkabus.Offsets(map[string]map[int32]int64{topic: {0: at}})
		}
		for _, tt := range []struct {
			name string
			from kafkabus.Position
			want string
		}{
			{"oldest", kafkabus.Oldest(), "0"}, {"offset", offsets(4), "4"},
			{"time", kafkabus.At(begun.Add(6500 * time.Millisecond)), "7"}, {"time before all", kafkabus.At(time.Unix(1, 0)), "0"},
			{"another topic's offsets", kafkabus.Offsets(map[string]map[int32]int64{"other": {0: 3}}), "0"},
		} {
			group := topicName("from-group")
			if got := next(t, bus.GroupFrom(group, tt.from), topic); got != tt.want {
				t.Errorf("%s: the group gets %s first, want %s", tt.name, got, tt.want)
			}
			if got, want := next(t, bus.GroupFrom(group, kafkabus.Newest()), topic), tt.want[0]+1; got != string(want) {
				t.Errorf("%s: the group goes on with %s, want %c", tt.name, got, want)
			}
		}
		if _, err := bus.GroupFrom(topicName("from-group"), offsets(11)).Open(t.Context(), topic); err == nil {
			t.Error("a group begins behind the end")
		}

		// Behind everything: only what comes after it has joined.
		for _, from := range []kafkabus.Position{kafkabus.Newest(), kafkabus.At(time.Now().Add(time.Hour))} {
			src, err := bus.GroupFrom(topicName("from-group"), from).Open(t.Context(), topic)
			if err != nil {
				t.Fatal(err)
			}
			fillOne(t, bus, topic, 99, 1)
			b, err := src.Receive(t.Context())
			if err != nil || string(b.Deliveries[0].Payload) != "99" {
				t.Errorf("a group that begins at the end gets %v, %v", b, err)
			}
			if err := src.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

// A seek moves a group without members, and says before and after what that does.
func TestSeek(t *testing.T) {
	t.Parallel()
	eachKafka(t, func(t *testing.T, brokers []string) {
		topic, group := topicName("seek"), topicName("seek-group")
		makeTopic(t, brokers, topic, 1)
		bus := open(t, kafkabus.Config{Brokers: brokers})
		defer bus.Close(context.Background())
		fillOne(t, bus, topic, 0, 9)
		handle(t, bus.Group(group), topic, 5)
		at := func(offset int64) kafkabus.Position {
			return kafkabus.Offsets(map[string]map[int32]int64{topic: {0: offset}})
		}
		seek := func(to kafkabus.Position, want kafkabus.Move) {
			t.Helper()
			for _, f := range []func(context.Context, string, string, kafkabus.Position) ([]kafkabus.Move, error){bus.PreviewSeek, bus.PreviewSeek, bus.Seek} {
				got, err := f(t.Context(), group, topic, to)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]kafkabus.Move{want}, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		}
		seek(at(2), kafkabus.Move{From: 5, To: 2, Again: 3})
		if got := next(t, bus.Group(group), topic); got != "2" {
			t.Errorf("after the seek the group gets %s, want 2", got)
		}
		seek(kafkabus.At(begun.Add(7*time.Second)), kafkabus.Move{From: 3, To: 7, Passed: 4})
		seek(kafkabus.Oldest(), kafkabus.Move{From: 7, To: 0, Again: 7})
		seek(kafkabus.Newest(), kafkabus.Move{From: 0, To: 9, Passed: 9})
		for _, bad := range []int64{-1, 10} {
			if _, err := bus.Seek(t.Context(), group, topic, at(bad)); err == nil {
				t.Errorf("seek to offset %d: no error", bad)
			}
		}
		if _, err := bus.Seek(t.Context(), group, topic, kafkabus.Offsets(map[string]map[int32]int64{topic: {3: 0}})); err == nil {
			t.Error("seek in a partition that is not there: no error")
		}

		// A member holds it back, and nothing moves.
		src, err := bus.Group(group).Open(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		_, err = bus.Seek(t.Context(), group, topic, at(1))
		if !errors.Is(err, kafkabus.ErrMembers) {
			t.Errorf("seek of a group with a member: %v", err)
		}
		if err := src.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		lags, err := bus.Lag(t.Context(), group, topic)
		if err != nil || !slices.ContainsFunc(lags, func(l event.Lag) bool { return l.Committed == 9 }) {
			t.Errorf("after a seek that was refused the group is at %+v, %v, want 9", lags, err)
		}
	})
}
