package telemetry_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/wireproof/wireproof/internal/telemetry"
)

// noEnvironment keeps the variables of whoever runs the tests out of them.
func noEnvironment(t *testing.T) {
	t.Helper()
	for _, name := range []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL",
		"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_TRACES_EXPORTER", "OTEL_TRACES_SAMPLER", "OTEL_SDK_DISABLED",
		"OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES",
	} {
		t.Setenv(name, "")
	}
}

// kept is an exporter whose spans survive its end.
type kept struct{ *tracetest.InMemoryExporter }

func (kept) Shutdown(context.Context) error { return nil }

func attributes(s tracetest.SpanStub) map[string]string {
	out := map[string]string{}
	for _, kv := range s.Attributes {
		out[string(kv.Key)] = kv.Value.String()
	}
	return out
}

// Each request is a span that is named by its route and hangs below its caller's.
func TestSpans(t *testing.T) {
	noEnvironment(t)
	spans := kept{tracetest.NewInMemoryExporter()}
	tracing, err := telemetry.NewTracing(t.Context(), telemetry.TraceOptions{Exporter: spans, Sample: 1, Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, &telemetry.Observer{Tracing: tracing, Metrics: telemetry.NewMetrics(telemetry.Build{})})
	const parent = "0af7651916cd43dd8448eb211c80319c"
	o := &telemetry.Observer{Tracing: tracing}
	send(t, "GET", s.URL+"/subjects/secret-name/versions?key=canary", "", "traceparent", "00-"+parent+"-b7ad6b7169203331-01", "X-Request-ID", "r-7")
	send(t, "GET", s.URL+"/nothing/here", "")
	o.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "/", nil))
	s.Close()
	if err := tracing.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := spans.GetSpans()
	if len(got) != 3 {
		t.Fatalf("%d spans, want 3", len(got))
	}
	first, a := got[0], attributes(got[0])
	if first.Name != "GET /subjects/{subject}/versions" || first.SpanKind != trace.SpanKindServer || first.Status.Code == codes.Error {
		t.Errorf("span = %s, %v, %v", first.Name, first.SpanKind, first.Status)
	}
	if first.SpanContext.TraceID().String() != parent || first.Parent.SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("span is of trace %s below %s, want the caller's", first.SpanContext.TraceID(), first.Parent.SpanID())
	}
	for key, want := range map[string]string{
		"http.request.method": "GET", "http.route": "/subjects/{subject}/versions", "http.response.status_code": "404",
		"url.path": "/subjects/secret-name/versions", "wireproof.error_code": "40401", "wireproof.request_id": "r-7",
	} {
		if a[key] != want {
			t.Errorf("attribute %s = %q, want %q", key, a[key], want)
		}
	}
	for _, v := range a {
		if strings.Contains(v, "canary") {
			t.Errorf("a span holds the query: %v", a)
		}
	}
	if got[1].Name != "GET" {
		t.Errorf("span without a route = %s, want GET", got[1].Name)
	}
	if got[2].Name != "other" || got[2].Status.Code != codes.Error || attributes(got[2])["http.request.method"] != "_OTHER" {
		t.Errorf("span of an odd method that failed = %s, %v", got[2].Name, got[2].Status)
	}
}

// A caller decides for its own trace, others by the part that is sampled.
func TestSampling(t *testing.T) {
	noEnvironment(t)
	spans := kept{tracetest.NewInMemoryExporter()}
	tracing, err := telemetry.NewTracing(t.Context(), telemetry.TraceOptions{Exporter: spans, Sample: 0})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, &telemetry.Observer{Tracing: tracing})
	send(t, "GET", s.URL+"/subjects", "")
	send(t, "GET", s.URL+"/contexts", "", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	s.Close()
	if err := tracing.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := spans.GetSpans(); len(got) != 1 || got[0].Name != "GET /contexts" {
		t.Errorf("spans = %v, want only that of the traced caller", got.Snapshots())
	}
}

