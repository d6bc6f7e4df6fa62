package watermillbus_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/pubsub/tests"
	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/event/redisbus"
)

// server returns what the environment names, or skips the test.
func server(t *testing.T, name string) string {
	t.Helper()
	if os.Getenv(name) == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatalf("%s is not set, and services are required", name)
		}
		t.Skipf("%s is not set", name)
	}
	return os.Getenv(name)
}

// A stream is in order for one member.
func TestUniversalSuiteOverRedis(t *testing.T) {
	options, err := redis.ParseURL(server(t, "REDIS_URL"))
	if err != nil {
		t.Fatal(err)
	}
	universal(t, tests.Features{ConsumerGroups: true, Persistent: true, GuaranteedOrder: true, GuaranteedOrderWithSingleSubscriber: true},
		func(t *testing.T) event.Bus {
			client := redis.NewClient(options)
			t.Cleanup(func() { _ = client.Close() })
			bus, err := redisbus.Open(t.Context(), client, redisbus.Config{MakeTopics: true})
			if err != nil {
				t.Fatal(err)
			}
			return bus
		})
}

func TestUniversalSuiteOverKafka(t *testing.T) {
	brokers := strings.Split(server(t, "KAFKA_BROKERS"), ",")
	universal(t, tests.Features{ConsumerGroups: true, Persistent: true}, func(t *testing.T) event.Bus {
		bus, err := kafkabus.Open(context.Background(), kafkabus.Config{Brokers: brokers})
		if err != nil {
			t.Fatal(err)
		}
		return bus
	})
}
