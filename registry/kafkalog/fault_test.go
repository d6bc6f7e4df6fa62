package kafkalog_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/kafkalog"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// A broker is an Apache Kafka of this test alone, to be ill-treated.
type broker struct {
	dir       string
	addresses []string
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	kafkatest.Real(t) // where there is one, another can be started
	dir, err := os.MkdirTemp("", "kafkalog")
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{dir: dir}
	t.Cleanup(func() { kafkatest.Services(t, "clean", dir) })
	b.start(t)
	return b
}

// start starts the broker, again with the same data on the same port.
func (b *broker) start(t *testing.T) {
	t.Helper()
	out := kafkatest.Services(t, "start", b.dir, "kafka")
	_, addresses, ok := strings.Cut(out, "KAFKA_BROKERS=")
	if !ok {
		t.Fatalf("services.sh printed no KAFKA_BROKERS: %s", out)
	}
	b.addresses = strings.Split(addresses, ",")
}

func (b *broker) signal(t *testing.T, name string) {
	t.Helper()
	kafkatest.Services(t, "kill", b.dir, "kafka", name)
}

func hasty(brokers []string) kafkalog.Config {
	conf := newTopic(brokers)
	conf.SessionTimeout, conf.RequestTimeout, conf.AppendTimeout = 3*time.Second, time.Second, 3*time.Second
	return conf
}

// TestFaults runs two servers under load on a broker that is killed, and stopped
// for longer than an append may take.
func TestFaults(t *testing.T) {
	t.Parallel()
	b := startBroker(t)
	conf := hasty(b.addresses)
	one, two := serve(t, conf, true), serve(t, conf, true)
	load := registrytest.StartLoad(t, 8, one.reg, two.reg)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	faults := []struct {
		name    string
		is, end func()
	}{
		{"kill", func() { b.signal(t, "KILL") }, func() { b.start(t) }},
		{"pause", func() { b.signal(t, "STOP") }, func() { b.signal(t, "CONT") }},
	}
	for range registrytest.Soak(1, 15) {
		for _, i := range random.Perm(len(faults)) {
			load.Await(t, 50+random.IntN(200))
			t.Log(faults[i].name)
			faults[i].is()
			load.AwaitFailures(t, 8)
			checkDown(t, one, two)
			faults[i].end()
		}
	}
	load.Await(t, 100)
	load.Stop()
	load.Check(t, one.reg, two.reg, serve(t, conf, true).reg)
}

// checkDown checks servers whose broker is gone: writes fail with a code of the
// protocol, in the end because nobody leads, and reads go on.
func checkDown(t *testing.T, servers ...*server) {
	t.Helper()
	for _, s := range servers {
		_, err := put(s.url, "early", "early")
		if !errors.Is(err, api.StoreFailure) && !errors.Is(err, api.OperationTimedOut) && !errors.Is(err, api.NoLeader) && !errors.Is(err, api.ForwardFailed) {
			t.Errorf("register while the broker is gone = %v, want a code of 500", err)
		}
		waitFor(t, "the end of the session", func() bool { url, _ := s.log.Leader(); return url == "" })
		if _, err := put(s.url, "late", "late"); !errors.Is(err, api.NoLeader) {
			t.Errorf("register after the session = %v, want code %d", err, api.NoLeader)
		}
		for _, subject := range s.reg.Subjects(nil, registry.Live) {
			if got, err := s.reg.Version(t.Context(), subject, registry.Latest, registry.Live); err != nil || got.Text != subject {
				t.Errorf("%s is read as %q, %v", subject, got.Text, err)
			}
		}
		if s.reg.Stats().Versions == 0 {
			t.Error("a server whose broker is gone has forgotten everything")
		}
	}
}
