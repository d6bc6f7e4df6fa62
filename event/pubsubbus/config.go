package pubsubbus

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/api/option"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wireproof/wireproof/event"
)

// A Config says how to reach a project and how groups lie in it. The zero value of
// a field means its default.
type Config struct {
	Project string // needed
	// Options are credentials, endpoint and so on; default are the environment's.
	// PUBSUB_EMULATOR_HOST in the environment goes before them.
	Options []option.ClientOption

	// MaxMessageBytes is the largest payload that Publish sends; default 9 MB. The
	// service takes 10 MB with attributes.
	MaxMessageBytes int
	// Unordered publishes without ordering keys and makes subscriptions without
	// order, which spreads one key over all members.
	Unordered bool

	// MaxOutstandingMessages and MaxOutstandingBytes bound the unsettled messages
	// of a topic that a source holds; default 1000 and 64 MiB.
	MaxOutstandingMessages int
	MaxOutstandingBytes    int
	// MaxExtension is how long the deadline of a message is extended; default 1 h. What
	// waits on a retry level is extended for as long as the service keeps it.
	MaxExtension time.Duration
	// AckDeadline is how long a message that is not extended is waited for, 10 s to
	// 10 min; default 10 s.
	AckDeadline time.Duration
	// Streams is how many streams a source reads of each topic; default 1.
	Streams int

	// KeepFor is how long dead letters are kept, 10 min to 31 days; default 31
	// days.
	KeepFor time.Duration

	// Subscription says what the subscription of a group is like; nil means the
	// zero Subscription for all. One that exists is taken as it is, if it is of the
	// same topic and order.
	Subscription func(topic, group string) Subscription

	// Refused, if not nil, is told of each acknowledgement that the service refused
	// where it is delivered exactly once: the message comes again. It is called
	// concurrently.
	Refused func(d *event.Delivery, err error)
}

// A Subscription is what holds the messages of a group. The zero value gets
// everything, gives a message as often as it takes, and never expires.
type Subscription struct {
	ExactlyOnce bool   // acknowledgements are waited for, and late ones refused
	Filter      string // over attributes, in the language of the service
	// MinBackoff and MaxBackoff are how long a message that was given back waits;
	// both 0 is not at all.
	MinBackoff, MaxBackoff time.Duration
	// DeliveryAttempts is after how many deliveries, 5 to 100, the service itself
	// moves a message to DeadLetters; 0 is never. Both are given or none.
	DeliveryAttempts int
	// DeadLetters is a topic that exists, and on which the service may publish. It
	// is not the group's dead-letter topic, whose order it would not keep.
	DeadLetters string
}

const (
	batchMessages  = 256 // most that one Receive hands over
	maxAttributes  = 100 // of a message
	maxHeaders     = 500
	maxKeyBytes    = 256 // of an attribute's name
	maxValueBytes  = 1024
	maxOrderBytes  = 1024 // of an ordering key
	keepAtMost     = 31 * 24 * time.Hour
	keptUnsettled  = 7 * 24 * time.Hour
	deadlineAtMost = 10 * time.Minute
)

func (c Config) withDefaults() (*Config, error) {
	if c.Project == "" {
		return nil, errors.New("no project is given")
	}
	c.MaxMessageBytes = cmp.Or(c.MaxMessageBytes, 9_000_000)
	c.MaxOutstandingMessages = cmp.Or(c.MaxOutstandingMessages, 1000)
	c.MaxOutstandingBytes = cmp.Or(c.MaxOutstandingBytes, 64<<20)
	c.MaxExtension = cmp.Or(c.MaxExtension, time.Hour)
	c.AckDeadline = cmp.Or(c.AckDeadline, 10*time.Second)
	c.Streams = cmp.Or(c.Streams, 1)
	c.KeepFor = cmp.Or(c.KeepFor, keepAtMost)
	var errs []error
	bad := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(c.MaxMessageBytes < 1, "MaxMessageBytes is %d; expected 1 at least", c.MaxMessageBytes)
	bad(c.MaxOutstandingMessages < 1, "MaxOutstandingMessages is %d; expected 1 at least", c.MaxOutstandingMessages)
	bad(c.MaxOutstandingBytes < 1, "MaxOutstandingBytes is %d; expected 1 at least", c.MaxOutstandingBytes)
	bad(c.MaxExtension < 0, "MaxExtension is %v; expected 0 at least", c.MaxExtension)
	bad(c.AckDeadline < 10*time.Second || c.AckDeadline > deadlineAtMost || c.AckDeadline%time.Second != 0,
		"AckDeadline is %v; expected whole seconds from 10 s to %v", c.AckDeadline, deadlineAtMost)
	bad(c.Streams < 1, "Streams is %d; expected 1 at least", c.Streams)
	bad(c.KeepFor < 10*time.Minute || c.KeepFor > keepAtMost, "KeepFor is %v; expected 10 min to %v", c.KeepFor, keepAtMost)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &c, nil
}

