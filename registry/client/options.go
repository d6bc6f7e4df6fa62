package client

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"time"
)

// An Option changes a [Client].
type Option interface{ apply(*config) }

type config struct {
	urls      []string
	context   string // qualified, such as ":.ctx:", or "" for the default one
	http      *http.Client
	tls       *tls.Config
	authorize func(context.Context, *http.Request) error
	timeout   time.Duration
	retries   int
	pause     time.Duration
	header    http.Header
	entries   int
	bytes     int64
	refusals  time.Duration
	now       func() time.Time
}

type option func(*config)

func (o option) apply(c *config) { o(c) }

// URLs adds servers of the same registry. The client speaks to one of them, and
// moves on to the next when it does not answer or cannot serve; see [New].
func URLs(urls ...string) Option {
	return option(func(c *config) { c.urls = append(c.urls, urls...) })
}

// Context makes the client work in one context: subjects without a context are
// taken there, ids are those of it, and settings and modes without a subject are
// its own. The name may be written with or without its leading dot; "" and "."
// are the default context. Names that the registry returns are qualified, as
// :.context:subject, and may be passed back.
func Context(name string) Option {
	return option(func(c *config) {
		name = strings.TrimPrefix(name, ".")
		if c.context = ""; name != "" {
			c.context = ":." + name + ":"
		}
	})
}

// HTTPClient makes the client use hc, with its transport, proxies and limits.
// Options of TLS are ignored then.
func HTTPClient(hc *http.Client) Option { return option(func(c *config) { c.http = hc }) }

// TLS sets which servers are trusted and, for mTLS, with which certificate the
// client introduces itself.
func TLS(cfg *tls.Config) Option { return option(func(c *config) { c.tls = cfg.Clone() }) }

// Basic introduces the client by user and password. Those in the URL are used
// without this option.
func Basic(user, password string) Option {
	return option(func(c *config) {
		c.authorize = func(_ context.Context, r *http.Request) error {
			r.SetBasicAuth(user, password)
			return nil
		}
	})
}

// Bearer introduces the client by a token.
func Bearer(token string) Option {
	return BearerFunc(func(context.Context) (string, error) { return token, nil })
}

// BearerFunc asks for a token before each request, so that it may change. token
// must be safe for concurrent use.
func BearerFunc(token func(context.Context) (string, error)) Option {
	return option(func(c *config) {
		c.authorize = func(ctx context.Context, r *http.Request) error {
			t, err := token(ctx)
			if err == nil {
				r.Header.Set("Authorization", "Bearer "+t)
			}
			return err
		}
	})
}

// Timeout bounds each attempt; the default is 10 s. The context of a call bounds
// all of them together.
func Timeout(d time.Duration) Option { return option(func(c *config) { c.timeout = d }) }

// Retries sets how often a request is sent again, and how long the first pause
// before that is; each further one doubles. The default is 3 and 100 ms. With
// several servers, one more time means to each of them.
func Retries(n int, pause time.Duration) Option {
	return option(func(c *config) { c.retries, c.pause = n, pause })
}

// Header adds a header to every request. Like credentials, it is not sent on to
// another host that a server redirects to.
func Header(name, value string) Option {
	return option(func(c *config) { c.header.Add(name, value) })
}

// Cache bounds what the client remembers, by number and by the sum of the texts;
// what was not used for longest goes first. The default is 10,000 answers and 64
// MiB. With 0 entries every call asks the registry.
func Cache(entries int, bytes int64) Option {
	return option(func(c *config) { c.entries, c.bytes = entries, bytes })
}

// Refusals sets how long the client believes that an id or schema is unknown; the
// default is 1 s, and 0 asks each time. Writing through the client ends it.
func Refusals(d time.Duration) Option { return option(func(c *config) { c.refusals = d }) }
