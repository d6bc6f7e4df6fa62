package amqpbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/wireproof/wireproof/event"
)

// MakeTopic is as [event.TopicMaker] says: it declares the exchange, and the queue
// or stream that keeps what is published to a retry or dead-letter topic. An
// exchange or a queue of that name that is otherwise is an error.
func (b *Bus) MakeTopic(ctx context.Context, name, like string) error {
	if err := checkName("topic", name); err != nil {
		return fmt.Errorf("make topic: %w", err)
	}
	conn, err := b.config.dial(ctx)
	if err != nil {
		return fmt.Errorf("make topic %q: %w", name, err)
	}
	defer hangUp(conn)
	err = call(ctx, func() error { return b.config.makeTopic(conn, name, like) }, func() { hangUp(conn) })
	if err != nil {
		return fmt.Errorf("make topic %q: %w", name, err)
	}
	return nil
}

func (c *Config) makeTopic(conn *amqp.Connection, name, like string) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := c.declareExchange(ch, name); err != nil {
		return err
	}
	if keepsLetters(name) {
		return c.declareStream(ch, name)
	}
	if group, ok := retryGroup(name, like); ok {
		return c.declareQueue(conn, ch, name, group)
	}
	return nil
}

func (c *Config) declareExchange(ch *amqp.Channel, topic string) error {
	kind := c.topic(topic).Kind
	if err := ch.ExchangeDeclare(topic, kind, true, false, false, false, nil); err != nil {
		return fmt.Errorf("declare %s exchange %q: %w", kind, topic, err)
	}
	return nil
}

// declareQueue makes the queue of a group and binds it.
func (c *Config) declareQueue(conn *amqp.Connection, ch *amqp.Channel, topic, group string) error {
	name := queueName(topic, group)
	if err := checkName("queue", name); err != nil {
		return err
	}
	q, err := c.queue(topic, group)
	if err != nil {
		return err
	}
	if _, err := ch.QueueDeclare(name, true, false, false, false, q.arguments(version(conn))); err != nil {
		return fmt.Errorf("declare %s queue %q: %w", q.Type, name, err)
	}
	for _, b := range q.bindings(topic, c.topic(topic).Kind) {
		if err := ch.QueueBind(name, b.RoutingKey, topic, false, amqp.Table(b.Arguments)); err != nil {
			return fmt.Errorf("bind queue %q to %q with key %q: %w", name, topic, b.RoutingKey, err)
		}
	}
	return nil
}

// declareStream makes the stream that keeps the messages of a topic, and binds it.
func (c *Config) declareStream(ch *amqp.Channel, topic string) error {
	args := amqp.Table{amqp.QueueTypeArg: amqp.QueueTypeStream}
	if c.KeepFor > 0 {
		args[amqp.StreamMaxAgeArg] = fmt.Sprintf("%ds", c.KeepFor/time.Second)
	}
	if c.KeepBytes > 0 {
		args[amqp.StreamMaxLenBytesArg] = c.KeepBytes
	}
	if _, err := ch.QueueDeclare(topic, true, false, false, false, args); err != nil {
		return fmt.Errorf("declare stream %q: %w", topic, err)
	}
	if err := ch.QueueBind(topic, topic, topic, false, nil); err != nil {
		return fmt.Errorf("bind stream %q: %w", topic, err)
	}
	return nil
}

func queueName(topic, group string) string { return topic + "." + group }

// exists reports whether there is an exchange of that name. It takes a channel of
// its own, for the broker closes one on which it is asked in vain.
func exists(conn *amqp.Connection, topic string) (bool, error) {
	ch, err := conn.Channel()
	if err != nil {
		return false, err
	}
	switch err := ch.ExchangeDeclarePassive(topic, amqp.ExchangeTopic, true, false, false, false, nil); {
	case err == nil:
		return true, ch.Close()
	case code(err) == amqp.NotFound:
		return false, nil
	default:
		return false, err
	}
}

// errNoTopic is why nothing can be published to or read from a topic.
var errNoTopic = errors.New("there is no exchange of that name; MakeTopic makes it")

// A consumer is a channel on which a queue's messages arrive.
type consumer struct {
	ch         *amqp.Channel
	deliveries <-chan amqp.Delivery
	closed     chan *amqp.Error
}

const consumerTag = "wireproof"

// consume makes the queue of a group if need be, and starts to read it. A topic
// that was there once is made again with again.
func (c *Config) consume(conn *amqp.Connection, topic, group string, again bool) (*consumer, error) {
	there, err := exists(conn, topic)
	if err != nil {
		return nil, err
	}
	ch, err := conn.Channel()
	if err != nil {
		return nil, err
	}
	switch {
	case there:
	case again:
		if err := c.makeTopic(conn, topic, ""); err != nil {
			return nil, err
		}
	default:
		return nil, errNoTopic
	}
	if err := c.declareQueue(conn, ch, topic, group); err != nil {
		return nil, err
	}
	x := &consumer{ch: ch, closed: ch.NotifyClose(make(chan *amqp.Error, 1))}
	if err := ch.Qos(c.Prefetch, 0, false); err != nil {
		return nil, err
	}
	x.deliveries, err = ch.Consume(queueName(topic, group), consumerTag, false, false, false, false, nil)
	if err != nil {
		return nil, err
	}
	return x, nil
}

var (
	_ event.Bus        = (*Bus)(nil)
	_ event.TopicMaker = (*Bus)(nil)
	_ event.Browser    = (*Bus)(nil)
)
