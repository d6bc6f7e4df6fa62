package kafkalog

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

const fetchBytes = 8 << 20

// A found message has its place in the topic.
type found struct {
	message
	offset  int64
	aborted bool // part of a transaction that was given up
}

// A page is what one fetch returns.
type page struct {
	messages []found
	next     int64 // where the next page begins
	stable   int64 // everything before is decided; nothing from here on can be read
	high     int64 // end of what is replicated, decided or not
}

// fetch reads from at on, and waits for something to be there, if nothing is. The
// end of the page is not before the end of anything that was acknowledged.
func (k *link) fetch(at int64, wait time.Duration) (page, error) {
	var out page
	err := k.atLeader(func(b *sarama.Broker, epoch int32) (err error) {
		confirmed := k.confirmed.Load() == epoch
		if !confirmed {
			if err := k.confirm(b, epoch, at); err != nil {
				return err
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		vouched := make(chan error, 1)
		go func() { vouched <- k.peers.vouch(ctx, b.ID(), epoch) }()
		if out, err = k.fetchAs(b, epoch, at, wait); err != nil {
			return err
		}
		if err := <-vouched; err != nil {
			return err
		}
		if k.heard(epoch) { // while it answered
			return sarama.ErrFencedLeaderEpoch
		}
		k.confirmed.Store(epoch)
		return nil
	})
	if err != nil {
		return page{}, fmt.Errorf("read topic %s at offset %d: %w", k.topic, at, err)
	}
	return out, nil
}

// confirm returns once a new leader knows what the one before it has acknowledged:
// at first it may think that less is replicated, and says so in its answers to
// fetches, though not when it is asked for the end. As the epoch is right before
// and, by the caller, after the question, it is right in between.
func (k *link) confirm(b *sarama.Broker, epoch int32, at int64) error {
	if _, err := k.fetchAs(b, epoch, at, 0); err != nil {
		return err
	}
	req := sarama.NewOffsetRequest(sarama.V2_8_0_0)
	req.AddBlock(k.topic, 0, sarama.OffsetNewest, 1)
	res, err := b.GetAvailableOffsets(req)
	if err != nil {
		return err
	}
	block := res.GetBlock(k.topic, 0)
	if block == nil {
		return fmt.Errorf("the broker answered a question for the end of topic %s with nothing about it", k.topic)
	}
	if block.Err != sarama.ErrNoError {
		return block.Err
	}
	return nil
}

// fetchAs fetches from a broker if it leads in an epoch, and in no other.
func (k *link) fetchAs(b *sarama.Broker, epoch int32, at int64, wait time.Duration) (page, error) {
	req := &sarama.FetchRequest{
		Version: 11, MaxWaitTime: int32(wait / time.Millisecond), MaxBytes: fetchBytes,
		Isolation: sarama.ReadCommitted, SessionEpoch: -1,
	}
	if wait > 0 {
		req.MinBytes = 1
	}
	req.AddBlock(k.topic, 0, at, fetchBytes, epoch)
	res, err := b.Fetch(req)
	if err != nil {
		return page{}, err
	}
	block := res.GetBlock(k.topic, 0)
	if block == nil {
		return page{}, fmt.Errorf("the broker answered a fetch of topic %s with nothing about it", k.topic)
	}
	if block.Err != sarama.ErrNoError {
		return page{}, block.Err
	}
	return pageOf(block, at)
}

// pageOf sorts out which messages are part of aborted transactions: a broker
// sends them all, and says where transactions of which producers began that were
// aborted later.
func pageOf(block *sarama.FetchResponseBlock, at int64) (page, error) {
	p := page{next: at, stable: block.LastStableOffset, high: block.HighWaterMarkOffset}
	begun := slices.Clone(block.AbortedTransactions)
	slices.SortFunc(begun, func(a, b *sarama.AbortedTransaction) int { return int(a.FirstOffset - b.FirstOffset) })
	aborting := map[int64]bool{} // by producer
	for _, set := range block.RecordsSet {
		if set.MsgSet != nil {
			p.addLegacy(set.MsgSet)
			continue
		}
		b := set.RecordBatch
		if b == nil || b.PartialTrailingRecord {
			continue
		}
		for len(begun) > 0 && begun[0].FirstOffset <= b.LastOffset() {
			aborting[begun[0].ProducerID] = true
			begun = begun[1:]
		}
		if b.Control {
			if isAbort(b) {
				delete(aborting, b.ProducerID)
			}
		} else {
			p.add(b, b.IsTransactional && aborting[b.ProducerID])
		}
		p.next = max(p.next, b.LastOffset()+1)
	}
	if p.next == at && at < p.stable {
		if block.Partial {
			return p, fmt.Errorf("a batch does not fit into %d bytes", fetchBytes)
		}
		p.next = p.stable // compaction has left nothing up to the end
	}
	return p, nil
}

func isAbort(b *sarama.RecordBatch) bool {
	return len(b.Records) > 0 && len(b.Records[0].Key) >= 4 && binary.BigEndian.Uint16(b.Records[0].Key[2:]) == 0
}

func (p *page) add(b *sarama.RecordBatch, aborted bool) {
	for _, r := range b.Records {
		at := b.FirstTimestamp.Add(r.TimestampDelta)
		if b.LogAppendTime {
			at = b.MaxTimestamp
		}
		p.put(found{message{r.Key, r.Value, milliseconds(at)}, b.FirstOffset + r.OffsetDelta, aborted})
	}
}

// addLegacy reads the format of brokers before 0.11, which old topics still hold:
// offsets within a compressed set count from its beginning.
func (p *page) addLegacy(set *sarama.MessageSet) {
	for _, outer := range set.Messages {
		inner := outer.Messages()
		for _, m := range inner {
			offset, at := m.Offset, m.Msg.Timestamp
			if m.Msg.Version >= 1 {
				offset += outer.Offset - inner[len(inner)-1].Offset
				if m.Msg.LogAppendTime {
					at = outer.Msg.Timestamp
				}
			}
			p.put(found{message{m.Msg.Key, m.Msg.Value, milliseconds(at)}, offset, false})
			p.next = max(p.next, offset+1)
		}
	}
}

// put leaves out what a batch holds before the place that was asked for.
func (p *page) put(m found) {
	if m.offset >= p.next {
		p.messages = append(p.messages, m)
	}
}

func milliseconds(t time.Time) int64 { return max(t.UnixMilli(), 0) }
