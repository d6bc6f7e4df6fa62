package generate_test

import (
	"strings"
	"testing"

	"github.com/wireproof/wireproof/internal/generate"
)

func topic(events ...generate.TopicEvent) generate.Topic {
	return generate.Topic{Name: "orders", Package: "orders", Events: events}
}

func event(name, goType string) generate.TopicEvent {
	return generate.TopicEvent{Name: name, GoType: goType, TypeFunc: goType + "Type", Package: "ordersv1", ImportPath: "x/gen/orders/v1", Subject: "orders-" + name}
}

func TestTopicFile(t *testing.T) {
	keyed := event("o.Placed", "Placed")
	keyed.KeyField, keyed.KeyExpr, keyed.Doc = "order_id", "[]byte(e.OrderID)", "An order was placed.\n\nMore words."
	f, err := generate.TopicFile(topic(keyed, event("o.Shipped", "Shipped")))
	if err != nil {
		t.Fatal(err)
	}
	text := string(f.Data)
	if f.Path != "orders/orders.event.go" {
		t.Errorf("path = %s", f.Path)
	}
	for _, want := range []string{
		generate.Header, "// An order was placed.\n//\n// More words.", "func PlacedKey(e *ordersv1.Placed) []byte",
		`ordersv1 "x/gen/orders/v1"`, "type Handler interface", "type Ignore struct", "type Fake struct", "with the same\n// order_id arrive",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the file does not contain %q", want)
		}
	}
	if strings.Contains(text, "ShippedKey") {
		t.Error("an event without key has a key function")
	}
	again, err := generate.TopicFile(topic(keyed, event("o.Shipped", "Shipped")))
	if err != nil || string(again.Data) != text {
		t.Error("the same input gives other bytes")
	}
}

func TestTopicNameClash(t *testing.T) {
	for want, events := range map[string][]generate.TopicEvent{
		"a.Placed and b.Placed would both be the method Placed":            {event("a.Placed", "Placed"), event("b.Placed", "Placed")},
		"a.Placed and a.PlacedBatch would both be the method PlacedBatch":  {event("a.Placed", "Placed"), event("a.PlacedBatch", "PlacedBatch")},
		"a.PlacedMessage and a.Placed would both be":                       {event("a.PlacedMessage", "PlacedMessage"), event("a.Placed", "Placed")},
		"a.Deleted would be the method Deleted, which every topic package": {event("a.Deleted", "Deleted")},
	} {
		if _, err := generate.TopicFile(topic(events...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want %q", err, want)
		}
	}
}
