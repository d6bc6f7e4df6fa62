package kafkalog_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/kafkalog"
	"github.com/wireproof/wireproof/registry/registrytest"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// confluents is a topic that Confluent's servers have written, from 5.x to 8.x:
// one key and one value in turn, "" being a tombstone.
var confluents = []string{
	`{"keytype":"NOOP","magic":0}`, ``,
	`{"keytype":"CONFIG","subject":null,"magic":0}`, `{"compatibilityLevel":"NONE"}`,
	`{"keytype":"MODE","subject":null,"magic":0}`, `{"subject":null,"mode":"READWRITE"}`,
	// Soft-deleted by version, then for good; then another one takes its place.
	`{"keytype":"SCHEMA","subject":"old","version":1,"magic":0}`, `{"subject":"old","version":1,"id":1,"schema":"\"int\"","deleted":false}`,
	`{"keytype":"SCHEMA","subject":"orders","version":1,"magic":1}`, `{"subject":"orders","version":1,"id":2,"schema":"\"string\"","deleted":false}`,
	`{"keytype":"SCHEMA","subject":"orders","version":2,"magic":1}`, `{"subject":"orders","version":2,"id":3,"schemaType":"AVRO","schema":"{\"type\":\"array\",\"items\":\"string\"}","deleted":false}`,
	`{"keytype":"SCHEMA","subject":"orders","version":1,"magic":1}`, `{"subject":"orders","version":1,"id":2,"schema":"\"string\"","deleted":true}`,
	`{"keytype":"SCHEMA","subject":"short","version":1,"magic":1}`, `{"subject":"short","version":1,"id":4,"schema":"\"bytes\"","deleted":true}`,
	`{"keytype":"SCHEMA","subject":"short","version":1,"magic":1}`, ``,
	// A whole subject, in one record; then a version after it.
	`{"keytype":"SCHEMA","subject":"whole","version":1,"magic":1}`, `{"subject":"whole","version":1,"id":2,"schema":"\"string\"","deleted":false}`,
	`{"keytype":"SCHEMA","subject":"whole","version":2,"magic":1}`, `{"subject":"whole","version":2,"id":5,"schema":"\"long\"","deleted":false}`,
	`{"keytype":"DELETE_SUBJECT","subject":"whole","magic":0}`, `{"subject":"whole","version":2}`,
	`{"keytype":"SCHEMA","subject":"whole","version":3,"magic":1}`, `{"subject":"whole","version":3,"id":6,"schema":"\"double\"","deleted":false}`,
	// Soft-deleted ones that a change to the mode IMPORT has cleared away.
	`{"keytype":"SCHEMA","subject":"cleared","version":1,"magic":1}`, `{"subject":"cleared","version":1,"id":5,"schema":"\"long\"","deleted":true}`,
	`{"keytype":"CLEAR_SUBJECT","subject":"cleared","magic":0}`, `{"subject":"cleared"}`,
	`{"keytype":"MODE","subject":"cleared","magic":0}`, `{"subject":"cleared","mode":"IMPORT"}`,
	// A context has ids of its own. One was made and deleted again.
	`{"keytype":"CONTEXT","tenant":"default","context":".eu","magic":0}`, `{"tenant":"default","context":".eu"}`,
	`{"keytype":"SCHEMA","subject":":.eu:orders","version":1,"magic":1}`, `{"subject":":.eu:orders","version":1,"id":1,"schemaType":"PROTOBUF","references":[{"name":"b.proto","subject":"b","version":1}],"schema":"syntax = \"proto3\";\n\nmessage M {}\n","deleted":false}`,
	`{"keytype":"CONFIG","subject":":.eu:","magic":0}`, `{"subject":":.eu:","normalize":true,"compatibilityLevel":"FORWARD"}`,
	`{"keytype":"CONTEXT","tenant":"default","context":".us","magic":0}`, `{"tenant":"default","context":".us"}`,
	`{"keytype":"CONTEXT","tenant":"default","context":".us","magic":0}`, ``,
	// What this program does not know, and what nobody can read.
	`{"keytype":"ASSOC","tenant":"default","resourceName":"t","resourceNamespace":"n","resourceType":"topic","associationType":"value","subject":"orders","magic":0}`, `{"guid":"x","lifecycle":"WEAK"}`,
	`{"keytype":"NEWS","subject":"orders","magic":0}`, `{"subject":"orders"}`,
	`not JSON`, `{}`,
	`{"keytype":"SCHEMA","subject":"orders","version":9,"magic":7}`, `{"subject":"orders","version":9,"id":99,"schema":"\"int\""}`,
	// The settings of the server in their new spelling: the last one counts.
	`{"keytype":"CONFIG","magic":0}`, `{"compatibilityLevel":"FULL"}`,
	`{"keytype":"NOOP","magic":0}`, ``,
}

