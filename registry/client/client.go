package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

const (
	contentType = "application/vnd.schemaregistry.v1+json"
	acceptTypes = contentType + ", application/vnd.schemaregistry+json;q=0.9, application/json;q=0.5"
	maxAnswer   = 64 << 20
	maxPause    = 10 * time.Second
)

// A Client speaks to one registry. All methods are safe for concurrent use; a
// program needs one for each registry.
type Client struct {
	servers []*url.URL   // at least one, without credentials
	at      atomic.Int32 // the one that answers
	cfg     config
	bad     error // why a server is none
	cache   cache

	sources flight[idKey, lang.Source]
	texts   flight[textKey, api.SchemaString]
	guids   flight[guidKey, api.SchemaString]
	lookups flight[askedKey, api.Schema]
	pages   flight[pageKey, []byte]
}

// New returns a client of the registry at a URL, such as http://localhost:8081.
// It connects to nothing yet; a URL that is none is reported by each call.
//
// Several servers of one registry may be given, separated by commas. The client
// stays with the first that works. When that cannot be reached, answers 500, 502,
// 503 or 504, or does not know its leader, the request goes to the next at once,
// and only after all were tried does the client wait. Credentials, those in a URL
// too, are for every server.
func New(rawURL string, opts ...Option) *Client {
	c := &Client{cfg: config{
		timeout: 10 * time.Second, retries: 3, pause: 100 * time.Millisecond, header: http.Header{},
		entries: 10_000, bytes: 64 << 20, refusals: time.Second, now: time.Now,
	}}
	for _, o := range opts {
		o.apply(&c.cfg)
	}
	for _, raw := range append(strings.Split(rawURL, ","), c.cfg.urls...) {
		c.add(strings.TrimRight(strings.TrimSpace(raw), "/"))
	}
	c.cache.kept.entries, c.cache.kept.bytes = c.cfg.entries, c.cfg.bytes
	c.cfg.http = c.httpClient()
	return c
}

// add adds a server. Credentials in its URL are used unless an option or an
// earlier URL gave some.
func (c *Client) add(raw string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		// The error of url.Parse quotes the URL, and perhaps a password in it.
		c.bad = errors.New("the registry URL does not parse; expected one like http://localhost:8081")
		u = &url.URL{}
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		c.bad = fmt.Errorf("registry URL %q: expected one like http://localhost:8081", u.Redacted())
	}
	if user := u.User; user != nil {
		if c.cfg.authorize == nil {
			password, _ := user.Password()
			Basic(user.Username(), password).apply(&c.cfg)
		}
		u.User = nil
	}
	c.servers = append(c.servers, u)
}

// URL returns where the registry is, without credentials: the server that the
// client speaks to at the moment.
func (c *Client) URL() string { return c.server().String() }

// URLs returns all servers of the registry, without credentials.
func (c *Client) URLs() []string {
	out := make([]string, len(c.servers))
	for i, u := range c.servers {
		out[i] = u.String()
	}
	return out
}

func (c *Client) server() *url.URL { return c.servers[c.at.Load()] }

// path joins segments, each escaped, so that a subject may hold a slash. One that
// is empty is the subject without a name, which a path spells with its context.
func path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		if s == "" {
			s = ":.:"
		}
		b.WriteString("/" + url.PathEscape(s))
	}
	return b.String()
}

// in qualifies a name by the client's context, unless it is qualified already. An
// empty name is the context itself.
func (c *Client) in(name string) string {
	if qualified(name) {
		return name
	}
	return c.cfg.context + name
}

func qualified(name string) bool {
	return strings.HasPrefix(name, ":.") || strings.HasPrefix(name, ":*:")
}

// contextOf returns the qualifier of a name, such as ":.ctx:", or "".
func contextOf(name string) string {
	if !strings.HasPrefix(name, ":.") {
		return ""
	}
	end := strings.IndexByte(name[1:], ':')
	if end < 0 || end == 1 {
		return "" // ":.:name" is in the default context
	}
	return name[:end+2]
}

// A request may be sent more than once.
type request struct {
	method string
	path   string
	query  url.Values
	body   any
	once   bool // must not be sent again: a second answer would differ
}

// get reads the answer to a GET. Those who ask the same at the same time share
// one request.
func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	key := pageKey(path + "?" + query.Encode())
	data, err := c.pages.do(ctx, key, func(ctx context.Context) ([]byte, error) {
		var data []byte
		err := c.do(ctx, request{method: http.MethodGet, path: path, query: query}, &data)
		return data, err
	})
	if err != nil {
		return err
	}
	return decode(data, out)
}

// write sends what changes the registry.
func (c *Client) write(ctx context.Context, req request, out any) error {
	err := c.do(ctx, req, out)
	if req.method == http.MethodDelete {
		// Even after an error it may have been carried out.
		c.cache.deleted()
	} else {
		c.cache.hope()
	}
	c.sources.renew()
	c.texts.renew()
	c.guids.renew()
	c.lookups.renew()
	c.pages.renew()
	return err
}

func decode(data []byte, out any) error {
	switch out := out.(type) {
	case nil:
		return nil
	case *[]byte:
		*out = data
		return nil
	}
	if len(data) == 0 {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("the answer is not what a schema registry sends: %w", err)
	}
	return nil
}

// known returns an immutable answer: from the cache, or by asking once for
// everybody who waits for it. That there is none is believed for a while.
func known[K comparable, V any](ctx context.Context, c *Client, f *flight[K, V], key K, ask func(context.Context) (V, error)) (V, error) {
	if v, ok := cached[V](&c.cache, key); ok {
		return v, nil
	}
	if err := c.cache.refused(key, c.cfg.now()); err != nil {
		var none V
		return none, err
	}
	return f.do(ctx, key, func(ctx context.Context) (V, error) {
		asked := c.cache.now()
		v, err := ask(ctx)
		switch {
		case err == nil:
			c.cache.keep(key, v, asked)
		case c.cfg.refusals > 0 && absent(err):
			c.cache.refuse(key, err, c.cfg.now().Add(c.cfg.refusals), asked)
		}
		return v, err
	})
}

// absent reports whether an error says that the registry has no such thing.
func absent(err error) bool {
	return errors.Is(err, api.SubjectNotFound) || errors.Is(err, api.VersionNotFound) || errors.Is(err, api.SchemaNotFound)
}
