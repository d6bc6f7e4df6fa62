package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/bench/internal/measure"
	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
)

const (
	fast     = 100_000
	sleep    = 20 * time.Millisecond
	together = 10_000
	untilDue = 5 * time.Second // enough to let all of them fail before
	workers  = 32
)

// siblings measures a partition whose handler does nothing, alone and beside one whose
// handler sleeps. Both are led by one broker, which sends them in one answer.
func siblings(ctx context.Context, c *clusters, rounds int, stdout io.Writer) error {
	bus, err := openBus(ctx, c.brokers[near])
	if err != nil {
		return err
	}
	defer bus.Close(ctx)
	var cases []*measure.Case
	for topic, name := range []string{"fast partition, alone", "fast partition, beside a slow one"} {
		topic := fmt.Sprint("siblings-", topic)
		if err := fillPartitions(c.brokers[near], topic, topic == "siblings-1"); err != nil {
			return err
		}
		p := &pair{bus: bus, topic: topic}
		cases = append(cases, &measure.Case{Name: name, N: fast, Before: p.start, Run: p.run, After: p.stop})
	}
	perMessage := func(c *measure.Case) float64 { return 1 / c.Rate() }
	return report(ctx, rounds, stdout, cases, measure.Bar{Of: cases[1], To: cases[0], Figure: perMessage, AtMost: 2})
}

// fillPartitions makes a topic of two partitions, and fills the second one too if both.
func fillPartitions(brokers []string, topic string, both bool) error {
	if err := makeTopic(brokers, topic, 2); err != nil {
		return err
	}
	conf := heldConfig()
	conf.Producer.Partitioner = sarama.NewManualPartitioner
	p, err := sarama.NewSyncProducer(brokers, conf)
	if err != nil {
		return err
	}
	for from := 0; from < fast; from += batch {
		var ms []*sarama.ProducerMessage
		for range batch {
			ms = append(ms, &sarama.ProducerMessage{Topic: topic, Partition: 0, Value: sarama.ByteEncoder(payload)})
			if both {
				ms = append(ms, &sarama.ProducerMessage{Topic: topic, Partition: 1, Value: sarama.ByteEncoder(payload)})
			}
		}
		if err := p.SendMessages(ms); err != nil {
			return errors.Join(err, p.Close())
		}
	}
	return p.Close()
}

// A pair is a member that has both partitions. Its handlers wait for the start of the run,
// so that joining is not measured.
type pair struct {
	bus   *kafkabus.Bus
	topic string

	begin, all chan struct{}
	leave      context.CancelFunc
	done       chan error
}

func (p *pair) start(ctx context.Context) error {
	ctx, p.leave = context.WithCancel(ctx)
	p.begin, p.all, p.done = make(chan struct{}), make(chan struct{}), make(chan error, 1)
	one := downFrom(fast, func() { close(p.all) })
	there := make(chan struct{})
	first := sync.OnceFunc(func() { close(there) })
	go func() {
		p.done <- event.Run(ctx, p.bus.Group(newGroup()), []string{p.topic}, func(ctx context.Context, d *event.Delivery) error {
			if d.Partition == 0 {
				first()
			}
			<-p.begin
			if d.Partition == 0 {
				one()
				return nil
			}
			time.Sleep(sleep)
			return nil
		})
	}()
	<-there
	return nil
}

func (p *pair) run(context.Context, int) error {
	close(p.begin)
	<-p.all
	return nil
}

func (p *pair) stop(context.Context) error {
	p.leave()
	return <-p.done
}

// retries measures when messages are handled again that failed and are due at the same
// moment, in one partition of a retry level. They fail by key, several at once, in a first
// member of the group, and come back to a second one.
func retries(ctx context.Context, c *clusters, rounds int, stdout io.Writer) error {
	bus, err := openBus(ctx, c.brokers[near])
	if err != nil {
		return err
	}
	defer bus.Close(ctx)
	fmt.Fprintf(stdout, "| %d retries due together, one partition | first | last | bar | |\n|---|---|---|---|---|\n", together)
	hows := []struct {
		name string
		opt  event.ConsumerOption
	}{{"in order", event.Serial()}, {fmt.Sprintf("by key, %d workers", workers), event.ByKey(workers)}}
	spread := make([]struct{ first, last []float64 }, len(hows))
	for round := range max(1, rounds/3) { // each takes as long as they are due later
		for i, how := range hows {
			r := &retried{bus: bus, topic: fmt.Sprintf("retries-%d-%d", i, round), group: newGroup()}
			if err := makeTopic(c.brokers[near], r.topic, 1); err != nil {
				return err
			}
			if err := errors.Join(r.fail(ctx), r.again(ctx, how.opt)); err != nil {
				return err
			}
			spread[i].first = append(spread[i].first, r.first.Sub(r.due).Seconds()*1000)
			spread[i].last = append(spread[i].last, r.last.Sub(r.due).Seconds()*1000)
		}
	}
	for i, how := range hows {
		met := "met"
		if slices.Min(spread[i].first) < 0 || measure.Median(spread[i].last) > 1000 {
			met = "not met"
		}
		fmt.Fprintf(stdout, "| %s | %.1f ms after due | %.0f ms after due | never before, ≤ 1000 ms after | %s |\n",
			how.name, slices.Min(spread[i].first), measure.Median(spread[i].last), met)
	}
	return nil
}

// A retried is one round of retries.
type retried struct {
	bus          *kafkabus.Bus
	topic, group string
	due          time.Time

	mu          sync.Mutex // guards the fields below
	first, last time.Time  // of the second calls
}

// fail lets all messages fail once.
func (r *retried) fail(ctx context.Context) error {
	if err := fill(ctx, r.bus, r.topic, together); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	one := downFrom(together, stop)
	r.due = time.Now().Add(untilDue)
	failure := errors.New("not yet")
	err := event.Run(ctx, r.bus.Group(r.group), []string{r.topic}, func(context.Context, *event.Delivery) error {
		return event.RetryIn(time.Until(r.due), failure)
	}, event.ByKey(workers), event.RetryLevels(untilDue), event.Observe(func(event.Outcome, *event.Delivery, error) { one() }))
	if time.Now().After(r.due) {
		err = errors.Join(err, fmt.Errorf("some were due before all had failed, which takes longer than %v", untilDue))
	}
	return err
}

// again handles them when they are due.
func (r *retried) again(ctx context.Context, opt event.ConsumerOption) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	one := downFrom(together, stop)
	return event.Run(ctx, r.bus.Group(r.group), []string{r.topic}, func(context.Context, *event.Delivery) error {
		now := time.Now()
		r.mu.Lock()
		if r.first.IsZero() || now.Before(r.first) {
			r.first = now
		}
		if now.After(r.last) {
			r.last = now
		}
		r.mu.Unlock()
		one()
		return nil
	}, opt, event.RetryLevels(untilDue))
}
