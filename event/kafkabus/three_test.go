package kafkabus_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/test/kafkatest"
)

// A trio is three brokers with topics of three copies, of which two have to be
// written for an answer.
type trio struct {
	*kafkatest.Cluster
	admin  sarama.ClusterAdmin
	topics []string
}

func newTrio(t *testing.T, topics ...string) *trio {
	t.Helper()
	cluster := kafkatest.Three(t)
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_6_0_0
	conf.Net.DialTimeout, conf.Net.ReadTimeout, conf.Admin.Timeout = time.Second, 5*time.Second, 5*time.Second
	admin, err := sarama.NewClusterAdmin(cluster.Brokers, conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close() })
	two := "2"
	for _, topic := range topics {
		detail := &sarama.TopicDetail{NumPartitions: 4, ReplicationFactor: 3, ConfigEntries: map[string]*string{"min.insync.replicas": &two}}
		if err := admin.CreateTopic(topic, detail, false); err != nil {
			t.Fatal(err)
		}
	}
	return &trio{cluster, admin, topics}
}

// whole waits until each partition has its three copies in step. It returns the
// broker that leads one of them.
func (c *trio) whole(t *testing.T, random *rand.Rand) (leader int) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		inStep, leaders := true, []int32{}
		found, err := c.admin.DescribeTopics(append([]string{"__consumer_offsets", "__transaction_state"}, c.topics...))
		for _, f := range found {
			for _, p := range f.Partitions {
				inStep = inStep && len(p.Isr) == 3
				leaders = append(leaders, p.Leader)
			}
		}
		if err == nil && inStep && len(leaders) > 0 {
			return int(leaders[random.IntN(len(leaders))])
		}
		if time.Since(begin) > 2*time.Minute {
			t.Fatalf("the copies do not come into step: %v, %+v", err, found)
		}
	}
}

// A press publishes numbered messages of 40 keys until it is stopped, each again
// until it is acknowledged.
type press struct {
	stop chan struct{}
	done chan struct{}

	n     int          // all below are acknowledged, once done
	twice map[int]bool // keys of which a message was published again
}

