package faults

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/amqpbus"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/event/natsbus"
	"github.com/wireproof/wireproof/event/redisbus"
	"github.com/wireproof/wireproof/test/nettest"
)

// networks is where each transport has its server, and how it is reached at
// another address than that.
var networks = map[string]struct {
	env     string
	ordered bool // a key keeps its order when messages come again
	open    func(ctx context.Context, u *url.URL) (event.Bus, error)
}{
	"kafka": {"KAFKA_BROKERS", true, func(ctx context.Context, u *url.URL) (event.Bus, error) {
		return kafkabus.Open(ctx, kafkabus.Config{Brokers: []string{u.Host}, SessionTimeout: 3 * time.Second, RevokeGrace: 2 * time.Second})
	}},
	"nats": {"NATS_URL", false, func(ctx context.Context, u *url.URL) (event.Bus, error) {
		return natsbus.Open(ctx, natsbus.Config{Servers: []string{u.String()}, AckWait: 2 * time.Second})
	}},
	"rabbitmq": {"AMQP_URL", true, func(ctx context.Context, u *url.URL) (event.Bus, error) {
		return amqpbus.Open(ctx, amqpbus.Config{URLs: []string{u.String()}, Heartbeat: time.Second})
	}},
	"redis": {"REDIS_URL", false, func(ctx context.Context, u *url.URL) (event.Bus, error) {
		o, err := redis.ParseURL(u.String())
		if err != nil {
			return nil, err
		}
		return redisbus.Open(ctx, redis.NewClient(o), redisbus.Config{ClaimAfter: 2 * time.Second})
	}},
}

// Connections that are cut, reset, silent and slow, while messages are published
// and handled over them: nothing that was acknowledged is lost, and Run goes on. Where
// the transport keeps order when messages come again, none comes for the first time
// before those that went before it in its key.
func TestNetwork(t *testing.T) {
	t.Parallel()
	for name, n := range networks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := os.Getenv(n.env)
			if address == "" {
				if os.Getenv("REQUIRE_SERVICES") == "1" {
					t.Fatalf("%s names no server", n.env)
				}
				t.Skipf("%s names no server", n.env)
			}
			if !strings.Contains(address, "://") {
				address = "tcp://" + address
			}
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			w := nettest.New(t, u.Host, name == "kafka")
			u.Host = w.Addr()
			bus, err := n.open(t.Context(), u)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				if err := bus.Close(ctx); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			nettest.Storm(t, w, bus, nettest.Load{Keys: 20, Ordered: n.ordered, Work: 200})
		})
	}
}
