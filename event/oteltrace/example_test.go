package oteltrace_test

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/membus"
	"github.com/wireproof/wireproof/event/oteltrace"
)

// A message takes the trace along from who publishes to who handles.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	bus, spans := membus.New(), tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	handle := func(context.Context, *event.Delivery) error { stop(); return nil }

	tracing, err := oteltrace.New(provider, "kafka") // messaging.system
	if err != nil {
		fmt.Println(err)
		return
	}
	pub := tracing.Publisher(bus)
	fmt.Println(pub.Publish(ctx, &event.Message{Topic: "orders", Payload: []byte("19.99")}))
	err = event.Run(ctx, bus.Group("billing"), []string{"orders"}, handle, tracing.Options()...)

	send, process := spans.Ended()[0], spans.Ended()[1]
	fmt.Println(err, process.Parent().SpanID() == send.SpanContext().SpanID())
	// Output:
	// <nil>
	// <nil> true
}
