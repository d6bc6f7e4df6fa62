package cloudevents

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/wrap"
)

// An Option configures [Publisher].
type Option func(*publisher) error

// Over spells headers as b does. The default is [Kafka].
func Over(b Binding) Option {
	return func(p *publisher) error {
		if b.prefix == "" {
			return errors.New("cloudevents: Over wants one of the bindings of this package, this one is empty")
		}
		p.binding = b
		return nil
	}
}

// ContentType gives datacontenttype, the media type of payloads. The default is
// none.
func ContentType(mediaType string) Option {
	return func(p *publisher) error {
		if err := checkValue(mediaType); err != nil || mediaType == "" {
			return fmt.Errorf("cloudevents: ContentType(%q): want a media type such as application/protobuf", mediaType)
		}
		p.contentType = mediaType
		return nil
	}
}

// Attribute gives another attribute: subject, dataschema (see [SchemaAt]), or an
// extension such as partitionkey. A message for which f returns "" has none.
func Attribute(name string, f func(m *event.Message) string) Option {
	return func(p *publisher) error {
		if err := checkName(name); err != nil {
			return fmt.Errorf("cloudevents: an attribute: %w", err)
		}
		if f == nil {
			return fmt.Errorf("cloudevents: Attribute(%q) wants a function, it is nil", name)
		}
		switch name {
		case "specversion", "id", "source", "type", "time", "datacontenttype", "data":
			return fmt.Errorf("cloudevents: the attribute %s is set by the publisher already; give an extension or subject or dataschema", name)
		}
		if slices.ContainsFunc(p.extra, func(a attribute) bool { return a.name == name }) {
			return fmt.Errorf("cloudevents: the attribute %s is given twice", name)
		}
		p.extra = append(p.extra, attribute{name, f})
		return nil
	}
}

// SchemaAt returns a function for [Attribute] "dataschema": the address at which
// the registry whose address is registry serves the schema of a framed payload, and
// "" for a payload that is not framed.
func SchemaAt(registry string) func(m *event.Message) string {
	registry = strings.TrimRight(registry, "/")
	return func(m *event.Message) string {
		if len(m.Payload) < 5 || m.Payload[0] != 0 {
			return ""
		}
		return registry + "/schemas/ids/" + strconv.FormatUint(uint64(binary.BigEndian.Uint32(m.Payload[1:5])), 10)
	}
}

// Publisher returns a publisher that hands messages with an envelope to next:
//
//   - specversion is 1.0, source is source, a URI reference that names who publishes;
//   - type is the Type of the message, which generated publishers give;
//   - id is the header [event.HeaderID] if the message has it, else new for each call;
//   - time is the Time of the message, else now.
//
// A tombstone (no payload and no Type) and a message that has an envelope already
// pass as they are. If a message has no Type, or an attribute that CloudEvents
// does not allow, none of the call is published. With an outbox, wrap the outbox
// and not what its relay publishes through: an event that is relayed twice then
// has one id. Close closes next.
func Publisher(next event.Publisher, source string, opts ...Option) (event.Publisher, error) {
	if next == nil {
		return nil, errors.New("cloudevents: Publisher wants a publisher, it is nil")
	}
	if _, err := url.Parse(source); err != nil || source == "" || checkValue(source) != nil {
		return nil, fmt.Errorf("cloudevents: the source is %q, want a URI reference that names who publishes, such as /orders or https://example.com/orders", source)
	}
	p := &publisher{next: next, source: source, binding: Kafka}
	for _, o := range opts {
		if err := o(p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

type publisher struct {
	next        event.Publisher
	source      string
	binding     Binding
	contentType string
	extra       []attribute
}

type attribute struct {
	name string
	of   func(*event.Message) string
}

// Close is as [event.Publisher] says.
func (p *publisher) Close(ctx context.Context) error { return p.next.Close(ctx) }

// Publish is as [event.Publisher] says.
func (p *publisher) Publish(ctx context.Context, ms ...*event.Message) error {
	out := make([]*event.Message, len(ms))
	for i, m := range ms {
		out[i] = m
		if m == nil || m.Payload == nil && m.Type == "" {
			continue
		}
		if _, has := m.Headers.Get(p.binding.prefix + "specversion"); has {
			continue
		}
		x := *m
		var err error
		if x.Headers, err = p.headers(m); err != nil {
			return wrap.Refused(ms, i, err)
		}
		out[i] = &x
	}
	return wrap.Publish(ctx, p.next, out, ms)
}

// headers returns those of m with its envelope.
func (p *publisher) headers(m *event.Message) (event.Headers, error) {
	if m.Type == "" {
		return nil, fmt.Errorf("cloudevents: a message for topic %q has no Type, which the envelope needs; generated publishers give it", m.Topic)
	}
	id, at := rand.Text(), m.Time
	if own, ok := m.Headers.Get(event.HeaderID); ok && len(own) > 0 {
		id = string(own)
	}
	if at.IsZero() {
		at = time.Now()
	}
	out := slices.Grow(slices.Clone(m.Headers), 6+len(p.extra))
	add := func(name, value string) error {
		if err := checkValue(value); err != nil {
			return fmt.Errorf("cloudevents: a message for topic %q, attribute %s: %w", m.Topic, name, err)
		}
		if p.binding.percent {
			value = escaped(value)
		}
		out = append(out, event.Header{Key: p.binding.prefix + name, Value: []byte(value)})
		return nil
	}
	err := errors.Join(add("specversion", "1.0"), add("id", id), add("source", p.source), add("type", m.Type),
		add("time", at.UTC().Format(time.RFC3339Nano)))
	for _, a := range p.extra {
		if value := a.of(m); value != "" {
			err = errors.Join(err, add(a.name, value))
		}
	}
	if p.contentType != "" {
		out = append(out, event.Header{Key: contentType, Value: []byte(p.contentType)})
	}
	return out, err
}
