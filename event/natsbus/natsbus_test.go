package natsbus_test

import (
	"context"
	"os"
	"testing"
	"time"

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
func suite(t *testing.T, connect func(t *testing.T) event.Bus) {
	eventtest.Run(t, eventtest.Bus{
		New:       connect,
		Reconnect: connect,
		MakeTopic: func(t *testing.T, b event.Bus, topic string, _ int) { makeTopic(t, b, topic) },
		KeyOrder:  true, // these tests have one member
		Late:      true,
		Wait:      90 * time.Second,
	})
}

func TestConformanceEmbedded(t *testing.T) {
	for name, config := range map[string]natsbus.Config{
		"pull": {}, "push": {Push: true}, "double ack": {DoubleAck: true}, "memory": {Memory: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := embedded(t, t.TempDir())
			suite(t, func(t *testing.T) event.Bus { return on(t, s, config) })
		})
	}
}

func TestConformanceOnServer(t *testing.T) {
	u := url(t, "NATS_URL")
	suite(t, func(t *testing.T) event.Bus { return open(t, natsbus.Config{Servers: []string{u}}) })
}

// The oldest server that Debian has still keeps every promise.
func TestConformanceOnOldServer(t *testing.T) {
	u := url(t, "NATS29_URL")
	suite(t, func(t *testing.T) event.Bus { return open(t, natsbus.Config{Servers: []string{u}}) })
}
