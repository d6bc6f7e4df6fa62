package natsbus

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// A Config says how to reach a server, how topics are kept and how groups read.
// The zero value of a field means its default.
type Config struct {
	Servers []string // nats://host:port or tls://host:port of some servers; needed
	Name    string   // what the server shows of this connection; default wireproof

	User, Password string      // one way to sign in
	Token          string      // another
	Credentials    string      // another: path of a .creds file with a JWT and its key
	NKey           string      // another: path of the file with the seed of an nkey
	TLS            *tls.Config // nil speaks plain text, unless a server asks for TLS

	// Memory keeps topics that are made in memory instead of files: they end
	// with the server.
	Memory bool
	// Replicas is how many servers keep a topic that is made; default 1.
	Replicas int
	// MaxAge and MaxBytes are when a topic that is made forgets its oldest
	// messages, settled or not. The default is never.
	MaxAge   time.Duration
	MaxBytes int64
	// MakeTopics makes topics when they are first published to or opened. By
	// default they have to be there, so that a misspelt topic is an error.
	MakeTopics bool
	// DedupeWindow is how long the server remembers the ids of a call of Publish,
	// for topics that are made; a call that gets no answer gives up after half of
	// it. The default is 1 min.
	DedupeWindow time.Duration

	// AckWait is how long a message belongs to a member that does not ask for more
	// time; default 30 s, at least 1 s.
	AckWait time.Duration
	// DoubleAck makes settling wait until the server has said that it knows.
	DoubleAck bool
	// Push makes groups of push consumers: the server sends as messages come, up
	// to Prefetch unsettled ones for the whole group, however large they are. What
	// it sends while the last member leaves comes again only after AckWait. By
	// default members pull.
	Push bool
	// Prefetch is how many messages of a topic a member asks for ahead of its
	// handlers; default 1000.
	Prefetch int
	// Discover is how often a pattern is looked up again for new topics; default
	// 2 s.
	Discover time.Duration
}

const (
	queueBytes     = 8 << 20  // of a lane, after which it asks for no more
	batchMessages  = 500      // most that one Receive hands over
	roomForOurs    = 64 << 10 // what a dead letter may add
	requestTimeout = 5 * time.Second
)

// defaults fills in what is not said, and refuses what cannot work.
func (c Config) defaults() (Config, error) {
	c.Name = cmp.Or(c.Name, "wireproof")
	c.Replicas = cmp.Or(c.Replicas, 1)
	c.DedupeWindow = cmp.Or(c.DedupeWindow, time.Minute)
	c.AckWait = cmp.Or(c.AckWait, 30*time.Second)
	c.Prefetch = cmp.Or(c.Prefetch, 1000)
	c.Discover = cmp.Or(c.Discover, 2*time.Second)
	var errs []error
	bad := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(c.AckWait < time.Second, "AckWait is %v; expected 1s or more", c.AckWait)
	bad(c.Prefetch < 1, "Prefetch is %d; expected 1 or more", c.Prefetch)
	bad(c.Replicas < 1 || c.Replicas > 5, "Replicas is %d; expected 1 to 5", c.Replicas)
	bad(c.DedupeWindow < time.Second, "DedupeWindow is %v; expected 1s or more", c.DedupeWindow)
	bad(c.MaxAge < 0 || c.MaxBytes < 0, "MaxAge is %v and MaxBytes %d; expected 0 or more", c.MaxAge, c.MaxBytes)
	bad(c.MaxAge > 0 && c.MaxAge < c.DedupeWindow, "MaxAge is %v, less than DedupeWindow, %v", c.MaxAge, c.DedupeWindow)
	bad(c.Discover < 0, "Discover is %v; expected more than 0", c.Discover)
	ways := 0
	for _, given := range []bool{c.User != "", c.Token != "", c.Credentials != "", c.NKey != ""} {
		if given {
			ways++
		}
	}
	bad(ways > 1, "User, Token, Credentials and NKey exclude one another, %d of them are given", ways)
	bad(c.Password != "" && c.User == "", "a Password without a User")
	if err := errors.Join(errs...); err != nil {
		return c, fmt.Errorf("nats settings: %w", err)
	}
	return c, nil
}

// options translates how to connect.
func (c Config) options() ([]nats.Option, error) {
	out := []nats.Option{
		nats.Name(c.Name),
		nats.Timeout(requestTimeout),
		nats.PingInterval(10 * time.Second), // a server that is silent for 30 s is gone
		nats.MaxPingsOutstanding(2),
		// Errors of subscriptions are looked at where they are used; the default
		// handler writes to standard error.
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}
	switch {
	case c.User != "":
		out = append(out, nats.UserInfo(c.User, c.Password))
	case c.Token != "":
		out = append(out, nats.Token(c.Token))
	case c.Credentials != "":
		out = append(out, nats.UserCredentials(c.Credentials))
	case c.NKey != "":
		o, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, fmt.Errorf("nats nkey in %s: %w", c.NKey, err)
		}
		out = append(out, o)
	}
	if c.TLS != nil {
		out = append(out, nats.Secure(c.TLS))
	}
	return out, nil
}

// where names the servers for people, without passwords.
func (c Config) where() string {
	names := make([]string, len(c.Servers))
	for i, s := range c.Servers {
		names[i] = "a server whose URL does not parse"
		if u, err := url.Parse(s); err == nil {
			names[i] = u.Redacted()
		}
	}
	return strings.Join(names, ", ")
}
