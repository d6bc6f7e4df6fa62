//go:build !bootstrap

package main

import (
	"context"
	"errors"
	"strings"

	"github.com/wireproof/wireproof/event"
)

// A prefixBus keeps the demo's topics and groups apart from everything else on a
// broker that others use.
type prefixBus struct {
	kafkaLike
	prefix string
}

// kafkaLike is a bus with every ability that the demo uses.
type kafkaLike interface {
	event.Bus
	event.TopicMaker
	event.Browser
}

func newPrefixBus(ctx context.Context, bus kafkaLike, prefix string, topics ...string) (*prefixBus, error) {
	b := &prefixBus{bus, prefix}
	for _, t := range topics {
		if err := b.MakeTopic(ctx, t, ""); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *prefixBus) name(topic string) string {
	if topic == "" {
		return ""
	}
	return b.prefix + topic
}

func (b *prefixBus) Publish(ctx context.Context, ms ...*event.Message) error {
	out := make([]*event.Message, len(ms))
	for i, m := range ms {
		c := *m
		c.Topic = b.name(m.Topic)
		out[i] = &c
	}
	err := b.kafkaLike.Publish(ctx, out...)
	var failed *event.PublishError
	if errors.As(err, &failed) {
		for i := range failed.Failed {
			failed.Failed[i].Message = ms[failed.Failed[i].Index]
		}
	}
	return err
}

func (b *prefixBus) MakeTopic(ctx context.Context, name, like string) error {
	return b.kafkaLike.MakeTopic(ctx, b.name(name), b.name(like))
}

func (b *prefixBus) Browse(ctx context.Context, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	return b.kafkaLike.Browse(ctx, b.name(topic), from, func(d *event.Delivery) bool {
		d.Topic = strings.TrimPrefix(d.Topic, b.prefix)
		return fn(d)
	})
}

func (b *prefixBus) Group(name string) event.Group {
	return &prefixGroup{b.kafkaLike.Group(b.name(name)), b, name}
}

type prefixGroup struct {
	event.Group
	bus  *prefixBus
	name string
}

func (g *prefixGroup) Name() string   { return g.name }
func (g *prefixGroup) Bus() event.Bus { return g.bus }

func (g *prefixGroup) Open(ctx context.Context, topics ...string) (event.Source, error) {
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = g.bus.name(t)
	}
	s, err := g.Group.Open(ctx, names...)
	if err != nil {
		return nil, err
	}
	return &prefixSource{s, g}, nil
}

type prefixSource struct {
	event.Source
	group *prefixGroup
}

func (s *prefixSource) Receive(ctx context.Context) (*event.Batch, error) {
	b, err := s.Source.Receive(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range b.Deliveries {
		d.Topic = strings.TrimPrefix(d.Topic, s.group.bus.prefix)
		d.Group = s.group.name
	}
	return b, nil
}
