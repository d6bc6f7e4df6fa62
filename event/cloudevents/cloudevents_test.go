package cloudevents_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/cloudevents"
	"github.com/wireproof/wireproof/event/membus"
)

var bindings = map[string]cloudevents.Binding{
	"kafka": cloudevents.Kafka, "nats": cloudevents.NATS, "amqp": cloudevents.AMQP, "pubsub": cloudevents.PubSub,
}

// publish publishes m with an envelope and returns it as it arrived.
func publish(t *testing.T, m *event.Message, opts ...cloudevents.Option) (*event.Message, error) {
	t.Helper()
	bus := membus.New()
	p, err := cloudevents.Publisher(bus, "/shop", opts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Publish(t.Context(), m); err != nil {
		if n := len(bus.Messages(m.Topic)); n > 0 {
			t.Errorf("%d messages of a call that failed are published", n)
		}
		return nil, err
	}
	got := bus.Messages(m.Topic)
	if len(got) != 1 {
		t.Fatalf("%d messages, want 1", len(got))
	}
	return &got[0], nil
}

// What is published reads back the same in every binding, whatever is in the
// values, and payload and other headers stay as they were.
func TestRoundTrip(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 17, time.UTC)
	for name, b := range bindings {
		t.Run(name, func(t *testing.T) {
			m := &event.Message{
				Topic: "orders", Type: "orders.v1.OrderPlaced", Time: at, Payload: []byte{0, 0, 0, 1, 7, 9},
				Headers: event.Headers{{Key: event.HeaderID, Value: []byte(`50% "é" € ` + "\U0001F600")}, {Key: "own", Value: []byte{0xff}}},
			}
			got, err := publish(t, m, cloudevents.Over(b), cloudevents.ContentType("application/avro"),
				cloudevents.Attribute("dataschema", cloudevents.SchemaAt("http://registry.example/")),
				cloudevents.Attribute("partitionkey", func(*event.Message) string { return "k %20" }),
				cloudevents.Attribute("subject", func(*event.Message) string { return "" }))
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Headers) != 2 || string(got.Payload) != string(m.Payload) {
				t.Errorf("the caller's headers are %v, the payload %x", m.Headers, got.Payload)
			}
			if own, _ := got.Headers.Get("own"); string(own) != "\xff" {
				t.Errorf("the header of the message itself is %x", own)
			}
			a, ok, err := b.Of(got.Headers)
			want := cloudevents.Attributes{
				ID: string(m.Headers[0].Value), Source: "/shop", Type: m.Type, Time: at, DataContentType: "application/avro",
				DataSchema: "http://registry.example/schemas/ids/263", Extensions: map[string]string{"partitionkey": "k %20"},
			}
			if d := cmp.Diff(want, a); !ok || err != nil || d != "" {
				t.Errorf("read %v, %v: %s", ok, err, d)
			}
		})
	}
}

// An event that is published twice is one to a dedupe and an inbox, in every
// binding; two events are two.
func TestDeliveryID(t *testing.T) {
	for name, b := range bindings {
		t.Run(name, func(t *testing.T) {
			m := &event.Message{Topic: "orders", Type: "orders.v1.OrderPlaced", Payload: []byte("x")}
			ids := map[string]int{}
			for i := range 2 {
				got, err := publish(t, m, cloudevents.Over(b))
				if err != nil {
					t.Fatal(err)
				}
				for j := range 2 {
					d := &event.Delivery{Message: *got, Offset: int64(2*i + j)}
					ids[d.ID()]++
				}
			}
			if len(ids) != 2 {
				t.Errorf("two events, each at two places, are named %v", ids)
			}
			for id, n := range ids {
				if n != 2 || !strings.HasPrefix(id, "/shop#") {
					t.Errorf("%s names %d deliveries, want source and id of an event that was delivered twice", id, n)
				}
			}
		})
	}
}

// An event without an id of its own gets one that no other has, and without a time
// that of its publication.
func TestMadeUp(t *testing.T) {
	before, seen := time.Now().Add(-time.Second), map[string]bool{}
	for range 3 {
		got, err := publish(t, &event.Message{Topic: "orders", Type: "T", Payload: []byte{}})
		if err != nil {
			t.Fatal(err)
		}
		a, ok, err := cloudevents.Kafka.Of(got.Headers)
		if !ok || err != nil || seen[a.ID] || len(a.ID) < 20 || a.Time.Before(before) || a.Time.After(time.Now().Add(time.Second)) {
			t.Errorf("%+v, %v, %v", a, ok, err)
		}
		seen[a.ID] = true
	}
}

