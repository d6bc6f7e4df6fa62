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
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wireproof/wireproof/event"
)

const (
	// endName is the attribute of the message that marks the end.
	endName       = "wireproof-end-of-browse"
	browsePatient = 30 * time.Second // for the next message below the end
)

// errNotKept is why a topic cannot be browsed.
var errNotKept = errors.New("it keeps nothing; only dead-letter topics and the topics of replays do")

// Browse is as [event.Browser] says, for the topics that keep their messages: dead
// letters, and where replays are written down. Partition is 0 and the offset counts
// the microseconds of publishing there.
func (b *Bus) Browse(ctx context.Context, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	if err := b.browse(ctx, topic, from, fn); err != nil {
		return fmt.Errorf("browse topic %q: %w", topic, err)
	}
	return nil
}

func (b *Bus) browse(ctx context.Context, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	t, err := b.client.TopicAdminClient.GetTopic(ctx, &pubsubpb.GetTopicRequest{Topic: b.config.topicName(topic)})
	switch {
	case status.Code(err) == codes.NotFound:
		return nil
	case err != nil:
		return err
	case !keepsLetters(topic) || t.MessageRetentionDuration == nil:
		return errNotKept
	}
	name, err := b.reader(ctx, t)
	defer func() {
		if name == "" {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_ = b.client.SubscriptionAdminClient.DeleteSubscription(ctx, &pubsubpb.DeleteSubscriptionRequest{Subscription: name})
	}()
	if err != nil {
		return err
	}
	end := b.places.Next().String()
	mark := &pubsub.Message{Attributes: map[string]string{endName: end}, OrderingKey: lettersKey}
	if _, err := b.publisher(topic).Publish(ctx, mark).Get(ctx); err != nil {
		return fmt.Errorf("mark the end: %w", err)
	}
	start, last := from[0], int64(-1)
	return b.readAll(ctx, name, func(m *pubsub.Message) (bool, error) {
		if mark, ok := m.Attributes[endName]; ok {
			return mark != end, nil
		}
		if m.OrderingKey != lettersKey {
			return false, fmt.Errorf("message %s has the ordering key %q; expected %q, for another program has published it", m.ID, m.OrderingKey, lettersKey)
		}
		d := decode(m, topic, "")
		d.Partition = 0
		d.Offset = max(m.PublishTime.UnixMicro(), last+1)
		last = d.Offset
		return d.Offset < start || fn(d), nil
	})
}

// reader makes a subscription that starts with the oldest message of a topic. It
// returns the name of what it has made also with an error.
func (b *Bus) reader(ctx context.Context, t *pubsubpb.Topic) (string, error) {
	now := time.Now()
	name := b.config.subscriptionName("browse-" + b.places.Next().String())
	_, err := b.client.SubscriptionAdminClient.CreateSubscription(ctx, &pubsubpb.Subscription{
		Name: name, Topic: t.Name, EnableMessageOrdering: true,
	})
	if err != nil {
		return "", fmt.Errorf("make a subscription: %w", err)
	}
	_, err = b.client.SubscriptionAdminClient.Seek(ctx, &pubsubpb.SeekRequest{
		Subscription: name, Target: &pubsubpb.SeekRequest_Time{Time: timestamppb.New(now.Add(-t.MessageRetentionDuration.AsDuration()))},
	})
	// Google's emulator cannot seek, and gives a new subscription everything.
	if err != nil && status.Code(err) != codes.Unimplemented {
		return name, fmt.Errorf("go back to the oldest message: %w", err)
	}
	return name, nil
}

// readAll calls fn with each message of an ordered subscription, on the caller's
// goroutine, until it wants no more. It is an error if nothing comes for some time:
// a list that may be short is never a shorter list.
func (b *Bus) readAll(ctx context.Context, subscription string, fn func(*pubsub.Message) (bool, error)) error {
	sub := b.client.Subscriber(subscription)
	sub.ReceiveSettings.MaxOutstandingMessages = b.config.MaxOutstandingMessages
	sub.ReceiveSettings.MaxOutstandingBytes = b.config.MaxOutstandingBytes
	receiving, stop := context.WithCancel(ctx)
	arrived := make(chan *pubsub.Message)
	ended := make(chan error, 1)
	var receiver sync.WaitGroup
	receiver.Go(func() {
		ended <- sub.Receive(receiving, func(_ context.Context, m *pubsub.Message) {
			select {
			case arrived <- m:
				m.Ack()
			case <-receiving.Done():
				m.Nack()
			}
		})
	})
	defer receiver.Wait()
	defer stop()
	quiet := time.NewTimer(browsePatient)
	defer quiet.Stop()
	for {
		select {
		case m := <-arrived:
			if more, err := fn(m); err != nil || !more {
				return err
			}
			quiet.Reset(browsePatient)
		case err := <-ended:
			ended <- err
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("the service ended the stream: %w", err)
		case <-quiet.C:
			return fmt.Errorf("nothing came for %v; expected messages up to the end", browsePatient)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
