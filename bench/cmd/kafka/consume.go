package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/wireproof/wireproof/bench/internal/measure"
	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/kafkabus"
)

const (
	stored     = 100_000
	storedSlow = 50_000 // of them, for peers that take long
)

// consuming measures members of new groups that read a topic, joining and leaving included. Each marks each message, and what is marked is committed each second.
func consuming(ctx context.Context, c *clusters, rounds int, stdout io.Writer) error {
	brokers := c.brokers[near]
	if err := makeTopic(brokers, "stored", partitions); err != nil {
		return err
	}
	bus, err := openBus(ctx, brokers)
	if err != nil {
		return err
	}
	defer bus.Close(ctx)
	if err := fill(ctx, bus, "stored", stored); err != nil {
		return err
	}
	bare := &measure.Case{Name: "consume, bare sarama, mark each", N: stored, Run: func(ctx context.Context, n int) error { return consumeBare(ctx, brokers, n) }}
	ours := &measure.Case{Name: "consume, event.Run over kafkabus", N: stored, Run: func(ctx context.Context, n int) error { return consumeOurs(ctx, bus, n) }}
	subscriber := &measure.Case{Name: "consume, watermill-kafka's subscriber", N: storedSlow, Run: func(ctx context.Context, n int) error { return consumeSubscriber(ctx, brokers, n) }}
	router := &measure.Case{Name: "consume, Watermill's Router over it", N: storedSlow, Run: func(ctx context.Context, n int) error { return consumeRouter(ctx, brokers, n) }}
	return report(ctx, rounds, stdout, []*measure.Case{bare, ours, subscriber, router},
		measure.Bar{Of: ours, To: bare, Figure: (*measure.Case).CPU, AtMost: 1.5},
		measure.Bar{Of: ours, To: subscriber, Figure: (*measure.Case).CPU, AtMost: 0.35},
		measure.Bar{Of: ours, To: router, Figure: (*measure.Case).CPU, AtMost: 0.35},
	)
}

var groups atomic.Int64

func newGroup() string { return fmt.Sprint("group-", groups.Add(1)) }

// A bareMember handles claims as the documentation of sarama shows it.
type bareMember struct{ one func() }

func (bareMember) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (bareMember) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (b bareMember) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case m, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			s.MarkMessage(m, "")
			b.one()
		case <-s.Context().Done():
			return nil
		}
	}
}

// downFrom returns a function that calls zero when it is called for the n-th time.
func downFrom(n int, zero func()) func() {
	var left atomic.Int64
	left.Store(int64(n))
	return func() {
		if left.Add(-1) == 0 {
			zero()
		}
	}
}

func consumeBare(ctx context.Context, brokers []string, n int) error {
	members, err := sarama.NewConsumerGroup(brokers, newGroup(), bareConfig())
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return errors.Join(members.Consume(ctx, []string{"stored"}, bareMember{downFrom(n, stop)}), members.Close())
}

func consumeOurs(ctx context.Context, bus *kafkabus.Bus, n int) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	one := downFrom(n, stop)
	return event.Run(ctx, bus.Group(newGroup()), []string{"stored"}, func(context.Context, *event.Delivery) error {
		one()
		return nil
	})
}

func newSubscriber(brokers []string) (*wkafka.Subscriber, error) {
	return wkafka.NewSubscriber(wkafka.SubscriberConfig{
		Brokers: brokers, ConsumerGroup: newGroup(), OverwriteSaramaConfig: bareConfig(), Unmarshaler: wkafka.DefaultMarshaler{},
	}, watermill.NopLogger{})
}

func consumeSubscriber(ctx context.Context, brokers []string, n int) error {
	s, err := newSubscriber(brokers)
	if err != nil {
		return err
	}
	in, err := s.Subscribe(ctx, "stored")
	if err != nil {
		return errors.Join(err, s.Close())
	}
	for range n {
		m, ok := <-in
		if !ok {
			return errors.New("the subscription has ended")
		}
		m.Ack()
	}
	return s.Close()
}

func consumeRouter(ctx context.Context, brokers []string, n int) error {
	s, err := newSubscriber(brokers)
	if err != nil {
		return err
	}
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return errors.Join(err, s.Close())
	}
	all := make(chan struct{})
	one := downFrom(n, func() { close(all) })
	router.AddConsumerHandler("h", "stored", s, func(*message.Message) error {
		one()
		return nil
	})
	done := make(chan error, 1)
	go func() { done <- router.Run(ctx) }()
	<-all
	return errors.Join(router.Close(), <-done)
}
