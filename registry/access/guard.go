package access

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/wireproof/wireproof/registry/api"
)

const (
	contentType  = "application/vnd.schemaregistry.v1+json"
	defaultRealm = "SchemaRegistry"
	maxRequestID = 128 // bytes
)

// A Guard stands in front of a registry. It is safe for concurrent use.
type Guard struct {
	open      bool // nobody is asked who they are, and everybody may do everything
	realm     string
	passwords *passwords
	tokens    *tokens
	certs     *certificates
	anonymous *Anonymous
	rules     []rule
	limit     *limiter // nil without a rate
	guesses   *limiter // wrong passwords of an address for a user
	failures  *limiter // wrong passwords of an address
	proxies   []netip.Prefix
}

// New returns the guard that a Config asks for. Errors name the setting. A
// Config that asks nobody for credentials makes an open guard, which allows
// everything and still holds clients to their rate.
func New(cfg Config) (*Guard, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	report := cfg.OnError
	if report == nil {
		report = func(error) {}
	}
	g := &Guard{
		open: cfg.open(), realm: cfg.Realm, anonymous: cfg.Anonymous,
		guesses:  newLimiter(guessesPerSecond, guessesBurst, 0),
		failures: newLimiter(failuresPerSecond, failuresBurst, 0),
	}
	if g.realm == "" {
		g.realm = defaultRealm
	}
	if strings.ContainsFunc(g.realm, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r > '~' }) {
		return nil, errors.New("realm: it has a character other than printable ASCII, or a quote or backslash")
	}
	if cfg.RateLimit != nil {
		g.limit = newLimiter(cfg.RateLimit.PerSecond, cfg.RateLimit.Burst, cfg.RateLimit.Clients)
	}
	var err error
	if g.rules, err = parseGrants(cfg.Grants); err != nil {
		return nil, err
	}
	if g.proxies, err = parseNetworks(cfg.TrustedProxies); err != nil {
		return nil, err
	}
	if cfg.Basic != nil {
		if g.passwords, err = newPasswords(*cfg.Basic, report); err != nil {
			return nil, err
		}
	}
	if cfg.Bearer != nil {
		if g.tokens, err = newTokens(*cfg.Bearer, report); err != nil {
			return nil, err
		}
	}
	if cfg.MTLS != nil {
		if g.certs, err = newCertificates(*cfg.MTLS); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// A session is what Wrap has found out about a request.
type session struct {
	guard *Guard
	rules []*rule // those that name the sender
}

type sessionKey struct{}

// errTooMany says that a client sends too much.
type errTooMany struct{ wait time.Duration }

func (e errTooMany) Error() string {
	return fmt.Sprintf("too many requests; the next may come in %d s", e.seconds())
}

func (e errTooMany) seconds() int { return max(1, int(math.Ceil(e.wait.Seconds()))) }

// Wrap returns a handler that finds out who sends a request before next sees it,
// and before its body is read. Who must say who they are and does not gets 401.
// Paths for which public holds are passed on as they are; a nil public means
// none.
func (g *Guard) Wrap(next http.Handler, public func(path string) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.open && g.limit == nil && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			// Nobody is asked who they are, and who reads is not written down.
			next.ServeHTTP(w, r)
			return
		}
		addr := g.remote(r)
		id := requestID(r)
		r.Header[requestIDHeader] = []string{id} // next answers with the same
		ctx := WithRequest(r.Context(), Request{Remote: addr.String(), ID: id})
		if public != nil && public(r.URL.Path) {
			next.ServeHTTP(w, r.WithContext(ctx))
			return
		}
		p, err := g.admit(r, addr)
		if err != nil {
			w.Header()[requestIDHeader] = []string{id}
			g.refuse(w, r, err)
			return
		}
		ctx = WithPrincipal(ctx, p)
		ctx = context.WithValue(ctx, sessionKey{}, &session{g, g.rulesOf(p)})
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// admit finds out who sends a request and counts it.
func (g *Guard) admit(r *http.Request, addr netip.Addr) (Principal, error) {
	p, err := g.authenticate(r, addr)
	key := addressKey(addr)
	if err == nil && p.How != HowAnonymous {
		key = p.How + ":" + p.Name
	}
	if wait := g.limit.take(key); wait > 0 {
		return Principal{}, errTooMany{wait}
	}
	return p, err
}

// authenticate finds out who sends a request. Credentials that are there and
// wrong are an error, even where none would do.
func (g *Guard) authenticate(r *http.Request, addr netip.Addr) (Principal, error) {
	anonymous := Principal{Name: HowAnonymous, How: HowAnonymous}
	if g.open {
		return anonymous, nil
	}
	headers := r.Header.Values("Authorization")
	if len(headers) > 1 {
		return Principal{}, errCredentials
	}
	if len(headers) == 1 {
		return g.fromHeader(r, headers[0], addr)
	}
	// The certificate of a forwarded request is that of the server that forwards it,
	// which must not lend what it may do to whoever sent it.
	if g.certs != nil && r.Header.Get(forwardHeader) == "" {
		if p, ok := g.certs.principal(r.TLS); ok {
			return p, nil
		}
	}
	if g.anonymous != nil {
		anonymous.Groups = g.anonymous.Groups
		return anonymous, nil
	}
	return Principal{}, errCredentials
}

func (g *Guard) fromHeader(r *http.Request, header string, addr netip.Addr) (Principal, error) {
	scheme, rest, _ := strings.Cut(header, " ")
	switch {
	case g.passwords != nil && strings.EqualFold(scheme, "Basic"):
		name, password, ok := r.BasicAuth()
		if !ok {
			return Principal{}, errCredentials
		}
		if p, ok := g.passwords.remembered(name, password); ok {
			return p, nil
		}
		return g.login(r.Context(), name, password, addr)
	case g.tokens != nil && strings.EqualFold(scheme, "Bearer"):
		return g.tokens.verify(r.Context(), strings.TrimSpace(rest))
	}
	return Principal{}, errCredentials
}

// login checks a password that is not known to be right.
func (g *Guard) login(ctx context.Context, name, password string, addr netip.Addr) (Principal, error) {
	if len(name) > maxName {
		return Principal{}, errCredentials
	}
	from := addressKey(addr)
	guess := from + " " + name
	if wait := max(g.guesses.full(guess), g.failures.full(from)); wait > 0 {
		return Principal{}, errTooMany{wait}
	}
	p, err := g.passwords.verify(ctx, name, password)
	if errors.Is(err, errCredentials) {
		g.guesses.take(guess)
		g.failures.take(from)
	}
	return p, err
}

// refuse answers a request that is not passed on.
func (g *Guard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := api.Unauthorized.With()
	if tooMany := (errTooMany{}); errors.As(err, &tooMany) {
		e = &api.Error{Code: http.StatusTooManyRequests, Message: err.Error()}
		w.Header().Set("Retry-After", strconv.Itoa(tooMany.seconds()))
	} else if errors.Is(err, errBusy) || errors.Is(err, errNoKeys) {
		e = api.Unavailable.With(err.Error())
		w.Header().Set("Retry-After", "5")
	} else {
		if g.passwords != nil {
			w.Header().Add("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", g.realm))
		}
		if g.tokens != nil {
			w.Header().Add("WWW-Authenticate", fmt.Sprintf("Bearer realm=%q", g.realm))
		}
	}
	body, err := json.Marshal(e)
	if err != nil {
		body = nil // two plain fields always marshal
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(e.Code.Status())
	if r.Method != http.MethodHead {
		w.Write(body) // if it fails, the client is gone
	}
}

// forwardHeader marks a request that another server of the same log passes on.
const forwardHeader = "X-Forward"

// requestIDHeader is X-Request-ID as net/http keeps it; spelled otherwise, each
// use would spell it anew.
const requestIDHeader = "X-Request-Id"

// requestID returns the id that the client gave its request, if it can stand in
// a log, or else a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get(requestIDHeader)
	odd := func(c rune) bool { return c <= ' ' || c > '~' }
	if id == "" || len(id) > maxRequestID || strings.ContainsFunc(id, odd) {
		return rand.Text()
	}
	return id
}
