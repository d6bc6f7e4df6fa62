package amqpbus_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/amqpbus"
	"github.com/wireproof/wireproof/event/eventtest"
)

// broker returns the URL of the broker that AMQP_URL names. Without it the test is
// skipped, or fails where REQUIRE_SERVICES is 1.
func broker(t testing.TB) string {
	t.Helper()
	url := os.Getenv("AMQP_URL")
	if url == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("AMQP_URL is not set, and REQUIRE_SERVICES is 1")
		}
		t.Skip("AMQP_URL is not set; make integration starts a broker")
	}
	return url
}

func open(t testing.TB, c amqpbus.Config) *amqpbus.Bus {
	t.Helper()
	if c.URLs == nil {
		c.URLs = []string{broker(t)}
	}
	bus, err := amqpbus.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = bus.Close(ctx)
	})
	return bus
}

func makeTopic(t testing.TB, b *amqpbus.Bus) string {
	t.Helper()
	name := fmt.Sprintf("t-%016x", rand.Uint64())
	if err := b.MakeTopic(t.Context(), name, ""); err != nil {
		t.Fatal(err)
	}
	return name
}

// join opens a group and closes the source at the end.
func join(t testing.TB, b *amqpbus.Bus, group string, topics ...string) event.Source {
	t.Helper()
	s, err := b.Group(group).Open(t.Context(), topics...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	return s
}

func suite(t *testing.T, config amqpbus.Config) {
	config.URLs = []string{broker(t)}
	connect := func(t *testing.T) event.Bus {
		bus, err := amqpbus.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		return bus
	}
	eventtest.Run(t, eventtest.Bus{
		New:       connect,
		Reconnect: connect,
		MakeTopic: func(t *testing.T, b event.Bus, topic string, _ int) {
			if err := b.(event.TopicMaker).MakeTopic(t.Context(), topic, ""); err != nil {
				t.Fatal(err)
			}
		},
		Refuse: func(t *testing.T, _ event.Bus, topic string) { // no queue takes it
			if _, err := raw(t).QueueDelete(topic, false, false, false); err != nil {
				t.Error(err)
			}
		},
		KeyOrder:          true,
		Shared:            config.Queue == nil, // or else one consumer is active
		Unanswered:        256,                 // the default of Prefetch
		BrowseDeadLetters: true,
		Wait:              90 * time.Second,
	})
}

func TestConformance(t *testing.T) { suite(t, amqpbus.Config{}) }

func TestConformanceOnClassicQueues(t *testing.T) {
	suite(t, amqpbus.Config{
		Prefetch: 60, InFlight: 7,
		Topic: func(string) amqpbus.Topic { return amqpbus.Topic{Kind: "headers"} },
		Queue: func(string, string) amqpbus.Queue {
			return amqpbus.Queue{Type: "classic", MaxPriority: 5, SingleActive: true}
		},
	})
}
