package kafkabus_test

import (
	"context"
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
	"github.com/wireproof/wireproof/test/nettest"
)

// roundTrip makes a topic, publishes a message and reads it in a group.
func roundTrip(t *testing.T, conf kafkabus.Config) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	bus := open(t, conf)
	defer bus.Close(ctx)
	if err := bus.MakeTopic(ctx, "secure", ""); err != nil {
		t.Fatal(err)
	}
	if err := bus.Publish(ctx, &event.Message{Topic: "secure", Payload: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	source, err := bus.Group("g").Open(ctx, "secure")
	if err != nil {
		t.Fatal(err)
	}
	b, err := source.Receive(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(b.Deliveries[0].Payload); got != "hello" {
		t.Errorf("payload = %q", got)
	}
	if err := source.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestSASL(t *testing.T) {
	for mechanism, name := range map[string]string{"plain": "PLAIN", "scram-sha-256": "SCRAM-SHA-256", "scram-sha-512": "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			brokers := kafkatest.Fake(t, kfake.EnableSASL(), kfake.Superuser(name, "anna", "right"))
			roundTrip(t, kafkabus.Config{Brokers: brokers, SASL: &kafkabus.SASL{Mechanism: mechanism, User: "anna", Password: "right"}})
			_, err := kafkabus.Open(t.Context(), kafkabus.Config{Brokers: brokers, SASL: &kafkabus.SASL{Mechanism: mechanism, User: "anna", Password: "wrong-secret"}})
			if err == nil {
				t.Fatal("a wrong password signs in")
			}
			if strings.Contains(err.Error(), "wrong-secret") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	cert, pool := nettest.Certificate(t)
	brokers := kafkatest.Fake(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	roundTrip(t, kafkabus.Config{Brokers: brokers, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}})
	if _, err := kafkabus.Open(t.Context(), kafkabus.Config{Brokers: brokers, TLS: &tls.Config{MinVersion: tls.VersionTLS12}}); err == nil {
		t.Error("a certificate of an unknown authority is trusted")
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	for _, tt := range []struct {
		name string
		conf kafkabus.Config
		want string
	}{
		{"no brokers", kafkabus.Config{}, "no brokers are given"},
		{"old version", kafkabus.Config{Brokers: []string{"127.0.0.1:1"}, Version: "2.0.0"}, "expected 2.5.0 or later"},
		{"no version", kafkabus.Config{Brokers: []string{"127.0.0.1:1"}, Version: "new"}, `kafka version "new"`},
		{"mechanism", kafkabus.Config{Brokers: []string{"127.0.0.1:1"}, SASL: &kafkabus.SASL{Mechanism: "magic"}}, `sasl mechanism is "magic"; expected plain`},
		{"nobody there", kafkabus.Config{Brokers: []string{"127.0.0.1:1"}}, "connect to kafka at 127.0.0.1:1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_, err := kafkabus.Open(ctx, tt.conf)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open error = %v, want it to contain %q", err, tt.want)
			}
		})
	}
}

// A group that waits for a topic that does not exist would wait in silence.
func TestOpenRefusesTopicThatIsNotThere(t *testing.T) {
	bus := open(t, kafkabus.Config{Brokers: kafkatest.Fake(t)})
	defer bus.Close(t.Context())
	_, err := bus.Group("g").Open(t.Context(), "nowhere")
	if err == nil || !strings.Contains(err.Error(), `open topic "nowhere" for group "g"`) {
		t.Errorf("Open error = %v, want it to name topic and group", err)
	}
}

// Keys choose the partitions that Java's clients choose, whichever way they are
// published: values of org.apache.kafka.common.utils.Utils.murmur2, as its tests
// publish them.
func TestPartitionsAgreeWithJava(t *testing.T) {
	const partitions = 97
	sums := map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "": 275646681,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	}
	brokers := kafkatest.Fake(t)
	makeTopic(t, brokers, "in", 1)
	makeTopic(t, brokers, "out", partitions)
	bus := open(t, kafkabus.Config{Brokers: brokers})
	defer bus.Close(context.WithoutCancel(t.Context()))
	for key := range sums {
		for _, topic := range []string{"in", "out"} {
			if err := bus.Publish(t.Context(), &event.Message{Topic: topic, Key: []byte(key), Payload: []byte("published")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	left := len(sums)
	config := kafkabus.TransformConfig{Group: "g", Topics: []string{"in"}, Observe: func(event.Outcome, *event.Delivery, error) {
		if left--; left == 0 {
			stop()
		}
	}}
	err := bus.Transform(ctx, config, func(_ context.Context, batch []*event.Delivery, out func(...*event.Message)) error {
		for _, d := range batch {
			out(&event.Message{Topic: "out", Key: d.Key, Payload: []byte("transformed")})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	err = bus.Browse(t.Context(), "out", nil, func(d *event.Delivery) bool {
		seen[string(d.Payload)]++
		if want := (sums[string(d.Key)] & 0x7fffffff) % partitions; d.Partition != want {
			t.Errorf("%s: partition of %q = %d, want %d", d.Payload, d.Key, d.Partition, want)
		}
		return true
	})
	if err != nil || seen["published"] != len(sums) || seen["transformed"] != len(sums) {
		t.Errorf("found %v, %v; want %d of each", seen, err, len(sums))
	}
}
