package kafkabus

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
)

// browseBytes is what one fetch of Browse asks for; a batch that is larger comes
// whole all the same.
const browseBytes = 4 << 20

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
	for _, p := range slices.Sorted(slices.Values(partitions)) {
		more, err := b.browsePartition(ctx, topic, p, from, browseBytes, fn)
		if err != nil {
			return fmt.Errorf("browse topic %q partition %d: %w", topic, p, err)
		}
		if !more {
			return nil
		}
	}
	return nil
}

// browsePartition reads a partition up to what is committed now, and reports
// whether fn wants more. It fetches by itself: sarama's consumer does not tell
// transaction markers at the end from a broker that is slow.
func (b *Bus) browsePartition(ctx context.Context, topic string, partition int32, from map[int32]int64, size int32, fn func(*event.Delivery) bool) (bool, error) {
	var oldest int64
	err := b.again(ctx, topic, func() (err error) {
		oldest, err = b.client.GetOffset(topic, partition, sarama.OffsetOldest)
		return err
	})
	if err != nil {
		return false, err
	}
	at := oldest
	if start, ok := from[partition]; ok {
		at = max(start, oldest)
	}
	end := int64(-1)
	for {
		var block *sarama.FetchResponseBlock
		err := b.again(ctx, topic, func() (err error) {
			block, err = b.fetch(topic, partition, at, size)
			return err
		})
		if errors.Is(err, sarama.ErrOffsetOutOfRange) && end < 0 {
			return true, nil // it starts behind the end
		}
		if err != nil {
			return false, fmt.Errorf("fetch from offset %d: %w", at, err)
		}
		if end < 0 {
			end = block.LastStableOffset
		}
		if at >= end {
			return true, nil
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		ds, next := committedOf(block, topic, partition, at)
		for _, d := range ds {
			if d.Offset >= end {
				return true, nil
			}
			if !fn(d) {
				return false, nil
			}
		}
		if next == at {
			if block.Partial {
				return false, fmt.Errorf("offset %d: a batch does not fit into %d bytes", at, size)
			}
			next = end // compaction has left nothing up to there
		}
		at = next
	}
}

// again calls f until it succeeds, since the leader may be moving, or for some
// seconds. An error that says that trying again cannot help is the last.
func (b *Bus) again(ctx context.Context, topic string, f func() error) error {
	for retries := 1; ; retries++ {
		err := f()
		if err == nil || retries > 20 || isFatal(err) || errors.Is(err, sarama.ErrOffsetOutOfRange) || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(backoff(retries, 0)):
		}
		_ = b.client.RefreshMetadata(topic)
	}
}

// fetch asks the leader for what is committed from an offset on, in about so many
// bytes; a batch comes whole. It does not wait.
func (b *Bus) fetch(topic string, partition int32, at int64, size int32) (*sarama.FetchResponseBlock, error) {
	leader, err := b.client.Leader(topic, partition)
	if err != nil {
		return nil, err
	}
	req := &sarama.FetchRequest{Version: 11, MaxBytes: size, Isolation: sarama.ReadCommitted, SessionEpoch: -1}
	req.AddBlock(topic, partition, at, size, -1)
	res, err := leader.Fetch(req)
	if err != nil {
		_ = leader.Close() // a new connection may help
		return nil, err
	}
	block := res.GetBlock(topic, partition)
	if block == nil {
		return nil, errors.New("the broker answered without a word about the partition")
	}
	if block.Err != sarama.ErrNoError {
		return nil, block.Err
	}
	return block, nil
}

// committedOf returns the messages of a block from an offset on, and where the
// next begins. A broker sends those of aborted transactions too, and says which
// producers' they are and where they begin; the marker of the abort ends them.
func committedOf(block *sarama.FetchResponseBlock, topic string, partition int32, at int64) (ds []*event.Delivery, next int64) {
	next = at
	begun := slices.Clone(block.AbortedTransactions)
	slices.SortFunc(begun, func(a, b *sarama.AbortedTransaction) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	aborting := map[int64]bool{} // by producer
	for _, set := range block.RecordsSet {
		batch := set.RecordBatch
		if batch == nil || batch.PartialTrailingRecord {
			continue
		}
		for len(begun) > 0 && begun[0].FirstOffset <= batch.LastOffset() {
			aborting[begun[0].ProducerID] = true
			begun = begun[1:]
		}
		next = max(next, batch.LastOffset()+1)
		switch {
		case batch.Control:
			if len(batch.Records) > 0 && len(batch.Records[0].Key) >= 4 && binary.BigEndian.Uint16(batch.Records[0].Key[2:]) == 0 {
				delete(aborting, batch.ProducerID)
			}
			continue
		case batch.IsTransactional && aborting[batch.ProducerID]:
			continue
		}
		for _, r := range batch.Records {
			offset := batch.FirstOffset + r.OffsetDelta
			if offset < at {
				continue
			}
			m := &sarama.ConsumerMessage{
				Topic: topic, Partition: partition, Offset: offset, Key: r.Key, Value: r.Value, Headers: r.Headers,
				Timestamp: batch.FirstTimestamp.Add(r.TimestampDelta),
			}
			if batch.LogAppendTime {
				m.Timestamp = batch.MaxTimestamp
			}
			ds = append(ds, delivery(m, ""))
		}
	}
	return ds, next
}
