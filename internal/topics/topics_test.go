package topics_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/topics"
	"github.com/wireproof/wireproof/test/kafkatest"
)

func settings(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("wireproof.yaml", "version: 1\n"+text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func lines(p *topics.Plan) []string {
	var out []string
	for _, c := range p.Changes {
		refused, _, _ := strings.Cut(c.Refused, " ")
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s: %v %s", c.Action, c.Topic, c, refused)))
	}
	return out
}

// Each difference is one change; what is not set is left alone, what cannot be
// undone is refused, and what removes messages says so.
func TestCompare(t *testing.T) {
	c := settings(t, `topics:
  - { name: a, partitions: 4, replicas: 3, retention: 1h, cleanup: compact-and-delete, max_message: 2MiB, groups: [{ name: g, retry_levels: 1, retention: forever }] }
  - { name: b, partitions: 2, retention: 2d, compression: zstd }
  - { name: c, retention_size: 1GiB, groups: [{ name: g }] }
events: [{ schema: x.avsc, topic: d }, { schema: y.avsc, topic: a }]
`)
	wants := topics.Wanted(c, 0)
	have := make([]kafkabus.Topic, len(wants))
	for i, w := range wants {
		have[i].Name = w.Name
	}
	at := func(name string, topic kafkabus.Topic) {
		for i := range have {
			if have[i].Name == name {
				topic.Name, topic.Exists = name, true
				have[i] = topic
				return
			}
		}
		t.Fatalf("%s is not wanted: %+v", name, wants)
	}
	at("a", kafkabus.Topic{Partitions: 2, Replicas: 1, Config: map[string]string{"retention.ms": "-1", "cleanup.policy": "delete,compact", "max.message.bytes": "1048588"}})
	at("a.g.dlq", kafkabus.Topic{Partitions: 1, Replicas: 3, Config: map[string]string{"retention.ms": "-1", "cleanup.policy": "compact", "max.message.bytes": "9999999"}})
	at("b", kafkabus.Topic{Partitions: 3, Replicas: 1, Config: map[string]string{"retention.ms": "1000", "compression.type": "producer"}})
	want := []string{
		"grow a: partitions 2 → 4 the",
		"replicas a: replicas 1 → 3 copies",
		"set a: max.message.bytes 1048588 → 2097152",
		"set a: retention.ms -1 → 3600000 (removes messages that are older)",
		"create a.g.retry.1: 4 partitions, 3 replicas, cleanup.policy=delete, max.message.bytes=2162688, retention.ms=-1",
		"set a.g.dlq: cleanup.policy compact → delete (removes messages that are older than the retention)",
		"grow b: partitions 3 → 2 Kafka",
		"set b: compression.type producer → zstd",
		"set b: retention.ms 1000 → 172800000",
		"create c: partitions as the cluster's default, replicas as the cluster's default, retention.bytes=1073741824",
		"create c.g.dlq: partitions as the cluster's default, replicas as the cluster's default, cleanup.policy=delete, max.message.bytes=65536 more than c",
		"create d: partitions as the cluster's default, replicas as the cluster's default",
	}
	p := topics.Compare(wants, have, false)
	if diff := cmp.Diff(want, lines(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := len(p.Refused()); got != 3 {
		t.Errorf("%d changes are refused, want 3", got)
	}
	if got := len(topics.Compare(wants, have, true).Refused()); got != 2 {
		t.Errorf("with growth allowed %d changes are refused, want 2", got)
	}
	if got := topics.Wanted(c, 1)[0].Replicas; got != 1 {
		t.Errorf("replicas are %d, want the environment's 1", got)
	}
}

// A number of copies that nobody set is left as it is, and refuses nothing.
func TestReplicasThatAreNotSet(t *testing.T) {
	wants := topics.Wanted(settings(t, "topics: [{ name: a, groups: [{ name: g, retry_levels: 1 }] }]\n"), 0)
	have := []kafkabus.Topic{
		{Name: "a", Exists: true, Partitions: 2, Replicas: 3, Config: map[string]string{"max.message.bytes": "1000"}},
		{Name: "a.g.retry.1"},
		{Name: "a.g.dlq", Exists: true, Partitions: 2, Replicas: 1, Config: map[string]string{"cleanup.policy": "delete", "max.message.bytes": "66536"}},
	}
	want := []string{"create a.g.retry.1: 2 partitions, 3 replicas, cleanup.policy=delete, max.message.bytes=66536"}
	if diff := cmp.Diff(want, lines(topics.Compare(wants, have, false))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// After an apply there is nothing to do, and a consumer finds its retry and
// dead-letter topics with the room that it is promised.
func TestApply(t *testing.T) {
	t.Parallel()
	for name, brokers := range map[string]func(testing.TB) []string{
		"fake": func(t testing.TB) []string { return kafkatest.Fake(t) }, "real": kafkatest.Real,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			bus, err := kafkabus.Open(ctx, kafkabus.Config{Brokers: brokers(t)})
			if err != nil {
				t.Fatal(err)
			}
			defer bus.Close(context.Background())
			topic := fmt.Sprintf("applied-%x", rand.Uint64())
			apply := func(text string, grow bool) []string {
				t.Helper()
				wants := topics.Wanted(settings(t, strings.ReplaceAll(text, "T", topic)), 1)
				p, err := topics.MakePlan(ctx, bus, wants, grow)
				if err != nil {
					t.Fatal(err)
				}
				if err := p.Apply(ctx, bus, func(topics.Change, error) {}); err != nil {
					t.Fatal(err)
				}
				for { // a broker may answer with what was, for a moment
					again, err := topics.MakePlan(ctx, bus, wants, grow)
					if err != nil {
						t.Fatalf("after the apply: %v, %v", err, lines(again))
					}
					if len(again.Changes) == 0 {
						return lines(p)
					}
				}
			}
			apply("topics: [{ name: T, partitions: 2, retention: 1d, cleanup: compact, groups: [{ name: g, retry_levels: 1 }] }]\n", false)
			if got := apply("topics: [{ name: T, partitions: 3, retention: 2d, max_message: 3MiB, groups: [{ name: g, retry_levels: 1 }] }]\n", true); len(got) != 5 {
				t.Errorf("the second apply changes %q, want partitions, retention and three sizes", got)
			}
			found, err := bus.Topics(ctx, topic, event.RetryTopic(topic, "g", 1), event.DeadLetterTopic(topic, "g"))
			if err != nil {
				t.Fatal(err)
			}
			for i, f := range found {
				if got, want := f.Config["max.message.bytes"], fmt.Sprint(3<<20+min(i, 1)*(64<<10)); got != want {
					t.Errorf("%s takes messages of %s bytes, want %s", f.Name, got, want)
				}
			}
		})
	}
}
