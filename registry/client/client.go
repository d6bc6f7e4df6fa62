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
	"net/url"
	"strconv"
	"strings"
	"time"

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
	base  *url.URL // without credentials
	cfg   config
	bad   error // why base is none
	cache cache
}

// New returns a client of the registry at a URL, such as http://localhost:8081.
// It connects to nothing yet; a URL that is none is reported by each call.
func New(rawURL string, opts ...Option) *Client {
	c := &Client{cfg: config{timeout: 10 * time.Second, retries: 3, pause: 100 * time.Millisecond, header: http.Header{}}}
	u, err := url.Parse(strings.TrimRight(rawURL, "/"))
	switch {
	case err != nil:
		// The error of url.Parse quotes the URL, and perhaps a password in it.
		c.bad = errors.New("the registry URL does not parse; expected one like http://localhost:8081")
		u = &url.URL{}
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		c.bad = fmt.Errorf("registry URL %q: expected one like http://localhost:8081", u.Redacted())
	}
	if user := u.User; user != nil {
		password, _ := user.Password()
		Basic(user.Username(), password).apply(&c.cfg)
		u.User = nil
	}
	c.base = u
	for _, o := range opts {
		o.apply(&c.cfg)
	}
	if c.cfg.http == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = 16
		if c.cfg.tls != nil {
			transport.TLSClientConfig = c.cfg.tls
		}
		c.cfg.http = &http.Client{Transport: transport}
	}
	return c
}

// URL returns where the registry is, without credentials.
func (c *Client) URL() string { return c.base.String() }

// path joins segments, each escaped, so that a subject may hold a slash.
func path(segments ...string) string {
	var b strings.Builder
	for _, s := range segments {
		b.WriteString("/" + url.PathEscape(s))
	}
	return b.String()
}

// A request may be sent more than once.
type request struct {
	method string
	path   string
	query  url.Values
	body   any
	once   bool // must not be sent again: a second answer would differ
}

// do sends a request and reads the answer into out.
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
		wait, err := c.attempt(ctx, req, body, out)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("registry %s: %s %s: %w", c.URL(), req.method, req.path, err)
		if wait < 0 || left <= 0 || req.once {
			return err
		}
		// Half of the pause is random, so that clients that failed together do
		// not come back together.
		sleep := max(wait, pause/2+rand.N(pause/2+1))
		select {
		case <-time.After(min(sleep, maxPause)):
		case <-ctx.Done():
			return fmt.Errorf("%w; the last attempt: %w", ctx.Err(), err)
		}
		pause *= 2
	}
}

const never = time.Duration(-1)

// attempt sends a request once. After an error it says how long to wait before
// the next attempt; a negative time means that none would help.
func (c *Client) attempt(ctx context.Context, req request, body []byte, out any) (time.Duration, error) {
	attempt, cancel := context.WithTimeout(ctx, c.cfg.timeout)
	defer cancel()
	target := c.base.String() + req.path
	if len(req.query) > 0 {
		target += "?" + req.query.Encode()
	}
	r, err := http.NewRequestWithContext(attempt, req.method, target, bytes.NewReader(body))
	if err != nil {
		return never, err
	}
	for name, values := range c.cfg.header {
		r.Header[name] = values
	}
	r.Header.Set("Accept", acceptTypes)
	if body != nil {
		r.Header.Set("Content-Type", contentType)
	}
	if c.cfg.authorize != nil {
		if err := c.cfg.authorize(attempt, r); err != nil {
			return never, fmt.Errorf("get credentials: %w", err)
		}
	}
	resp, err := c.cfg.http.Do(r)
	if err != nil {
		return again(ctx), unwrapURL(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return again(ctx), fmt.Errorf("read the answer: %w", err)
	}
	if len(data) > maxAnswer {
		return never, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	if resp.StatusCode/100 != 2 {
		return retryAfter(resp), answerError(resp, data)
	}
	if out == nil || len(data) == 0 {
		return 0, nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return never, fmt.Errorf("the answer is not what a schema registry sends: %w", err)
	}
	return 0, nil
}

// again returns when to try again after a failure of the network.
func again(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return never
	}
	return 0
}

// unwrapURL drops the method and URL that net/http puts before its errors; do
// names them.
func unwrapURL(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// retryAfter returns how long to wait before the request has a chance.
func retryAfter(resp *http.Response) time.Duration {
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil || seconds < 0 {
			return 0
		}
		return time.Duration(seconds) * time.Second
	}
	return never
}

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
