package oteltrace_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/event/oteltrace"
)

// Whoever publishes to a topic that a pattern meets chooses its name, and errors quote
// what is in messages: the spans of one that is no UTF-8 text are exported, and so are
// those beside them.
func TestTextThatIsNone(t *testing.T) {
	const topic = "orders.\xff"
	var posts atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { posts.Add(1) }))
	defer collector.Close()
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(collector.URL))
	if err != nil {
		t.Fatal(err)
	}
	failed := &failing{SpanExporter: exporter}
	provider := trace.NewTracerProvider(trace.WithSyncer(failed))
	tracing, err := oteltrace.New(provider, "membus")
	if err != nil {
		t.Fatal(err)
	}
	bus := membus.New()
	if err := tracing.Publisher(bus).Publish(t.Context(), &event.Message{Topic: topic, Payload: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opts := append(tracing.Options(), event.Observe(func(event.Outcome, *event.Delivery, error) { cancel() }))
	err = event.Run(ctx, bus.Group("g"), []string{"orders.*"}, func(_ context.Context, d *event.Delivery) error {
		return event.Permanent(errorText("cannot use " + d.Topic))
	}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if failed.err != nil || posts.Load() != 2 {
		t.Errorf("%d spans came to the collector (%v), want 2", posts.Load(), failed.err)
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }

// failing remembers what an export has failed with.
type failing struct {
	trace.SpanExporter
	err error
}

func (f *failing) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	err := f.SpanExporter.ExportSpans(ctx, spans)
	if err != nil {
		f.err = err
	}
	return err
}
