package amqpbus

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/wireproof/wireproof/event"
)

// A Config says how to reach a broker and how topics and groups lie on it. The
// zero value of a field means its default.
type Config struct {
	// URLs are amqp://user:password@host:port/vhost, or amqps, of the nodes of a
	// cluster, which are tried in turn. One is needed.
	URLs           []string
	User, Password string        // in place of those in the URLs
	Vhost          string        // in place of that in the URLs
	TLS            *tls.Config   // for amqps; nil trusts the system's authorities
	Heartbeat      time.Duration // after three without an answer a connection is lost; default 10 s
	Name           string        // what the broker shows of the connection; default wireproof

	// InFlight is how many messages wait for the broker's confirmation at once;
	// default 1000.
	InFlight int
	// MaxMessageBytes is the largest payload that Publish sends; default 16 MiB.
	// The broker has its own limit, max_message_size.
	MaxMessageBytes int
	// Prefetch is how many unsettled messages of a topic a source holds; default
	// 256. It is the bound of what is in memory.
	Prefetch int
	// ReleaseGrace is how long a lane that takes the place of a lost one waits for
	// the handlers that still run; default 5 s.
	ReleaseGrace time.Duration

	// KeepFor and KeepBytes bound what streams of dead letters keep; 0 is no
	// bound. They must not differ between programs that make the same topic.
	KeepFor   time.Duration
	KeepBytes int64

	// Topic says what an exchange is like; nil means the zero Topic for all.
	// Retry and dead-letter topics are not asked for.
	Topic func(name string) Topic
	// Queue says what the queue of a group is like; nil means the zero Queue for
	// all.
	Queue func(topic, group string) Queue
}

// A Topic is an exchange and what is published to it. The zero value is a topic
// exchange whose messages must reach a queue.
type Topic struct {
	Kind string // topic, fanout, headers or direct; default topic
	// RoutingKey returns the routing key of a message, at most 255 bytes; nil
	// means the topic's name. A headers exchange sees the headers that are plain
	// text under their own names.
	RoutingKey func(*event.Message) string
	// Priority returns the priority of a message, for queues that have some; nil
	// means 0.
	Priority func(*event.Message) uint8
	// NoGroup says that a message that no queue takes is no error, but lost.
	NoGroup bool
}

// A Queue is what holds the messages of a group. The zero value is a quorum queue
// that gets everything and delivers a message as often as it takes.
type Queue struct {
	Type string // quorum or classic; default quorum
	// Bindings say which messages of the topic the queue gets; nil means all.
	Bindings []Binding
	// MaxPriority is how many priorities a classic queue has above 0.
	MaxPriority uint8
	// SingleActive gives all messages to one member, in order; the others stand by.
	SingleActive bool
	// DeliveryLimit is how often a quorum queue gives a message again after a
	// member has lost it. After that the broker moves it to DeadLetters. 0 is no
	// limit.
	DeliveryLimit int
	// DeadLetters is the topic to which the broker itself moves what it gives up,
	// by DeliveryLimit or by Arguments; default, where there is a limit, the
	// group's dead-letter topic.
	DeadLetters string
	// Arguments are further arguments of the queue, such as x-max-length.
	Arguments map[string]any
}

// A Binding ties a queue to an exchange.
type Binding struct {
	RoutingKey string         // with * and # on a topic exchange
	Arguments  map[string]any // what a headers exchange compares, with x-match
}

const (
	batchMessages = 256 // most that one Receive hands over
	headerRoom    = 1 << 10
	nameBytes     = 255 // of exchanges, queues and routing keys
)