// write writes messages as Confluent's server does: one by one, without a
// transaction.
func write(t *testing.T, conf kafkalog.Config, at time.Time, pairs ...string) {
	t.Helper()
	client := sarama.NewConfig()
	client.Version = sarama.V2_8_0_0
	client.Producer.Return.Successes = true
	client.Producer.RequiredAcks = sarama.WaitForAll
	p, err := sarama.NewSyncProducer(conf.Brokers, client)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for i := 0; i < len(pairs); i += 2 {
		m := &sarama.ProducerMessage{Topic: conf.Topic, Key: sarama.StringEncoder(pairs[i]), Timestamp: at.Add(time.Duration(i) * time.Millisecond)}
		if pairs[i+1] != "" {
			m.Value = sarama.StringEncoder(pairs[i+1])
		}
		if _, _, err := p.SendMessage(m); err != nil {
			t.Fatal(err)
		}
	}
}

// readAll returns what the topic holds now, in the form of confluents. It reads
// what is not committed, as Confluent's server does.
func readAll(t *testing.T, conf kafkalog.Config) (out []string) {
	t.Helper()
	client := sarama.NewConfig()
	client.Version = sarama.V2_8_0_0
	c, err := sarama.NewClient(conf.Brokers, client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	end, err := c.GetOffset(conf.Topic, 0, sarama.OffsetNewest)
	if err != nil {
		t.Fatal(err)
	}
	consumer, err := sarama.NewConsumerFromClient(c)
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	part, err := consumer.ConsumePartition(conf.Topic, 0, sarama.OffsetOldest)
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	// The last place may hold a mark of a transaction, which is never delivered.
	for {
		select {
		case m := <-part.Messages():
			out = append(out, string(m.Key), string(m.Value))
			if m.Offset+1 >= end {
				return out
			}
		case <-time.After(500 * time.Millisecond):
			return out
		}
	}
}

func TestReadsConfluentsTopic(t *testing.T) {
	t.Parallel()
	for name, brokers := range map[string]func(*testing.T) []string{
		"fake": func(t *testing.T) []string { return kafkatest.Fake(t) }, "kafka": func(t *testing.T) []string { return kafkatest.Real(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := newTopic(brokers(t))
			makeTopic(t, conf, 1, map[string]string{"cleanup.policy": "compact", "segment.ms": "2147483647000"})
			write(t, conf, time.UnixMilli(1000), confluents...)
			log := open(t, conf)
			reg, err := registrytest.OpenReal(t.Context(), log)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { reg.Close() })
			checkConfluents(t, reg)
			if skipped := log.Skipped(); skipped != 3 {
				t.Errorf("%d records were skipped, want 3", skipped)
			}
			before := len(readAll(t, conf))
			if before != len(confluents) {
				t.Errorf("reading a topic has written %d messages", (before-len(confluents))/2)
			}
			changeConfluents(t, reg)
			if diff := cmp.Diff(changed(), readAll(t, conf)[before:]); diff != "" {
				t.Errorf("what was written is not what Confluent's server writes (-want +got):\n%s", diff)
			}
		})
	}
}

