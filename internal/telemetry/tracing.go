package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/trace"
)

// TraceOptions say where traces go.
type TraceOptions struct {
	// Endpoint is the URL of an OTLP/HTTP collector. Empty means what the standard
	// variables OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and OTEL_EXPORTER_OTLP_ENDPOINT
	// say; the other OTEL_ variables of the exporter, the sampler and the resource
	// hold too.
	Endpoint string
	// Sample is the part of the requests without a traced caller that is traced.
	Sample float64
	// Version is that of the program.
	Version string
	// OnError is told about spans that could not be sent; nil means nobody is.
	OnError func(error)
	// Exporter takes the spans instead of a collector.
	Exporter sdktrace.SpanExporter
}

// Tracing makes a span for each request. A nil *Tracing traces nothing.
type Tracing struct {
	provider  *sdktrace.TracerProvider
	tracer    trace.Tracer
	propagate propagation.TraceContext
}

// NewTracing returns tracing as the options and the environment ask for it; nil
// if neither names a place for traces. Close must be called in the end.
func NewTracing(ctx context.Context, opts TraceOptions) (*Tracing, error) {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return nil, nil
	}
	exporter := opts.Exporter
	if exporter == nil {
		var err error
		if exporter, err = newExporter(ctx, opts.Endpoint); exporter == nil || err != nil {
			return nil, err
		}
	}
	res, err := resource.New(ctx,
		resource.WithAttributes(semconv.ServiceName("wireproof"), semconv.ServiceVersion(opts.Version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("traces: describe this program: %w", err), exporter.Shutdown(ctx))
	}
	provider := []sdktrace.TracerProviderOption{
		sdktrace.WithBatcher(reporting{exporter, opts.OnError}), sdktrace.WithResource(res),
	}
	if os.Getenv("OTEL_TRACES_SAMPLER") == "" {
		provider = append(provider, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(opts.Sample))))
	}
	t := &Tracing{provider: sdktrace.NewTracerProvider(provider...)}
	t.tracer = t.provider.Tracer("github.com/wireproof/wireproof/registry", trace.WithInstrumentationVersion(opts.Version))
	return t, nil
}

func newExporter(ctx context.Context, endpoint string) (sdktrace.SpanExporter, error) {
	var options []otlptracehttp.Option
	switch {
	case endpoint != "":
		u, err := url.Parse(endpoint)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("traces: endpoint %q: expected a URL such as http://127.0.0.1:4318", endpoint)
		}
		if !strings.HasSuffix(u.Path, "/v1/traces") {
			u = u.JoinPath("v1", "traces")
		}
		options = append(options, otlptracehttp.WithEndpointURL(u.String()))
	case os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" && os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "",
		os.Getenv("OTEL_TRACES_EXPORTER") == "none":
		return nil, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if v := os.Getenv(name); v != "" && v != "http/protobuf" {
			return nil, fmt.Errorf("traces: $%s is %q; expected http/protobuf, the only protocol here", name, v)
		}
	}
	exporter, err := otlptracehttp.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	return exporter, nil
}

// Close sends what waits. It gives up when ctx ends.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("traces: send the last ones: %w", err)
	}
	return nil
}

// reporting keeps errors of an exporter from the library's global handler, which
// would print them past our log.
type reporting struct {
	sdktrace.SpanExporter
	onError func(error)
}

// ExportSpans sends spans and reports why they could not be sent.
func (r reporting) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := r.SpanExporter.ExportSpans(ctx, spans); err != nil && r.onError != nil {
		r.onError(fmt.Errorf("traces: %d spans were not sent: %w", len(spans), err))
	}
	return nil
}

// A requestSpan is the span of one request; the zero one is none.
type requestSpan struct{ span trace.Span }

// start begins the span of a request, below that of the caller if it names one.
func (t *Tracing) start(ctx context.Context, r *http.Request) (context.Context, requestSpan) {
	if t == nil {
		return ctx, requestSpan{}
	}
	ctx = t.propagate.Extract(ctx, propagation.HeaderCarrier(r.Header))
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	ctx, span := t.tracer.Start(ctx, knownMethod(r.Method), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", spanMethod(r.Method)),
		semconv.URLScheme(scheme),
		semconv.URLPath(short(r.URL.EscapedPath())),
		semconv.NetworkProtocolVersion(fmt.Sprintf("%d.%d", r.ProtoMajor, r.ProtoMinor)),
	))
	return ctx, requestSpan{span}
}

// spanMethod is knownMethod as the conventions for spans spell it.
func spanMethod(method string) string {
	if m := knownMethod(method); m != "other" {
		return m
	}
	return "_OTHER"
}

func (s requestSpan) end(r *http.Request, seen *sight, status int, id string) {
	if s.span == nil {
		return
	}
	if seen.route != "" {
		s.span.SetName(knownMethod(r.Method) + " " + seen.route)
		s.span.SetAttributes(semconv.HTTPRoute(seen.route))
	}
	s.span.SetAttributes(semconv.HTTPResponseStatusCode(status), attribute.String("wireproof.request_id", id))
	if seen.code != 0 {
		s.span.SetAttributes(attribute.Int("wireproof.error_code", int(seen.code)))
	}
	if status >= http.StatusInternalServerError {
		s.span.SetStatus(codes.Error, http.StatusText(status))
	}
	s.span.End()
}
