package kafkabus_test

import (
	"context"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventtest"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
)

func open(t testing.TB, conf kafkabus.Config) *kafkabus.Bus {
	t.Helper()
	bus, err := kafkabus.Open(context.Background(), conf)
	if err != nil {
		t.Fatal(err)
	}
	return bus
}

// makeTopic creates a topic with that many partitions.
func makeTopic(t testing.TB, brokers []string, topic string, partitions int) {
	t.Helper()
	admin, err := sarama.NewClusterAdmin(brokers, sarama.NewConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: int32(partitions), ReplicationFactor: 1}, false); err != nil {
		t.Fatal(err)
	}
	// A new topic has no leaders at once.
	bus := open(t, kafkabus.Config{Brokers: brokers})
	if err := bus.MakeTopic(t.Context(), topic, ""); err != nil {
		t.Fatal(err)
	}
	if err := bus.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// takeSmall makes messages of more than 1000 bytes too large for a topic, and waits
// until its leader knows.
func takeSmall(t *testing.T, b event.Bus, topic string) {
	bus := b.(*kafkabus.Bus)
	if err := bus.ConfigureTopic(t.Context(), topic, map[string]string{"max.message.bytes": "1000"}); err != nil {
		t.Error(err)
	}
	large := &event.Message{Topic: topic, Payload: make([]byte, 2000)}
	for t.Context().Err() == nil && bus.Publish(t.Context(), large) == nil {
	}
}

func suite(t *testing.T, brokers []string, balance ...kafkabus.Strategy) {
	connect := func(t *testing.T) event.Bus {
		return open(t, kafkabus.Config{Brokers: brokers, RevokeGrace: 5 * time.Second, Balance: balance})
	}
	eventtest.Run(t, eventtest.Bus{
		New:        connect,
		Reconnect:  connect,
		MakeTopic:  func(t *testing.T, _ event.Bus, topic string, n int) { makeTopic(t, brokers, topic, n) },
		Refuse:     takeSmall,
		KeyOrder:   true,
		Partitions: true,
		Late:       true,
		Wait:       90 * time.Second,
	})
}

func TestConformance(t *testing.T) { suite(t, kafkatest.Fake(t)) }

func TestConformanceOnKafka(t *testing.T) { suite(t, kafkatest.Real(t)) }
