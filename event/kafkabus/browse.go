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

// patience is how long Browse waits for the next record below the end.
const patience = 10 * time.Second

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
	// The last offsets may be those of transaction markers, which never arrive,
	// and then the end cannot be told from a broker that is slow. A list that may
	// be short is an error, never a shorter list.
	next := start
	quiet := time.NewTimer(patience)
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
			return false, fmt.Errorf("nothing came from offset %d for %s, expected records up to %d", next, patience, end)
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
			next = m.Offset + 1
			quiet.Reset(patience)
		}
	}
}
