package amqpbus

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/headertext"
	"github.com/wireproof/wireproof/event/internal/offsets"
)

// limits are what a header of AMQP can hold. RabbitMQ routes by CC and BCC, and
// writes names that begin with x-.
var limits = headertext.Limits{Reserved: []string{"x-", "CC", "BCC"}, MaxKey: 255}

// idPrefix marks message ids of ours; a place follows.
const idPrefix = "wp-"

func idOf(p offsets.Place) string {
	return string(p.AppendTo(append(make([]byte, 0, 32), idPrefix...)))
}

// placeOf reads the place out of a message id.
func placeOf(id string) offsets.Place {
	if text, ok := strings.CutPrefix(id, idPrefix); ok {
		if p, ok := offsets.Parse(text); ok {
			return p
		}
	}
	return offsets.Of(id)
}

// encode translates a message. It copies the payload, which may be needed after
// the caller has given up.
func (c *Config) encode(m *event.Message, at offsets.Place) (*pending, error) {
	if m == nil {
		return nil, errors.New("the message is nil")
	}
	if err := checkName("topic", m.Topic); err != nil {
		return nil, err
	}
	if len(m.Payload) > c.MaxMessageBytes {
		return nil, fmt.Errorf("the payload has %d bytes; expected at most %d (MaxMessageBytes)", len(m.Payload), c.MaxMessageBytes)
	}
	t := c.topic(m.Topic)
	p := &pending{at: at, topic: m.Topic, key: m.Topic, mandatory: !t.NoGroup}
	if t.RoutingKey != nil {
		p.key = t.RoutingKey(m)
	}
	if len(p.key) > nameBytes {
		return nil, fmt.Errorf("the routing key has %d bytes; expected at most %d", len(p.key), nameBytes)
	}
	dated := *m
	if dated.Time.IsZero() {
		dated.Time = time.Now()
	}
	p.msg = amqp.Publishing{
		Headers: amqp.Table{}, DeliveryMode: amqp.Persistent, Timestamp: dated.Time,
		MessageId: idOf(at), Body: slices.Clone(m.Payload),
	}
	if t.Priority != nil {
		p.msg.Priority = t.Priority(m)
	}
	p.headerBytes = headerRoom
	err := headertext.Encode(&dated, limits, func(name, value string) {
		p.msg.Headers[name] = value
		p.headerBytes += len(name) + len(value) + 6
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// damaged is the header of a message whose key or headers cannot be read; it then
// has all attributes as headers.
const damaged = "wireproof-damaged"

// decode translates a delivery. What others publish is read as far as that goes.
func (b *Bus) decode(d *amqp.Delivery, topic, group string) *event.Delivery {
	attrs := make(map[string]string, len(d.Headers))
	for k, v := range d.Headers {
		if !strings.HasPrefix(k, "x-") { // the broker's
			attrs[k] = textOf(v)
		}
	}
	out := &event.Delivery{Message: event.Message{Topic: topic, Payload: d.Body}, Group: group, Attempt: 1}
	if err := headertext.Decode(attrs, &out.Message); err != nil {
		out.Headers = append(out.Headers, event.Header{Key: damaged, Value: []byte(err.Error())})
	}
	if out.Time.IsZero() {
		out.Time = d.Timestamp
	}
	at := placeOf(d.MessageId)
	if d.MessageId == "" { // nobody can say that it is the same when it comes again
		at = b.offsets.Next()
	}
	out.Partition, out.Offset = at.Partition, at.Offset
	return out
}

// textOf writes the value of a header of another program as text.
func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case nil:
		return ""
	case amqp.Table, []any:
		if text, err := json.Marshal(v); err == nil {
			return string(text)
		}
	}
	return fmt.Sprint(v)
}
