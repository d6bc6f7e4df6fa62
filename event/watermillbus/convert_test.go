package watermillbus_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventtest"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/event/watermillbus"
)

// FuzzThroughWatermill: a message of ours that goes through Watermill and comes back
// is what it was.
func FuzzThroughWatermill(f *testing.F) {
	f.Add([]byte("key"), []byte("payload"), "a", []byte("1"), "a", []byte("2"))
	f.Add([]byte{255}, []byte(nil), "b", []byte{254}, "a", []byte{})
	f.Add([]byte(nil), []byte{}, "\xff", []byte("x"), "\ufffd", []byte("y"))
	f.Add([]byte{}, []byte("x"), watermillbus.HeaderUUID, []byte("named"), watermillbus.MetadataKey, []byte("z"))
	f.Add([]byte("k"), []byte("x"), "a", []byte("x"), watermillbus.HeaderUUID, []byte("named"))
	f.Fuzz(func(t *testing.T, key, payload []byte, k1 string, v1 []byte, k2 string, v2 []byte) {
		for _, hs := range []event.Headers{nil, {{Key: k1, Value: v1}}, {{Key: k1, Value: v1}, {Key: k2, Value: v2}}} {
			want := &event.Message{Topic: "t", Key: key, Payload: payload, Headers: hs}
			got, err := watermillbus.FromWatermill("t", watermillbus.ToWatermill(want, "given"))
			if err != nil {
				t.Fatal(err)
			}
			if !same(want.Key, got.Key) || !same(want.Payload, got.Payload) || !slices.EqualFunc(hs, got.Headers,
				func(a, b event.Header) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) }) {
				t.Fatalf("%+v came back as %+v", want, got)
			}
		}
	})
}

func same(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

// FuzzThroughEvent: a message of Watermill that goes over one of our transports and
// comes back is what it was.
func FuzzThroughEvent(f *testing.F) {
	f.Add("0b9f", []byte("payload"), "a", "1", "b", "2")
	f.Add("", []byte{}, "", "", watermillbus.MetadataKey, "order 1")
	f.Fuzz(func(t *testing.T, uuid string, payload []byte, k1, v1, k2, v2 string) {
		want := message.NewMessage(uuid, payload)
		want.Metadata = message.Metadata{k1: v1, k2: v2}
		m, err := watermillbus.FromWatermill("t", want)
		if err != nil || !valid(uuid, k1, v1, k2, v2) || uuid == "" {
			t.Skip() // damaged metadata of this package, or bytes that are no text
		}
		got := watermillbus.ToWatermill(m, "another")
		if got.UUID != uuid || !bytes.Equal(got.Payload, payload) || !maps.Equal(got.Metadata, want.Metadata) {
			t.Fatalf("%q %v %q came back as %q %v %q", uuid, want.Metadata, payload, got.UUID, got.Metadata, got.Payload)
		}
	})
}

// valid reports whether all are text that metadata of Watermill may hold and none
// is a name of this package's own but the key.
func valid(texts ...string) bool {
	for _, s := range texts {
		if bytes.ContainsRune([]byte(s), '\uFFFD') || s != watermillbus.MetadataKey && len(s) > 10 && s[:10] == "wireproof-" {
			return false
		}
	}
	return true
}

// What a handler of Watermill changes of the metadata is changed of the headers, and
// the others stay as they are.
func TestChangedMetadata(t *testing.T) {
	m := &event.Message{Topic: "t", Headers: event.Headers{
		{Key: "twice", Value: []byte("1")}, {Key: "twice", Value: []byte("2")}, {Key: "bytes", Value: []byte{255}},
		{Key: "gone", Value: nil}, {Key: "changed", Value: []byte("old")},
	}}
	w := watermillbus.ToWatermill(m, "u")
	delete(w.Metadata, "gone")
	w.Metadata["changed"], w.Metadata["new"] = "now", "x"
	got, err := watermillbus.FromWatermill("t", w)
	want := event.Headers{
		{Key: "twice", Value: []byte("1")}, {Key: "twice", Value: []byte("2")}, {Key: "bytes", Value: []byte{255}},
		{Key: "changed", Value: []byte("now")}, {Key: "new", Value: []byte("x")},
	}
	if err != nil || !slices.EqualFunc(got.Headers, want, func(a, b event.Header) bool { return a.Key == b.Key && bytes.Equal(a.Value, b.Value) }) {
		t.Errorf("headers %v (%v), want %v", got, err, want)
	}
}

func TestDamagedMetadata(t *testing.T) {
	for key, value := range map[string]string{
		"wireproof-key-base64": "%", "wireproof-headers": "{", "wireproof-time": "noon", watermillbus.HeaderUUID: "x",
	} {
		m := message.NewMessage("u", nil)
		m.Metadata[key] = value
		if _, err := watermillbus.FromWatermill("t", m); err == nil {
			t.Errorf("metadata %s=%s: no error", key, value)
		}
		r := &eventtest.Recorder{}
		if err := watermillbus.NewPublisher(r).Publish("t", message.NewMessage("first", nil), m); err == nil || len(r.Messages()) > 0 {
			t.Errorf("publish with metadata %s=%s: error %v and %d messages, want one and none", key, value, err, len(r.Messages()))
		}
	}
}

// A handler of Watermill runs under our runtime: what it returns is published, its
// errors take the policy, and the dead letter is the message as it came.
func TestHandlerUnderRun(t *testing.T) {
	bus := membus.New()
	t.Cleanup(func() { _ = bus.Close(context.Background()) }) // after run's
	handler := watermillbus.Handler(func(m *message.Message) ([]*message.Message, error) {
		if string(m.Payload) == "bad" {
			return nil, errors.New("no")
		}
		if d, ok := watermillbus.DeliveryOf(m.Context()); !ok || d.Group != "billing" {
			t.Errorf("delivery %+v, want that of group billing", d)
		}
		out := message.NewMessage("bill of "+m.UUID, m.Payload)
		out.Metadata.Set(watermillbus.MetadataKey, m.Metadata.Get(watermillbus.MetadataKey))
		return []*message.Message{out}, nil
	}, bus, "bills")
	for _, payload := range []string{"bad", "good"} {
		m := message.NewMessage("u-"+payload, []byte(payload))
		m.Metadata.Set(watermillbus.MetadataKey, "k")
		if err := watermillbus.NewPublisher(bus).Publish("orders", m); err != nil {
			t.Fatal(err)
		}
	}
	run(t, bus.Group("billing"), "orders", handler, event.RetryLevels(time.Millisecond))
	got := receiveOf(t, bus.Group("watch"), "bills")
	if id, _ := got.Headers.Get(watermillbus.HeaderUUID); string(id) != "bill of u-good" || string(got.Key) != "k" {
		t.Errorf("published %+v, want the bill of u-good with key k", got.Message)
	}
	letter := receiveOf(t, bus.Group("watch"), event.DeadLetterTopic("orders", "billing"))
	if id, _ := letter.Headers.Get(watermillbus.HeaderUUID); string(id) != "u-bad" || string(letter.Payload) != "bad" {
		t.Errorf("dead letter %+v, want u-bad", letter.Message)
	}
}

// run starts event.Run and ends it with the test.
func run(t *testing.T, g event.Group, topic string, h event.Handler, opts ...event.ConsumerOption) {
	t.Helper()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := event.Run(t.Context(), g, []string{topic}, h, opts...); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	t.Cleanup(func() { <-ended })
}