// checkConfluents checks the answers that the topic stands for.
func checkConfluents(t *testing.T, reg *registry.Registry) {
	t.Helper()
	var got []string
	for _, v := range reg.Schemas(registry.Listing{Prefix: pointer(":*:"), Visible: registry.All}) {
		got = append(got, fmt.Sprintf("%s %d %d %v %s %d", v.Subject, v.Number, v.ID, v.Deleted, v.Type, v.Time))
	}
	slices.Sort(got)
	want := []string{
		":.eu:orders 1 1 false PROTOBUF 1034", "old 1 1 false AVRO 1006", "orders 1 2 true AVRO 1012", "orders 2 3 false AVRO 1010",
		"whole 1 2 true AVRO 1018", "whole 2 5 true AVRO 1020", "whole 3 6 false AVRO 1024",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{".", ".eu"}, reg.Contexts()); diff != "" {
		t.Errorf("contexts (-want +got):\n%s", diff)
	}
	for scope, want := range map[string]string{"": "FULL", ":.eu:": "FORWARD"} {
		if c, err := reg.Config(t.Context(), scope, true); err != nil || c.Level() != want {
			t.Errorf("level of %q = %q, %v, want %s", scope, c.Level(), err, want)
		}
	}
	if mode, err := reg.Mode(t.Context(), "cleared", false); err != nil || mode != api.ModeImport {
		t.Errorf("mode = %s, %v, want IMPORT", mode, err)
	}
	if max := reg.MaxID("orders"); max != 6 {
		t.Errorf("highest id is %d, want 6", max)
	}
	if v, err := reg.Version(t.Context(), ":.eu:orders", 1, registry.Live); err != nil || len(v.References) != 1 || v.References[0].Subject != "b" {
		t.Errorf("references are %+v, %v, want them as given", v.References, err)
	}
}

// changeConfluents does once what writes each kind of record.
func changeConfluents(t *testing.T, reg *registry.Registry) {
	t.Helper()
	ctx := t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(reg.Register(ctx, registry.Registration{Subject: ":.asia:new", Request: api.RegisterRequest{Schema: `"boolean"`}}))
	must(reg.DeleteVersion(ctx, registry.VersionDeletion{Subject: "old", Version: 1}))
	must(reg.DeleteVersion(ctx, registry.VersionDeletion{Subject: "old", Version: 1, Permanent: true}))
	must(reg.SetConfig(ctx, registry.ConfigChange{Scope: "orders", Update: api.ConfigUpdate{Compatibility: api.Set("none")}}))
	must(reg.DeleteConfig(ctx, registry.ConfigDeletion{Scope: "orders"}))
	must(reg.SetMode(ctx, registry.ModeChange{Scope: "orders", Mode: api.ModeReadOnly}))
	must(reg.DeleteConfig(ctx, registry.ConfigDeletion{}))
}

func changed() []string {
	return []string{
		`{"keytype":"CONTEXT","tenant":"default","context":".asia","magic":0}`, `{"tenant":"default","context":".asia"}`,
		`{"keytype":"SCHEMA","subject":":.asia:new","version":1,"magic":1}`, `{"subject":":.asia:new","version":1,"id":1,"schemaType":"AVRO","schema":"\"boolean\"","deleted":false}`,
		`{"keytype":"SCHEMA","subject":"old","version":1,"magic":1}`, `{"subject":"old","version":1,"id":1,"schemaType":"AVRO","schema":"\"int\"","deleted":true}`,
		`{"keytype":"CONTEXT","tenant":"wireproof","context":".","magic":0}`, `{"tenant":"wireproof","context":".","maxId":6}`,
		`{"keytype":"SCHEMA","subject":"old","version":1,"magic":0}`, ``, // the spelling of 5.x goes too
		`{"keytype":"SCHEMA","subject":"old","version":1,"magic":1}`, ``,
		`{"keytype":"CONFIG","subject":"orders","magic":0}`, `{"subject":"orders","compatibilityLevel":"NONE"}`,
		`{"keytype":"CONFIG","subject":"orders","magic":0}`, ``,
		`{"keytype":"MODE","subject":"orders","magic":0}`, `{"subject":"orders","mode":"READONLY"}`,
		`{"keytype":"CONFIG","subject":null,"magic":0}`, ``,
		`{"keytype":"CONFIG","magic":0}`, ``,
	}
}

