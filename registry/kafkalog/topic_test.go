package kafkalog_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/wireproof/wireproof/registry/kafkalog"
	"github.com/wireproof/wireproof/test/kafkatest"
)

func TestTopicIsMadeOrRefused(t *testing.T) {
	t.Parallel()
	for _, real := range []bool{false, true} {
		name := map[bool]string{false: "fake", true: "kafka"}[real]
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var brokers []string
			if real {
				brokers = kafkatest.Real(t)
			} else {
				brokers = kafkatest.Fake(t)
			}
			for _, row := range []struct {
				partitions int32 // 0: the topic does not exist
				policy     string
				checkOnly  bool
				want       string // in the error; "" if there is none
			}{
				{0, "", false, ""},
				{0, "", true, "does not exist"},
				{1, "compact", true, ""},
				{1, "delete", false, `cleanup.policy "delete"; expected exactly compact`},
				{1, "compact,delete", false, `cleanup.policy "compact,delete"; expected exactly compact`},
				{3, "compact", false, "has 3 partitions; expected 1"},
			} {
				conf := newTopic(brokers)
				conf.CheckOnly = row.checkOnly
				if row.partitions > 0 {
					makeTopic(t, conf, row.partitions, map[string]string{"cleanup.policy": row.policy})
				}
				log, err := kafkalog.Open(t.Context(), conf)
				if err == nil {
					log.Close()
				}
				if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
					t.Errorf("Open on %d partitions with policy %q = %v, want %q", row.partitions, row.policy, err, row.want)
				}
			}
		})
	}
}

// A topic has as many copies as there are brokers, up to three, so that the loss
// of a broker loses no schema.
func TestTopicIsReplicated(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(5))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	conf := newTopic(cluster.ListenAddrs())
	open(t, conf)
	detail := describe(t, conf)
	if detail.ReplicationFactor != 3 || detail.NumPartitions != 1 {
		t.Errorf("the topic has %d partitions and %d copies, want 1 and 3", detail.NumPartitions, detail.ReplicationFactor)
	}
	if policy := detail.ConfigEntries["cleanup.policy"]; policy == nil || *policy != "compact" {
		t.Errorf("cleanup.policy is %v, want compact", policy)
	}
}

func TestOpenRefusesSettings(t *testing.T) {
	t.Parallel()
	brokers := kafkatest.Fake(t)
	for _, row := range []struct {
		change func(*kafkalog.Config)
		want   string
	}{
		{func(c *kafkalog.Config) { c.Brokers = nil }, "no brokers"},
		{func(c *kafkalog.Config) { c.URL = "nowhere" }, `URL of this server is "nowhere"`},
		{func(c *kafkalog.Config) { c.SASL = &kafkalog.SASL{Mechanism: "magic"} }, `sasl mechanism is "magic"`},
		{func(c *kafkalog.Config) { c.Brokers = []string{"127.0.0.1:1"} }, "127.0.0.1:1"},
	} {
		conf := newTopic(brokers)
		row.change(&conf)
		if log, err := kafkalog.Open(t.Context(), conf); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("Open = %v, %v, want an error with %q", log, err, row.want)
		}
	}
}

// Signing in works for all three links.
func TestSignIn(t *testing.T) {
	t.Parallel()
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		brokers := kafkatest.Fake(t, kfake.EnableSASL(), kfake.Superuser(strings.ToUpper(mechanism), "me", "secret"))
		conf := newTopic(brokers)
		conf.SASL = &kafkalog.SASL{Mechanism: mechanism, User: "me", Password: "secret"}
		log := open(t, conf)
		if _, err := log.Append(t.Context(), 0, nil); err != nil {
			t.Errorf("%s: Append = %v", mechanism, err)
		}
		conf.SASL.Password = "wrong"
		if log, err := kafkalog.Open(t.Context(), conf); err == nil {
			log.Close()
			t.Errorf("%s: a wrong password opens the log", mechanism)
		}
	}
}