func startPress(ctx context.Context, bus event.Publisher, topic string) *press {
	p := &press{stop: make(chan struct{}), done: make(chan struct{}), twice: map[int]bool{}}
	go func() {
		defer close(p.done)
		for {
			select {
			case <-p.stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			var ms []*event.Message
			for i := p.n; i < p.n+20; i++ {
				ms = append(ms, &event.Message{Topic: topic, Key: fmt.Appendf(nil, "k%d", i%40), Payload: fmt.Append(nil, i)})
			}
			p.n += len(ms)
			for len(ms) > 0 {
				err := bus.Publish(ctx, ms...)
				var pe *event.PublishError
				if !errors.As(err, &pe) {
					break
				}
				ms = nil
				for _, f := range pe.Failed {
					ms = append(ms, f.Message)
					var i int
					fmt.Sscan(string(f.Message.Payload), &i)
					p.twice[i%40] = true
				}
				if ctx.Err() != nil {
					return
				}
			}
		}
	}()
	return p
}

// TestThreeBrokersEvents publishes, consumes with retries, and transforms exactly
// once, over three brokers of which one after the other is killed while it leads.
// What was acknowledged is handled, each key in order up to its first failure, and
// each record of the input has one result.
func TestThreeBrokersEvents(t *testing.T) {
	in, out := topicName("in"), topicName("out")
	cluster := newTrio(t, in, out)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	bus := open(t, kafkabus.Config{Brokers: cluster.Brokers})
	defer bus.Close(context.Background())
	load := startPress(ctx, bus, in)
	a := &audit{seen: map[string]int{}, last: map[string]int{}}
	var mu sync.Mutex
	failing := func(key string) bool { return key == "k7" || key == "k23" }
	handler := func(_ context.Context, d *event.Delivery) error {
		if failing(string(d.Key)) && d.Attempt == 1 {
			return errors.New("not now")
		}
		mu.Lock()
		defer mu.Unlock()
		var i int
		fmt.Sscan(string(d.Payload), &i)
		if a.seen[string(d.Payload)]++; a.seen[string(d.Payload)] == 1 { // a repeat may come late
			if p, ok := a.last[string(d.Key)]; ok && i <= p {
				a.bad = append(a.bad, fmt.Sprintf("%s: %d after %d", d.Key, i, p))
			}
			a.last[string(d.Key)] = i
		}
		return nil
	}
	var members sync.WaitGroup
	defer members.Wait()
	defer cancel()
	group := topicName("group")
	for range 2 {
		own := open(t, kafkabus.Config{Brokers: cluster.Brokers})
		members.Go(func() {
			defer own.Close(context.Background())
			if err := event.Run(ctx, own.Group(group), []string{in}, handler, event.ByKey(8), event.RetryLevels(300*time.Millisecond)); err != nil {
				t.Errorf("a consumer ended: %v", err)
			}
		})
		copies := open(t, kafkabus.Config{Brokers: cluster.Brokers})
		members.Go(func() {
			defer copies.Close(context.Background())
			if err := copies.Transform(ctx, kafkabus.TransformConfig{Group: group + "-eos", Topics: []string{in}, Messages: 50}, copyTo(out)); err != nil {
				t.Errorf("a transformer ended: %v", err)
			}
		})
	}
	rounds := 2
	if os.Getenv("WIREPROOF_SOAK") == "1" {
		rounds = 20
	}
	for range rounds {
		id := cluster.whole(t, random)
		wait := time.Duration(random.IntN(2000)) * time.Millisecond
		t.Logf("KILL to broker %d after %v", id, wait)
		time.Sleep(wait)
		cluster.Signal(t, id, "KILL")
		time.Sleep(time.Duration(1000+random.IntN(4000)) * time.Millisecond)
		cluster.Start(t, id)
	}
	cluster.whole(t, random)
	close(load.stop)
	<-load.done
	handled := func() int { mu.Lock(); defer mu.Unlock(); return len(a.seen) }
	for begin := time.Now(); handled() < load.n && time.Since(begin) < 2*time.Minute; {
		time.Sleep(100 * time.Millisecond)
	}
	mu.Lock()
	defer mu.Unlock()
	t.Logf("%d messages, %d keys published again", load.n, len(load.twice))
	for i := range load.n {
		if a.seen[fmt.Sprint(i)] == 0 {
			t.Errorf("message %d was acknowledged and is not handled", i)
		}
	}
	for _, bad := range a.bad {
		var key int
		fmt.Sscanf(bad, "k%d:", &key)
		if !load.twice[key] && !failing(fmt.Sprint("k", key)) {
			t.Errorf("out of order: %s", bad)
		}
	}
	oneResultEach(t, bus, in, out)
}

// copyTo returns a transformer whose results say which record they are of.
func copyTo(out string) kafkabus.Transformer {
	return func(_ context.Context, ds []*event.Delivery, emit func(...*event.Message)) error {
		for _, d := range ds {
			emit(&event.Message{Topic: out, Key: d.Key, Payload: d.Payload, Headers: event.Headers{{Key: "of", Value: fmt.Appendf(nil, "%d/%d", d.Partition, d.Offset)}}})
		}
		return nil
	}
}

// oneResultEach waits until out has as many results as in has records, and fails
// unless each record has one.
func oneResultEach(t *testing.T, bus *kafkabus.Bus, in, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	records := map[string]int{}
	if err := bus.Browse(ctx, in, nil, func(d *event.Delivery) bool {
		records[fmt.Sprintf("%d/%d", d.Partition, d.Offset)] = 0
		return true
	}); err != nil {
		t.Fatal(err)
	}
	results := 0
	for begin := time.Now(); results < len(records) && time.Since(begin) < 2*time.Minute; time.Sleep(200 * time.Millisecond) {
		results = 0
		clear(records)
		if err := bus.Browse(ctx, in, nil, func(d *event.Delivery) bool {
			records[fmt.Sprintf("%d/%d", d.Partition, d.Offset)] = 0
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if err := bus.Browse(ctx, out, nil, func(d *event.Delivery) bool {
			of, _ := d.Headers.Get("of")
			records[string(of)]++
			results++
			return true
		}); err != nil {
			t.Fatal(err)
		}
	}
	for record, n := range records {
		if n != 1 {
			t.Errorf("record %s has %d results", record, n)
		}
	}
	t.Logf("%d records, %d results", len(records), results)
}
