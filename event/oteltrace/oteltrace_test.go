package oteltrace_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/event/oteltrace"
)

func setUp(t *testing.T) (*oteltrace.Tracing, *tracetest.SpanRecorder, api.Tracer) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	tracing, err := oteltrace.New(provider, "kafka")
	if err != nil {
		t.Fatal(err)
	}
	return tracing, spans, provider.Tracer("test")
}

// named returns the ended spans of that name.
func named(spans *tracetest.SpanRecorder, name string) []trace.ReadOnlySpan {
	var out []trace.ReadOnlySpan
	for _, s := range spans.Ended() {
		if s.Name() == name {
			out = append(out, s)
		}
	}
	return out
}

func values(s trace.ReadOnlySpan) map[string]string {
	out := map[string]string{}
	for _, a := range s.Attributes() {
		out[string(a.Key)] = a.Value.String()
	}
	return out
}

// A message's spans are one trace: who publishes, the send, each attempt of the
// handler, and what the handler publishes in its turn.
func TestOneTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tracing, spans, tracer := setUp(t)
		bus := membus.New()
		out := tracing.Publisher(bus)
		ctx, request := tracer.Start(t.Context(), "request")
		m := &event.Message{Topic: "orders", Payload: []byte("x"), Headers: event.Headers{{Key: "own", Value: []byte("v")}}}
		if err := out.Publish(ctx, m); err != nil {
			t.Fatal(err)
		}
		request.End()
		if len(m.Headers) != 1 {
			t.Errorf("the caller's message has headers %v", m.Headers)
		}
		run, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		err := event.Run(run, bus.Group("billing"), []string{"orders"}, func(ctx context.Context, d *event.Delivery) error {
			if d.Attempt == 1 {
				return errors.New("no")
			}
			if err := out.Publish(ctx, &event.Message{Topic: "invoices", Payload: []byte("i")}); err != nil {
				return err
			}
			return event.Drop("done otherwise")
		}, append(tracing.Options(), event.RetryLevels(time.Minute))...)
		if err != nil {
			t.Fatal(err)
		}
		send, process, invoice := named(spans, "send orders"), named(spans, "process orders"), named(spans, "send invoices")
		if len(send) != 1 || len(process) != 2 || len(invoice) != 1 {
			t.Fatalf("%d sends, %d calls, %d invoices, want 1, 2, 1", len(send), len(process), len(invoice))
		}
		for child, parent := range map[trace.ReadOnlySpan]api.SpanContext{
			send[0]: request.SpanContext(), process[0]: send[0].SpanContext(), process[1]: send[0].SpanContext(), invoice[0]: process[1].SpanContext(),
		} {
			if child.Parent().SpanID() != parent.SpanID() || child.SpanContext().TraceID() != request.SpanContext().TraceID() {
				t.Errorf("%s has parent %v in trace %v, want %v in %v", child.Name(), child.Parent().SpanID(), child.SpanContext().TraceID(), parent.SpanID(), parent.TraceID())
			}
		}
		if process[0].Status().Code != codes.Error || process[1].Status().Code == codes.Error {
			t.Errorf("status %v and %v, want an error of the first only: a drop is none", process[0].Status(), process[1].Status())
		}
		want := map[string]string{
			"messaging.system": "kafka", "messaging.operation.type": "process", "messaging.operation.name": "process",
			"messaging.destination.name": "orders", "messaging.consumer.group.name": "billing",
			"messaging.destination.partition.id": "0", "messaging.kafka.offset": "0", "wireproof.attempt": "2",
		}
		for k, v := range want {
			if got := values(process[1])[k]; got != v {
				t.Errorf("%s is %q, want %q", k, got, v)
			}
		}
		if send[0].SpanKind() != api.SpanKindProducer || process[0].SpanKind() != api.SpanKindConsumer {
			t.Errorf("kinds %v and %v", send[0].SpanKind(), process[0].SpanKind())
		}
	})
}

// The span of a batch has a link to each span that published of it, and so has the
// span of a call that passes on what has a context already.
func TestLinks(t *testing.T) {
	tracing, spans, _ := setUp(t)
	bus := membus.New(membus.Partitions(1))
	out := tracing.Publisher(bus)
	for i := range 3 {
		if err := out.Publish(t.Context(), &event.Message{Topic: "orders", Payload: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var relayed atomic.Int64
	err := event.RunBatches(ctx, bus.Group("billing"), []string{"orders"}, 3, time.Hour, func(ctx context.Context, ds []*event.Delivery) error {
		defer cancel()
		relayed.Store(int64(len(ds)))
		m := ds[0].Message
		m.Topic = "copies"
		return out.Publish(ctx, &m, &event.Message{Topic: "others", Payload: []byte("new")})
	}, tracing.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	sends, process, both := named(spans, "send orders"), named(spans, "process orders"), named(spans, "send")
	if relayed.Load() != 3 || len(sends) != 3 || len(process) != 1 || len(both) != 1 {
		t.Fatalf("a batch of %d, %d sends, %d calls, %d of two topics", relayed.Load(), len(sends), len(process), len(both))
	}
	linked := func(s trace.ReadOnlySpan, to trace.ReadOnlySpan) bool {
		return slices.ContainsFunc(s.Links(), func(l trace.Link) bool { return l.SpanContext.SpanID() == to.SpanContext().SpanID() })
	}
	for _, s := range sends {
		if !linked(process[0], s) {
			t.Errorf("the batch has no link to %v", s.SpanContext().SpanID())
		}
	}
	if n := values(process[0])["messaging.batch.message_count"]; n != "3" {
		t.Errorf("message count %q, want 3", n)
	}
	if !linked(both[0], sends[0]) || len(both[0].Links()) != 1 {
		t.Errorf("links %v, want one to the span that published the copy first", both[0].Links())
	}
	if copies := bus.Messages("copies"); string(header(copies[0].Headers)) != string(header(bus.Messages("orders")[0].Headers)) {
		t.Errorf("the copy has another context: %v", copies[0].Headers)
	}
}

func header(h event.Headers) []byte {
	v, _ := h.Get("traceparent")
	return v
}

// What the broker refuses is the caller's own message, and an error of the span.
func TestRefused(t *testing.T) {
	tracing, spans, _ := setUp(t)
	bus := membus.New()
	if err := bus.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := &event.Message{Topic: "orders"}
	err := tracing.Publisher(bus).Publish(t.Context(), m)
	var pe *event.PublishError
	if !errors.As(err, &pe) || pe.Failed[0].Message != m {
		t.Errorf("error %v, want the message of the caller", err)
	}
	if s := named(spans, "send orders"); len(s) != 1 || s[0].Status().Code != codes.Error {
		t.Errorf("spans %v, want one with an error", s)
	}
	if err := tracing.Publisher(bus).Publish(t.Context(), nil, m); err == nil {
		t.Error("a message that is nil is published")
	}
}
