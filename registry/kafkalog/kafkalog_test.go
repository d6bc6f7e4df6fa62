package kafkalog_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/kafkalog"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/test/kafkatest"
)

var topics atomic.Int64

// newTopic returns settings of a log that nobody else uses.
func newTopic(brokers []string) kafkalog.Config {
	name := fmt.Sprintf("schemas-%d-%d", time.Now().UnixNano(), topics.Add(1))
	return kafkalog.Config{
		Brokers: brokers, Topic: name, GroupID: name, URL: "http://127.0.0.1:1001", Sticky: true,
		SessionTimeout: 6 * time.Second, RequestTimeout: 5 * time.Second,
	}
}

// open opens a log that ends with the test, and waits until it knows the leader.
func open(t testing.TB, conf kafkalog.Config) *kafkalog.Log {
	t.Helper()
	conf.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	log, err := kafkalog.Open(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	waitFor(t, "a leader", func() bool { url, _ := log.Leader(); return url != "" })
	return log
}

// waitFor waits for something that is sure to come.
func waitFor(t testing.TB, what string, come func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for !come() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not come", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// A served log hands an append to the server that leads, as servers do.
type served struct {
	*kafkalog.Log
	servers *servers
}

// servers are the logs on one topic.
type servers struct {
	mu  sync.Mutex // guards all
	all []*kafkalog.Log
}

func (s *servers) add(log *kafkalog.Log) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, log)
	return len(s.all)
}

func (s *served) Append(ctx context.Context, at registry.Offset, records []registry.Record) (registry.Offset, error) {
	s.servers.mu.Lock()
	all := append([]*kafkalog.Log{s.Log}, s.servers.all...)
	s.servers.mu.Unlock()
	for _, log := range all {
		if next, err := log.Append(ctx, at, records); !errors.Is(err, registry.ErrNotLeader) {
			return next, err
		}
	}
	return 0, registry.ErrNotLeader
}

func newAdmin(t testing.TB, conf kafkalog.Config) sarama.ClusterAdmin {
	t.Helper()
	client := sarama.NewConfig()
	client.Version = sarama.V2_8_0_0
	admin, err := sarama.NewClusterAdmin(conf.Brokers, client)
	if err != nil {
		t.Fatal(err)
	}
	return admin
}

func describe(t *testing.T, conf kafkalog.Config) sarama.TopicDetail {
	t.Helper()
	admin := newAdmin(t, conf)
	defer admin.Close()
	all, err := admin.ListTopics()
	if err != nil {
		t.Fatal(err)
	}
	return all[conf.Topic]
}

// makeTopic makes the topic of a log with more settings than it would make itself.
func makeTopic(t testing.TB, conf kafkalog.Config, partitions int32, settings map[string]string) {
	t.Helper()
	admin := newAdmin(t, conf)
	defer admin.Close()
	detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: map[string]*string{}}
	for k, v := range settings {
		detail.ConfigEntries[k] = &v
	}
	if err := admin.CreateTopic(conf.Topic, detail, false); err != nil {
		t.Fatal(err)
	}
}

// stores makes a topic for each test, and servers on it with URLs of their own.
func stores(brokers func(*testing.T) []string) func(*testing.T) func(*testing.T) registry.Log {
	return func(t *testing.T) func(*testing.T) registry.Log {
		conf := newTopic(brokers(t))
		// The suite wants every record back: compaction spares the last segment.
		makeTopic(t, conf, 1, map[string]string{"cleanup.policy": "compact", "segment.ms": fmt.Sprint(math.MaxInt64)})
		var started atomic.Int64
		var all servers
		return func(t *testing.T) registry.Log {
			own := conf
			own.URL = fmt.Sprintf("http://127.0.0.1:%d", 1000+started.Add(1))
			log := open(t, own)
			all.add(log)
			return &served{log, &all}
		}
	}
}

func TestLogOnFake(t *testing.T) {
	t.Parallel()
	registrytest.TestLog(t, stores(func(t *testing.T) []string { return kafkatest.Fake(t) }))
}

func TestLogOnKafka(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Real(t)
	registrytest.TestLog(t, stores(func(*testing.T) []string { return brokers }))
}

func BenchmarkRegister(b *testing.B) {
	brokers := kafkatest.Real(b)
	registrytest.BenchmarkRegister(b, func(b *testing.B) registry.Log { return open(b, newTopic(brokers)) })
}
