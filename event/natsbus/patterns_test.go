package natsbus_test

import (
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/natsbus"
)

func topicsOf(ds []*event.Delivery) []string {
	var out []string
	for _, d := range ds {
		out = append(out, d.Topic)
	}
	slices.Sort(out)
	return out
}

func one(topic string) *event.Message { return &event.Message{Topic: topic, Payload: []byte("x")} }

// A pattern stands for the topics that match, also those that are made later, and
// for no dead letters.
func TestPatterns(t *testing.T) {
	bus := on(t, embedded(t, t.TempDir()), natsbus.Config{Discover: 50 * time.Millisecond})
	for _, topic := range []string{"orders.placed", "orders.paid", "orders.eu.paid", "bills.placed", "orders.placed.g.dlq", "orders.placed.g.retry.1"} {
		makeTopic(t, bus, topic)
		if err := bus.Publish(t.Context(), one(topic)); err != nil {
			t.Fatal(err)
		}
	}
	star := member(t, bus, "star", "orders.*")
	all := member(t, bus, "all", "orders.>")
	again := member(t, bus, "again", "orders.>.g.retry.1")
	makeTopic(t, bus, "orders.late")
	if err := bus.Publish(t.Context(), one("orders.late")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		src  event.Source
		want []string
	}{
		"orders.*": {star, []string{"orders.late", "orders.paid", "orders.placed"}},
		"orders.>": {all, []string{"orders.eu.paid", "orders.late", "orders.paid", "orders.placed"}},
		"retries":  {again, []string{"orders.placed.g.retry.1"}},
	} {
		ds, _ := take(t, c.src, len(c.want), true)
		if got := topicsOf(ds); !slices.Equal(got, c.want) {
			t.Errorf("%s gets %v, want %v", name, got, c.want)
		}
	}
}

// A topic that a stream of somebody else holds among others is read and written
// there; what the runtime puts aside goes there too, and a pattern leaves it out.
func TestStreamOfManyTopics(t *testing.T) {
	s := embedded(t, t.TempDir(), natsbus.Listen("127.0.0.1", 0))
	nc, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ALL", Subjects: []string{"orders.>", "bills.paid"}}); err != nil {
		t.Fatal(err)
	}
	// Another program, with headers of its own.
	theirs := nats.NewMsg("orders.paid")
	theirs.Header["Trace"] = []string{"1", "2"}
	theirs.Data = []byte("theirs")
	if _, err := js.PublishMsg(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	bus := on(t, s, natsbus.Config{})
	makeTopic(t, bus, "orders.placed")
	for _, topic := range []string{"orders.placed", "orders.placed.g.dlq", "bills.paid"} {
		if err := bus.Publish(t.Context(), one(topic)); err != nil {
			t.Fatal(err)
		}
	}
	ds, _ := take(t, member(t, bus, "g", "orders.>"), 2, true)
	if got := topicsOf(ds); !slices.Equal(got, []string{"orders.paid", "orders.placed"}) {
		t.Errorf("orders.> gets %v", got)
	}
	if h := ds[0].Headers; len(h) != 2 || string(h[0].Value)+string(h[1].Value) != "12" || ds[0].Key != nil {
		t.Errorf("the message of another program has key %v and headers %v, want none and both", ds[0].Key, h)
	}
	ds, _ = take(t, member(t, bus, "g", "bills.paid"), 1, true)
	if got := topicsOf(ds); !slices.Equal(got, []string{"bills.paid"}) {
		t.Errorf("bills.paid gets %v", got)
	}
	if l, err := bus.Lag(t.Context(), "late", "orders.placed", "bills.paid"); err != nil || len(l) != 2 || l[0].Messages != 1 || l[1].Messages != 1 || l[1].Oldest.IsZero() {
		t.Errorf("lag of a group that comes late: %+v, %v; want one message of each topic", l, err)
	}
	if l, err := bus.Lag(t.Context(), "g", "orders.>"); err == nil {
		t.Errorf("lag of a pattern: %+v", l)
	}
	if got := stored(t, bus, "orders.placed.g.dlq"); len(got) != 1 {
		t.Errorf("%d dead letters, want 1", len(got))
	}
}
