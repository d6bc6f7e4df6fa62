package kafkalog

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wireproof/wireproof/registry"
)

// A leader that was paused says what it knew, and who has not heard of the next one
// would believe it: brokers with copies of the topic are asked, and what they do not
// vouch for is not read.
func TestPeersVouchForTheLeader(t *testing.T) {
	t.Parallel()
	cluster := newFake(t, 3)
	conf := newConfig(cluster.ListenAddrs())
	conf.RequestTimeout = time.Second
	l := openLeader(t, conf)
	if _, err := l.Append(t.Context(), 0, []registry.Record{schemaOf("a", 1, 1, false)}); err != nil {
		t.Fatal(err)
	}
	leader, err := l.data.Leader(conf.Topic, 0)
	if err != nil {
		t.Fatal(err)
	}
	epoch := l.newest.Load()
	next := (leader.ID() + 1) % 3
	var silent, later atomic.Bool
	cluster.ControlKey(kmsg.Metadata.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if cluster.CurrentNode() == leader.ID() {
			return nil, nil, false
		}
		if silent.Load() {
			return nil, errors.New("silence"), true
		}
		if !later.Load() || cluster.CurrentNode() != next {
			return nil, nil, false
		}
		p := kmsg.NewMetadataResponseTopicPartition()
		p.Leader, p.LeaderEpoch, p.Replicas, p.ISR = next, epoch+1, []int32{0, 1, 2}, []int32{0, 1, 2}
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.Partitions = &conf.Topic, append(topic.Partitions, p)
		res := r.ResponseKind().(*kmsg.MetadataResponse)
		res.Topics = append(res.Topics, topic)
		return res, nil, true
	})

	silent.Store(true)
	if records, _, err := l.ReadFrom(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "still leads") {
		t.Errorf("ReadFrom = %d records, %v while nobody vouches for the leader, want an error", len(records), err)
	}
	silent.Store(false)
	if records, _, err := l.ReadFrom(t.Context(), 0); err != nil || len(records) != 1 {
		t.Errorf("ReadFrom = %d records, %v, want 1", len(records), err)
	}
	later.Store(true)
	if records, _, err := l.ReadFrom(t.Context(), 0); !errors.Is(err, sarama.ErrFencedLeaderEpoch) {
		t.Errorf("ReadFrom = %d records, %v from a leader after which there is another, want an error", len(records), err)
	}
	later.Store(false)
	if err := cluster.MoveTopicPartition(conf.Topic, 0, next); err != nil {
		t.Fatal(err)
	}
	if records, _, err := l.ReadFrom(t.Context(), 0); err != nil || len(records) != 1 {
		t.Errorf("ReadFrom = %d records, %v from the next leader, want 1", len(records), err)
	}
}

// Those who agree are enough if a later leader cannot have done without them.
func TestEnoughPeers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                   string
		min                    int
		replicas, insync, told []int32
		want                   bool
	}{
		{"the only copy", 1, []int32{1}, []int32{1}, nil, true},
		{"one of two others, both of which a later leader needs", 2, []int32{1, 2, 3}, []int32{1, 2, 3}, []int32{3}, true},
		{"nobody", 2, []int32{1, 2, 3}, []int32{1, 2, 3}, nil, false},
		{"one of two others, of which a later leader needs itself", 1, []int32{1, 2, 3}, []int32{1, 2, 3}, []int32{3}, false},
		{"all others", 1, []int32{1, 2, 3}, []int32{1, 2, 3}, []int32{3, 2}, true},
		{"all that can lead", 1, []int32{1, 2, 3}, []int32{1, 3}, []int32{3}, true},
		{"one that cannot lead", 1, []int32{1, 2, 3}, []int32{1, 3}, []int32{2}, false},
		{"no other can lead", 1, []int32{1, 2}, []int32{1}, nil, true},
		{"too few of five", 2, []int32{1, 2, 3, 4, 5}, []int32{1, 2, 3, 4, 5}, []int32{2, 3}, false},
		{"three of five", 2, []int32{1, 2, 3, 4, 5}, []int32{1, 2, 3, 4, 5}, []int32{2, 3, 5}, true},
	} {
		leader := &view{broker: 1, replicas: tt.replicas, insync: tt.insync}
		if got := newPeers(nil, tt.min).enough(leader, tt.told); got != tt.want {
			t.Errorf("%s: enough = %v, want %v", tt.name, got, tt.want)
		}
	}
}
