package kafkalog

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wireproof/wireproof/registry"
)

// newFake returns a cluster of some brokers in this process.
func newFake(t *testing.T, brokers int) *kfake.Cluster {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// A broker that has just become the leader of the partition may not know yet how
// much of it was acknowledged. Until it does nothing is taken for the end, or a
// server would say that a schema does not exist which it has given an id.
func TestNewLeaderKnowsTheEndFirst(t *testing.T) {
	t.Parallel()
	cluster := newFake(t, 2)
	var behind atomic.Bool
	var asked atomic.Int64
	cluster.ControlKey(kmsg.ListOffsets.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		asked.Add(1)
		if !behind.Load() {
			return nil, nil, false
		}
		res := r.ResponseKind().(*kmsg.ListOffsetsResponse)
		for _, topic := range r.(*kmsg.ListOffsetsRequest).Topics {
			partition := kmsg.NewListOffsetsResponseTopicPartition()
			partition.ErrorCode = kerr.OffsetNotAvailable.Code
			out := kmsg.NewListOffsetsResponseTopic()
			out.Topic, out.Partitions = topic.Topic, append(out.Partitions, partition)
			res.Topics = append(res.Topics, out)
		}
		return res, nil, true
	})
	conf := newConfig(cluster.ListenAddrs())
	conf.RequestTimeout = time.Second
	l := openLeader(t, conf)
	next, err := l.Append(t.Context(), 0, []registry.Record{schemaOf("a", 1, 1, false)})
	if err != nil {
		t.Fatal(err)
	}
	await1(t, "the end of the preparations", func() bool {
		before := asked.Load()
		if _, _, err := l.ReadFrom(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		return asked.Load() == before // it is asked once for each leader
	})

	behind.Store(true)
	leader := cluster.PartitionInfo(conf.Topic, 0).Leader
	if err := cluster.MoveTopicPartition(conf.Topic, 0, 1-leader); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if records, _, err := l.ReadFrom(t.Context(), 0); err == nil {
			t.Errorf("ReadFrom = %d records while the leader does not know the end, want an error", len(records))
		}
	}
	behind.Store(false)
	if records, _, err := l.ReadFrom(t.Context(), 0); err != nil || len(records) != 1 {
		t.Errorf("ReadFrom = %d records, %v, want 1", len(records), err)
	}
}

// A broker that led once, was paused and wakes up may take itself for the leader, and
// answer with what it knows. Whoever has heard of a later leader does not believe it.
func TestLeaderOfTheOldEpoch(t *testing.T) {
	t.Parallel()
	cluster := newFake(t, 2)
	conf := newConfig(cluster.ListenAddrs())
	conf.RequestTimeout = time.Second
	l := openLeader(t, conf)
	if _, err := l.Append(t.Context(), 0, []registry.Record{schemaOf("a", 1, 1, false)}); err != nil {
		t.Fatal(err)
	}
	next := l.newest.Add(1) // as the watch hears of it first
	if records, _, err := l.ReadFrom(t.Context(), 0); !errors.Is(err, sarama.ErrFencedLeaderEpoch) {
		t.Errorf("ReadFrom = %d records, %v from a leader of the epoch before %d, want an error", len(records), err, next)
	}
	leader := cluster.PartitionInfo(conf.Topic, 0).Leader
	if err := cluster.MoveTopicPartition(conf.Topic, 0, 1-leader); err != nil {
		t.Fatal(err)
	}
	if records, _, err := l.ReadFrom(t.Context(), 0); err != nil || len(records) != 1 || l.newest.Load() != next {
		t.Errorf("ReadFrom = %d records, %v in epoch %d, want 1 in epoch %d", len(records), err, l.newest.Load(), next)
	}
}
