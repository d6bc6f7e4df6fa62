package main

import (
	"context"
	"io"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	wkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/wireproof/wireproof/bench/internal/measure"
	"github.com/wireproof/wireproof/event"
)

const (
	published = 50_000
	oneByOne  = 500 // by watermill-kafka, of which each waits for its answer
)

// publishing measures Publish beside sarama's SendMessages.
func publishing(ctx context.Context, c *clusters, rounds int, stdout io.Writer) error {
	var cases []*measure.Case
	var bars []measure.Bar
	for _, where := range []string{nearSink, farSink} {
		brokers := c.brokers[where]
		if err := makeTopic(brokers, "bench", partitions); err != nil {
			return err
		}
		distance := map[string]string{nearSink: "", farSink: ", 2 ms away"}[where]
		bare, closeBare, err := bareCase("publish, bare sarama, flush held"+distance, brokers, heldConfig())
		if err != nil {
			return err
		}
		defer closeBare()
		bus, err := openBus(ctx, brokers)
		if err != nil {
			return err
		}
		defer bus.Close(ctx)
		ours := &measure.Case{Name: "publish, kafkabus" + distance, N: published, Run: func(ctx context.Context, n int) error { return fill(ctx, bus, "bench", n) }}
		cases = append(cases, bare, ours)
		bars = append(bars, measure.Bar{Of: ours, To: bare, Figure: (*measure.Case).Rate, Least: 0.7})
		if where == farSink {
			watermill, closeWatermill, err := watermillPublish(brokers)
			if err != nil {
				return err
			}
			defer closeWatermill()
			cases = append(cases, watermill)
			bars = append(bars, measure.Bar{Of: ours, To: watermill, Figure: (*measure.Case).Rate, Least: 50})
		}
	}
	return report(ctx, rounds, stdout, cases, bars...)
}

// heldConfig keeps a batch together: sarama would send its first message alone.
func heldConfig() *sarama.Config {
	conf := bareConfig()
	conf.Producer.Flush.Messages = batch
	conf.Producer.Flush.Frequency = time.Millisecond
	return conf
}

func bareCase(name string, brokers []string, conf *sarama.Config) (*measure.Case, func() error, error) {
	p, err := sarama.NewSyncProducer(brokers, conf)
	if err != nil {
		return nil, nil, err
	}
	return &measure.Case{Name: name, N: published, Run: func(_ context.Context, n int) error {
		for from := 0; from < n; from += batch {
			ms := make([]*sarama.ProducerMessage, batch)
			for i := range ms {
				ms[i] = &sarama.ProducerMessage{Topic: "bench", Key: sarama.ByteEncoder(key(from + i)), Value: sarama.ByteEncoder(payload)}
			}
			if err := p.SendMessages(ms); err != nil {
				return err
			}
		}
		return nil
	}}, p.Close, nil
}

// fill publishes n messages in batches.
func fill(ctx context.Context, bus event.Publisher, topic string, n int) error {
	for from := 0; from < n; from += batch {
		ms := make([]*event.Message, batch)
		for i := range ms {
			ms[i] = &event.Message{Topic: topic, Key: key(from + i), Payload: payload}
		}
		if err := bus.Publish(ctx, ms...); err != nil {
			return err
		}
	}
	return nil
}

func watermillPublish(brokers []string) (*measure.Case, func() error, error) {
	p, err := wkafka.NewPublisher(wkafka.PublisherConfig{
		Brokers: brokers, OverwriteSaramaConfig: bareConfig(),
		Marshaler: wkafka.NewWithPartitioningMarshaler(func(_ string, m *message.Message) (string, error) { return m.Metadata.Get("key"), nil }),
	}, watermill.NopLogger{})
	if err != nil {
		return nil, nil, err
	}
	return &measure.Case{Name: "publish, watermill-kafka, 2 ms away", N: oneByOne, Run: func(_ context.Context, n int) error {
		ms := make([]*message.Message, n)
		for i := range ms {
			ms[i] = message.NewMessage(watermill.NewULID(), payload)
			ms[i].Metadata.Set("key", string(key(i)))
		}
		return p.Publish("bench", ms...)
	}}, p.Close, nil
}
