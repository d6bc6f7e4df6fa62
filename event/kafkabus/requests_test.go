package kafkabus_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
)

// TestTransformRequests counts what a transaction of a full batch asks of the brokers: its
// partitions, the records, the group, the offset, and the end, once each. A machine that
// stands still while records are handed over may send them in two requests, so that the
// median counts.
func TestTransformRequests(t *testing.T) {
	const batches, size = 40, 50
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "in"), kfake.SeedTopics(4, "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	bus := open(t, kafkabus.Config{Brokers: cluster.ListenAddrs()})
	defer bus.Close(context.Background())
	fill(t, bus, "in", batches*size)

	var mu sync.Mutex
	var each []map[string]int // of the transactions that have ended
	now := map[string]int{}
	cluster.Control(func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		mu.Lock()
		defer mu.Unlock()
		switch key := kmsg.Key(r.Key()); key {
		case kmsg.Fetch, kmsg.Heartbeat: // of the member, not of a transaction
		case kmsg.EndTxn:
			now[key.Name()]++
			each, now = append(each, now), map[string]int{}
		default:
			now[key.Name()]++
		}
		return nil, nil, false
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var counts event.Counts
	err = bus.Transform(ctx, kafkabus.TransformConfig{
		Group: "g", Topics: []string{"in"}, Messages: size, Age: 10 * time.Second,
		Observe: func(o event.Outcome, d *event.Delivery, err error) {
			counts.Observe(o, d, err)
			if counts.Of(event.Handled) == batches*size {
				cancel()
			}
		},
	}, func(_ context.Context, batch []*event.Delivery, put func(...*event.Message)) error {
		for _, d := range batch {
			put(&event.Message{Topic: "out", Key: d.Key, Payload: d.Payload})
		}
		return nil
	})
	if err != nil || counts.Of(event.Handled) != batches*size {
		t.Fatalf("transformed %v, error %v", &counts, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(each) != batches {
		t.Fatalf("%d transactions, want %d", len(each), batches)
	}
	var totals []int
	for _, requests := range each[1:] { // the first one has also what opens the producer
		total := 0
		for _, n := range requests {
			total += n
		}
		totals = append(totals, total)
		for _, once := range []string{"AddOffsetsToTxn", "TxnOffsetCommit", "EndTxn"} {
			if requests[once] != 1 {
				t.Errorf("requests %v, want one %s", requests, once)
			}
		}
	}
	slices.Sort(totals)
	if totals[len(totals)/2] != 5 {
		t.Errorf("requests of each transaction: %v, want 5", totals)
	}
}
