package main

import (
	"context"
	"errors"
	"os"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/wireproof/wireproof/event/amqpbus"
)

func rabbitQueue(group string) string { return topic + "." + group }

func openRabbit(ctx context.Context) (*broker, error) {
	conn, err := amqp.Dial(os.Getenv("AMQP_URL"))
	if err != nil {
		return nil, err
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	bus, err := amqpbus.Open(ctx, amqpbus.Config{URLs: []string{os.Getenv("AMQP_URL")}, Prefetch: batch})
	if err != nil {
		return nil, err
	}
	b := &broker{name: "RabbitMQ", bus: bus, sent: 5_000, total: 10_000, close: func() { _ = bus.Close(ctx); _ = conn.Close() }}
	groups := []string{"published", "bare", "source", "run"}
	// only makes queues of some groups, with nothing in them, and of no other.
	only := func(ctx context.Context, some ...string) error {
		for _, g := range groups {
			if _, err := ch.QueueDelete(rabbitQueue(g), false, false, false); err != nil {
				return err
			}
		}
		if err := bus.MakeTopic(ctx, topic, ""); err != nil {
			return err
		}
		for _, g := range some {
			src, err := bus.Group(g).Open(ctx, topic)
			if err != nil {
				return err
			}
			if err := src.Close(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	full := map[string]bool{} // groups whose queue has not been read
	b.empty = func(ctx context.Context) error {
		clear(full)
		return only(ctx, groups[0])
	}
	b.fill = func(ctx context.Context, group string) error {
		if full[group] {
			full[group] = false
			return nil
		}
		if err := only(ctx, groups[1:]...); err != nil {
			return err
		}
		for _, g := range groups[1:] {
			full[g] = g != group
		}
		return publish(ctx, bus, b.total)
	}
	b.publish = func(ctx context.Context, n int) error { return rabbitPublish(ctx, conn, n) }
	b.consume = func(ctx context.Context, group string, n int) error { return rabbitConsume(group, n) }
	return b, nil
}

// rabbitPublish keeps batch messages in flight and waits for the confirmation of each.
func rabbitPublish(ctx context.Context, conn *amqp.Connection, n int) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	defer ch.Close()
	if err := ch.Confirm(false); err != nil {
		return err
	}
	confirms := make([]*amqp.DeferredConfirmation, batch)
	for range n / batch {
		for i := range confirms {
			m := amqp.Publishing{Headers: amqp.Table{"key": string(key(i))}, DeliveryMode: amqp.Persistent, Timestamp: time.Now(), Body: payload}
			if confirms[i], err = ch.PublishWithDeferredConfirm(topic, topic, true, false, m); err != nil {
				return err
			}
		}
		for _, c := range confirms {
			if ok, err := c.WaitContext(ctx); err != nil || !ok {
				return errors.Join(err, errors.New("the broker has not confirmed a message"))
			}
		}
	}
	return nil
}

// rabbitConsume acknowledges a fifth of what may be unsettled at a time, so that the broker never
// has to wait for it. It has a connection of its own, as a source of ours has.
func rabbitConsume(group string, n int) error {
	conn, err := amqp.Dial(os.Getenv("AMQP_URL"))
	if err != nil {
		return err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Qos(batch, 0, false); err != nil {
		return err
	}
	ds, err := ch.Consume(rabbitQueue(group), "bare", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for i := 1; i <= n; i++ {
		d, ok := <-ds
		if !ok {
			return errors.New("the channel was closed")
		}
		if i%(batch/5) == 0 {
			if err := d.Ack(true); err != nil {
				return err
			}
		}
	}
	return ch.Close()
}