func (c Config) withDefaults() (*Config, error) {
	if len(c.URLs) == 0 {
		return nil, errors.New("no URL is given; expected amqp://host:port/vhost")
	}
	c.Heartbeat = cmp.Or(c.Heartbeat, 10*time.Second)
	c.Name = cmp.Or(c.Name, "wireproof")
	c.InFlight = cmp.Or(c.InFlight, 1000)
	c.MaxMessageBytes = cmp.Or(c.MaxMessageBytes, 16<<20)
	c.Prefetch = cmp.Or(c.Prefetch, 256)
	c.ReleaseGrace = cmp.Or(c.ReleaseGrace, 5*time.Second)
	var errs []error
	bad := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(c.Heartbeat < time.Second, "Heartbeat is %v; expected 1 s at least", c.Heartbeat)
	bad(c.InFlight < 1, "InFlight is %d; expected 1 at least", c.InFlight)
	bad(c.MaxMessageBytes < 1, "MaxMessageBytes is %d; expected 1 at least", c.MaxMessageBytes)
	bad(c.Prefetch < 1 || c.Prefetch > 65535, "Prefetch is %d; expected 1 to 65535", c.Prefetch)
	bad(c.KeepFor < 0 || c.KeepFor%time.Second != 0, "KeepFor is %v; expected whole seconds", c.KeepFor)
	bad(c.KeepBytes < 0, "KeepBytes is %d; expected 0 at least", c.KeepBytes)
	for i, text := range c.URLs {
		u, err := c.uri(text)
		bad(err != nil, "URL %d: %w", i+1, err)
		bad(err == nil && c.TLS != nil && u.Scheme != "amqps", "URL %d is %s and TLS is set; expected amqps", i+1, u.Scheme)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &c, nil
}

// topic returns what the exchange of that name is like. What is set aside needs no
// routing.
func (c *Config) topic(name string) Topic {
	if isAside(name) {
		return Topic{Kind: amqp.ExchangeFanout}
	}
	var t Topic
	if c.Topic != nil {
		t = c.Topic(name)
	}
	t.Kind = cmp.Or(t.Kind, amqp.ExchangeTopic)
	return t
}

// queue returns what the queue of a group is like, or why it cannot be so.
func (c *Config) queue(topic, group string) (Queue, error) {
	var q Queue
	if c.Queue != nil {
		q = c.Queue(topic, group)
	}
	q.Type = cmp.Or(q.Type, amqp.QueueTypeQuorum)
	if isAside(topic) {
		// A retry waits unsettled, and may be handed back often.
		q.DeliveryLimit, q.DeadLetters, q.Bindings = 0, "", nil
	}
	if q.DeliveryLimit > 0 {
		q.DeadLetters = cmp.Or(q.DeadLetters, event.DeadLetterTopic(topic, group))
	}
	var errs []error
	if q.Type != amqp.QueueTypeQuorum && q.Type != amqp.QueueTypeClassic {
		errs = append(errs, fmt.Errorf("type is %q; expected quorum or classic", q.Type))
	}
	if q.MaxPriority > 0 && q.Type != amqp.QueueTypeClassic {
		errs = append(errs, fmt.Errorf("a %s queue has no priorities; expected type classic", q.Type))
	}
	if q.DeliveryLimit < 0 || q.DeliveryLimit > 0 && q.Type != amqp.QueueTypeQuorum {
		errs = append(errs, fmt.Errorf("delivery limit of a %s queue is %d; expected 0, or a quorum queue", q.Type, q.DeliveryLimit))
	}
	if err := errors.Join(errs...); err != nil {
		return q, fmt.Errorf("queue of group %q for topic %q: %w", group, topic, err)
	}
	return q, nil
}

// arguments returns those of the queue on a broker of that version.
func (q Queue) arguments(version int) amqp.Table {
	t := amqp.Table{amqp.QueueTypeArg: q.Type}
	maps.Copy(t, q.Arguments)
	if q.MaxPriority > 0 {
		t["x-max-priority"] = int64(q.MaxPriority)
	}
	if q.SingleActive {
		t[amqp.SingleActiveConsumerArg] = true
	}
	if q.DeadLetters != "" {
		t["x-dead-letter-exchange"] = q.DeadLetters
		if q.Type == amqp.QueueTypeQuorum { // else the broker may lose it on the way
			t["x-dead-letter-strategy"] = "at-least-once"
			t[amqp.QueueOverflowArg] = amqp.QueueOverflowRejectPublish
		}
	}
	switch {
	case q.DeliveryLimit > 0:
		t["x-delivery-limit"] = int64(q.DeliveryLimit)
	case q.Type == amqp.QueueTypeQuorum && version >= 4:
		t["x-delivery-limit"] = int64(-1) // its default of 20 would lose messages
	}
	return t
}

// bindings returns those of the queue to an exchange of that kind.
func (q Queue) bindings(topic, kind string) []Binding {
	switch {
	case q.Bindings != nil:
		return q.Bindings
	case kind == amqp.ExchangeTopic:
		return []Binding{{RoutingKey: "#"}}
	case kind == amqp.ExchangeHeaders:
		return []Binding{{Arguments: amqp.Table{"x-match": "all"}}}
	default:
		return []Binding{{RoutingKey: topic}}
	}
}

const (
	deadLetterSuffix = ".dlq"
	replayedSuffix   = ".dlq.replayed"
)

// keepsLetters reports whether a topic keeps its messages in a stream.
func keepsLetters(topic string) bool {
	return strings.HasSuffix(topic, deadLetterSuffix) || strings.HasSuffix(topic, replayedSuffix)
}

// isRetry reports whether the topic's name is that of a retry level.
func isRetry(topic string) bool {
	i := strings.LastIndex(topic, ".retry.")
	return i > 0 && strings.Trim(topic[i+len(".retry."):], "0123456789") == "" && len(topic) > i+len(".retry.")
}

func isAside(topic string) bool { return keepsLetters(topic) || isRetry(topic) }

// retryGroup returns the group that reads a retry topic of origin.
func retryGroup(topic, origin string) (string, bool) {
	rest, ok := strings.CutPrefix(topic, origin+".")
	if i := strings.LastIndex(rest, ".retry."); ok && i > 0 && isRetry(topic) {
		return rest[:i], true
	}
	return "", false
}

// checkName reports why a broker would not take a name for an exchange or a queue.
func checkName(kind, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("the %s has no name", kind)
	case len(name) > nameBytes:
		return fmt.Errorf("the name of %s %.40q… has %d bytes; expected at most %d", kind, name, len(name), nameBytes)
	case strings.HasPrefix(name, "amq."):
		return fmt.Errorf("the name of %s %q begins with amq., which is the broker's own", kind, name)
	}
	return nil
}
