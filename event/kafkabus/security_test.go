package kafkabus_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
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
	cert, pool := certificate(t)
	brokers := kafkatest.Fake(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}}))
	roundTrip(t, kafkabus.Config{Brokers: brokers, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}})
	if _, err := kafkabus.Open(t.Context(), kafkabus.Config{Brokers: brokers, TLS: &tls.Config{MinVersion: tls.VersionTLS12}}); err == nil {
		t.Error("a certificate of an unknown authority is trusted")
	}
}

// certificate makes a certificate for 127.0.0.1 and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
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

// Keys choose the partitions that Java's clients choose: values of
// org.apache.kafka.common.utils.Utils.murmur2, as its tests publish them.
func TestPartitionsAgreeWithJava(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	} {
		const partitions = 97
		got, err := sarama.NewMurmur2Partitioner("t").Partition(&sarama.ProducerMessage{Key: sarama.StringEncoder(key)}, partitions)
		if err != nil || got != (want&0x7fffffff)%partitions {
			t.Errorf("partition of %q = %d, %v, want %d", key, got, err, (want&0x7fffffff)%partitions)
		}
	}
}
