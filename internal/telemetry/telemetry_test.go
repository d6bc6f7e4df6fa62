package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/internal/telemetry"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/memlog"
	"github.com/wireproof/wireproof/registry/rest"
)

// newServer serves a registry in memory that o observes.
func newServer(t *testing.T, o *telemetry.Observer) *httptest.Server {
	t.Helper()
	var log registry.Log = memlog.New()
	if o.Metrics != nil {
		log = o.Metrics.Log(log)
	}
	reg, err := registry.Open(t.Context(), log, all.Languages(), registry.Rules(compat.Default()), registry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if o.Metrics != nil {
		o.Metrics.Stats(reg.Stats)
	}
	s := httptest.NewServer(o.Wrap(rest.New(reg, rest.Options{OnAnswer: o.OnAnswer})))
	t.Cleanup(func() {
		s.Close()
		if err := reg.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func send(t *testing.T, method, url, body string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp
}

// scrape returns the lines of the metrics that are no comments.
func scrape(t *testing.T, m *telemetry.Metrics) []string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if rec.Code != http.StatusOK {
		t.Fatalf("GET /metrics = %d\n%s", rec.Code, rec.Body)
	}
	var out []string
	for line := range strings.Lines(rec.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// mine returns the lines that requests can change.
func mine(lines []string) []string {
	return slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "wireproof_") })
}

func schema(i int) string {
	return fmt.Sprintf(`{"schema":"{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[]}"}`, i)
}

func TestMetricsOfRequests(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics(telemetry.Build{Version: "1.2.3", Revision: "abc", Go: "go1"})
	m.Leader(func() bool { return true })
	m.CertificateExpiry(func() time.Time { return time.Unix(1234, 0) })
	s := newServer(t, &telemetry.Observer{Metrics: m})
	send(t, "POST", s.URL+"/subjects/orders-value/versions", schema(1))
	send(t, "GET", s.URL+"/schemas/ids/1", "")
	send(t, "GET", s.URL+"/subjects/nobody/versions", "")
	send(t, "DELETE", s.URL+"/subjects/orders-value", "")
	send(t, "DELETE", s.URL+"/subjects/orders-value?permanent=true", "")
	m.AuditFailed()
	lines := scrape(t, m)
	for _, want := range []string{
		`wireproof_build_info{go="go1",revision="abc",version="1.2.3"} 1`,
		`wireproof_registry_requests_total{method="POST",route="/subjects/{subject}/versions",status="2xx"} 1`,
		`wireproof_registry_requests_total{method="GET",route="/schemas/ids/{id}",status="2xx"} 1`,
		`wireproof_registry_requests_total{method="GET",route="/subjects/{subject}/versions",status="4xx"} 1`,
		`wireproof_registry_request_duration_seconds_count{method="GET",route="/schemas/ids/{id}"} 1`,
		`wireproof_registry_errors_total{code="40401"} 1`,
		`wireproof_registry_requests_in_flight 0`,
		`wireproof_registry_versions_written_total{action="register",type="avro"} 1`,
		`wireproof_registry_versions_written_total{action="delete",type="avro"} 1`,
		`wireproof_registry_versions_purged_total 1`,
		`wireproof_registry_audit_failures_total 1`,
		`wireproof_registry_contexts 1`, `wireproof_registry_subjects 0`, `wireproof_registry_max_id 1`,
		`wireproof_registry_leader 1`,
		`wireproof_registry_certificate_expiry_timestamp_seconds 1234`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %s in\n%s", want, strings.Join(mine(lines), "\n"))
		}
	}
	for _, prefix := range []string{"go_goroutines", "process_open_fds", `wireproof_registry_log_duration_seconds_count{operation="append",result="ok"}`} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, prefix) }) {
			t.Errorf("no line %s", prefix)
		}
	}
}

// Whatever names and paths clients send, the number of series stays the same.
func TestNoSeriesIsUsersChoice(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics(telemetry.Build{})
	s := newServer(t, &telemetry.Observer{Metrics: m})
	rng := rand.New(rand.NewPCG(1, 2))
	word := func() string {
		b := make([]byte, 1+rng.IntN(20))
		for i := range b {
			b[i] = "abcdefghij-_.%2:"[rng.IntN(11)]
		}
		return string(b)
	}
	round := func(method func() string) {
		subject := word()
		send(t, "POST", s.URL+"/subjects/"+subject+"/versions", schema(rng.IntN(1e6)))
		send(t, "GET", s.URL+"/subjects/"+subject+"/versions", "")
		send(t, "GET", s.URL+"/subjects/none-"+subject+"/versions", "")
		send(t, "GET", s.URL+"/config/"+subject+"?defaultToGlobal=true", "")
		send(t, "GET", s.URL+"/contexts/:."+word()+":/subjects/"+subject+"/versions", "")
		send(t, "PUT", s.URL+"/config/"+subject, `{"compatibility":"`+word()+`"}`)
		send(t, "GET", s.URL+"/"+word()+"/"+word(), "")
		send(t, method(), s.URL+"/subjects", "")
	}
	thousand := func() {
		for range 125 {
			round(func() string { return strings.ToUpper(strings.Trim(word(), ":%.-_2")) + "X" })
		}
	}
	thousand() // every outcome has come up
	before := len(mine(scrape(t, m)))
	thousand()
	lines := mine(scrape(t, m))
	if len(lines) != before {
		t.Errorf("%d series after 1,000 more requests, %d before\n%s", len(lines), before, strings.Join(lines, "\n"))
	}
}

// failingLog fails every append with err.
type failingLog struct {
	registry.Log
	err error
}

