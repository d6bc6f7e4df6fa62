package dlq_test

import (
	"strings"
	"testing"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/dlq"
	"github.com/wireproof/wireproof/event/membus"
)

// FuzzLetter lists and replays letters whose headers anybody may have written:
// the same bytes go back, and the letter is done with.
func FuzzLetter(f *testing.F) {
	f.Add("orders", "billing", "3", "42", "2", "orders/3/42", "own", []byte{0, 0, 0, 0, 1})
	f.Add("", "x", "-1", "q", "", "", "wireproof-replay-id", []byte(nil))
	f.Fuzz(func(t *testing.T, origin, group, partition, offset, attempt, replay, own string, payload []byte) {
		bus := membus.New(membus.Partitions(1))
		h := event.Headers{{Key: own, Value: payload}, {Key: event.HeaderOriginTopic, Value: []byte(origin)},
			{Key: event.HeaderGroup, Value: []byte(group)}, {Key: event.HeaderOriginPartition, Value: []byte(partition)},
			{Key: event.HeaderOriginOffset, Value: []byte(offset)}, {Key: event.HeaderAttempt, Value: []byte(attempt)},
			{Key: event.HeaderReplayID, Value: []byte(replay)}}
		m := &event.Message{Topic: dlq.Topic("orders", "billing"), Key: payload, Headers: h, Payload: payload}
		if err := bus.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		ls, err := dlq.List(t.Context(), bus, "orders", "billing", dlq.Selection{IDs: []string{"0:0"}})
		if err != nil || len(ls) != 1 || ls[0].Topic != "orders" || ls[0].ReplayID == "" || ls[0].Attempts < 0 {
			t.Fatalf("%+v, %v", ls, err)
		}
		if _, err := dlq.Replay(t.Context(), bus, "orders", "billing", dlq.Selection{}); err != nil {
			t.Fatal(err)
		}
		got := bus.Messages("orders")
		if len(got) != 1 || string(got[0].Payload) != string(payload) || (got[0].Payload == nil) != (payload == nil) {
			t.Fatalf("replayed %+v", got)
		}
		if id, _ := got[0].Headers.Get(event.HeaderReplayID); string(id) != ls[0].ReplayID {
			t.Errorf("replay id %q, want %q", id, ls[0].ReplayID)
		}
		if !strings.HasPrefix(own, "wireproof-") && len(got[0].Headers.Own()) != 1 {
			t.Errorf("own headers %v", got[0].Headers.Own())
		}
		if ls, err = dlq.List(t.Context(), bus, "orders", "billing", dlq.Selection{Pending: true}); err != nil || len(ls) != 0 {
			t.Errorf("pending %+v, %v", ls, err)
		}
	})
}
