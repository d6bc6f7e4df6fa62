package kafkabus

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// A Config says how to reach a cluster. The zero value of a field means its
// default.
type Config struct {
	Brokers  []string    // host:port of some brokers; needed
	ClientID string      // what brokers log and bill by; default wireproof
	TLS      *tls.Config // nil speaks plain text
	SASL     *SASL       // nil does not sign in
	// Version is the oldest protocol version to speak, such as 3.6.0, which is
	// the default; at least 2.5.0.
	Version string
	// MaxMessageBytes is the largest message that Publish sends; default 8 MiB.
	// The broker has its own limit, max.message.bytes of the topic, for a batch: what
	// is published goes out in batches that are below it.
	MaxMessageBytes int
	// SessionTimeout is how long a group waits for a silent member; default 10 s.
	SessionTimeout time.Duration
	// RevokeGrace is how long a partition that moves away waits for the handlers
	// that still run; default 20 s. A rebalance, which waits for each member to
	// let go, may take 10 s longer before those that do not are left out.
	RevokeGrace time.Duration
	// Balance says how a group shares out partitions: the first that all members
	// name. Default Sticky. To change it without a stop of all members, deploy
	// once with both, the new one first, and then without the old one.
	Balance []Strategy
	// InstanceID makes each group's member that this bus opens a static one: when
	// it closes, its partitions wait for it, for SessionTimeout at most, and if it
	// is back by then under the same ID nobody rebalances. It has to be unique in
	// the group and the same after a restart, such as the name of a pod of a
	// stateful set; a second member with it throws the first one out, which is a
	// fatal error of that one. SessionTimeout should be longer than a restart.
	InstanceID string
}

// A Strategy shares out the partitions of topics among the members of a group.
type Strategy string

// The strategies. With the first two, all members let go of all partitions when one
// comes or goes, and get the new ones together. With CooperativeSticky only what
// moves is let go, and the rest goes on meanwhile; a rebalance takes two rounds.
const (
	Range             Strategy = "range"              // ranges of each topic, so that partition n of two topics has one owner
	Sticky            Strategy = "sticky"             // even, and as few moves as possible
	CooperativeSticky Strategy = "cooperative-sticky" // likewise, without stopping what does not move
)

// balance returns new strategies, since some remember between calls.
func balance(names []Strategy) ([]sarama.BalanceStrategy, error) {
	if len(names) == 0 {
		names = []Strategy{Sticky}
	}
	var out []sarama.BalanceStrategy
	for _, n := range names {
		switch n {
		case Range:
			out = append(out, sarama.NewBalanceStrategyRange())
		case Sticky:
			out = append(out, sarama.NewBalanceStrategySticky())
		case CooperativeSticky:
			out = append(out, sarama.NewBalanceStrategyCooperativeSticky())
		default:
			return nil, fmt.Errorf("kafka balance strategy is %q; expected %s, %s or %s", n, Range, Sticky, CooperativeSticky)
		}
	}
	return out, nil
}

// SASL signs in to the cluster.
type SASL struct {
	Mechanism      string // plain, scram-sha-256 or scram-sha-512
	User, Password string
}

const (
	queueMessages = 1000    // of a partition, after which it is held up, or paused
	queueBytes    = 8 << 20 // likewise
	holdTime      = 50 * time.Millisecond
	perMessage    = 10 * time.Microsecond // what sarama needs on a busy machine until it sends
	batchMessages = 500                   // most that one Receive hands over
	roomForOurs   = 64 << 10

	defaultGrace = 20 * time.Second
)

// sarama translates c. What is set and what is avoided has been measured: see
// the comments.
func (c Config) sarama() (*sarama.Config, error) {
	conf := sarama.NewConfig()
	conf.ClientID = cmp.Or(c.ClientID, "wireproof")
	version, err := sarama.ParseKafkaVersion(cmp.Or(c.Version, "3.6.0"))
	if err != nil {
		return nil, fmt.Errorf("kafka version %q: %w", c.Version, err)
	}
	if !version.IsAtLeast(sarama.V2_5_0_0) {
		return nil, fmt.Errorf("kafka version is %s; expected 2.5.0 or later", version)
	}
	conf.Version = version
	conf.Metadata.Full = false // only the topics that are used
	conf.Metadata.AllowAutoTopicCreation = false

	p := &conf.Producer
	p.RequiredAcks = sarama.WaitForAll
	p.Idempotent = true
	conf.Net.MaxOpenRequests = 1 // what idempotence needs
	p.Return.Successes, p.Return.Errors = true, true
	p.Partitioner = sarama.NewMurmur2Partitioner // the default one disagrees with Java's clients
	p.MaxMessageBytes = batchBytes               // limits sees to messages
	p.Flush.Frequency = 2 * time.Millisecond     // keeps a batch together in one request
	p.Flush.Messages = batchMessages
	p.Retry.Max = 20
	p.Retry.BackoffFunc = backoff

	g := &conf.Consumer
	g.Return.Errors = true
	g.IsolationLevel = sarama.ReadCommitted
	g.Offsets.Initial = sarama.OffsetOldest
	g.Offsets.AutoCommit.Enable = true
	g.Offsets.AutoCommit.Interval = time.Second
	g.MaxWaitTime = 200 * time.Millisecond // heartbeats share the connection with the fetch
	g.Fetch.Max = 64 << 20
	g.Group.Session.Timeout = cmp.Or(c.SessionTimeout, 10*time.Second)
	g.Group.Heartbeat.Interval = g.Group.Session.Timeout / 4
	g.Group.Rebalance.Timeout = cmp.Or(c.RevokeGrace, defaultGrace) + 10*time.Second
	g.Group.ResetInvalidOffsets = true
	g.Group.InstanceId = c.InstanceID
	if g.Group.Rebalance.GroupStrategies, err = balance(c.Balance); err != nil {
		return nil, err
	}

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

// backoff waits 50 ms, doubled up to 1 s: a new leader takes some seconds.
func backoff(retries, _ int) time.Duration {
	return min(50*time.Millisecond<<min(retries, 5), time.Second)
}
