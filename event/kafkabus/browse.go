package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
)

// quietEnd is how long nothing has to come, while the broker answers, until the
// rest of a partition counts as markers.
const quietEnd = 5 * time.Second

// Browse is as [event.Browser] says.
func (b *Bus) Browse(ctx context.Context, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	if err := b.client.RefreshMetadata(topic); errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return nil
	} else if err != nil {
		return fmt.Errorf("browse topic %q: %w", topic, err)
	}
	partitions, err := b.client.Partitions(topic)
	if err != nil {
		return fmt.Errorf("browse topic %q: %w", topic, err)
	}
	consumer, err := sarama.NewConsumerFromClient(b.client)
	if err != nil {
		return fmt.Errorf("browse topic %q: %w", topic, err)
	}
	defer consumer.Close()
	for _, p := range slices.Sorted(slices.Values(partitions)) {
		more, err := b.browsePartition(ctx, consumer, topic, p, from, fn)
		if err != nil {
			return fmt.Errorf("browse topic %q partition %d: %w", topic, p, err)
		}
		if !more {
			return nil
		}
	}
	return nil
}

// browsePartition reads a partition up to its end of now, and reports whether fn
// wants more.
func (b *Bus) browsePartition(ctx context.Context, c sarama.Consumer, topic string, partition int32, from map[int32]int64, fn func(*event.Delivery) bool) (bool, error) {
	oldest, err := b.client.GetOffset(topic, partition, sarama.OffsetOldest)
	if err != nil {
		return false, err
	}
	end, err := b.client.GetOffset(topic, partition, sarama.OffsetNewest)
	if err != nil {
		return false, err
	}
	start := oldest
	if at, ok := from[partition]; ok {
		start = max(at, oldest)
	}
	if start >= end {
		return true, nil
	}
	pc, err := c.ConsumePartition(topic, partition, start)
	if err != nil {
		return false, err
	}
	defer pc.Close()
	// The last offsets may be those of transaction markers or of compacted
	// records, which never arrive: when fetches are answered and nothing comes,
	// the end is reached.
	quiet := time.NewTimer(quietEnd)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case e := <-pc.Errors():
			if e != nil {
				return false, e.Err
			}
		case <-quiet.C:
			if pc.HighWaterMarkOffset() >= end {
				return true, nil
			}
			quiet.Reset(quietEnd)
		case m, ok := <-pc.Messages():
			if !ok {
				return false, errors.New("the partition went away while it was read")
			}
			if m.Offset >= end {
				return true, nil
			}
			if !fn(delivery(m, "")) {
				return false, nil
			}
			if m.Offset == end-1 {
				return true, nil
			}
			quiet.Reset(quietEnd)
		}
	}
}
