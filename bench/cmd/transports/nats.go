package main

import (
	"context"
	"errors"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event/natsbus"
)

func openNATS(ctx context.Context) (*broker, error) {
	nc, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(batch))
	if err != nil {
		return nil, err
	}
	bus, err := natsbus.Open(ctx, natsbus.Config{Servers: []string{os.Getenv("NATS_URL")}, Memory: true})
	if err != nil {
		return nil, err
	}
	b := &broker{name: "JetStream", bus: bus, sent: 10_000, total: 20_000, close: func() { _ = bus.Close(ctx); nc.Close() }}
	b.empty = func(ctx context.Context) error {
		if err := js.DeleteStream(ctx, topic); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		return bus.MakeTopic(ctx, topic, "")
	}
	b.fill = func(ctx context.Context, group string) error {
		s, err := js.Stream(ctx, topic)
		if err != nil {
			return err
		}
		if s.CachedInfo().State.Msgs != uint64(b.total) {
			if err := b.empty(ctx); err != nil {
				return err
			}
			return publish(ctx, bus, b.total)
		}
		if err := js.DeleteConsumer(ctx, topic, group); !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return err
		}
		return nil
	}
	b.unsettled = func(ctx context.Context, group string) (int64, error) {
		c, err := js.Consumer(ctx, topic, group)
		if err != nil {
			return 0, err
		}
		return int64(c.CachedInfo().NumAckPending), nil
	}
	b.publish = func(ctx context.Context, n int) error { return natsPublish(ctx, js, n) }
	b.consume = func(ctx context.Context, group string, n int) error { return natsConsume(ctx, js, group, n) }
	return b, nil
}

// natsPublish keeps batch messages in flight and asks for every answer.
func natsPublish(ctx context.Context, js jetstream.JetStream, n int) error {
	futures := make([]jetstream.PubAckFuture, batch)
	for range n / batch {
		for i := range futures {
			f, err := js.PublishMsgAsync(&nats.Msg{Subject: topic, Data: payload, Header: nats.Header{"Key": []string{string(key(i))}}})
			if err != nil {
				return err
			}
			futures[i] = f
		}
		for _, f := range futures {
			select {
			case <-f.Ok():
			case err := <-f.Err():
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// natsConsume fetches a batch at a time and acknowledges each message.
func natsConsume(ctx context.Context, js jetstream.JetStream, group string, n int) error {
	c, err := js.CreateConsumer(ctx, topic, jetstream.ConsumerConfig{Durable: group, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: -1})
	if err != nil {
		return err
	}
	for n > 0 {
		got, err := c.Fetch(batch)
		if err != nil {
			return err
		}
		for m := range got.Messages() {
			if err := m.Ack(); err != nil {
				return err
			}
			n--
		}
		if err := got.Error(); err != nil {
			return err
		}
	}
	return nil
}
