package amqpbus_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/amqpbus"
)

// A group gets what its bindings say, on each kind of exchange.
func TestBindings(t *testing.T) {
	for kind, tt := range map[string]struct {
		bindings []amqpbus.Binding
		want     string
	}{
		"topic":   {[]amqpbus.Binding{{RoutingKey: "eu.*"}}, "eu.de eu.fr"},
		"direct":  {[]amqpbus.Binding{{RoutingKey: "eu.de"}, {RoutingKey: "us.ny"}}, "eu.de us.ny"},
		"fanout":  {nil, "eu.de eu.fr us.ny"},
		"headers": {[]amqpbus.Binding{{Arguments: map[string]any{"x-match": "all", "area": "eu"}}}, "eu.de eu.fr"},
	} {
		t.Run(kind, func(t *testing.T) {
			bus := open(t, amqpbus.Config{
				Topic: func(string) amqpbus.Topic {
					return amqpbus.Topic{Kind: kind, NoGroup: true, RoutingKey: func(m *event.Message) string { return string(m.Payload) }}
				},
				Queue: func(string, string) amqpbus.Queue { return amqpbus.Queue{Bindings: tt.bindings} },
			})
			topic := makeTopic(t, bus)
			src := join(t, bus, "g", topic)
			for _, place := range []string{"eu.de", "eu.fr", "us.ny"} {
				area, _, _ := strings.Cut(place, ".")
				m := &event.Message{Topic: topic, Payload: []byte(place), Headers: event.Headers{{Key: "area", Value: []byte(area)}}}
				if err := bus.Publish(t.Context(), m); err != nil {
					t.Fatal(err)
				}
			}
			if got := texts(take(t, src, strings.Count(tt.want, " ")+1)); got != tt.want {
				t.Errorf("the group gets %q, want %q", got, tt.want)
			}
		})
	}
}

// A message of a higher priority overtakes those that wait.
func TestPriorities(t *testing.T) {
	bus := open(t, amqpbus.Config{
		Topic: func(string) amqpbus.Topic {
			return amqpbus.Topic{Priority: func(m *event.Message) uint8 { return m.Key[0] - '0' }}
		},
		Queue: func(string, string) amqpbus.Queue { return amqpbus.Queue{Type: "classic", MaxPriority: 9} },
	})
	topic := makeTopic(t, bus)
	join(t, bus, "g", topic).Close(t.Context())
	for _, p := range "1593" {
		if err := bus.Publish(t.Context(), &event.Message{Topic: topic, Key: []byte(string(p)), Payload: []byte(string(p))}); err != nil {
			t.Fatal(err)
		}
	}
	if got := texts(take(t, join(t, bus, "g", topic), 4)); got != "9 5 3 1" {
		t.Errorf("the order is %q, want that of priorities", got)
	}
}

// What other programs publish is read as far as that goes; the broker's own
// headers are left out.
func TestForeignMessages(t *testing.T) {
	bus := open(t, amqpbus.Config{})
	topic := makeTopic(t, bus)
	src := join(t, bus, "g", topic)
	ch := raw(t)
	at := time.Unix(1700000000, 0)
	for _, p := range []amqp.Publishing{
		{Timestamp: at, MessageId: "order-17", Body: []byte("a"), Headers: amqp.Table{
			"text": "t", "bytes": []byte{0, 1}, "number": int32(-5), "yes": true, "none": nil, "when": at,
			"table": amqp.Table{"k": []any{"v", int64(1)}}, "x-death": []any{amqp.Table{"count": int64(3)}},
		}},
		{Body: []byte("b"), Headers: amqp.Table{"wireproof-key": "%zz"}},
		{},
	} {
		if err := ch.PublishWithContext(t.Context(), topic, "", true, false, p); err != nil {
			t.Fatal(err)
		}
	}
	ds := take(t, src, 3)
	want := map[string]string{
		"text": "t", "bytes": "\x00\x01", "number": "-5", "yes": "true", "none": "", "when": "2023-11-14T22:13:20Z", "table": `{"k":["v",1]}`,
	}
	for _, h := range ds[0].Headers {
		if v, ok := want[h.Key]; !ok || v != string(h.Value) {
			t.Errorf("header %s is %q, want %q", h.Key, h.Value, v)
		}
		delete(want, h.Key)
	}
	if len(want) > 0 || !ds[0].Time.Equal(at) || ds[0].Key != nil {
		t.Errorf("headers %v are missing, time is %v, key %q", want, ds[0].Time, ds[0].Key)
	}
	if text, ok := ds[1].Headers.Get("wireproof-damaged"); !ok || !strings.Contains(string(text), "wireproof-key") {
		t.Errorf("a damaged key is shown as %v", ds[1].Headers)
	}
	if ds[2].Payload == nil || len(ds[2].Payload) != 0 {
		t.Errorf("an empty body is %v, want empty and not null", ds[2].Payload)
	}
}

// A message keeps its offset when it comes again, since it names the message.
func TestOffsetNamesTheMessage(t *testing.T) {
	bus := open(t, amqpbus.Config{})
	topic := makeTopic(t, bus)
	src := join(t, bus, "g", topic)
	if err := bus.Publish(t.Context(), &event.Message{Topic: topic}, &event.Message{Topic: topic}); err != nil {
		t.Fatal(err)
	}
	var before []int64
	for len(before) < 2 {
		b, err := src.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range b.Deliveries {
			before = append(before, d.Offset)
		}
	}
	if err := src.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var after []int64
	for _, d := range take(t, join(t, bus, "g", topic), 2) {
		after = append(after, d.Offset)
	}
	if !slices.Equal(before, after) || before[0] >= before[1] {
		t.Errorf("offsets are %v, then %v: want the same, ascending", before, after)
	}
}

// Two groups whose names run together with those of their topics would share one
// queue.
func TestNamesThatRunTogether(t *testing.T) {
	bus := open(t, amqpbus.Config{})
	topic := makeTopic(t, bus)
	if err := bus.MakeTopic(t.Context(), topic+".b", ""); err != nil {
		t.Fatal(err)
	}
	join(t, bus, "b.c", topic)
	_, err := bus.Group("c").Open(t.Context(), topic+".b")
	if want := fmt.Sprintf("which is that of group %q of topic %q", "b.c", topic); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("open: %v, want %s", err, want)
	}
}
