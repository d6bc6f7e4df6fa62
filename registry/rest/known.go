package rest

import (
	"bytes"
	"io"
	"net/http"

	"github.com/wireproof/wireproof/registry"
)

// known answers a registration of what is there already on a server that does
// not lead: most are those of clients that start, and need no leader. It returns
// nil for whatever takes the leader, refusals included; the body of the request
// can then be read again.
func (c *call) known() (*reply, error) {
	if _, self := c.opts.Leader(); self || c.r.Header.Get(forwardHeader) != "" {
		return nil, nil
	}
	packed, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, c.opts.MaxBody))
	if err != nil {
		return nil, c.unread(err)
	}
	c.r = c.r.WithContext(c.r.Context()) // a copy: that of the caller keeps its body
	again := func() { c.r.Body, c.r.ContentLength = io.NopCloser(bytes.NewReader(packed)), int64(len(packed)) }
	again()
	defer again()
	req, err := c.schemaRequest()
	if err != nil {
		return nil, nil // the leader says what is wrong
	}
	v, ok := c.reg.Known(c.r.Context(), registry.Registration{
		Subject: c.subject(), Request: req, Normalize: c.flag("normalize"), Force: c.flag("force"),
	})
	if !ok {
		return nil, nil
	}
	return c.registered(v), nil
}
