package natsbus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event"
)

// Lag is as [event.Lagger] says; a topic has one partition. It asks the server, and
// reads one message of each topic in which the group is behind. Messages is exact,
// also of a stream that holds other topics. A pattern is an error.
func (b *Bus) Lag(ctx context.Context, group string, topics ...string) ([]event.Lag, error) {
	if group == "" || len(topics) == 0 {
		return nil, fmt.Errorf("lag of group %q in topics %q: want a name, and one topic at least", group, topics)
	}
	var out []event.Lag
	for _, t := range topics {
		err := checkTopic(t, false)
		if err == nil {
			var l event.Lag
			l, err = b.lag(ctx, group, t)
			out = append(out, l)
		}
		if err != nil {
			return nil, fmt.Errorf("lag of group %q in topic %q: %w", group, t, err)
		}
	}
	return out, nil
}

func (b *Bus) lag(ctx context.Context, group, topic string) (event.Lag, error) {
	out := event.Lag{Topic: topic, Committed: -1}
	stream, err := b.streamOf(ctx, topic)
	if err != nil {
		return out, err
	}
	f, _, err := b.part(ctx, stream, topic)
	if err != nil {
		return out, err
	}
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return out, err
	}
	// What is settled is asked for first: the end is then never before it.
	at, err := consumerInfo(ctx, s, consumerOf(group, topic, f))
	known := err == nil
	if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
		return out, err
	}
	info, err := s.Info(ctx, jetstream.WithSubjectFilter(topic))
	if err != nil {
		return out, err
	}
	out.End = int64(info.State.LastSeq) + 1
	first := info.State.FirstSeq
	if known {
		out.Messages = int64(at.NumPending) + int64(at.NumAckPending)
		if at.AckFloor.Stream > 0 {
			out.Committed = int64(at.AckFloor.Stream) + 1
			first = max(first, at.AckFloor.Stream+1)
		}
	} else {
		for _, n := range info.State.Subjects {
			out.Messages += int64(n)
		}
	}
	if out.Messages == 0 {
		return out, nil
	}
	raw, err := s.GetMsg(ctx, first, jetstream.WithGetMsgSubject(topic))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return out, nil // deleted meanwhile
	}
	if err != nil {
		return out, err
	}
	m := event.Message{Time: raw.Time.UTC()}
	decode(&nats.Msg{Data: raw.Data, Header: raw.Header}, &m)
	out.Oldest = m.Time
	return out, nil
}

var _ event.Lagger = (*Bus)(nil)

// consumerInfo returns the state of a consumer, whether its messages are pulled or pushed.
func consumerInfo(ctx context.Context, s jetstream.Stream, name string) (*jetstream.ConsumerInfo, error) {
	pull, err := s.Consumer(ctx, name)
	if err == nil {
		return pull.CachedInfo(), nil
	}
	if !errors.Is(err, jetstream.ErrNotPullConsumer) {
		return nil, err
	}
	push, err := s.PushConsumer(ctx, name)
	if err != nil {
		return nil, err
	}
	return push.CachedInfo(), nil
}
