package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/rest"
)

// An Observer sees every request of a server: it counts, traces and logs it. The
// zero Observer does nothing of this. Its fields are not changed once it is used.
type Observer struct {
	Metrics *Metrics
	Tracing *Tracing
	Log     *slog.Logger
	// Level is that of the line for each request.
	Level slog.Level
	// Who names whoever sent the request that a context is of; nil means that
	// nobody is named.
	Who func(context.Context) string
}

// sight is what is learned about a request on its way.
type sight struct {
	route string
	code  api.Code
	who   string
}

// OnAnswer is [rest.Options].OnAnswer: what only the API knows about an answer.
func (o *Observer) OnAnswer(w http.ResponseWriter, r *http.Request, a rest.Answer) {
	rec, ok := w.(*recorder)
	if !ok {
		return
	}
	rec.seen.route, rec.seen.code = a.Route, a.Code
	if o.Who != nil {
		rec.seen.who = o.Who(r.Context())
	}
}

// Route names the route of requests to next, for handlers that do not call
// OnAnswer.
func Route(pattern string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rec, ok := w.(*recorder); ok {
			rec.seen.route = pattern
		}
		next.ServeHTTP(w, r)
	})
}

// Wrap returns a handler that observes all requests to next. A request without
// an X-Request-ID that can stand in a log gets one. A panic of next is answered with status 500.
func (o *Observer) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		id := requestID(r)
		value := []string{id}
		r.Header[requestIDHeader] = value // whoever answers uses the same
		w.Header()[requestIDHeader] = value
		if o.Metrics != nil {
			o.Metrics.inFlight.Inc()
			defer o.Metrics.inFlight.Dec()
		}
		rec := &recorder{ResponseWriter: w}
		s := &rec.seen
		ctx, span := o.Tracing.start(r.Context(), r)
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler {
				o.panicked(rec, r, p)
			}
			took := time.Since(start)
			if o.Metrics != nil {
				o.Metrics.request(s.route, r.Method, rec.code(), s.code, took)
			}
			span.end(r, s, rec.code(), id)
			o.log(ctx, r, s, rec, id, took)
			if p == http.ErrAbortHandler {
				panic(p) // it asks the server to cut the connection
			}
		}()
		if o.Tracing != nil { // a request with another context is a copy
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(rec, r)
	})
}

// requestIDHeader is X-Request-ID as net/http keeps it; spelled otherwise, each
// use would spell it anew.
const requestIDHeader = "X-Request-Id"

// maxRequestID bounds the ids that clients choose; a UUID has 36 bytes.
const maxRequestID = 128

func requestID(r *http.Request) string {
	id := r.Header.Get(requestIDHeader)
	odd := func(c rune) bool { return c <= ' ' || c > '~' }
	if id == "" || len(id) > maxRequestID || strings.ContainsFunc(id, odd) {
		return rest.NewRequestID()
	}
	return id
}

func (o *Observer) panicked(rec *recorder, r *http.Request, p any) {
	if o.Log != nil {
		o.Log.Error("request panicked", "request_id", r.Header.Get("X-Request-ID"), "method", knownMethod(r.Method), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	}
	if rec.status == 0 {
		rec.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
		rec.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(rec, `{"error_code":%d,"message":"Internal Server Error"}`, int(api.InternalError))
	}
	rec.status = http.StatusInternalServerError
}

func (o *Observer) log(ctx context.Context, r *http.Request, s *sight, rec *recorder, id string, took time.Duration) {
	if o.Log == nil || !o.Log.Enabled(ctx, o.Level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("request_id", id), slog.String("method", knownMethod(r.Method)), slog.String("route", s.route),
		slog.String("path", short(r.URL.EscapedPath())), slog.Int("status", rec.code()),
		slog.Float64("took_ms", math.Round(took.Seconds()*1e6)/1e3), slog.Int64("bytes", rec.bytes),
	}
	if s.who != "" {
		attrs = append(attrs, slog.String("who", short(s.who)))
	}
	if s.code != 0 {
		attrs = append(attrs, slog.Int("error_code", int(s.code)))
	}
	o.Log.LogAttrs(ctx, o.Level, "request", attrs...)
}

// maxLogged bounds what clients can put into one field of a line.
const maxLogged = 256

// short bounds a text that a client chose, and makes it printable.
func short(text string) string {
	if len(text) > maxLogged {
		text = text[:maxLogged] + "…"
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// A recorder notes the status and the size of an answer.
type recorder struct {
	http.ResponseWriter
	seen   sight
	status int // 0 until the header is written
	bytes  int64
}

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK // what net/http sends for a handler that writes nothing
	}
	return r.status
}

// WriteHeader notes the status, unless it is an informational one.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach what r wraps.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
