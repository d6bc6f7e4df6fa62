package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/natsbus"
)

const topic = "bench"

// messages are the ones of one call.
func messages() []*event.Message {
	ms := make([]*event.Message, batch)
	for i := range ms {
		ms[i] = &event.Message{Topic: topic, Key: fmt.Appendf(nil, "key-%d", i), Payload: payload}
	}
	return ms
}

// publish sends n messages in batches.
func publish(ctx context.Context, bus event.Bus, n int) error {
	ms := messages()
	for range n / batch {
		if err := bus.Publish(ctx, ms...); err != nil {
			return err
		}
	}
	return nil
}

// consume settles total messages of a new group, and returns how to leave it when
// the server knows of all.
func consume(ctx context.Context, group event.Group, pending func(ctx context.Context, group string) (int64, error)) (leave func() error, err error) {
	src, err := group.Open(ctx, topic)
	if err != nil {
		return nil, err
	}
	leave = func() error { return src.Close(ctx) }
	for n := 0; n < total; {
		b, err := src.Receive(ctx)
		if err == nil {
			err = b.Lane.Settle(b.Deliveries)
		}
		if err != nil {
			return nil, errors.Join(err, leave())
		}
		n += len(b.Deliveries)
	}
	for {
		if n, err := pending(ctx, group.Name()); n == 0 || err != nil {
			return leave, err
		}
	}
}

func natsCases(ctx context.Context) ([]*testCase, func(), error) {
	nc, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(batch))
	if err != nil {
		return nil, nil, err
	}
	bus, err := natsbus.Open(ctx, natsbus.Config{Servers: []string{os.Getenv("NATS_URL")}, Memory: true})
	if err != nil {
		return nil, nil, err
	}
	empty := func(ctx context.Context) error {
		if err := js.DeleteStream(ctx, topic); err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		return bus.MakeTopic(ctx, topic, "")
	}
	pending := func(ctx context.Context, group string) (int64, error) {
		c, err := js.Consumer(ctx, topic, group)
		if err != nil {
			return 0, err
		}
		return int64(c.CachedInfo().NumAckPending), nil
	}
	groups := 0
	filled := func(ctx context.Context) error {
		groups++
		s, err := js.Stream(ctx, topic)
		if err == nil && s.CachedInfo().State.Msgs == total {
			return nil
		}
		if err := empty(ctx); err != nil {
			return err
		}
		return publish(ctx, bus, total)
	}
	cases := []*testCase{
		{
			name: "JetStream publish, 500 in flight", messages: sent, prepare: empty,
			bare: side{call: func(ctx context.Context) (func() error, error) { return nil, barePublish(ctx, js) }},
			ours: side{call: func(ctx context.Context) (func() error, error) { return nil, publish(ctx, bus, sent) }},
		},
		{
			name: "JetStream consume, each acknowledged", messages: total, prepare: filled,
			bare: side{call: func(ctx context.Context) (func() error, error) {
				return nil, bareConsume(ctx, js, fmt.Sprint("bare-", groups))
			}},
			ours: side{call: func(ctx context.Context) (func() error, error) {
				return consume(ctx, bus.Group(fmt.Sprint("ours-", groups)), pending)
			}},
		},
	}
	return cases, func() { _ = bus.Close(ctx); nc.Close() }, nil
}

// barePublish keeps batch messages in flight and asks for every answer.
func barePublish(ctx context.Context, js jetstream.JetStream) error {
	futures := make([]jetstream.PubAckFuture, batch)
	for range sent / batch {
		for i := range futures {
			m := &nats.Msg{Subject: topic, Data: payload, Header: nats.Header{"Key": []string{fmt.Sprintf("key-%d", i)}}}
			f, err := js.PublishMsgAsync(m)
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

func bareConsume(ctx context.Context, js jetstream.JetStream, name string) error {
	c, err := js.CreateConsumer(ctx, topic, jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy, MaxAckPending: -1})
	if err != nil {
		return err
	}
	for n := 0; n < total; {
		got, err := c.Fetch(batch)
		if err != nil {
			return err
		}
		for m := range got.Messages() {
			if err := m.Ack(); err != nil {
				return err
			}
			n++
		}
		if err := got.Error(); err != nil {
			return err
		}
	}
	return nil
}