// sink is a collector that speaks OTLP over HTTP.
type sink struct {
	mu    sync.Mutex // guards the fields below
	paths []string
	names []string
	auth  string
	by    map[string]string // attributes of the resource
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var req collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &req) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paths, s.auth, s.by = append(s.paths, r.URL.Path), r.Header.Get("Authorization"), map[string]string{}
	for _, rs := range req.ResourceSpans {
		for _, a := range rs.Resource.Attributes {
			s.by[a.Key] = a.Value.GetStringValue()
		}
		for _, ss := range rs.ScopeSpans {
			for _, span := range ss.Spans {
				s.names = append(s.names, span.Name)
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// Spans reach a collector, whether the settings or the standard variables name
// it, and Close sends what waits.
func TestCollector(t *testing.T) {
	for _, fromEnv := range []bool{false, true} {
		noEnvironment(t)
		got := &sink{}
		server := httptest.NewServer(got)
		opts := telemetry.TraceOptions{Endpoint: server.URL, Sample: 1, Version: "1.2.3", OnError: func(err error) { t.Error(err) }}
		if fromEnv {
			opts.Endpoint = ""
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x")
			t.Setenv("OTEL_SERVICE_NAME", "registry-eu")
		}
		tracing, err := telemetry.NewTracing(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t, &telemetry.Observer{Tracing: tracing})
		send(t, "GET", s.URL+"/subjects", "")
		s.Close()
		if err := tracing.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		server.Close()
		if len(got.names) != 1 || got.names[0] != "GET /subjects" || got.paths[0] != "/v1/traces" {
			t.Errorf("collector got %v at %v, want GET /subjects at /v1/traces", got.names, got.paths)
		}
		want := map[bool]string{false: "wireproof", true: "registry-eu"}[fromEnv]
		if got.by["service.name"] != want || got.by["service.version"] != "1.2.3" {
			t.Errorf("resource = %v, want service.name %s", got.by, want)
		}
		if fromEnv && got.auth != "Bearer x" {
			t.Errorf("Authorization = %q, want that of the variable", got.auth)
		}
	}
}

func TestNoTracing(t *testing.T) {
	noEnvironment(t)
	tracing, err := telemetry.NewTracing(t.Context(), telemetry.TraceOptions{})
	if tracing != nil || err != nil {
		t.Errorf("NewTracing without an endpoint = %v, %v, want neither", tracing, err)
	}
	if err := tracing.Close(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	if _, err := telemetry.NewTracing(t.Context(), telemetry.TraceOptions{}); err == nil || !strings.Contains(err.Error(), "http/protobuf") {
		t.Errorf("error = %v, want it to name the protocol", err)
	}
	t.Setenv("OTEL_SDK_DISABLED", "true")
	if tracing, err := telemetry.NewTracing(t.Context(), telemetry.TraceOptions{Endpoint: "http://127.0.0.1:1"}); tracing != nil || err != nil {
		t.Errorf("NewTracing of a disabled SDK = %v, %v, want neither", tracing, err)
	}
	t.Setenv("OTEL_SDK_DISABLED", "")
	if _, err := telemetry.NewTracing(t.Context(), telemetry.TraceOptions{Endpoint: "collector"}); err == nil {
		t.Error("an endpoint without a host is an error")
	}
}

// refusing is an exporter that can send nothing, or hangs.
type refusing struct{ hang bool }

func (r refusing) ExportSpans(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
	if r.hang {
		<-ctx.Done()
	}
	return errors.New("no route to the collector")
}

func (refusing) Shutdown(context.Context) error { return nil }

// A collector that is gone is reported, and one that hangs holds nobody up.
func TestBadCollector(t *testing.T) {
	noEnvironment(t)
	var mu sync.Mutex
	var told []string
	tell := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, err.Error())
	}
	for _, hang := range []bool{false, true} {
		tracing, err := telemetry.NewTracing(t.Context(), telemetry.TraceOptions{Exporter: refusing{hang}, Sample: 1, OnError: tell})
		if err != nil {
			t.Fatal(err)
		}
		s := newServer(t, &telemetry.Observer{Tracing: tracing})
		send(t, "GET", s.URL+"/subjects", "")
		s.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err = tracing.Close(ctx)
		cancel()
		if !hang && err != nil || hang && err == nil {
			t.Errorf("Close with a collector that hangs: %v = %v", hang, err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) == 0 || !strings.Contains(told[0], "1 spans were not sent: no route") {
		t.Errorf("told = %q, want why the span was not sent", told)
	}
}
