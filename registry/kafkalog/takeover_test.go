package kafkalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/google/go-cmp/cmp"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// onBoth runs a test on the cluster in this process and, where there is one, on
// Apache Kafka.
func onBoth(t *testing.T, test func(t *testing.T, brokers []string)) {
	t.Parallel()
	t.Run("fake", func(t *testing.T) { t.Parallel(); test(t, kafkatest.Fake(t)) })
	t.Run("kafka", func(t *testing.T) { t.Parallel(); test(t, kafkatest.Real(t)) })
}

var topics atomic.Int64

func newConfig(brokers []string) Config {
	name := fmt.Sprintf("takeover-%d-%d", time.Now().UnixNano(), topics.Add(1))
	return Config{Brokers: brokers, Topic: name, GroupID: name, URL: "http://a:1", SessionTimeout: 6 * time.Second, RequestTimeout: 5 * time.Second}
}

func openLog(t *testing.T, conf Config) *Log {
	t.Helper()
	conf.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	l, err := Open(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func await1(t *testing.T, what string, come func() bool) {
	t.Helper()
	for range 6000 {
		if come() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s did not come within a minute", what)
}

func openLeader(t *testing.T, conf Config) *Log {
	t.Helper()
	l := openLog(t, conf)
	await1(t, "this server as the leader", func() bool { _, self := l.Leader(); return self })
	return l
}

// withProducer runs f as the one writer of the log.
func (l *Log) withProducer(t *testing.T, f func(ctx context.Context, p *producer)) {
	t.Helper()
	<-l.writing
	defer func() { l.writing <- struct{}{} }()
	if l.producer == nil {
		if err := l.takeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	f(t.Context(), l.producer)
}

// plainly reads a topic as a client does that knows nothing of transactions, as
// Confluent's server is one: the last value of each key.
func plainly(t *testing.T, conf Config) map[string]string {
	t.Helper()
	k, err := newLink(conf.orDefault(), conf.RequestTimeout)
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	out := map[string]string{}
	for pos := int64(0); ; {
		p, err := k.fetch(pos, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range p.messages {
			if out[string(m.key)] = string(m.value); m.value == nil {
				delete(out, string(m.key))
			}
		}
		if pos = p.next; pos == p.high {
			return out
		}
	}
}

// plain writes without a transaction, as Confluent's server does.
func plain(t *testing.T, conf Config, messages ...message) {
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
	for _, m := range messages {
		pm := &sarama.ProducerMessage{Topic: conf.Topic, Key: sarama.ByteEncoder(m.key), Timestamp: time.UnixMilli(m.time)}
		if m.value != nil {
			pm.Value = sarama.ByteEncoder(m.value)
		}
		if _, _, err := p.SendMessage(pm); err != nil {
			t.Fatal(err)
		}
	}
}

func text(key, value string) message {
	m := message{key: []byte(key), time: 7}
	if value != "" {
		m.value = []byte(value)
	}
	return m
}

func schemaOf(subject string, version, id int, deleted bool) registry.Record {
	return registry.Record{Kind: registry.SchemaRecord, Subject: subject, Version: version, ID: id, Time: 7, Schema: &registry.StoredSchema{Type: "AVRO", Text: subject, Deleted: deleted}}
}

func encoded(t *testing.T, records ...registry.Record) (out []message) {
	t.Helper()
	for _, r := range records {
		m, err := encode(&r)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m...)
	}
	return out
}

// What a leader had not committed when it died is never read by us, and is
// written over for those who have read it: before the next leader writes.
func TestTakeoverWritesOverWhatWasGivenUp(t *testing.T) {
	onBoth(t, func(t *testing.T, brokers []string) {
		conf := newConfig(brokers)
		first := openLeader(t, conf)
		stored := []registry.Record{schemaOf("kept", 1, 1, false), schemaOf("gone", 1, 2, true), schemaOf("other", 1, 3, true), schemaOf("last", 1, 4, false)}
		if _, err := first.Append(t.Context(), 0, stored); err != nil {
			t.Fatal(err)
		}
		// Confluent's server deletes a whole subject in one record.
		plain(t, conf, encoded(t, registry.Record{Kind: registry.DeleteSubjectRecord, Subject: "last", Version: 1})...)
		want := plainly(t, conf)
		first.withProducer(t, func(ctx context.Context, p *producer) {
			if err := p.begin(ctx); err != nil {
				t.Fatal(err)
			}
			_, err := p.send(ctx, encoded(t,
				registry.Record{Kind: registry.PurgeRecord, Subject: "kept", Version: 1},
				schemaOf("new", 1, 5, false),
				registry.Record{Kind: registry.PurgeRecord, Subject: "last", Version: 1},
				registry.Record{Kind: registry.ClearRecord, Subject: "gone"},
			))
			if err != nil {
				t.Fatal(err)
			}
		})
		first.Close()

		second := openLeader(t, conf)
		_, next, err := second.ReadFrom(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		// The append is in conflict with what is restated before it.
		await1(t, "an append", func() bool {
			_, failed := second.Append(t.Context(), next, []registry.Record{schemaOf("newest", 1, 6, false)})
			if _, next, err = second.ReadFrom(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			return failed == nil
		})
		want[`{"keytype":"SCHEMA","subject":"newest","version":1,"magic":1}`] = `{"subject":"newest","version":1,"id":6,"schemaType":"AVRO","schema":"newest","deleted":false}`
		// A version that a later record deletes would come back if it were stated
		// as it was.
		want[`{"keytype":"SCHEMA","subject":"last","version":1,"magic":1}`] = `{"subject":"last","version":1,"id":4,"schemaType":"AVRO","schema":"last","deleted":true}`
		if diff := cmp.Diff(want, plainly(t, conf)); diff != "" {
			t.Errorf("who reads what is not committed believes (-want +got):\n%s", diff)
		}
		records, _, err := second.ReadFrom(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			if r.Subject == "new" && r.Kind == registry.SchemaRecord || r.Kind == registry.ClearRecord {
				t.Errorf("%+v is read, and was never committed", r)
			}
		}
		if again := len(second.track.dirtyKeys()); again != 0 {
			t.Errorf("%d keys are still in doubt", again)
		}
	})
}

// A writer that knows nothing of the election, such as a stale leader of
// Confluent's, cannot come between the decision and its record.
func TestInterleavedWriteIsAConflict(t *testing.T) {
	onBoth(t, func(t *testing.T, brokers []string) {
		conf := newConfig(brokers)
		l := openLeader(t, conf)
		next, err := l.Append(t.Context(), 0, []registry.Record{schemaOf("a", 1, 1, false)})
		if err != nil {
			t.Fatal(err)
		}
		l.withProducer(t, func(ctx context.Context, p *producer) {
			high, err := l.settle(ctx)
			if err != nil {
				t.Fatal(err)
			}
			plain(t, conf, encoded(t, schemaOf("b", 1, 2, false))...)
			if _, err := l.write(ctx, high, encoded(t, schemaOf("c", 1, 2, false))); !errors.Is(err, errNothingDone) {
				t.Errorf("write after another writer = %v, want an error that says that nothing was done", err)
			}
			l.giveUp()
		})
		if _, err := l.Append(t.Context(), next, []registry.Record{schemaOf("c", 1, 2, false)}); !errors.Is(err, registry.ErrConflict) {
			t.Errorf("Append where another one has written = %v, want ErrConflict", err)
		}
		records, next, err := l.ReadFrom(t.Context(), next)
		if err != nil || len(records) < 1 || records[0].Subject != "b" {
			t.Fatalf("ReadFrom = %+v, %v; want what the other one has written", records, err)
		}
		await1(t, "an append", func() bool {
			_, err := l.Append(t.Context(), next, []registry.Record{schemaOf("c", 1, 3, false)})
			if errors.Is(err, registry.ErrConflict) {
				_, next, _ = l.ReadFrom(t.Context(), next)
			}
			return err == nil
		})
		if got := plainly(t, conf)[`{"keytype":"SCHEMA","subject":"c","version":1,"magic":1}`]; got != `{"subject":"c","version":1,"id":3,"schemaType":"AVRO","schema":"c","deleted":false}` {
			t.Errorf("c is read as %s", got)
		}
	})
}

// A leader that lost its place without noticing cannot write any more.
func TestLateLeaderIsFenced(t *testing.T) {
	onBoth(t, func(t *testing.T, brokers []string) {
		conf := newConfig(brokers)
		old := openLeader(t, conf)
		next, err := old.Append(t.Context(), 0, []registry.Record{schemaOf("a", 1, 1, false)})
		if err != nil {
			t.Fatal(err)
		}
		other := conf
		other.GroupID = "another-group-of-" + conf.Topic
		fresh := openLeader(t, other)
		if next, err = fresh.Append(t.Context(), next, []registry.Record{schemaOf("b", 1, 2, false)}); err != nil {
			t.Fatal(err)
		}
		old.withProducer(t, func(ctx context.Context, p *producer) {
			if _, err := old.write(ctx, int64(next)+1, encoded(t, schemaOf("c", 1, 3, false))); !errors.Is(err, errNothingDone) || !fenced(err) {
				t.Errorf("write of a late leader = %v, want an error that says that it was shut out", err)
			}
			old.elect.set("http://b:1", false, time.Now())
			if err := old.verdict(errNothingDone); !errors.Is(err, registry.ErrNotLeader) {
				t.Errorf("verdict of a late leader = %v, want ErrNotLeader", err)
			}
		})
		if _, err := old.Append(t.Context(), next, nil); !errors.Is(err, registry.ErrNotLeader) {
			t.Errorf("Append of a late leader = %v, want ErrNotLeader", err)
		}
		if _, ok := plainly(t, conf)[`{"keytype":"SCHEMA","subject":"c","version":1,"magic":1}`]; ok {
			t.Error("the record of a late leader is in the topic")
		}
	})
}

// Other spellings of a key are deleted with it, or compaction would bring them
// back.
func TestTombstonesOtherSpellings(t *testing.T) {
	onBoth(t, func(t *testing.T, brokers []string) {
		conf := newConfig(brokers)
		l := openLeader(t, conf)
		plain(t, conf,
			text(`{"keytype":"SCHEMA","subject":"s","version":1,"magic":0}`, `{"subject":"s","version":1,"id":1,"schema":"\"int\"","deleted":true}`),
			text(`{"keytype":"CONFIG","subject":null,"magic":0}`, `{"compatibilityLevel":"FULL"}`),
			text(`{"keytype":"MODE","magic":0}`, `{"mode":"READONLY"}`))
		_, next, err := l.ReadFrom(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = l.Append(t.Context(), next, []registry.Record{
			{Kind: registry.PurgeRecord, Subject: "s", Version: 1}, {Kind: registry.ConfigRecord}, {Kind: registry.ModeRecord},
		}); err != nil {
			t.Fatal(err)
		}
		if left := plainly(t, conf); len(left) != 0 {
			t.Errorf("compaction would leave %v", left)
		}
	})
}
