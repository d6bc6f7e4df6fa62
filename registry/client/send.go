package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wireproof/wireproof/registry/api"
)

// do sends a request, to each server if need be, and reads the answer into out.
func (c *Client) do(ctx context.Context, req request, out any) error {
	if c.bad != nil {
		return c.bad
	}
	var body []byte
	if req.body != nil {
		var err error
		if body, err = json.Marshal(req.body); err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
	}
	pause := c.cfg.pause
	for left := c.cfg.retries; ; left-- {
		after, err := c.round(ctx, req, body, out)
		if err == nil {
			return nil
		}
		if !after.again || left <= 0 {
			return err
		}
		noteError(ctx, err)
		// Half of the pause is random, so that clients that failed together do
		// not come back together.
		sleep := max(after.wait, pause/2+rand.N(pause/2+1))
		select {
		case <-time.After(min(sleep, maxPause)):
		case <-ctx.Done():
			return fmt.Errorf("%w; the last attempt: %w", ctx.Err(), err)
		}
		pause *= 2
	}
}

// A failure says what is left to do after an attempt that failed.
type failure struct {
	again bool          // another attempt may succeed
	move  bool          // another server may know better
	wait  time.Duration // at least this long before the next attempt
}

// round tries each server until one answers for itself.
func (c *Client) round(ctx context.Context, req request, body []byte, out any) (failure, error) {
	var errs []error
	for {
		at := c.at.Load()
		server := c.servers[at]
		then, err := c.attempt(ctx, server, req, body, out)
		if err == nil {
			return then, nil
		}
		if ctx.Err() != nil {
			then = failure{}
		}
		errs = append(errs, fmt.Errorf("registry %s: %s %s: %w", server, req.method, req.path, err))
		if then.again && then.move {
			// Somebody else may have moved on already.
			c.at.CompareAndSwap(at, (at+1)%int32(len(c.servers)))
			if len(errs) < len(c.servers) {
				continue
			}
		}
		if len(errs) == 1 {
			return then, errs[0]
		}
		return then, errors.Join(errs...)
	}
}

// attempt sends a request once, to one server.
func (c *Client) attempt(ctx context.Context, server *url.URL, req request, body []byte, out any) (failure, error) {
	attempt, cancel := context.WithTimeout(ctx, c.cfg.timeout)
	defer cancel()
	sent := false
	traced := httptrace.WithClientTrace(attempt, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent = true }})
	r, err := c.httpRequest(traced, server, req, body)
	if err != nil {
		return failure{}, err
	}
	key := pageKey(server.String() + r.URL.RequestURI())
	old, revalidate := page{}, false
	if req.method == http.MethodGet {
		if old, revalidate = cached[page](&c.cache, key); revalidate {
			r.Header.Set("If-None-Match", old.etag)
		}
	}
	resp, err := c.cfg.http.Do(r)
	if err != nil {
		final := errors.Is(err, errRedirect) || req.once && sent
		return failure{again: !final, move: true}, unwrapURL(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return failure{again: !req.once, move: true}, fmt.Errorf("read the answer: %w", err)
	case len(data) > maxAnswer:
		return failure{}, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	case resp.StatusCode == http.StatusNotModified && revalidate:
		data = old.body
	case resp.StatusCode/100 != 2:
		err := answerError(resp, data)
		return afterAnswer(resp, err, req.once), err
	}
	if err := decode(data, out); err != nil {
		return failure{}, err
	}
	if etag := resp.Header.Get("ETag"); req.method == http.MethodGet && etag != "" && resp.StatusCode != http.StatusNotModified {
		c.cache.kept.put(key, page{etag, data})
	}
	return failure{}, nil
}

func (c *Client) httpRequest(ctx context.Context, server *url.URL, req request, body []byte) (*http.Request, error) {
	target := server.String() + req.path
	if len(req.query) > 0 {
		target += "?" + req.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, req.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range c.cfg.header {
		r.Header[name] = slices.Clone(values)
	}
	r.Header.Set("Accept", acceptTypes)
	if body != nil {
		r.Header.Set("Content-Type", contentType)
	}
	if c.cfg.authorize != nil {
		if err := c.cfg.authorize(ctx, r); err != nil {
			return nil, fmt.Errorf("get credentials: %w", err)
		}
	}
	return r, nil
}

// unwrapURL drops the method and URL that net/http puts before its errors; round
// names them.
func unwrapURL(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// afterAnswer decides what an answer that is an error leaves to do. What must be
// sent once is sent again only if the server certainly did nothing.
func afterAnswer(resp *http.Response, err error, once bool) failure {
	var f failure
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		f.again = true
	case http.StatusRequestTimeout:
		f.again = !once
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		f.again, f.move = !once || errors.Is(err, leaderUnknown), true
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		f.wait = min(time.Duration(seconds)*time.Second, maxPause)
	}
	return f
}

// leaderUnknown is how a server says that it may not write and knows nobody who
// may.
const leaderUnknown api.Code = 50004

// answerError returns the error of an answer: the registry's own, or one that
// shows what came instead, as a proxy between may answer for it.
func answerError(resp *http.Response, data []byte) error {
	var e api.Error
	if json.Unmarshal(data, &e) == nil && e.Code != 0 {
		return &e
	}
	const shown = 200
	text := strings.TrimSpace(strings.ToValidUTF8(string(data[:min(shown, len(data))]), "?"))
	return &api.Error{Code: api.Code(resp.StatusCode), Message: strings.TrimSuffix(fmt.Sprintf("HTTP %s: %s", resp.Status, text), ": ")}
}

// errRedirect is wrapped by the refusal to follow a redirect.
var errRedirect = errors.New("the registry redirects to another host")

// httpClient returns the HTTP client to use: the caller's or one of our own, with
// a rule about redirects.
func (c *Client) httpClient() *http.Client {
	hc := http.Client{}
	if c.cfg.http != nil {
		hc = *c.cfg.http // the caller's stays as it is
	} else {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 16
		if c.cfg.tls != nil {
			transport.TLSClientConfig = c.cfg.tls
		}
		hc.Transport = transport
	}
	theirs := hc.CheckRedirect
	hc.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if err := c.redirect(r, via); err != nil {
			return err
		}
		if theirs != nil {
			return theirs(r, via)
		}
		return nil
	}
	return &hc
}

// redirect lets a request go to another host only without what is meant for the
// registry: credentials, headers that may hold some, and a certificate, which
// cannot be taken off a connection.
func (c *Client) redirect(r *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	from := via[0].URL
	upgrade := from.Scheme == "http" && r.URL.Scheme == "https"
	if r.URL.Hostname() == from.Hostname() && (upgrade || r.URL.Scheme == from.Scheme && r.URL.Port() == from.Port()) {
		return nil
	}
	if c.cfg.tls != nil && (len(c.cfg.tls.Certificates) > 0 || c.cfg.tls.GetClientCertificate != nil) {
		return fmt.Errorf("%w, %s, which must not see the client's certificate; give its URL to the client", errRedirect, r.URL.Host)
	}
	r.Header.Del("Authorization")
	r.Header.Del("Cookie")
	for name := range c.cfg.header {
		r.Header.Del(name)
	}
	return nil
}
