package kafkalog

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// A Config says where the log is and who this server is. The zero value of a
// field means its default.
type Config struct {
	Brokers  []string    // host:port of some brokers, which are 2.8 or later; needed
	ClientID string      // what brokers log and bill by; default wireproof
	TLS      *tls.Config // nil speaks plain text
	SASL     *SASL       // nil does not sign in

	Topic string // default _schemas
	// CheckOnly refuses a topic that does not exist instead of making it.
	CheckOnly bool

	GroupID string // of the election, shared by all servers on the topic; default schema-registry
	// URL is where other servers reach this one, such as http://host:8081; needed.
	URL string
	// Follower keeps this server from ever being the leader.
	Follower bool
	// Sticky keeps the leader as long as it lives. Otherwise the server with the
	// smallest URL leads, and nobody does while a server comes or goes.
	Sticky bool

	// SessionTimeout is how long a silent leader stays one; default 10 s.
	SessionTimeout time.Duration
	// RequestTimeout bounds each request to a broker; default 5 s.
	RequestTimeout time.Duration
	// AppendTimeout bounds an append, whatever its context says; default 10 s.
	AppendTimeout time.Duration

	Logger *slog.Logger // is told when leaders change and what could not be read; nil means nobody is
}

// SASL signs in to the cluster.
type SASL struct {
	Mechanism      string // plain, scram-sha-256 or scram-sha-512
	User, Password string
}

const (
	rebalanceTimeout   = 30 * time.Second
	transactionTimeout = 15 * time.Second
	dialTimeout        = 3 * time.Second
)

func (c Config) orDefault() Config {
	c.ClientID = cmp.Or(c.ClientID, "wireproof")
	c.Topic = cmp.Or(c.Topic, "_schemas")
	c.GroupID = cmp.Or(c.GroupID, "schema-registry")
	c.SessionTimeout = cmp.Or(c.SessionTimeout, 10*time.Second)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 5*time.Second)
	c.AppendTimeout = cmp.Or(c.AppendTimeout, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// identity returns what the election says about this server.
func (c Config) identity() (identity, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return identity{}, fmt.Errorf("the URL of this server is %q; expected one such as http://host:8081", c.URL)
	}
	port := map[string]int{"http": 80, "https": 443}[u.Scheme]
	if u.Port() != "" {
		if port, err = strconv.Atoi(u.Port()); err != nil {
			return identity{}, fmt.Errorf("the URL of this server is %q, whose port is no number", c.URL)
		}
	}
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]" // others put it before a colon and a port as it is
	}
	return identity{Version: 1, Host: host, Port: port, Eligible: !c.Follower, Scheme: u.Scheme}, nil
}

// sarama translates c for one client.
func (c Config) sarama(dial *dialer, timeout time.Duration) (*sarama.Config, error) {
	if len(c.Brokers) == 0 {
		return nil, errors.New("no brokers are given")
	}
	conf := sarama.NewConfig()
	conf.ClientID = c.ClientID
	conf.Version = sarama.V2_8_0_0 // brokers say what they speak; nothing newer is needed
	conf.Metadata.Full = false     // only the topic
	conf.Metadata.AllowAutoTopicCreation = false
	conf.Metadata.Retry.Max = 2
	conf.Metadata.Timeout = timeout
	conf.Net.DialTimeout = dialTimeout
	conf.Net.ReadTimeout, conf.Net.WriteTimeout = timeout, timeout
	conf.Net.Proxy.Enable, conf.Net.Proxy.Dialer = true, dial
	conf.Admin.Timeout = timeout
	if c.TLS != nil {
		conf.Net.TLS.Enable, conf.Net.TLS.Config = true, c.TLS
	}
	if c.SASL != nil {
		if err := c.SASL.apply(conf); err != nil {
			return nil, err
		}
	}
	if err := conf.Validate(); err != nil {
		return nil, fmt.Errorf("kafka settings: %w", err)
	}
	return conf, nil
}
