package rest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// Options change what the server says about itself and what it accepts. The
// zero Options are ready to use.
type Options struct {
	MaxBody int64  // bytes of a request body, unpacked too; 0 means 4 MiB
	Version string // of the program
	Commit  string
	// LegacyConflict answers an incompatible schema with error code 409, as
	// servers before 8 do, instead of 40901.
	LegacyConflict bool
	// Access says who may do what; nil lets everybody do everything.
	Access Access
	// OnAnswer is told about every answer once it is written; nil means nobody
	// is. It must be safe for concurrent use.
	OnAnswer func(*http.Request, Answer)
	// Leader says where writes go: to this server, or to the one at url, which is
	// empty while nobody knows. Nil means that every server writes.
	Leader func() (url string, self bool)
	// OnError is told about answers with a status of 500 and above; nil means
	// nobody is. It must be safe for concurrent use.
	OnError func(*http.Request, error)
}

// Access decides about a request by whoever sent it, which its context holds.
type Access interface {
	// Allows reports whether a request may do something with a subject: a
	// qualified name, a context spelled :.context:, or "" for the server. It must
	// be safe for concurrent use.
	Allows(ctx context.Context, verb api.Verb, subject string) bool
}

// An Answer is what is known about an answer, for metrics and logs.
type Answer struct {
	Route  string   // the pattern, such as /subjects/{subject}; empty if no route fits
	Status int      // of HTTP
	Code   api.Code // 0 if the request succeeded
	Took   time.Duration
	Bytes  int // of the body
}

const (
	defaultMaxBody = 4 << 20
	gzipFrom       = 1400 // bytes; what fits a packet gains nothing
)

// A handler serves the protocol for one registry.
type handler struct {
	reg  *registry.Registry
	opts Options
}

// New returns the API of a registry. It is safe for concurrent use.
func New(reg *registry.Registry, opts Options) http.Handler {
	if opts.MaxBody <= 0 {
		opts.MaxBody = defaultMaxBody
	}
	return &handler{reg, opts}
}

// A reply is what a route answers: text as it is, anything else as JSON.
type reply struct {
	json any
	text string // used if json is nil
}

// ServeHTTP answers every request, also one for a path that does not exist, in
// the protocol's own form.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("X-Request-ID")
	if id == "" {
		id = rand.Text()
	}
	w.Header().Set("X-Request-ID", id)
	contentType, out, err := h.answer(w, r)
	status := http.StatusOK
	if err != nil {
		var e *api.Error
		e, status = h.fault(r, err)
		out = &reply{json: e}
	}
	w.Header().Set("Content-Type", contentType)
	if err != nil && bareError(r.Method, status) {
		w.Header().Del("Content-Type")
		w.WriteHeader(status)
		return
	}
	write(w, r, status, out)
}

// bareError reports whether the protocol answers without a body: when routing
// fails for a method that it does not use for reading or writing.
func bareError(method string, status int) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut:
		return false
	}
	return status == http.StatusMethodNotAllowed || status == http.StatusNotAcceptable || status == http.StatusUnsupportedMediaType
}

// answer finds the route and runs it.
func (h *handler) answer(w http.ResponseWriter, r *http.Request) (contentType string, out *reply, err error) {
	contentType = mediaTypes[0]
	found, vars, err := match(w, r)
	if err != nil {
		return contentType, nil, err
	}
	accepted, ok := negotiate(r.Header.Values("Accept"))
	if !ok {
		return contentType, nil, api.NotAcceptable.With()
	}
	c := &call{handler: h, w: w, r: r, vars: vars, query: r.URL.Query()}
	out, err = found(c)
	return accepted, out, err
}

// fault returns an error as the protocol has it, with its status.
func (h *handler) fault(r *http.Request, err error) (*api.Error, int) {
	var e *api.Error
	if !errors.As(err, &e) {
		e = api.InternalError.Because(err, "Internal Server Error")
	}
	status := e.Code.Status()
	gone := r.Context().Err() != nil // nobody waits for this answer
	if status >= http.StatusInternalServerError && h.opts.OnError != nil && !gone {
		h.opts.OnError(r, err)
	}
	if e.Code == api.IncompatibleSchema && h.opts.LegacyConflict {
		e = &api.Error{Code: http.StatusConflict, Message: e.Message}
	}
	return e, status
}

// write sends a reply, packed if it is long and the client can unpack it.
func write(w http.ResponseWriter, r *http.Request, status int, out *reply) {
	body := []byte(out.text)
	if out.json != nil {
		var buf bytes.Buffer
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(out.json); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		body = bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	}
	w.Header().Add("Vary", "Accept-Encoding")
	if len(body) >= gzipFrom && acceptsGzip(r) {
		var buf bytes.Buffer
		zip := gzip.NewWriter(&buf)
		zip.Write(body) // a bytes.Buffer takes everything
		zip.Close()
		body = buf.Bytes()
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(body) // if it fails, the client is gone and nobody can be told
	}
}

func acceptsGzip(r *http.Request) bool {
	for _, value := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(value, ",") {
			name, q := quality(part)
			if q > 0 && (strings.EqualFold(name, "gzip") || name == "*") {
				return true
			}
		}
	}
	return false
}
