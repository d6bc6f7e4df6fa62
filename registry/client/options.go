package client

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"
)

// An Option changes a [Client].
type Option interface{ apply(*config) }

type config struct {
	http      *http.Client
	tls       *tls.Config
	authorize func(context.Context, *http.Request) error
	timeout   time.Duration
	retries   int
	pause     time.Duration
	header    http.Header
}

type option func(*config)

func (o option) apply(c *config) { o(c) }

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
// before that is; each further one doubles. The default is 3 and 100 ms.
func Retries(n int, pause time.Duration) Option {
	return option(func(c *config) { c.retries, c.pause = n, pause })
}

// Header adds a header to every request.
func Header(name, value string) Option {
	return option(func(c *config) { c.header.Add(name, value) })
}
