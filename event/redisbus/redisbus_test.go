package redisbus_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventtest"
	"github.com/wireproof/wireproof/event/redisbus"
)

// client connects to the server that REDIS_URL names. Without one the test is
// skipped, or fails where services are required.
func client(t testing.TB) redis.UniversalClient {
	t.Helper()
	u := os.Getenv("REDIS_URL")
	if u == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatal("REDIS_URL is not set, and services are required")
		}
		t.Skip("REDIS_URL is not set")
	}
	return clientOf(t, u)
}

func clientOf(t testing.TB, url string) redis.UniversalClient {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func open(t testing.TB, c redis.UniversalClient, config redisbus.Config) *redisbus.Bus {
	t.Helper()
	bus, err := redisbus.Open(t.Context(), c, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := bus.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return bus
}

func makeTopic(t testing.TB, bus event.Bus, topic string) {
	t.Helper()
	if err := bus.(event.TopicMaker).MakeTopic(t.Context(), topic, ""); err != nil {
		t.Fatal(err)
	}
}

// A stream has one lane, which its members share: no partitions.
func TestConformance(t *testing.T) {
	client(t)
	for name, config := range map[string]redisbus.Config{"plain": {}, "trimmed": {MaxLen: 100, MaxAge: time.Millisecond}} {
		t.Run(name, func(t *testing.T) {
			connect := func(t *testing.T) event.Bus { return open(t, client(t), config) }
			eventtest.Run(t, eventtest.Bus{
				New:       connect,
				Reconnect: connect,
				MakeTopic: func(t *testing.T, b event.Bus, topic string, _ int) { makeTopic(t, b, topic) },
				Refuse: func(t *testing.T, _ event.Bus, topic string) { // a key of another type
					if err := client(t).Set(t.Context(), "wireproof:"+topic, "no stream", time.Minute).Err(); err != nil {
						t.Error(err)
					}
				},
				KeyOrder: true, // with one member
				Shared:   true,
				Late:     config.MaxAge == 0,
				Wait:     90 * time.Second,
			})
		})
	}
}