func pointer[T any](v T) *T { return &v }

// After real compaction a restart gives the same answers, and no id comes back:
// also of what was deleted for good, in a context that was deleted too.
func TestRestartAfterCompaction(t *testing.T) {
	t.Parallel()
	conf := newTopic(kafkatest.Real(t))
	makeTopic(t, conf, 1, map[string]string{
		"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "0",
	})
	log := open(t, conf)
	reg, err := registrytest.OpenReal(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{} // who had an id
	add := func(reg *registry.Registry, context, subject string, n int) {
		t.Helper()
		out, err := reg.Register(t.Context(), registry.Registration{Subject: context + subject, Request: api.RegisterRequest{Schema: registrytest.AvroOf(n)}})
		if err != nil {
			t.Fatal(err)
		}
		key := fmt.Sprint(context, out.ID)
		if other, taken := ids[key]; taken {
			t.Errorf("%s was given id %s, which %s had", subject, key, other)
		}
		ids[key] = subject
	}
	remove := func(reg *registry.Registry, subject string) {
		t.Helper()
		for _, permanent := range []bool{false, true} {
			if _, err := reg.DeleteSubject(t.Context(), registry.SubjectDeletion{Subject: subject, Permanent: permanent}); err != nil {
				t.Fatal(err)
			}
		}
	}
	n := 0
	for _, context := range []string{"", ":.c:"} {
		for range 4 {
			n++
			add(reg, context, fmt.Sprint("s", n), n)
		}
		remove(reg, fmt.Sprint(context, "s", n)) // the highest id
	}
	for n := 5; n < 8; n++ {
		remove(reg, fmt.Sprint(":.c:s", n))
	}
	if _, err := reg.DeleteContext(t.Context(), registry.ContextDeletion{Context: ".c"}); err != nil {
		t.Fatal(err)
	}
	want := answers(t, reg)
	size := len(readAll(t, conf))
	// Only what is behind the last segment is compacted, and a segment ends when
	// something is written.
	waitFor(t, "compaction", func() bool {
		write(t, conf, time.Now(), `{"keytype":"NOOP","magic":0}`, "")
		left := readAll(t, conf)
		return len(left) < size && !strings.Contains(strings.Join(left, " "), `"subject":"s4"`) && !strings.Contains(strings.Join(left, " "), `:.c:s`)
	})
	reg.Close()
	log.Close()
	if reg, err = registrytest.OpenReal(t.Context(), open(t, conf)); err != nil {
		t.Fatal(err)
	}
	defer reg.Close()
	if diff := cmp.Diff(want, answers(t, reg)); diff != "" {
		t.Errorf("after compaction and a restart (-before +after):\n%s", diff)
	}
	for _, context := range []string{"", ":.c:"} {
		for range 3 {
			n++
			add(reg, context, fmt.Sprint("t", n), n)
		}
	}
}

// answers is what a registry says about everything that it holds.
func answers(t *testing.T, reg *registry.Registry) map[string]any {
	t.Helper()
	level, err := reg.Config(t.Context(), "", true)
	if err != nil && !errors.Is(err, api.SubjectLevelNotSet) {
		t.Fatal(err)
	}
	stats := reg.Stats()
	stats.Offset = 0
	return map[string]any{
		"versions": reg.Schemas(registry.Listing{Prefix: pointer(":*:"), Visible: registry.All}), "contexts": reg.Contexts(),
		"config": level, "stats": stats, "max": []int{reg.MaxID(""), reg.MaxID(":.c:s")},
	}
}
