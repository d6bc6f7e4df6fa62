package kafkabus

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"
	"golang.org/x/sync/errgroup"

	"github.com/wireproof/wireproof/event"
)

// Lag is as [event.Lagger] says. It asks the brokers, and reads one message of each
// partition in which the group is behind.
func (b *Bus) Lag(ctx context.Context, group string, topics ...string) ([]event.Lag, error) {
	topics = unique(topics)
	if group == "" || len(topics) == 0 {
		return nil, fmt.Errorf("lag of group %q in topics %q: want a name, and one topic at least", group, topics)
	}
	type place struct {
		lag   event.Lag
		begin int64
	}
	places, err := administer(ctx, b, func(admin sarama.ClusterAdmin) ([]place, error) {
		partitions, err := partitionsOf(admin, topics)
		if err != nil {
			return nil, err
		}
		// What is committed is asked for first: the end is then never before it.
		committed, err := committedAt(admin, group, partitions)
		if err != nil {
			return nil, err
		}
		oldest, err := offsetsAt(admin, partitions, sarama.OffsetOldest)
		if err != nil {
			return nil, err
		}
		newest, err := offsetsAt(admin, partitions, sarama.OffsetNewest)
		if err != nil {
			return nil, err
		}
		var out []place
		for _, t := range topics {
			for _, p := range partitions[t] {
				l := event.Lag{Topic: t, Partition: p, Committed: committed[t][p], End: newest[t][p]}
				begin := max(l.Committed, oldest[t][p])
				l.Messages = max(l.End-begin, 0)
				out = append(out, place{l, begin})
			}
		}
		return out, nil
	})
	if err != nil {
		return nil, fmt.Errorf("lag of group %q: %w", group, err)
	}
	out := make([]event.Lag, len(places))
	read, ctx := errgroup.WithContext(ctx)
	read.SetLimit(16)
	for i, p := range places {
		out[i] = p.lag
		if p.lag.Messages == 0 {
			continue
		}
		read.Go(func() error {
			at, found, err := b.publishedAt(ctx, p.lag.Topic, p.lag.Partition, p.begin)
			if err != nil {
				return fmt.Errorf("lag of group %q: read partition %d of topic %q: %w", group, p.lag.Partition, p.lag.Topic, err)
			}
			if out[i].Oldest = at; !found {
				out[i].Messages = 0 // what is left is marks of transactions, or not committed
			}
			return nil
		})
	}
	if err := read.Wait(); err != nil {
		return nil, err
	}
	return out, nil
}

// publishedAt returns the time of the first message from an offset on that a
// consumer can get.
func (b *Bus) publishedAt(ctx context.Context, topic string, partition int32, from int64) (at time.Time, found bool, err error) {
	_, err = b.browsePartition(ctx, topic, partition, map[int32]int64{partition: from}, 1, func(d *event.Delivery) bool {
		at, found = d.Time, true
		return false
	})
	return at, found, err
}

var _ event.Lagger = (*Bus)(nil)
