package client

import (
	"context"
	"net/http"
	"net/url"
)

// Servers returns a client of each server alone. They do not try again, and share
// nothing with c but its credentials and connections.
func (c *Client) Servers() []*Client {
	out := make([]*Client, len(c.servers))
	for i, u := range c.servers {
		one := &Client{servers: []*url.URL{u}, cfg: c.cfg, bad: c.bad}
		one.cfg.retries = 0
		out[i] = one
	}
	return out
}

// SignsIn reports whether the client sends credentials or has a certificate to
// show.
func (c *Client) SignsIn() bool {
	return c.cfg.authorize != nil || c.cfg.tls != nil && (len(c.cfg.tls.Certificates) > 0 || c.cfg.tls.GetClientCertificate != nil)
}

// Ping asks the registry for something small, to see that it is there and takes
// the client's credentials.
func (c *Client) Ping(ctx context.Context) error {
	return c.do(ctx, request{method: http.MethodGet, path: "/schemas/types"}, nil)
}

// Get returns the answer to any GET of the protocol, byte for byte: a path, such
// as /subjects, with its query. The client's context is not added to it, and
// nothing is remembered but by its ETag.
func (c *Client) Get(ctx context.Context, pathAndQuery string) ([]byte, error) {
	var out []byte
	return out, c.do(ctx, request{method: http.MethodGet, path: pathAndQuery}, &out)
}
