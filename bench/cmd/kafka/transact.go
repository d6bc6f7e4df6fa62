package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/bench/internal/measure"
	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
)

const transformed = 25_000

// transactions measures Transform, 2 ms away, beside sarama without transactions as it
// comes, once publishing alone and once in a member of a group that marks what it has
// published.
func transactions(ctx context.Context, c *clusters, rounds int, stdout io.Writer) error {
	brokers := c.brokers[far]
	for topic, n := range map[string]int32{"in": 1, "bench": partitions} {
		if err := makeTopic(brokers, topic, n); err != nil {
			return err
		}
	}
	bus, err := openBus(ctx, brokers)
	if err != nil {
		return err
	}
	defer bus.Close(ctx)
	if err := fill(ctx, bus, "in", transformed); err != nil {
		return err
	}
	bare, closeBare, err := bareCase("publish, bare sarama, defaults, 2 ms away", brokers, bareConfig())
	if err != nil {
		return err
	}
	defer closeBare()
	bare.N = transformed
	t := &transform{bus: bus, clusters: c, counts: map[string]int{}}
	ours := &measure.Case{Name: "Transform, 2 ms away", N: transformed, Before: t.start, Run: t.run, After: t.stop}
	m := &copier{brokers: brokers}
	copied := &measure.Case{Name: "consume and publish, bare sarama, defaults, 2 ms away", N: transformed, Before: m.start, Run: m.run, After: m.stop}
	if err := report(ctx, rounds, stdout, []*measure.Case{bare, copied, ours},
		measure.Bar{Of: ours, To: bare, Figure: (*measure.Case).Rate, Least: 0.5},
		measure.Bar{Of: ours, To: copied, Figure: (*measure.Case).Rate, Least: 0.5},
	); err != nil {
		return err
	}
	t.report(stdout)
	return nil
}

// A transform is a member whose first call waits for the start of the run.
type transform struct {
	bus      *kafkabus.Bus
	clusters *clusters

	begin, all chan struct{}
	leave      context.CancelFunc
	done       chan error
	calls      int // guarded by being called for one partition
	counts     map[string]int
}

func (t *transform) start(ctx context.Context) error {
	ctx, t.leave = context.WithCancel(ctx)
	t.begin, t.all, t.done = make(chan struct{}), make(chan struct{}), make(chan error, 1)
	one := downFrom(transformed, func() { close(t.all) })
	there := make(chan struct{})
	first := sync.OnceFunc(func() { close(there) })
	go func() {
		t.done <- t.bus.Transform(ctx, kafkabus.TransformConfig{
			Group: newGroup(), Topics: []string{"in"}, Observe: func(event.Outcome, *event.Delivery, error) { one() },
		}, func(_ context.Context, ds []*event.Delivery, out func(...*event.Message)) error {
			first()
			<-t.begin
			t.calls++
			for _, d := range ds {
				out(&event.Message{Topic: "bench", Key: d.Key, Payload: d.Payload})
			}
			return nil
		})
	}()
	select {
	case <-there:
	case err := <-t.done:
		return errors.Join(err, errors.New("the transform has ended"))
	}
	_, err := t.clusters.requests() // from here on they count
	return err
}

func (t *transform) run(context.Context, int) error {
	close(t.begin)
	select {
	case <-t.all:
		return nil
	case err := <-t.done:
		return errors.Join(err, errors.New("the transform has ended"))
	}
}

func (t *transform) stop(context.Context) error {
	counts, err := t.clusters.requests()
	for name, n := range counts {
		t.counts[name] += n
	}
	t.leave()
	return errors.Join(err, <-t.done)
}

// ofProducer are the requests of a producer before its first transaction: where the topic
// and the group are.
var ofProducer = []string{"Metadata", "FindCoordinator"}

// report prints the requests of the transactions. What the member does beside them is
// left out: fetching, and staying in the group.
func (t *transform) report(stdout io.Writer) {
	total := 0
	fmt.Fprintf(stdout, "\n| requests | of %d transactions |\n|---|---|\n", t.calls)
	for _, name := range slices.Sorted(maps.Keys(t.counts)) {
		switch {
		case name == "Fetch" || name == "Heartbeat":
			continue
		case slices.Contains(ofProducer, name):
			fmt.Fprintf(stdout, "| %s, before the first one of each producer | %d |\n", name, t.counts[name])
			continue
		}
		fmt.Fprintf(stdout, "| %s | %d |\n", name, t.counts[name])
		total += t.counts[name]
	}
	met := "met"
	if total != 5*t.calls {
		met = "not met"
	}
	fmt.Fprintf(stdout, "| for each transaction; bar 5 | %.3f, %s |\n", float64(total)/float64(t.calls), met)
}

// A copier is a member of a group, by sarama alone, that publishes what it gets in batches.
// It waits for the start of the run with its first batch.
type copier struct {
	brokers []string

	producer          sarama.SyncProducer
	there, begin, all chan struct{}
	first             func()
	one               func()
	leave             context.CancelFunc
	done              chan error
}

func (c *copier) start(ctx context.Context) (err error) {
	if c.producer, err = sarama.NewSyncProducer(c.brokers, bareConfig()); err != nil {
		return err
	}
	members, err := sarama.NewConsumerGroup(c.brokers, newGroup(), bareConfig())
	if err != nil {
		return errors.Join(err, c.producer.Close())
	}
	ctx, c.leave = context.WithCancel(ctx)
	c.there, c.begin, c.all, c.done = make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan error, 1)
	c.first = sync.OnceFunc(func() { close(c.there) })
	c.one = downFrom(transformed/batch, func() { close(c.all) })
	go func() { c.done <- errors.Join(members.Consume(ctx, []string{"in"}, c), members.Close()) }()
	select {
	case <-c.there:
		return nil
	case err := <-c.done:
		return errors.Join(err, errors.New("the member has ended"))
	}
}

func (c *copier) run(context.Context, int) error {
	close(c.begin)
	select {
	case <-c.all:
		return nil
	case err := <-c.done:
		return errors.Join(err, errors.New("the member has ended"))
	}
}

func (c *copier) stop(context.Context) error {
	c.leave()
	return errors.Join(<-c.done, c.producer.Close())
}

func (c *copier) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (c *copier) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (c *copier) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	var ms []*sarama.ProducerMessage
	for {
		select {
		case m, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			ms = append(ms, &sarama.ProducerMessage{Topic: "bench", Key: sarama.ByteEncoder(m.Key), Value: sarama.ByteEncoder(m.Value)})
			if len(ms) < batch {
				continue
			}
			c.first()
			<-c.begin
			if err := c.producer.SendMessages(ms); err != nil {
				return err
			}
			s.MarkMessage(m, "")
			c.one()
			ms = nil
		case <-s.Context().Done():
			return nil
		}
	}
}
