package natsbus

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event/internal/wildcard"
)

// streamOf returns the name of the stream that holds a topic, or an error that
// matches jetstream.ErrStreamNotFound.
func (b *Bus) streamOf(ctx context.Context, topic string) (string, error) {
	return b.js.StreamNameBySubject(ctx, topic)
}

// MakeTopic is as [event.TopicMaker] says: the stream gets the replicas and the
// storage of like, if that is there, and those of the settings otherwise. A topic
// that a stream of somebody else holds is there already. For a pattern it does
// nothing, see the package comment.
func (b *Bus) MakeTopic(ctx context.Context, name, like string) error {
	if err := checkTopic(name, true); err != nil {
		return fmt.Errorf("make topic: %w", err)
	}
	if wildcard.Is(name) {
		return nil
	}
	if _, err := b.streamOf(ctx, name); err == nil {
		return nil
	} else if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("make topic %q: %w", name, err)
	}
	c := b.config
	config := jetstream.StreamConfig{
		Name: nameFor(name), Subjects: []string{name}, Replicas: c.Replicas, MaxAge: c.MaxAge, MaxBytes: c.MaxBytes,
		Duplicates: c.DedupeWindow, MaxMsgSize: -1, MaxMsgs: -1, MaxConsumers: -1, Description: "made by wireproof",
	}
	if c.MaxBytes == 0 {
		config.MaxBytes = -1
	}
	if c.Memory {
		config.Storage = jetstream.MemoryStorage
	}
	if like != "" {
		if err := b.alike(ctx, &config, like); err != nil {
			return fmt.Errorf("make topic %q like %q: %w", name, like, err)
		}
	}
	_, err := b.js.CreateStream(ctx, config)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
		// Somebody else was first, with other settings; what counts is that it is there.
		_, err = b.streamOf(ctx, name)
	}
	if err != nil {
		return fmt.Errorf("make topic %q: %w", name, err)
	}
	return nil
}

// alike takes over what matters of the stream of a topic. One that is not there
// lends nothing.
func (b *Bus) alike(ctx context.Context, config *jetstream.StreamConfig, like string) error {
	if wildcard.Is(like) {
		return nil
	}
	stream, err := b.streamOf(ctx, like)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	its := s.CachedInfo().Config
	config.Replicas, config.Storage = its.Replicas, its.Storage
	if its.MaxMsgSize > 0 {
		config.MaxMsgSize = its.MaxMsgSize + roomForOurs
	}
	return nil
}

// A feed is a stream and the part of it that a group reads.
type feed struct {
	stream  string
	filters []string // none is all of it; they may let through more than the pattern
	own     bool     // the stream is that of one topic, as MakeTopic makes it
}

// feedOf returns the feed of a topic, which it makes if the settings say so.
func (b *Bus) feedOf(ctx context.Context, topic string) (feed, error) {
	stream, err := b.streamOf(ctx, topic)
	if errors.Is(err, jetstream.ErrStreamNotFound) && b.config.MakeTopics {
		if err := b.MakeTopic(ctx, topic, ""); err != nil {
			return feed{}, err
		}
		stream, err = b.streamOf(ctx, topic)
	}
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return feed{}, fmt.Errorf("topic %q has no stream: make it with MakeTopic", topic)
	}
	if err != nil {
		return feed{}, err
	}
	f, _, err := b.part(ctx, stream, topic)
	return f, err
}

// feedsOf returns the feeds of a pattern.
func (b *Bus) feedsOf(ctx context.Context, pattern string) ([]feed, error) {
	var out []feed
	names := b.js.StreamNames(ctx)
	for stream := range names.Name() {
		f, ok, err := b.part(ctx, stream, pattern)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, f)
		}
	}
	return out, names.Err()
}

// part returns the part of a stream that a topic or pattern stands for.
func (b *Bus) part(ctx context.Context, stream, pattern string) (feed, bool, error) {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return feed{}, false, err
	}
	served := servedAs(pattern)
	subjects := s.CachedInfo().Config.Subjects
	f := feed{stream: stream, own: len(subjects) == 1 && stream == nameFor(subjects[0])}
	whole := true
	for _, subject := range subjects {
		switch {
		case !wildcard.Is(subject) && wildcard.Matches(pattern, subject):
			f.filters = append(f.filters, subject)
		case !wildcard.Is(subject):
			whole = false
		case within(subject, served) && subject != served:
			f.filters = append(f.filters, served)
			whole = false
		case collide(served, subject):
			f.filters = append(f.filters, subject)
		default:
			whole = false
		}
	}
	if len(f.filters) == 0 {
		return feed{}, false, nil
	}
	slices.Sort(f.filters)
	if f.filters = slices.Compact(f.filters); whole {
		f.filters = nil
	}
	return f, true, nil
}
