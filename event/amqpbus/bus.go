package amqpbus

import (
	"context"
	"fmt"
	"sync"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/offsets"
)

// A Bus is a connection to RabbitMQ: an [event.Bus], an [event.TopicMaker] and an
// [event.Browser]. It is safe for concurrent use.
type Bus struct {
	config   *Config // this and the fields below are set once
	offsets  *offsets.Source
	producer *producer

	mu     sync.Mutex           // guards the field below
	queues map[string][2]string // topic and group of each queue that was opened
}

// Open connects to the broker. The error says which nodes were tried.
func Open(ctx context.Context, config Config) (*Bus, error) {
	c, err := config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("connect to RabbitMQ: %w", err)
	}
	s, err := openSession(ctx, c)
	if err != nil {
		return nil, err
	}
	o := offsets.New()
	return &Bus{config: c, offsets: o, producer: newProducer(c, o, s), queues: map[string][2]string{}}, nil
}

// Publish is as [event.Publisher] says. It copies what it is given.
func (b *Bus) Publish(ctx context.Context, ms ...*event.Message) error {
	return b.producer.publish(ctx, ms)
}

// Group returns the consumer group of that name.
func (b *Bus) Group(name string) event.Group { return &group{b, name} }

// Close waits until every publish under way has its answers, then closes the
// connection. Sources are closed by whoever opened them.
func (b *Bus) Close(ctx context.Context) error { return b.producer.close(ctx) }

// claim notes whose queue is of that name. Two groups whose names run together
// with those of their topics would take each other's messages.
func (b *Bus) claim(topic, group string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	name, mine := queueName(topic, group), [2]string{topic, group}
	if of, ok := b.queues[name]; ok && of != mine {
		return fmt.Errorf("group %q of topic %q has the queue %q, which is that of group %q of topic %q: rename one", group, topic, name, of[1], of[0])
	}
	b.queues[name] = mine
	return nil
}