// extension returns how long the deadlines of a topic's messages are extended.
func (c *Config) extension(topic string) time.Duration {
	if isRetry(topic) {
		return max(c.MaxExtension, keptUnsettled)
	}
	return c.MaxExtension
}

func (c *Config) topicName(topic string) string {
	return "projects/" + c.Project + "/topics/" + topic
}

func (c *Config) subscriptionName(name string) string {
	return "projects/" + c.Project + "/subscriptions/" + name
}

// subscription describes the subscription of a group, or says why there can be
// none.
func (c *Config) subscription(topic, group string) (*pubsubpb.Subscription, error) {
	name := topic + "." + group
	if err := checkName("subscription", name); err != nil {
		return nil, err
	}
	var s Subscription
	if c.Subscription != nil && !isAside(topic) {
		s = c.Subscription(topic, group)
	}
	out := &pubsubpb.Subscription{
		Name: c.subscriptionName(name), Topic: c.topicName(topic), AckDeadlineSeconds: int32(c.AckDeadline / time.Second),
		EnableMessageOrdering: !c.Unordered, EnableExactlyOnceDelivery: s.ExactlyOnce, Filter: s.Filter,
		ExpirationPolicy: &pubsubpb.ExpirationPolicy{}, // never: the service's default is after 31 days
	}
	if s.MinBackoff > 0 || s.MaxBackoff > 0 {
		out.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: durationpb.New(s.MinBackoff), MaximumBackoff: durationpb.New(max(s.MinBackoff, s.MaxBackoff))}
	}
	switch {
	case s.DeliveryAttempts == 0 && s.DeadLetters == "":
	case s.DeliveryAttempts < 5 || s.DeliveryAttempts > 100:
		return nil, fmt.Errorf("DeliveryAttempts is %d; expected 5 to 100, or 0 and no DeadLetters", s.DeliveryAttempts)
	case s.DeadLetters == "" || keepsLetters(s.DeadLetters):
		return nil, fmt.Errorf("DeadLetters is %q; expected a topic that is no dead-letter topic of the runtime", s.DeadLetters)
	default:
		out.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{
			DeadLetterTopic: c.topicName(s.DeadLetters), MaxDeliveryAttempts: int32(s.DeliveryAttempts),
		}
	}
	return out, nil
}

// keepsLetters reports whether a topic keeps its messages, in one order.
func keepsLetters(topic string) bool {
	return strings.HasSuffix(topic, ".dlq") || strings.HasSuffix(topic, ".dlq.replayed")
}

// isRetry reports whether the topic's name is that of a retry level.
func isRetry(topic string) bool {
	i := strings.LastIndex(topic, ".retry.")
	return i > 0 && len(topic) > i+len(".retry.") && strings.Trim(topic[i+len(".retry."):], "0123456789") == ""
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

// checkName reports why the service would not take a name.
func checkName(kind, name string) error {
	letter := func(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
	if len(name) < 3 || len(name) > 255 || !letter(name[0]) || strings.HasPrefix(name, "goog") {
		return fmt.Errorf("the name of %s %.40q has %d bytes; expected 3 to 255, beginning with a letter and not with goog", kind, name, len(name))
	}
	for i := range len(name) {
		if c := name[i]; !letter(c) && (c < '0' || c > '9') && !strings.ContainsRune("-_.~+%", rune(c)) {
			return fmt.Errorf("the name of %s %q has the character %q; expected letters, digits and -_.~+%%", kind, name, c)
		}
	}
	return nil
}
