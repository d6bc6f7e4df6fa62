package natsbus_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventtest"
	"github.com/wireproof/wireproof/event/natsbus"
)

// embedded starts a server in dir, which ends with the test.
func embedded(t testing.TB, dir string, opts ...natsbus.ServerOption) *natsbus.Server {
	t.Helper()
	s, err := natsbus.Embedded(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// on opens a bus on an embedded server.
func on(t testing.TB, s *natsbus.Server, config natsbus.Config) *natsbus.Bus {
	t.Helper()
	bus, err := s.Open(t.Context(), config)
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

func open(t testing.TB, config natsbus.Config) *natsbus.Bus {
	t.Helper()
	bus, err := natsbus.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close(context.Background()) })
	return bus
}

// url returns the server that a variable names. Without one the test is skipped,
// or fails where services are required.
func url(t testing.TB, variable string) string {
	t.Helper()
	u := os.Getenv(variable)
	if u == "" {
		if os.Getenv("REQUIRE_SERVICES") == "1" {
			t.Fatalf("%s is not set, and services are required", variable)
		}
		t.Skipf("%s is not set", variable)
	}
	return u
}

func makeTopic(t testing.TB, bus event.Bus, topic string) {
	t.Helper()
	if err := bus.(event.TopicMaker).MakeTopic(t.Context(), topic, ""); err != nil {
		t.Fatal(err)
	}
}

// suite runs the promises of every transport. A stream has one lane, which its
// members share: no partitions.
func suite(t *testing.T, connect func(t *testing.T) event.Bus, server func() string) {
	eventtest.Run(t, eventtest.Bus{
		New:       connect,
		Reconnect: connect,
		MakeTopic: func(t *testing.T, b event.Bus, topic string, _ int) { makeTopic(t, b, topic) },
		Refuse: func(t *testing.T, _ event.Bus, topic string) {
			if err := takeNothing(t.Context(), server(), topic); err != nil {
				t.Error(err)
			}
		},
		KeyOrder: true, // with one member
		Shared:   true,
		Late:     true,
		Wait:     90 * time.Second,
	})
}

// takeNothing makes each message too large for the stream of a topic.
func takeNothing(ctx context.Context, server, topic string) error {
	nc, err := nats.Connect(server)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	name, err := js.StreamNameBySubject(ctx, topic)
	if err != nil {
		return err
	}
	s, err := js.Stream(ctx, name)
	if err != nil {
		return err
	}
	config := s.CachedInfo().Config
	config.MaxMsgSize = 1
	_, err = js.UpdateStream(ctx, config)
	return err
}

func TestConformanceEmbedded(t *testing.T) {
	for name, config := range map[string]natsbus.Config{
		"pull": {}, "push": {Push: true}, "double ack": {DoubleAck: true}, "memory": {Memory: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := embedded(t, t.TempDir(), natsbus.Listen("127.0.0.1", 0))
			suite(t, func(t *testing.T) event.Bus { return on(t, s, config) }, s.URL)
		})
	}
}

func TestConformanceOnServer(t *testing.T) {
	u := url(t, "NATS_URL")
	suite(t, func(t *testing.T) event.Bus { return open(t, natsbus.Config{Servers: []string{u}}) }, func() string { return u })
}

// The oldest server that Debian has still keeps every promise.
func TestConformanceOnOldServer(t *testing.T) {
	u := url(t, "NATS29_URL")
	suite(t, func(t *testing.T) event.Bus { return open(t, natsbus.Config{Servers: []string{u}}) }, func() string { return u })
}
