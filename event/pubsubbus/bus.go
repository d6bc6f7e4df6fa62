package pubsubbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/offsets"
)

var (
	errClosed  = errors.New("the Pub/Sub bus is closed")
	errPending = errors.New("no answer yet: it may or may not be stored")
	errNoTopic = errors.New("there is no such topic in the project; MakeTopic makes it")
)

// A Bus is a connection to Pub/Sub: an [event.Bus], an [event.TopicMaker] and an
// [event.Browser]. It is safe for concurrent use.
type Bus struct {
	config *Config // this and the fields below are set once
	client *pubsub.Client
	places *offsets.Source

	closing sync.Once
	err     error // of the close

	mu         sync.Mutex // guards the fields below
	closed     bool
	calls      sync.WaitGroup // publishes under way; added to under mu
	publishers map[string]*pubsub.Publisher
}

var (
	_ event.Bus        = (*Bus)(nil)
	_ event.TopicMaker = (*Bus)(nil)
	_ event.Browser    = (*Bus)(nil)
)

// Open makes a client. Pub/Sub connects when it is first used, so that a project
// that is not there shows only then.
func Open(ctx context.Context, config Config) (*Bus, error) {
	c, err := config.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open Pub/Sub: %w", err)
	}
	// The client lives longer than ctx.
	client, err := pubsub.NewClient(context.WithoutCancel(ctx), c.Project, c.Options...)
	if err != nil {
		return nil, fmt.Errorf("open Pub/Sub for project %q: %w", c.Project, err)
	}
	return &Bus{config: c, client: client, places: offsets.New(), publishers: map[string]*pubsub.Publisher{}}, nil
}

// publisher returns that of a topic.
func (b *Bus) publisher(topic string) *pubsub.Publisher {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.publishers[topic]
	if !ok {
		p = b.client.Publisher(b.config.topicName(topic))
		p.EnableMessageOrdering = true // letters are ordered in any case
		p.PublishSettings.DelayThreshold = 2 * time.Millisecond
		p.PublishSettings.CountThreshold = 500
		b.publishers[topic] = p
	}
	return p
}

func (b *Bus) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.calls.Add(1)
	}
	return !b.closed
}

// A sent message waits for its answer.
type sent struct {
	publisher *pubsub.Publisher
	key       string
	result    *pubsub.PublishResult
}

// Publish is as [event.Publisher] says. It copies what it is given. After a message
// has failed, those of its key that were published together with it fail too.
func (b *Bus) Publish(ctx context.Context, ms ...*event.Message) error {
	errs := make([]error, len(ms))
	if b.begin() {
		defer b.calls.Done()
		b.publish(ctx, ms, errs)
	} else {
		for i := range errs {
			errs[i] = errClosed
		}
	}
	var failed []event.Failure
	for i, err := range errs {
		if err != nil {
			failed = append(failed, event.Failure{Index: i, Message: ms[i], Err: err})
		}
	}
	if failed == nil {
		return nil
	}
	return &event.PublishError{Failed: failed}
}

func (b *Bus) publish(ctx context.Context, ms []*event.Message, errs []error) {
	all := make([]sent, len(ms))
	for i, m := range ms {
		if err := ctx.Err(); err != nil {
			errs[i] = fmt.Errorf("not sent: %w", err)
			continue
		}
		out, err := b.config.encode(m, b.places.Next())
		if err != nil {
			errs[i] = err
			continue
		}
		p := b.publisher(m.Topic)
		all[i] = sent{p, out.OrderingKey, p.Publish(ctx, out)}
	}
	for i, s := range all {
		if s.result == nil {
			continue
		}
		_, err := s.result.Get(ctx)
		switch {
		case err == nil:
		case status.Code(err) == codes.NotFound:
			errs[i] = fmt.Errorf("topic %q: %w", ms[i].Topic, errNoTopic)
		case ctx.Err() != nil:
			errs[i] = fmt.Errorf("%w: %w", errPending, ctx.Err())
		default:
			errs[i] = fmt.Errorf("topic %q: %w", ms[i].Topic, err)
		}
	}
	for i, s := range all {
		if s.result != nil && errs[i] != nil && s.key != "" {
			b.resume(s)
		}
	}
}

// resume lets a key go on after a failure, on which the library holds it back until
// it is told that the caller knows. Where the caller has given up before, that is
// when the answer comes.
func (b *Bus) resume(s sent) {
	b.calls.Add(1) // within the call of Publish
	go func() {
		defer b.calls.Done()
		if _, err := s.result.Get(context.Background()); err != nil {
			s.publisher.ResumePublish(s.key)
		}
	}()
}

// Group returns the consumer group of that name.
func (b *Bus) Group(name string) event.Group { return &group{b, name} }

// Close waits until every publish under way has its answers, then closes the
// connection. Sources are closed by whoever opened them.
func (b *Bus) Close(ctx context.Context) error {
	b.closing.Do(func() { b.err = b.close(ctx) })
	return b.err
}

func (b *Bus) close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		b.calls.Wait()
		for _, p := range b.publishers { // nobody adds any more
			p.Stop()
		}
	}()
	var err error
	select {
	case <-stopped:
	case <-ctx.Done():
		err = fmt.Errorf("close the Pub/Sub bus with messages in flight: %w", ctx.Err())
	}
	return errors.Join(err, b.client.Close())
}

// MakeTopic is as [event.TopicMaker] says; partitions and sizes are the service's
// own. It makes the subscription of the group with a retry topic.
func (b *Bus) MakeTopic(ctx context.Context, name, like string) error {
	if err := checkName("topic", name); err != nil {
		return fmt.Errorf("make topic: %w", err)
	}
	t := &pubsubpb.Topic{Name: b.config.topicName(name)}
	if keepsLetters(name) {
		t.MessageRetentionDuration = durationpb.New(b.config.KeepFor)
	}
	_, err := b.client.TopicAdminClient.CreateTopic(ctx, t)
	if err != nil && status.Code(err) != codes.AlreadyExists {
		return fmt.Errorf("make topic %q: %w", name, err)
	}
	if group, ok := retryGroup(name, like); ok {
		if _, err := b.subscribe(ctx, name, group); err != nil {
			return fmt.Errorf("make topic %q: %w", name, err)
		}
	}
	return nil
}

// subscribe makes the subscription of a group, or checks the one that is there.
func (b *Bus) subscribe(ctx context.Context, topic, group string) (*pubsubpb.Subscription, error) {
	want, err := b.config.subscription(topic, group)
	if err != nil {
		return nil, err
	}
	got, err := b.client.SubscriptionAdminClient.CreateSubscription(ctx, want)
	switch status.Code(err) {
	case codes.OK:
		return got, nil
	case codes.NotFound:
		return nil, errNoTopic
	case codes.AlreadyExists:
	default:
		return nil, err
	}
	got, err = b.client.SubscriptionAdminClient.GetSubscription(ctx, &pubsubpb.GetSubscriptionRequest{Subscription: want.Name})
	switch {
	case err != nil:
		return nil, err
	case got.Topic != want.Topic:
		return nil, fmt.Errorf("subscription %s is of topic %s; expected %s: rename the group, or delete it", want.Name, got.Topic, want.Topic)
	case got.EnableMessageOrdering != want.EnableMessageOrdering:
		return nil, fmt.Errorf("subscription %s has order %v; expected %v, which cannot be changed: delete it, or change Config.Unordered",
			want.Name, got.EnableMessageOrdering, want.EnableMessageOrdering)
	}
	return got, nil
}
