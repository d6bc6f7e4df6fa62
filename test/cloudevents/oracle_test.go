// Package cloudevents_test holds our envelope against the SDK of CloudEvents for
// Go: what we write it reads, and what it writes we read. It is a module of its
// own, so that the SDK is nobody else's dependency.
package cloudevents_test

import (
	"context"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	sdk "github.com/cloudevents/sdk-go/v2/event"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/cloudevents"
	"github.com/wireproof/wireproof/event/membus"
)

// at has nanoseconds: the attribute keeps them.
var at = time.Date(2026, 1, 31, 12, 0, 0, 123456789, time.UTC)

// text is what is awkward in a value.
const text = `50% "é" € ` + "\U0001F600"

func TestTheSDKReadsUs(t *testing.T) {
	bus := membus.New()
	pub, err := cloudevents.Publisher(bus, "/shop", cloudevents.ContentType("application/avro"),
		cloudevents.Attribute("subject", func(*event.Message) string { return text }),
		cloudevents.Attribute("dataschema", cloudevents.SchemaAt("http://registry.example")),
		cloudevents.Attribute("partitionkey", func(m *event.Message) string { return string(m.Key) }))
	if err != nil {
		t.Fatal(err)
	}
	m := &event.Message{
		Topic: "orders", Type: "orders.v1.OrderPlaced", Key: []byte("k"), Time: at, Payload: []byte{0, 0, 0, 0, 7, 9},
		Headers: event.Headers{{Key: event.HeaderID, Value: []byte(text)}},
	}
	if err := pub.Publish(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := bus.Messages("orders")[0]
	record := &sarama.ConsumerMessage{Key: got.Key, Value: got.Payload, Topic: "orders"}
	for _, h := range got.Headers {
		record.Headers = append(record.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	e, err := binding.ToEvent(context.Background(), kafka_sarama.NewMessageFromConsumerMessage(record))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	for what, pair := range map[string][2]string{
		"id": {e.ID(), text}, "source": {e.Source(), "/shop"}, "type": {e.Type(), m.Type}, "subject": {e.Subject(), text},
		"time": {e.Time().String(), at.String()}, "datacontenttype": {e.DataContentType(), "application/avro"},
		"dataschema":   {e.DataSchema(), "http://registry.example/schemas/ids/7"},
		"partitionkey": {e.Extensions()["partitionkey"].(string), "k"}, "data": {string(e.Data()), string(m.Payload)},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q to the SDK, want %q", what, pair[0], pair[1])
		}
	}
}

func TestWeReadTheSDK(t *testing.T) {
	e := sdk.New()
	e.SetID(text)
	e.SetSource("/shop")
	e.SetType("orders.v1.OrderPlaced")
	e.SetSubject(text)
	e.SetTime(at)
	e.SetDataSchema("http://registry.example/schemas/ids/7")
	e.SetExtension("partitionkey", "k")
	if err := e.SetData("application/avro", []byte{0, 0, 0, 0, 7, 9}); err != nil {
		t.Fatal(err)
	}
	record := &sarama.ProducerMessage{}
	if err := kafka_sarama.WriteProducerMessage(binding.WithForceBinary(t.Context()), binding.ToMessage(&e), record); err != nil {
		t.Fatal(err)
	}
	var h event.Headers
	for _, x := range record.Headers {
		h = append(h, event.Header{Key: string(x.Key), Value: x.Value})
	}
	a, ok, err := cloudevents.Kafka.Of(h)
	if !ok || err != nil {
		t.Fatalf("%v, %v: %v", ok, err, h)
	}
	if a.ID != text || a.Source != "/shop" || a.Type != "orders.v1.OrderPlaced" || a.Subject != text || !a.Time.Equal(at) ||
		a.DataSchema != e.DataSchema() || a.DataContentType != "application/avro" || a.Extensions["partitionkey"] != "k" || len(a.Extensions) != 1 {
		t.Errorf("%+v", a)
	}
}
