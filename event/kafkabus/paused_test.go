package kafkabus_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
)

// TestPausedOverRebalance: a partition that is paused when the group rebalances, and stays
// with its member, is fetched again.
func TestPausedOverRebalance(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	var fetches atomic.Int64
	cluster.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		fetches.Add(1)
		return nil, nil, false
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	bus := open(t, kafkabus.Config{Brokers: cluster.ListenAddrs(), SessionTimeout: 2 * time.Second, RevokeGrace: 100 * time.Millisecond})
	defer bus.Close(context.Background())
	const n = 10_000
	for i := 0; i < n; i += 500 {
		var ms []*event.Message
		for j := i; j < i+500; j++ {
			ms = append(ms, &event.Message{Topic: "orders", Payload: fmt.Appendf(nil, "%500d", j)})
		}
		if err := bus.Publish(ctx, ms...); err != nil {
			t.Fatal(err)
		}
	}
	src, err := bus.Group("g").Open(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close(context.Background())
	// Nobody receives, so that the partition is paused: then nothing is fetched.
	for before := int64(-1); before != fetches.Load() || before == 0; time.Sleep(500 * time.Millisecond) {
		before = fetches.Load()
	}
	other, err := bus.Group("g").Open(ctx, "orders")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Close(ctx); err != nil {
		t.Fatal(err)
	}
	for next := int64(0); next < n; {
		b, err := src.Receive(ctx)
		if err != nil {
			t.Fatalf("received %d of %d messages: %v", next, n, err)
		}
		for _, d := range b.Deliveries {
			if d.Offset > next {
				t.Fatalf("offset %d, want %d", d.Offset, next)
			}
			next = max(next, d.Offset+1)
		}
		if err := b.Lane.Settle(b.Deliveries); err != nil && b.Lane.Context().Err() == nil {
			t.Fatal(err)
		}
	}
}
