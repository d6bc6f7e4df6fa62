package telemetry

import (
	"cmp"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// A Build says which program runs.
type Build struct{ Version, Revision, Go string }

// Metrics are the metrics of one server. All methods are safe for concurrent use;
// those that add a source are called before the first scrape, each at most once.
type Metrics struct {
	reg      *prometheus.Registry
	inFlight prometheus.Gauge
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	errors   *prometheus.CounterVec
	log      *prometheus.HistogramVec
	versions *prometheus.CounterVec
	purged   prometheus.Counter
	audit    prometheus.Counter
	codes    map[api.Code]string // label values of the codes in the table

	resolved atomic.Pointer[map[answerKey]answerMetrics] // replaced, never changed
	mu       sync.Mutex                                  // one replaces resolved at a time
}

// An answerKey is what requests are told apart by. There are as many as routes,
// known methods and classes of a status.
type answerKey struct {
	route, method string
	class         int
}

// answerMetrics are those of one key: looking them up by labels costs more than
// most answers.
type answerMetrics struct {
	requests prometheus.Counter
	duration prometheus.Observer
}

// seconds are the bounds of the histograms: from an answer out of memory to a
// store that hardly moves.
var seconds = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}

// NewMetrics returns metrics that have counted nothing.
func NewMetrics(b Build) *Metrics {
	m := &Metrics{
		reg: prometheus.NewRegistry(),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wireproof_registry_requests_in_flight", Help: "Requests that are being answered.",
		}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wireproof_registry_requests_total", Help: "Requests by route, method and class of the status.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wireproof_registry_request_duration_seconds", Help: "Time from the first byte of a request to the last of its answer.", Buckets: seconds,
		}, []string{"route", "method"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wireproof_registry_errors_total", Help: "Answers that are errors, by error_code.",
		}, []string{"code"}),
		log: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wireproof_registry_log_duration_seconds", Help: "Time that reading and appending to the log took, by how it ended.", Buckets: seconds,
		}, []string{"operation", "result"}),
		versions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wireproof_registry_versions_written_total", Help: "Versions that this server registered or soft-deleted, by type of the schema.",
		}, []string{"type", "action"}),
		purged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wireproof_registry_versions_purged_total", Help: "Versions that this server deleted for good.",
		}),
		audit: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "wireproof_registry_audit_failures_total", Help: "Lines of the audit log that could not be written in time or at all.",
		}),
		codes: map[api.Code]string{},
	}
	for _, row := range api.Table() {
		m.codes[row.Code] = strconv.Itoa(int(row.Code))
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "wireproof_build_info", Help: "1, labelled with what runs.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "go": b.Go},
	})
	info.Set(1)
	m.reg.MustRegister(m.inFlight, m.requests, m.duration, m.errors, m.log, m.versions, m.purged, m.audit, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics. A few scrapes at once are served, more are refused.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// AuditFailed counts a line of the audit log that could not be written.
func (m *Metrics) AuditFailed() { m.audit.Inc() }

// Stats shows what a registry holds. The function is called for each scrape.
func (m *Metrics) Stats(stats func() registry.Stats) { m.reg.MustRegister(statsCollector{stats}) }

// Leader shows whether this server is the one that writes.
func (m *Metrics) Leader(self func() bool) {
	m.gauge("wireproof_registry_leader", "1 if this server writes to the log, 0 if it forwards to the one that does.", func() float64 {
		if self() {
			return 1
		}
		return 0
	})
}

// CertificateExpiry shows when the certificate of the server ends.
func (m *Metrics) CertificateExpiry(end func() time.Time) {
	m.gauge("wireproof_registry_certificate_expiry_timestamp_seconds", "When the server's certificate ends, in seconds since 1970; 0 if it cannot be read.", func() float64 {
		if t := end(); !t.IsZero() {
			return float64(t.Unix())
		}
		return 0
	})
}

func (m *Metrics) gauge(name, help string, value func() float64) {
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// request counts an answered request.
func (m *Metrics) request(route, method string, status int, code api.Code, took time.Duration) {
	a := m.answer(answerKey{route, knownMethod(method), status / 100})
	a.requests.Inc()
	a.duration.Observe(took.Seconds())
	if code == 0 {
		return
	}
	label, ok := m.codes[code]
	if !ok {
		label = "other"
	}
	m.errors.WithLabelValues(label).Inc()
}

// answer returns the metrics of a key.
func (m *Metrics) answer(key answerKey) answerMetrics {
	if key.class < 1 || key.class > 5 {
		key.class = 0
	}
	if have := m.resolved.Load(); have != nil {
		if a, ok := (*have)[key]; ok {
			return a
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[answerKey]answerMetrics{}
	if have := m.resolved.Load(); have != nil {
		maps.Copy(next, *have)
	}
	route := cmp.Or(key.route, "none")
	a := answerMetrics{m.requests.WithLabelValues(route, key.method, class(key.class*100)), m.duration.WithLabelValues(route, key.method)}
	next[key] = a
	m.resolved.Store(&next)
	return a
}

// knownMethod keeps methods that clients make up out of the labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch:
		return method
	}
	return "other"
}

func class(status int) string {
	if status < 100 || status > 599 {
		return "other"
	}
	return strconv.Itoa(status/100) + "xx"
}

// A statsCollector asks a registry once for each scrape, so that its figures
// belong together.
type statsCollector struct{ stats func() registry.Stats }

type statsGauge struct {
	desc  *prometheus.Desc
	value func(registry.Stats) int
}

func statsGauges() []statsGauge {
	gauge := func(name, help string, value func(registry.Stats) int) statsGauge {
		return statsGauge{prometheus.NewDesc("wireproof_registry_"+name, help, nil, nil), value}
	}
	return []statsGauge{
		gauge("contexts", "Contexts.", func(s registry.Stats) int { return s.Contexts }),
		gauge("subjects", "Subjects, soft-deleted ones too.", func(s registry.Stats) int { return s.Subjects }),
		gauge("versions", "Versions, soft-deleted ones too.", func(s registry.Stats) int { return s.Versions }),
		gauge("schemas", "Distinct schemas in each context.", func(s registry.Stats) int { return s.Schemas }),
		gauge("max_id", "Highest id ever given in the default context.", func(s registry.Stats) int { return s.MaxID }),
		gauge("log_offset", "Offset up to which this server knows the log.", func(s registry.Stats) int { return int(s.Offset) }),
	}
}

// Describe implements [prometheus.Collector].
func (statsCollector) Describe(out chan<- *prometheus.Desc) {
	for _, g := range statsGauges() {
		out <- g.desc
	}
}

// Collect implements [prometheus.Collector].
func (c statsCollector) Collect(out chan<- prometheus.Metric) {
	s := c.stats()
	for _, g := range statsGauges() {
		out <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, float64(g.value(s)))
	}
}
