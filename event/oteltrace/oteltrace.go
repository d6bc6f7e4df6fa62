// Package oteltrace makes OpenTelemetry spans of what package event does: one for
// each call of Publish and one for each call of a handler, joined through the
// headers of the W3C trace context (traceparent, tracestate).
//
// Names and attributes are those of OpenTelemetry's semantic conventions for
// messaging. The package makes no spans of settling, retries and dead letters: a
// retry is another span of the handler, under the same parent, with its attempt.
package oteltrace

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/wrap"
)

// Tracing makes spans. It is safe for concurrent use.
type Tracing struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	system     string
}

// New returns a tracing whose spans go to provider. system is the value of
// messaging.system, such as kafka, nats, rabbitmq, gcp_pubsub or redis.
func New(provider trace.TracerProvider, system string) (*Tracing, error) {
	if provider == nil || system == "" {
		return nil, errors.New("oteltrace: New wants a tracer provider and the name of the messaging system, such as kafka")
	}
	return &Tracing{provider.Tracer("github.com/wireproof/wireproof/event/oteltrace"), propagation.TraceContext{}, system}, nil
}

// Publisher returns a publisher that makes a span of each call and hands the
// messages, with the context of the span in their headers, to next. A message that
// has such a context already keeps it, as one does that an outbox relays or a
// replay repeats; the span has a link to it. Close closes next.
func (t *Tracing) Publisher(next event.Publisher) event.Publisher { return &publisher{t, next} }

type publisher struct {
	t    *Tracing
	next event.Publisher
}

// Close is as [event.Publisher] says.
func (p *publisher) Close(ctx context.Context) error { return p.next.Close(ctx) }

// Publish is as [event.Publisher] says.
func (p *publisher) Publish(ctx context.Context, ms ...*event.Message) error {
	if len(ms) == 0 || slices.Contains(ms, nil) {
		return p.next.Publish(ctx, ms...) // which says what is wrong with it
	}
	topic := func(i int) string { return text(ms[i].Topic) }
	ctx, span := p.t.start(ctx, "send", len(ms), topic, trace.SpanKindProducer)
	defer span.End()
	out := make([]*event.Message, len(ms))
	for i, m := range ms {
		out[i] = m
		if of := p.t.contextOf(m.Headers); of.IsValid() {
			span.AddLink(trace.Link{SpanContext: of})
			continue
		}
		x := *m
		x.Headers = slices.Clone(m.Headers)
		p.t.propagator.Inject(ctx, (*carrier)(&x.Headers))
		out[i] = &x
	}
	err := wrap.Publish(ctx, p.next, out, ms)
	failed(span, err)
	return err
}

// Options returns the options for event.Run and event.RunBatches. The span of a
// call with one message is a child of the span that published it; the span of a
// batch has links to all of them. An outcome that is no failure (see
// [event.Failed]) is none of the span.
func (t *Tracing) Options() []event.ConsumerOption {
	return []event.ConsumerOption{event.Spans(t.span)}
}

func (t *Tracing) span(ctx context.Context, ds []*event.Delivery) (context.Context, func(error)) {
	topic := func(i int) string { return text(ds[i].Meta().Topic) }
	opts := []trace.SpanStartOption{trace.WithAttributes(attribute.String("messaging.consumer.group.name", text(ds[0].Group)))}
	if len(ds) == 1 {
		d := ds[0]
		m := d.Meta()
		opts = append(opts, trace.WithAttributes(
			attribute.String("messaging.destination.partition.id", strconv.Itoa(int(m.Partition))),
			attribute.Int("wireproof.attempt", d.Attempt)))
		if t.system == "kafka" {
			opts = append(opts, trace.WithAttributes(attribute.Int64("messaging.kafka.offset", m.Offset)))
		}
		if of := t.contextOf(d.Headers); of.IsValid() {
			ctx = trace.ContextWithRemoteSpanContext(ctx, of)
		}
	} else {
		for _, d := range ds {
			if of := t.contextOf(d.Headers); of.IsValid() {
				opts = append(opts, trace.WithLinks(trace.Link{SpanContext: of}))
			}
		}
	}
	ctx, span := t.start(ctx, "process", len(ds), topic, trace.SpanKindConsumer, opts...)
	return ctx, func(err error) {
		if event.Failed(err) {
			failed(span, err)
		}
		span.End()
	}
}

// start starts the span of an operation on n messages. Its name has the topic if
// all have the same.
func (t *Tracing) start(ctx context.Context, operation string, n int, topic func(int) string, kind trace.SpanKind, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	attrs := []attribute.KeyValue{
		attribute.String("messaging.system", t.system),
		attribute.String("messaging.operation.type", operation),
		attribute.String("messaging.operation.name", operation),
	}
	name, same := operation, true
	for i := 1; i < n; i++ {
		same = same && topic(i) == topic(0)
	}
	if same {
		name += " " + topic(0)
		attrs = append(attrs, attribute.String("messaging.destination.name", topic(0)))
	}
	if n > 1 {
		attrs = append(attrs, attribute.Int("messaging.batch.message_count", n))
	}
	return t.tracer.Start(ctx, name, append(opts, trace.WithSpanKind(kind), trace.WithAttributes(attrs...))...)
}

// text returns s as UTF-8. A topic that a pattern meets is named by whoever publishes to
// it, and OTLP refuses all spans of an export of which one holds another string.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// contextOf returns the span that the headers name; an invalid one if they name
// none.
func (t *Tracing) contextOf(h event.Headers) trace.SpanContext {
	return trace.SpanContextFromContext(t.propagator.Extract(context.Background(), (*carrier)(&h)))
}

func failed(span trace.Span, err error) {
	if err == nil {
		return
	}
	if !utf8.ValidString(err.Error()) {
		err = errors.New(text(err.Error()))
	}
	span.RecordError(err)
	span.SetStatus(codes.Error, err.Error())
}

// A carrier shows headers to a propagator.
type carrier event.Headers

// Get implements [propagation.TextMapCarrier].
func (c *carrier) Get(key string) string {
	v, _ := event.Headers(*c).Get(key)
	return string(v)
}

// Set implements [propagation.TextMapCarrier].
func (c *carrier) Set(key, value string) {
	*c = carrier(event.Headers(*c).With(key, []byte(value)))
}

// Keys implements [propagation.TextMapCarrier].
func (c *carrier) Keys() []string {
	keys := make([]string, len(*c))
	for i, h := range *c {
		keys[i] = h.Key
	}
	return keys
}
