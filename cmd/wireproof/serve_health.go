package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wireproof/wireproof/internal/telemetry"
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/rest"
)

const (
	checkTimeout  = 2 * time.Second
	checkEvery    = time.Second      // however often somebody asks
	startPatience = 10 * time.Second // for which early requests wait
)

// health knows whether a server can do its work.
type health struct {
	log      *slog.Logger
	draining atomic.Bool
	ready    chan struct{} // closed when the fields of parts are set
	parts    healthParts

	mu      sync.Mutex // guards the fields below; held while the log is asked
	checked time.Time
	reasons []string
}

// healthParts are what a server has once its store is open.
type healthParts struct {
	registry *registry.Registry
	leader   func() (string, bool) // nil if there is none
	api      http.Handler
}

func newHealth(log *slog.Logger) *health {
	return &health{log: log, ready: make(chan struct{})}
}

func (h *health) opened(r *registry.Registry, leader func() (string, bool), api http.Handler) {
	h.parts = healthParts{r, leader, api}
	close(h.ready)
}

// ServeHTTP passes requests on to the API. Those that come while the store is
// being read wait a little, since most stores are read in no time.
func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case <-h.ready:
		h.parts.api.ServeHTTP(w, r)
		return
	default:
	}
	patience := time.NewTimer(startPatience)
	defer patience.Stop()
	select {
	case <-h.ready:
		h.parts.api.ServeHTTP(w, r)
	case <-patience.C:
		w.Header().Set("Retry-After", "5")
		writeJSON(w, r, http.StatusServiceUnavailable, api.Unavailable.With("the registry is starting: its store is being read"))
	case <-r.Context().Done():
	}
}

// notReady returns why the server cannot do its work; empty if it can. What it
// says is for everybody, so it holds no detail; the log does.
func (h *health) notReady(ctx context.Context) []string {
	if h.draining.Load() {
		return []string{"the server is stopping"}
	}
	select {
	case <-h.ready:
	default:
		return []string{"the log is being read"}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.checked) < checkEvery {
		return h.reasons
	}
	reasons := h.check(ctx)
	h.checked, h.reasons = time.Now(), reasons
	return reasons
}

func (h *health) check(ctx context.Context) (reasons []string) {
	// One asker must not decide for the others by hanging up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	if err := h.parts.registry.CatchUp(ctx); err != nil {
		reasons = append(reasons, "the log cannot be read")
		if !slices.Equal(reasons, h.reasons) {
			h.log.Warn("not ready: the log cannot be read", "error", err)
		}
	}
	if h.parts.leader != nil {
		if url, self := h.parts.leader(); url == "" && !self {
			reasons = append(reasons, "no server leads: nothing can be written")
		}
	}
	return reasons
}

// healthz says that the process lives.
func healthz(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, http.StatusOK, map[string]string{"status": "up"})
}

type readiness struct {
	Ready   bool     `json:"ready"`
	Reasons []string `json:"reasons"`
}

// readyz says whether requests should come here.
func (h *health) readyz(w http.ResponseWriter, r *http.Request) {
	reasons := h.notReady(r.Context())
	status := http.StatusOK
	if len(reasons) > 0 {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, r, status, readiness{len(reasons) == 0, append([]string{}, reasons...)})
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body) // if it fails, nobody waits for it any more
	}
}

// reading serves GET and HEAD only.
func reading(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeJSON(w, r, http.StatusMethodNotAllowed, api.MethodNotAllowed.With())
			return
		}
		next(w, r)
	}
}

const (
	healthzPath = "/healthz"
	readyzPath  = "/readyz"
	metricsPath = "/metrics"
)

// routes returns everything on the first address.
func (s *server) routes() http.Handler {
	operators := map[string]http.Handler{
		healthzPath: telemetry.Route(healthzPath, reading(healthz)),
		readyzPath:  telemetry.Route(readyzPath, reading(s.health.readyz)),
	}
	if s.cfg.Admin.Listen == "" {
		operators[metricsPath] = telemetry.Route(metricsPath, s.access.readers(reading(s.metrics.Handler().ServeHTTP)))
	}
	dispatch := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h, ok := operators[r.URL.Path]; ok {
			h.ServeHTTP(w, r)
			return
		}
		s.health.ServeHTTP(w, r)
	})
	return s.access.guard.Wrap(dispatch, func(path string) bool {
		return path == healthzPath || path == readyzPath || rest.Public(path)
	})
}

// adminRoutes returns everything on the second address.
func (s *server) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(healthzPath, reading(healthz))
	mux.HandleFunc(readyzPath, reading(s.health.readyz))
	mux.HandleFunc(metricsPath, reading(s.metrics.Handler().ServeHTTP))
	return mux
}
