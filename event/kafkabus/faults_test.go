package kafkabus_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
)

// TestOrderUnderRetries refuses every third produce request. What was published
// is stored once each, and in order.
func TestOrderUnderRetries(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	var asked, refused atomic.Int64
	cluster.ControlKey(int16(kmsg.Produce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if asked.Add(1)%3 != 0 {
			return nil, nil, false
		}
		refused.Add(1)
		return refuse(r.(*kmsg.ProduceRequest)), nil, true
	})

	ctx := context.Background()
	bus, err := kafkabus.Open(ctx, kafkabus.Config{Brokers: cluster.ListenAddrs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bus.Close(ctx) })
	const batches, size = 20, 25
	for b := range batches {
		ms := make([]*event.Message, size)
		for i := range ms {
			ms[i] = &event.Message{Topic: "orders", Key: []byte("k"), Payload: fmt.Appendf(nil, "%d", b*size+i)}
		}
		if err := bus.Publish(ctx, ms...); err != nil {
			t.Fatalf("batch %d: %v", b, err)
		}
	}
	if refused.Load() == 0 {
		t.Fatal("no request was refused, so the test shows nothing")
	}
	next := 0
	err = bus.Browse(ctx, "orders", nil, func(d *event.Delivery) bool {
		if got, want := string(d.Payload), fmt.Sprint(next); got != want {
			t.Errorf("message %d is %s", next, got)
			return false
		}
		next++
		return true
	})
	if err != nil || next != batches*size {
		t.Errorf("read %d messages of %d, error %v", next, batches*size, err)
	}
}

// refuse answers as a broker does that has just stopped being the leader.
func refuse(r *kmsg.ProduceRequest) *kmsg.ProduceResponse {
	resp := r.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range r.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, kerr.NotLeaderForPartition.Code
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}