// Tombstones and what has an envelope pass as they are.
func TestPassing(t *testing.T) {
	got, err := publish(t, &event.Message{Topic: "orders", Key: []byte("k")})
	if err != nil || len(got.Headers) != 0 || got.Payload != nil {
		t.Errorf("a tombstone became %+v, %v", got, err)
	}
	first, err := publish(t, &event.Message{Topic: "orders", Type: "T", Payload: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := publish(t, &event.Message{Topic: "orders", Payload: []byte("x"), Headers: first.Headers})
	if err != nil || cmp.Diff(first.Headers, again.Headers) != "" {
		t.Errorf("an envelope changed from %v to %v, %v", first.Headers, again, err)
	}
}

// What CloudEvents does not allow is not published, nor is anything beside it.
func TestNotPublished(t *testing.T) {
	for want, m := range map[string]*event.Message{
		"no Type":      {Topic: "orders", Payload: []byte("x")},
		"attribute id": {Topic: "orders", Type: "T", Headers: event.Headers{{Key: event.HeaderID, Value: []byte("a\nb")}}},
		"is not UTF-8": {Topic: "orders", Type: "\xff", Payload: []byte("x")},
	} {
		bus := membus.New()
		p, err := cloudevents.Publisher(bus, "/shop")
		if err != nil {
			t.Fatal(err)
		}
		good := &event.Message{Topic: "orders", Type: "T", Payload: []byte("x")}
		err = p.Publish(t.Context(), good, m)
		var pe *event.PublishError
		if !errors.As(err, &pe) || len(pe.Failed) != 2 || pe.Failed[0].Message != good || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want both messages and %q", err, want)
		}
		if n := len(bus.Messages("orders")); n != 0 {
			t.Errorf("%d messages are published beside what was refused", n)
		}
	}
}

func TestMistakes(t *testing.T) {
	text := func(*event.Message) string { return "x" }
	bus := membus.New()
	for want, make := range map[string]func() (event.Publisher, error){
		"wants a publisher":    func() (event.Publisher, error) { return cloudevents.Publisher(nil, "/shop") },
		"the source is \"\"":   func() (event.Publisher, error) { return cloudevents.Publisher(bus, "") },
		"want a URI reference": func() (event.Publisher, error) { return cloudevents.Publisher(bus, "a\x00b") },
		"is set by": func() (event.Publisher, error) {
			return cloudevents.Publisher(bus, "/shop", cloudevents.Attribute("type", text))
		},
		"lower-case letters": func() (event.Publisher, error) {
			return cloudevents.Publisher(bus, "/shop", cloudevents.Attribute("Key", text))
		},
		"wants a function": func() (event.Publisher, error) {
			return cloudevents.Publisher(bus, "/shop", cloudevents.Attribute("key", nil))
		},
		"this one is empty": func() (event.Publisher, error) {
			return cloudevents.Publisher(bus, "/shop", cloudevents.Over(cloudevents.Binding{}))
		},
		"want a media type": func() (event.Publisher, error) {
			return cloudevents.Publisher(bus, "/shop", cloudevents.ContentType(""))
		},
		"subject is given twice": func() (event.Publisher, error) {
			return cloudevents.Publisher(bus, "/shop", cloudevents.Attribute("subject", text), cloudevents.Attribute("subject", text))
		},
	} {
		if p, err := make(); err == nil || p != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Headers that are no envelope are none, and one that is broken is an error that
// names what is wrong.
func TestOf(t *testing.T) {
	whole := map[string]string{"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/s", "ce_type": "T"}
	with := func(k, v string) map[string]string {
		m := maps.Clone(whole)
		m[k] = v
		return m
	}
	for _, c := range []struct {
		headers map[string]string
		ok      bool
		err     string
		binding string // kafka if empty
	}{
		{headers: whole, ok: true},
		{headers: map[string]string{"content-type": "text/plain", "ce_id": "1"}},
		{headers: map[string]string{"CE-SpecVersion": "1.0", "Ce-Id": "1", "ce-source": "/s", "ce-type": "T"}, ok: true, binding: "nats"},
		{headers: map[string]string{"CE-SpecVersion": "1.0", "Ce-Id": "1", "ce-source": "/s", "ce-type": "T"}},
		{headers: map[string]string{"cloudEvents_specversion": "1.0", "cloudEvents_id": "1", "cloudEvents_source": "/s", "cloudEvents_type": "T"}, ok: true, binding: "amqp"},
		{headers: with("ce_specversion", "0.3"), err: `specversion is "0.3"`},
		{headers: with("ce_source", ""), err: "no source"},
		{headers: with("ce_time", "yesterday"), err: "attribute time"},
		{headers: with("ce_a.b", "x"), err: "lower-case"},
		{headers: with("ce_x", "a\x00b"), err: "U+0000"},
		{headers: map[string]string{"content-type": "application/cloudevents+json; charset=UTF-8"}, err: "structured mode"},
	} {
		var h event.Headers
		for k, v := range c.headers {
			h = append(h, event.Header{Key: k, Value: []byte(v)})
		}
		b, other := bindings[c.binding]
		if !other {
			b = cloudevents.Kafka
		}
		a, ok, err := b.Of(h)
		if ok != c.ok || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%v: %+v, %v, %v; want %v, %q", c.headers, a, ok, err, c.ok, c.err)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add("ce_specversion", "1.0", "ce-id", "%E2%82%AC%2")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		for prefix, b := range map[string]cloudevents.Binding{"ce_": cloudevents.Kafka, "ce-": cloudevents.NATS, "cloudEvents:": cloudevents.AMQP} {
			h := event.Headers{
				{Key: prefix + "specversion", Value: []byte("1.0")}, {Key: prefix + "id", Value: []byte(v1)}, {Key: prefix + "source", Value: []byte(v2)},
				{Key: prefix + "type", Value: []byte(v1)}, {Key: k1, Value: []byte(v1)}, {Key: k2, Value: []byte(v2)},
			}
			a, ok, err := b.Of(h)
			if ok && (err != nil || a.ID == "" || a.Source == "" || a.Type == "") {
				t.Errorf("%v is read as %+v, %v", h, a, err)
			}
		}
	})
}

func ExamplePublisher() {
	bus := membus.New()
	pub, err := cloudevents.Publisher(bus, "https://shop.example/orders")
	if err != nil {
		panic(err)
	}
	// A generated publisher, orders.NewPublisher(ctx, pub, registry), gives the type.
	m := &event.Message{Topic: "orders", Type: "orders.v1.OrderPlaced", Payload: []byte("…")}
	if err := pub.Publish(context.Background(), m); err != nil {
		panic(err)
	}
	a, _, err := cloudevents.Kafka.Of(bus.Messages("orders")[0].Headers)
	fmt.Println(a.Type, a.Source, err)
	// Output: orders.v1.OrderPlaced https://shop.example/orders <nil>
}
