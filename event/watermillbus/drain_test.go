package watermillbus_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/event/watermillbus"
)

// Close waits for the Ack of what was handed over, which is settled; what has none
// when the drain is over is delivered to the next member.
func TestCloseDrains(t *testing.T) {
	for name, acks := range map[string]bool{"acknowledged in time": true, "not acknowledged": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := membus.New(membus.Partitions(1))
				pub := watermillbus.NewPublisher(bus)
				if err := pub.Publish("t", message.NewMessage("1", nil), message.NewMessage("2", nil)); err != nil {
					t.Fatal(err)
				}
				config := watermillbus.SubscriberConfig{Drain: time.Minute}
				sub := watermillbus.NewSubscriber(bus.Group("g"), config)
				in, err := sub.Subscribe(t.Context(), "t")
				if err != nil {
					t.Fatal(err)
				}
				m := <-in
				begun := time.Now()
				if acks {
					time.AfterFunc(time.Second, func() { m.Ack() })
				}
				if err := sub.Close(); err != nil {
					t.Fatal(err)
				}
				want, next := time.Second, "2"
				if !acks {
					want, next = time.Minute, "1"
				}
				if took := time.Since(begun); took != want {
					t.Errorf("close took %v of the clock, want %v", took, want)
				}
				if m.Context().Err() == nil {
					t.Error("the context of a message outlives its subscriber")
				}
				if m, open := <-in; open {
					t.Errorf("message %s was handed over after Close", m.UUID)
				}
				if _, err := sub.Subscribe(t.Context(), "t"); err == nil {
					t.Error("subscribe after Close: no error")
				}
				if d := receiveOf(t, bus.Group("g"), "t"); uuid(d) != next {
					t.Errorf("the next member gets %s, want %s", uuid(d), next)
				}
			})
		})
	}
}

func uuid(d *event.Delivery) string {
	id, _ := d.Headers.Get(watermillbus.HeaderUUID)
	return string(id)
}

// receiveOf returns the first message that g gets of topic.
func receiveOf(t *testing.T, g event.Group, topic string) *event.Delivery {
	t.Helper()
	src, err := g.Open(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close(t.Context()) }()
	b, err := src.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b.Deliveries[0]
}

// What a lane has handed over when it goes to another member is waited for: that one
// begins when it has its Ack or Nack, or the bus waits no longer.
func TestLostLaneIsReleasedWithItsLastAnswer(t *testing.T) {
	for name, answer := range map[string]func(*message.Message){
		"ack": func(m *message.Message) { m.Ack() }, "nack": func(m *message.Message) { m.Nack() }, "no answer": func(*message.Message) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := membus.New(membus.Partitions(2), membus.Grace(30*time.Second))
				if err := watermillbus.NewPublisher(bus).Publish("t", message.NewMessage("1", nil), message.NewMessage("2", nil)); err != nil {
					t.Fatal(err)
				}
				sub := watermillbus.NewSubscriber(bus.Group("g"), watermillbus.SubscriberConfig{Drain: time.Minute})
				in, err := sub.Subscribe(t.Context(), "t")
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // one of each partition, of which the next member gets one
					m := <-in
					time.AfterFunc(10*time.Second, func() { answer(m) })
				}
				begun := time.Now()
				receiveOf(t, bus.Group("g"), "t")
				want := 10 * time.Second
				if name == "no answer" {
					want = 30 * time.Second
				}
				if took := time.Since(begun); took != want {
					t.Errorf("the next member began after %v of the clock, want %v", took, want)
				}
				if err := sub.Close(); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// A lane waits for its Ack and no other lane does; what a lane holds is bounded.
func TestLanesDoNotWaitForOneAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := membus.New(membus.Partitions(2))
		var ms []*message.Message
		for range 2000 { // without a key they take turns
			ms = append(ms, message.NewMessage("u", nil))
		}
		if err := watermillbus.NewPublisher(bus).Publish("t", ms...); err != nil {
			t.Fatal(err)
		}
		sub := watermillbus.NewSubscriber(bus.Group("g"), watermillbus.SubscriberConfig{Drain: time.Second})
		in, err := sub.Subscribe(t.Context(), "t")
		if err != nil {
			t.Fatal(err)
		}
		held := <-in
		stuck, _ := watermillbus.DeliveryOf(held.Context())
		for range 1000 {
			m := <-in
			if d, _ := watermillbus.DeliveryOf(m.Context()); d.Partition == stuck.Partition {
				t.Fatalf("offset %d was handed over before the Ack of %d", d.Offset, stuck.Offset)
			}
			m.Ack()
		}
		held.Nack()
		again := <-in
		if d, _ := watermillbus.DeliveryOf(again.Context()); d.Partition != stuck.Partition || d.Offset != stuck.Offset {
			t.Errorf("after a Nack of offset %d came %d", stuck.Offset, d.Offset)
		}
		again.Ack()
		if err := sub.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
