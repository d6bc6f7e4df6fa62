package rest

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// Options change what the server says about itself and what it accepts. The
// zero Options are ready to use.
type Options struct {
	MaxBody int64  // bytes of a request body, unpacked too; 0 means 4 MiB
	Version string // of the program
	Commit  string
	// KafkaCluster is the id of the Kafka cluster that keeps the log, or empty.
	KafkaCluster string
	// Group names the servers that share a log; empty means schema-registry.
	Group string
	// LegacyConflict answers an incompatible schema with error code 409, as
	// servers before 8 do, instead of 40901.
	LegacyConflict bool
	// Access says who may do what; nil lets everybody do everything.
	Access Access
	// OnAnswer is told about every answer once it is written; nil means nobody
	// is. The writer is the one that ServeHTTP was given. It must be safe for
	// concurrent use.
	OnAnswer func(http.ResponseWriter, *http.Request, Answer)
	// Leader says where writes go: to this server, or to the one at url, which is
	// empty while nobody knows. Nil means that every server writes.
	Leader func() (url string, self bool)
	// LeaderTransport carries requests to the leader; nil means a plain one.
	LeaderTransport http.RoundTripper
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
	Bytes  int      // of the body
}

const (
	defaultMaxBody = 4 << 20
)

// A handler serves the protocol for one registry.
type handler struct {
	reg     *registry.Registry
	opts    Options
	answers answers
	leader  *http.Client // for writes that the leader must do
}

// New returns the API of a registry. It is safe for concurrent use.
func New(reg *registry.Registry, opts Options) http.Handler {
	if opts.MaxBody <= 0 {
		opts.MaxBody = defaultMaxBody
	}
	h := &handler{reg: reg, opts: opts}
	if opts.Leader != nil {
		h.leader = newForwardClient(opts.LeaderTransport)
	}
	return h
}

// A reply is what a route answers: text as it is, anything else as JSON.
type reply struct {
	json      any
	text      string    // used if json is nil
	ready     *rendered // used if it is there
	empty     bool      // no body at all
	immutable bool      // may be kept for ever
	relay     *relay    // the answer of the leader, sent already
}

// ServeHTTP answers every request, also one for a path that does not exist, in
// the protocol's own form.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if header := w.Header(); header[requestIDHeader] == nil {
		id := r.Header.Get(requestIDHeader)
		if id == "" {
			id = NewRequestID()
		}
		header[requestIDHeader] = []string{id}
	}
	c := &call{handler: h, w: w, r: r}
	contentType, out, err := c.answer()
	seen := Answer{Status: http.StatusOK}
	if c.route != nil {
		seen.Route = c.route.path
	}
	if err != nil {
		var e *api.Error
		e, seen.Status = c.fault(err)
		seen.Code = e.Code
		out = &reply{json: e}
		if c.bareError(e) {
			out = &reply{empty: true}
		}
	} else if out.empty {
		seen.Status = http.StatusNoContent
	}
	if out.relay != nil {
		seen.Status, seen.Bytes = out.relay.status, out.relay.bytes
	} else {
		w.Header()["Content-Type"] = contentTypes[contentType]
		c.cacheable(out, err)
		seen.Status, seen.Bytes = write(w, r, seen.Status, out)
	}
	if h.opts.OnAnswer != nil {
		h.opts.OnAnswer(w, r, seen)
	}
}

// bareError reports whether the protocol answers without a body: when routing
// fails for a method other than these. What is not offered is told to everybody.
func (c *call) bareError(e *api.Error) bool {
	switch c.r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut:
		return false
	}
	switch e.Code {
	case api.MethodNotAllowed, api.NotAcceptable, api.UnsupportedMediaType:
		return true
	case api.NotFound:
		return !Public(c.r.URL.Path)
	}
	return false
}

// answer finds the route and runs it. contentType is the place in mediaTypes.
func (c *call) answer() (contentType int, out *reply, err error) {
	path, err := segments(c.r.URL)
	if err != nil {
		return contentType, nil, err
	}
	if c.query, err = parameters(c.r.URL.RawQuery); err != nil {
		return contentType, nil, err
	}
	if path, c.query, err = intoContext(path, c.query); err != nil {
		return contentType, nil, err
	}
	if c.route, c.vars, err = match(c.w, c.r.Method, path); err != nil {
		return contentType, nil, err
	}
	accepted, ok := negotiate(c.r.Header.Values("Accept"))
	if !ok && !c.route.anyAccept {
		return contentType, nil, api.NotAcceptable.With()
	}
	if c.vars.subject != "" && slices.Contains(c.route.parts, "subjects") {
		c.vars.subject = c.reg.Alias(c.vars.subject)
	}
	if c.route.verb != "" {
		if err := c.may(c.route.verb, c.vars.subject); err != nil {
			return accepted, nil, err
		}
	}
	if c.opts.Leader != nil && c.route.writes() {
		if c.route.deed == registering {
			if out, err := c.known(); out != nil || err != nil {
				return accepted, out, err
			}
		}
		sent, err := forward(c.w, c.r, c.route.deed, &c.opts, c.leader, c.reg.CatchUp)
		if sent != nil || err != nil {
			return accepted, &reply{relay: sent}, err
		}
	}
	if c.opts.Access != nil {
		c.r = c.r.WithContext(registry.WithSight(c.r.Context(), func(subject string) bool { return c.allowed(api.Read, subject) }))
	}
	out, err = c.route.serve(c)
	return accepted, out, err
}

