package pubsubbus_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/eventtest"
	"github.com/wireproof/wireproof/event/pubsubbus"
)

// emulatorHost is where Google's emulator is, if anywhere.
var emulatorHost = os.Getenv("PUBSUB_EMULATOR_HOST")

func TestMain(m *testing.M) {
	_ = os.Unsetenv("PUBSUB_EMULATOR_HOST") // it would go before the Config
	os.Exit(m.Run())
}

// fake starts the fake of Google's library in this process and returns a Config
// for it.
func fake(t testing.TB, opts ...pstest.ServerReactorOption) (*pstest.Server, pubsubbus.Config) {
	t.Helper()
	srv := pstest.NewServer(opts...)
	t.Cleanup(func() { _ = srv.Close() })
	return srv, at(srv.Addr)
}

// at returns a Config for a server that speaks plain text.
func at(address string) pubsubbus.Config {
	return pubsubbus.Config{Project: "p", Options: []option.ClientOption{
		option.WithEndpoint(address), option.WithoutAuthentication(), option.WithTelemetryDisabled(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
	}}
}

// emulator returns a Config for Google's emulator, or skips the test: it is not to
// be had everywhere.
func emulator(t testing.TB) pubsubbus.Config {
	t.Helper()
	if emulatorHost == "" {
		t.Skip("PUBSUB_EMULATOR_HOST is not set; make integration starts Google's emulator where it is installed")
	}
	return at(emulatorHost)
}

func open(t testing.TB, c pubsubbus.Config) *pubsubbus.Bus {
	t.Helper()
	bus, err := pubsubbus.Open(context.Background(), c)
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

func makeTopic(t testing.TB, b *pubsubbus.Bus) string {
	t.Helper()
	name := fmt.Sprintf("t-%016x", rand.Uint64())
	if err := b.MakeTopic(t.Context(), name, ""); err != nil {
		t.Fatal(err)
	}
	return name
}

// join opens a group and closes the source at the end.
func join(t testing.TB, b *pubsubbus.Bus, group string, topics ...string) event.Source {
	t.Helper()
	s, err := b.Group(group).Open(t.Context(), topics...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.WithoutCancel(t.Context())) })
	return s
}

// blind is a bus that cannot be browsed: the fake panics when it seeks.
type blind struct {
	event.Bus
	event.TopicMaker
}

func suite(t *testing.T, connect func(t *testing.T) event.Bus, promises eventtest.Bus) {
	promises.New, promises.Reconnect = connect, connect
	promises.MakeTopic = func(t *testing.T, b event.Bus, topic string, _ int) {
		if err := b.(event.TopicMaker).MakeTopic(t.Context(), topic, ""); err != nil {
			t.Fatal(err)
		}
	}
	promises.Wait = 3 * time.Minute
	eventtest.Run(t, promises)
}

// TestConformance is without order: the fake gives the next message of a key only
// when the one before it is settled, for which the suite does not wait.
func TestConformance(t *testing.T) {
	t.Parallel()
	_, config := fake(t)
	config.Unordered = true
	config.Streams = 10 // a stream gets a message each 10 ms
	suite(t, func(t *testing.T) event.Bus {
		bus, err := pubsubbus.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		return blind{bus, bus}
	}, eventtest.Bus{Shared: true})
}

func TestConformanceOnEmulator(t *testing.T) {
	t.Parallel()
	config := emulator(t)
	suite(t, func(t *testing.T) event.Bus {
		bus, err := pubsubbus.Open(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		return bus
	}, eventtest.Bus{KeyOrder: true, Shared: true, RepeatsKeys: true, BrowseDeadLetters: true, MaxPayload: 4 << 20})
}