func (f failingLog) Append(context.Context, registry.Offset, []registry.Record) (registry.Offset, error) {
	return 0, f.err
}

type watchedLog struct{ registry.Log }

func (watchedLog) Watch(context.Context) <-chan struct{} { return nil }

func TestLog(t *testing.T) {
	t.Parallel()
	m := telemetry.NewMetrics(telemetry.Build{})
	for _, err := range []error{errors.New("disk"), fmt.Errorf("at 3: %w", registry.ErrConflict), registry.ErrNotLeader} {
		log := m.Log(failingLog{memlog.New(), err})
		if _, got := log.Append(t.Context(), 0, nil); !errors.Is(got, err) {
			t.Errorf("Append error = %v, want %v", got, err)
		}
	}
	records := []registry.Record{
		{Kind: registry.SchemaRecord, Schema: &registry.StoredSchema{Type: "JSON"}},
		{Kind: registry.SchemaRecord, Schema: &registry.StoredSchema{Type: "PROTOBUF", Deleted: true}},
		{Kind: registry.SchemaRecord, Schema: &registry.StoredSchema{Type: "COBOL"}},
		{Kind: registry.PurgeRecord}, {Kind: registry.ConfigRecord},
	}
	log := m.Log(memlog.New())
	if _, err := log.Append(t.Context(), 0, records); err != nil {
		t.Fatal(err)
	}
	if got, _, err := log.ReadFrom(t.Context(), 0); err != nil || len(got) != len(records) {
		t.Errorf("ReadFrom = %d records, %v, want %d", len(got), err, len(records))
	}
	lines := scrape(t, m)
	for _, want := range []string{
		`wireproof_registry_log_duration_seconds_count{operation="append",result="error"} 1`,
		`wireproof_registry_log_duration_seconds_count{operation="append",result="conflict"} 1`,
		`wireproof_registry_log_duration_seconds_count{operation="append",result="not_leader"} 1`,
		`wireproof_registry_log_duration_seconds_count{operation="append",result="ok"} 1`,
		`wireproof_registry_log_duration_seconds_count{operation="read",result="ok"} 1`,
		`wireproof_registry_versions_written_total{action="register",type="json"} 1`,
		`wireproof_registry_versions_written_total{action="delete",type="protobuf"} 1`,
		`wireproof_registry_versions_written_total{action="register",type="other"} 1`,
		`wireproof_registry_versions_purged_total 1`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %s in\n%s", want, strings.Join(mine(lines), "\n"))
		}
	}
	if _, ok := log.(registry.Watcher); ok {
		t.Error("a log that tells nothing became a watcher")
	}
	if _, ok := m.Log(watchedLog{memlog.New()}).(registry.Watcher); !ok {
		t.Error("a watcher is none any more")
	}
}

// The line of a request says what happened, and nothing that is a secret.
func TestRequestLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := &telemetry.Observer{
		Log: slog.New(slog.NewJSONHandler(&out, nil)),
		Who: func(context.Context) string { return "user:ann" },
	}
	s := newServer(t, o)
	resp := send(t, "POST", s.URL+"/subjects/orders/versions?token=canary1", `{"schema":"canary2"}`,
		"Authorization", "Bearer canary3", "X-Request-ID", "r-1")
	if got := resp.Header.Get("X-Request-ID"); got != "r-1" {
		t.Errorf("X-Request-ID = %q, want the request's", got)
	}
	s.Close() // the line is written after the answer
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	for key, want := range map[string]any{
		"msg": "request", "request_id": "r-1", "who": "user:ann", "method": "POST", "route": "/subjects/{subject}/versions",
		"path": "/subjects/orders/versions", "status": 422.0, "error_code": float64(api.InvalidSchema),
	} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
	if strings.Contains(out.String(), "canary") {
		t.Errorf("the line holds a secret: %s", &out)
	}
}

// What clients choose neither breaks a line nor makes it long.
func TestRequestLineIsBounded(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	o := &telemetry.Observer{Log: slog.New(slog.NewTextHandler(&out, nil))}
	h := o.Wrap(http.NotFoundHandler())
	r := httptest.NewRequest("GET", "/"+strings.Repeat("a", 5000)+"%0Alevel=ERROR", nil)
	r.Header.Set("X-Request-ID", "bad id\x01")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if strings.Count(out.String(), "\n") != 1 || out.Len() > 1000 {
		t.Errorf("%d bytes: %s", out.Len(), &out)
	}
	if id := rec.Header().Get("X-Request-ID"); id == "" || strings.Contains(id, "bad") {
		t.Errorf("X-Request-ID = %q, want a new one", id)
	}
}

// A panic is an answer like any other, and counts as such.
func TestPanic(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := telemetry.NewMetrics(telemetry.Build{})
	o := &telemetry.Observer{Metrics: m, Log: slog.New(slog.NewTextHandler(&out, nil))}
	h := o.Wrap(telemetry.Route("/boom", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") })))
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequest("GET", "/boom", nil))
	if rec.Code != 500 || !strings.Contains(rec.Body.String(), `"error_code":500`) {
		t.Errorf("answer = %d %s, want error 500", rec.Code, rec.Body)
	}
	if !strings.Contains(out.String(), "panic=boom") {
		t.Errorf("the log does not tell of the panic: %s", &out)
	}
	lines := scrape(t, m)
	for _, want := range []string{
		`wireproof_registry_requests_total{method="GET",route="/boom",status="5xx"} 1`, `wireproof_registry_requests_in_flight 0`,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %s", want)
		}
	}
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("recovered %v, want the request to abort the connection", p)
		}
	}()
	o.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })).
		ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}
