package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/wireproof/wireproof/registry/api"
)

const (
	forwardHeader  = "X-Forward" // marks a request that was forwarded already
	forwardConnect = 5 * time.Second
	forwardTimeout = 60 * time.Second
	maxForwarded   = 64 << 20        // bytes of an answer
	followTimeout  = 5 * time.Second // for reading what the leader wrote
)

// forwardedHeaders are those that the leader is told, besides X-Request-ID and
// where the request comes from. A client certificate is not: whoever sends a write
// with nothing else is nobody to the leader.
var forwardedHeaders = [...]string{"Content-Type", "Content-Encoding", "Accept", "Confluent-Accept-Unknown-Properties", "Authorization"}

// newForwardClient returns a client for requests to the leader that passes on
// what the leader says, redirects included: it must not carry credentials to
// somewhere else. transport is nil for the default one.
func newForwardClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: forwardConnect}).DialContext,
			TLSHandshakeTimeout: forwardConnect,
			MaxIdleConnsPerHost: 16,
			IdleConnTimeout:     forwardTimeout,
			DisableCompression:  true, // the answer is packed for the client, if at all
		}
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       forwardTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// A relay is an answer of the leader that was passed on.
type relay struct {
	status, bytes int
}

// forward lets the leader answer a write and passes that on. It returns nil and
// no error if this server is to answer itself. What was forwarded once is not
// forwarded again: two servers that each believe the other to lead would keep
// it between them for ever. caughtUp is called before a success is passed on, so
// that a client can read here what it wrote there; nil means not to wait.
func forward(w http.ResponseWriter, r *http.Request, what deed, opts *Options, client *http.Client, caughtUp func(context.Context) error) (*relay, error) {
	if opts.Leader == nil {
		return nil, nil
	}
	leader, self := opts.Leader()
	if self {
		return nil, nil
	}
	if leader == "" || r.Header.Get(forwardHeader) != "" {
		return nil, api.NoLeader.With()
	}
	failed := func(err error) error {
		return api.ForwardFailed.Because(fmt.Errorf("forward to %s: %w", leader, err), what.request)
	}
	url := strings.TrimSuffix(leader, "/") + r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		url += "?" + r.URL.RawQuery
	}
	body := http.MaxBytesReader(w, r.Body, opts.MaxBody)
	req, err := http.NewRequestWithContext(r.Context(), r.Method, url, body)
	if err != nil {
		return nil, failed(err)
	}
	if req.ContentLength = r.ContentLength; r.ContentLength > opts.MaxBody {
		return nil, api.BodyTooLarge.With(opts.MaxBody)
	}
	if req.ContentLength == 0 {
		req.Body = http.NoBody
	}
	for _, name := range forwardedHeaders {
		if values := r.Header.Values(name); len(values) > 0 {
			req.Header[name] = values
		}
	}
	// As proxies do: the leader believes it as far as it trusts this server.
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		req.Header.Set("X-Forwarded-For", strings.Join(append(slices.Clone(r.Header.Values("X-Forwarded-For")), host), ", "))
	}
	req.Header.Set("X-Request-ID", w.Header().Get("X-Request-ID"))
	req.Header.Set(forwardHeader, "true")
	res, err := client.Do(req)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, api.BodyTooLarge.With(opts.MaxBody)
	}
	if err != nil {
		return nil, failed(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxForwarded+1))
	if err == nil && len(answer) > maxForwarded {
		err = fmt.Errorf("the answer has more than %d bytes", maxForwarded)
	}
	if err != nil {
		return nil, failed(err)
	}
	if res.StatusCode < http.StatusBadRequest && caughtUp != nil {
		ctx, cancel := context.WithTimeout(r.Context(), followTimeout)
		_ = caughtUp(ctx) // the write is done, whether or not it can be read here yet
		cancel()
	}
	for _, name := range []string{"Content-Type", "Content-Encoding", "Vary"} {
		if value := res.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(res.StatusCode)
	n, _ := w.Write(answer) // if it fails, the client is gone and nobody can be told
	return &relay{res.StatusCode, n}, nil
}
