package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Keys that are no settings: the environment asks for something that other
// settings must describe.
const (
	wantedAuth = "authentication.method"
	wantedTLS  = "https"
)

// check finds what the shape of each setting cannot say. It opens nothing.
func (s *Server) check() error {
	c := &serverCheck{s: s}
	if s.Version != 1 {
		c.bad("version", "is %d; this program reads version 1", s.Version)
	}
	c.address("listen", s.Listen)
	if s.Admin.Listen != "" {
		c.address("admin.listen", s.Admin.Listen)
		if s.Admin.Listen == s.Listen && !strings.HasSuffix(s.Listen, ":0") {
			c.bad("admin.listen", "is %q, as listen is; expected another address, or none", s.Listen)
		}
	}
	c.url("advertise", s.Advertise)
	c.url("traces.endpoint", s.Traces.Endpoint)
	if s.Traces.Sample < 0 || s.Traces.Sample > 1 {
		c.bad("traces.sample", "is %v; expected 0 to 1", s.Traces.Sample)
	}
	c.store()
	c.limits()
	c.tls()
	c.auth()
	return errors.Join(c.errs...)
}

type serverCheck struct {
	s    *Server
	errs []error
}

// bad reports a setting, at its place if it is from the file.
func (c *serverCheck) bad(key, format string, args ...any) {
	msg := key + " " + fmt.Sprintf(format, args...)
	origin := c.s.Origin(key)
	if p, ok := c.s.doc.index[key]; ok && origin == fmt.Sprintf("%s:%d", c.s.doc.path, p.Line) {
		e := c.s.doc.errorAt(p, "%s", msg)
		if hasCredentials(e.line) {
			e.line = ""
		}
		c.errs = append(c.errs, e)
		return
	}
	if origin != "default" {
		msg = origin + ": " + msg
	}
	c.errs = append(c.errs, errors.New(msg))
}

func (c *serverCheck) address(key, value string) {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		c.bad(key, "is %q; expected host:port, such as 127.0.0.1:8081", value)
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		c.bad(key, "has port %q; expected a number from 0 to 65535", port)
	}
}

func (c *serverCheck) url(key, value string) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	switch {
	case hasCredentials(value):
		c.bad(key, "holds a user or a password; secrets are never in the settings")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		c.bad(key, "is %q; expected a URL such as http://registry-1:8081", value)
	}
}

func (c *serverCheck) store() {
	kafka := c.s.Store.Kafka
	switch c.s.Store.Kind {
	case "kafka":
		if len(kafka.Brokers) == 0 {
			c.bad("store.kafka.brokers", "is empty; expected host:port of some brokers")
		}
		for _, b := range kafka.Brokers {
			if _, _, err := net.SplitHostPort(b); err != nil {
				c.bad("store.kafka.brokers", "has %q; expected host:port", hideCredentials(b))
			}
		}
		if kafka.Topic == "" || kafka.Group == "" {
			c.bad("store.kafka.topic", "or store.kafka.group is empty")
		}
		if (kafka.Cert == "") != (kafka.Key == "") {
			c.bad("store.kafka.cert", "and store.kafka.key belong together; one is empty")
		}
	case "sqlite":
		if c.s.Store.SQLite.Dir == "" {
			c.bad("store.sqlite.dir", "is empty; expected a folder")
		}
	}
}

func (c *serverCheck) limits() {
	l := c.s.Limits
	for _, limit := range []struct {
		key   string
		value int64
	}{
		{"limits.body", int64(l.Body)}, {"limits.text", int64(l.Text)}, {"limits.references", int64(l.References)},
		{"limits.closure", int64(l.Closure)}, {"limits.headers", int64(l.Headers)}, {"limits.time", int64(l.Time)},
		{"store.open_timeout", int64(c.s.Store.OpenTimeout)},
	} {
		if limit.value < 1 {
			c.bad(limit.key, "is 0; expected more")
		} else if strings.HasPrefix(limit.key, "limits.") && limit.key != "limits.time" && limit.value > 1<<31-1 {
			c.bad(limit.key, "is %d; expected at most 2147483647", limit.value)
		}
	}
}

func (c *serverCheck) tls() {
	t := c.s.TLS
	if (t.Cert == "") != (t.Key == "") {
		c.bad("tls.cert", "and tls.key belong together; one is empty")
	}
	if t.Cert == "" && (t.ClientCA != "" || t.ClientAuth != "" && t.ClientAuth != "none") {
		c.bad("tls.client_ca", "or tls.client_auth is set without tls.cert and tls.key")
	}
	if c.s.Auth.MTLS != nil && t.ClientCA == "" {
		c.bad("auth.mtls", "needs tls.client_ca, which says who signs client certificates")
	}
	for _, w := range c.s.wanted {
		if w.Key == wantedTLS && t.Cert == "" {
			c.errs = append(c.errs, fmt.Errorf("%s is %q, but there is no certificate; expected tls.cert and tls.key ($%sTLS_CERT, $%sTLS_KEY), PEM files", w.Origin, w.Value, ServerPrefix, ServerPrefix))
		}
	}
}

func (c *serverCheck) auth() {
	a := c.s.Auth
	if a.Basic != nil && a.Basic.File == "" {
		c.bad("auth.basic", "has no file; expected the path of a file of users")
	}
	if a.Bearer != nil && a.Bearer.Issuer == "" {
		c.bad("auth.bearer", "has no issuer; expected the iss claim of every token")
	}
	if a.Bearer != nil {
		c.url("auth.bearer.jwks_url", a.Bearer.JWKSURL)
	}
	for _, w := range c.s.wanted {
		if w.Key != wantedAuth || w.Value == "none" {
			continue
		}
		if !slices.Contains([]string{"basic", "bearer"}, w.Value) {
			c.errs = append(c.errs, fmt.Errorf("%s is %q; expected NONE, BASIC or BEARER", w.Origin, w.Value))
		} else if w.Value == "basic" && a.Basic == nil || w.Value == "bearer" && a.Bearer == nil {
			c.errs = append(c.errs, fmt.Errorf("%s asks for credentials, but auth.%s is not set; expected it and auth.grants", w.Origin, w.Value))
		}
	}
}

// Guarded reports whether requests must say who sends them.
func (a Auth) Guarded() bool {
	return a.Basic != nil || a.Bearer != nil || a.MTLS != nil || a.Anonymous != nil
}
