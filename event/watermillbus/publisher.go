package watermillbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/wireproof/wireproof/event"
)

// A Publisher is a Watermill publisher over one of package event.
type Publisher struct{ to event.Publisher }

var _ message.Publisher = (*Publisher)(nil)

// NewPublisher returns a Watermill publisher that publishes through p. A message
// has the ordering key that its [MetadataKey] says.
func NewPublisher(p event.Publisher) *Publisher { return &Publisher{p} }

// Publish returns once the broker has stored every message, which go out as one
// batch. If it has not, the error is, or wraps, an [event.PublishError]. The context
// is that of the first message.
func (p *Publisher) Publish(topic string, messages ...*message.Message) error {
	if len(messages) == 0 {
		return nil
	}
	ms := make([]*event.Message, len(messages))
	for i, m := range messages {
		if m == nil {
			return fmt.Errorf("watermillbus: message %d for topic %q is nil, nothing was published", i, topic)
		}
		var err error
		if ms[i], err = FromWatermill(topic, m); err != nil {
			return fmt.Errorf("watermillbus: message %s for topic %q, nothing was published: %w", m.UUID, topic, err)
		}
	}
	return p.to.Publish(messages[0].Context(), ms...)
}

// closeTimeout bounds the calls of Close, for which Watermill has no context.
const closeTimeout = 30 * time.Second

// Close waits for what is in flight, for 30 s at most, and closes the publisher
// underneath.
func (p *Publisher) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return p.to.Close(ctx)
}

// Handler calls a handler that was written for Watermill: nil acknowledges, any
// other error takes the policy of [event.Run], which knows [event.Permanent] and
// the other outcomes. The message's Ack and Nack mean nothing. What h returns is
// published to topic through p before the delivery counts as handled; both may be
// nil or empty for a handler that publishes nothing, and then a message from h is
// an error.
func Handler(h message.HandlerFunc, p event.Publisher, topic string) event.Handler {
	return func(ctx context.Context, d *event.Delivery) error {
		in := ToWatermill(&d.Message, uuidOf(d))
		in.SetContext(context.WithValue(ctx, deliveryKey{}, d))
		produced, err := h(in)
		if err != nil || len(produced) == 0 {
			return err
		}
		if p == nil || topic == "" {
			return event.Permanent(errors.New("watermillbus: the handler returned messages, but Handler was given no publisher and topic for them"))
		}
		out := make([]*event.Message, len(produced))
		for i, m := range produced {
			if out[i], err = FromWatermill(topic, m); err != nil {
				return event.Permanent(fmt.Errorf("watermillbus: message %s for topic %q: %w", m.UUID, topic, err))
			}
		}
		return p.Publish(ctx, out...)
	}
}

type deliveryKey struct{}

// DeliveryOf returns the delivery that a message from a [Subscriber] or [Handler] came
// as, by the message's context: its partition, offset, group and attempt.
func DeliveryOf(ctx context.Context) (*event.Delivery, bool) {
	d, ok := ctx.Value(deliveryKey{}).(*event.Delivery)
	return d, ok
}

// uuidOf names a message that no Watermill publisher has named, the same at each
// delivery: by the place of its first publication.
func uuidOf(d *event.Delivery) string {
	m := d.Meta()
	return fmt.Sprintf("%s/%d/%d", m.Topic, m.Partition, m.Offset)
}