// parameters reads a query. To net/url a semicolon is a mistake, and mistakes are
// left out; here the former is a character like others, and the latter are told.
func parameters(query string) (url.Values, error) {
	if query == "" {
		return nil, nil
	}
	out, err := url.ParseQuery(strings.ReplaceAll(query, ";", "%3B"))
	if err != nil {
		return nil, api.BadRequest.Because(err, "the query of the URL does not parse: "+err.Error())
	}
	return out, nil
}

// maxMessage is how many bytes an error has at most: much of it may be quoted
// from the request.
const maxMessage = 32 << 10

// fault returns an error as the protocol has it, with its status.
func (c *call) fault(err error) (*api.Error, int) {
	var e *api.Error
	if !errors.As(err, &e) {
		e = api.InternalError.Because(err, "Internal Server Error")
	}
	status := e.Code.Status()
	gone := c.r.Context().Err() != nil // nobody waits for this answer
	if status >= http.StatusInternalServerError && c.opts.OnError != nil && !gone {
		c.opts.OnError(c.r, err)
	}
	switch {
	case e.Code == api.IncompatibleSchema && c.opts.LegacyConflict:
		e = &api.Error{Code: http.StatusConflict, Message: e.Message}
	case e.Code == api.OperationTimedOut && c.route != nil && c.route.writes():
		e = &api.Error{Code: e.Code, Message: c.route.deed.operation + " operation timed out"}
	}
	if len(e.Message) > maxMessage {
		e = &api.Error{Code: e.Code, Message: strings.ToValidUTF8(e.Message[:maxMessage], "") + "..."}
	}
	return e, status
}

// requestIDHeader is X-Request-ID as net/http keeps it; spelled otherwise, each
// use would spell it anew.
const requestIDHeader = "X-Request-Id"

// NewRequestID returns a random UUID: the X-Request-ID of a request that came
// without one. It is safe for concurrent use.
func NewRequestID() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], rand.Uint64())
	binary.BigEndian.PutUint64(raw[8:], rand.Uint64())
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80 // version 4
	var text [36]byte
	at := 0
	for i, b := range raw {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text[at] = '-'
			at++
		}
		hex.Encode(text[at:], []byte{b})
		at += 2
	}
	return string(text[:])
}

// Header values that are sent again and again. net/http only reads them.
var (
	contentTypes   = [...][]string{{mediaTypes[0]}, {mediaTypes[1]}, {mediaTypes[2]}}
	cachePublic    = []string{"public, max-age=31536000, immutable"}
	cachePrivate   = []string{"private, max-age=31536000, immutable"}
	cacheRefreshed = []string{"no-cache"}
	cacheNothing   = []string{"no-store"}
	varies         = []string{"Accept, Accept-Encoding"}
	gzipped        = []string{"gzip"}
)

// cacheable says how long an answer may be kept. What never changes may be kept
// by proxies too, unless it was given for credentials. That something is not
// there may be wrong a moment later.
func (c *call) cacheable(out *reply, err error) {
	header := c.w.Header()
	switch {
	case c.r.Method != http.MethodGet && c.r.Method != http.MethodHead:
	case err != nil:
		header["Cache-Control"] = cacheNothing
	case !out.immutable:
		header["Cache-Control"] = cacheRefreshed
	case c.opts.Access != nil:
		header["Cache-Control"] = cachePrivate
	default:
		header["Cache-Control"] = cachePublic
	}
}

// write sends a reply, packed if it is long and the client can unpack it, and
// returns the status and the length of what it sent. A reader who has the answer
// already is told so.
func write(w http.ResponseWriter, r *http.Request, status int, out *reply) (int, int) {
	header := w.Header()
	if out.empty {
		header.Del("Content-Type")
		w.WriteHeader(status)
		return status, 0
	}
	b := out.ready
	if b == nil {
		body, err := out.encode()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return http.StatusInternalServerError, 0
		}
		b = render(body)
	}
	header["Vary"] = varies
	if status == http.StatusOK && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		header["Etag"] = b.etag()
		if hasAlready(r, b.etag()[0]) {
			w.WriteHeader(http.StatusNotModified)
			return http.StatusNotModified, 0
		}
	}
	body, length := b.body, b.length
	if len(body) >= gzipFrom && acceptsGzip(r) {
		if out.ready == nil {
			b.pack()
		}
		if b.packed != nil {
			body, length = b.packed, b.packedSize
			header["Content-Encoding"] = gzipped
		}
	}
	header["Content-Length"] = length
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return status, 0
	}
	n, _ := w.Write(body) // if it fails, the client is gone and nobody can be told
	return status, n
}

// hasAlready reports whether If-None-Match names a tag. Weak and strong ones
// count as equal there.
func hasAlready(r *http.Request, tag string) bool {
	for _, value := range r.Header["If-None-Match"] {
		for part := range strings.SplitSeq(value, ",") {
			part = strings.TrimSpace(part)
			if part == "*" || strings.TrimPrefix(part, "W/") == strings.TrimPrefix(tag, "W/") {
				return true
			}
		}
	}
	return false
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
