package kafkalog

import (
	"context"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// batchBytes is how much goes into one request, unless one message is larger.
const batchBytes = 512 << 10

// A producer writes transactions, one at a time. After any error it is of no
// more use: the next one, under the same transactional id, ends what it began.
type producer struct {
	link     *link
	name     string // the transactional id
	id       int64
	epoch    int16
	sequence int32
	doubtful bool // whether the outcome of a commit is not known
}

// retry repeats what may be repeated until ctx ends.
func retry(ctx context.Context, again func(error) bool, do func() error) error {
	for try := 0; ; try++ {
		err := do()
		if err == nil || !again(err) {
			return err
		}
		if wait(ctx, backoff(try)) != nil {
			return fmt.Errorf("%w (last: %w)", context.Cause(ctx), err)
		}
	}
}

// wait returns after d, or with an error once ctx has ended.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// passing reports whether an error is likely to go away. What a producer asks
// for may be asked for twice.
func passing(err error) bool {
	switch refused(err) {
	case sarama.ErrNoError, // no answer came
		sarama.ErrConcurrentTransactions, sarama.ErrNotCoordinatorForConsumer, sarama.ErrConsumerCoordinatorNotAvailable,
		sarama.ErrOffsetsLoadInProgress, sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable, sarama.ErrFencedLeaderEpoch,
		sarama.ErrUnknownLeaderEpoch, sarama.ErrReplicaNotAvailable, sarama.ErrUnknownTopicOrPartition, sarama.ErrNotEnoughReplicas,
		sarama.ErrNotEnoughReplicasAfterAppend, sarama.ErrRequestTimedOut, sarama.ErrNetworkException, sarama.ErrKafkaStorageError,
		sarama.ErrOffsetNotAvailable, sarama.ErrOutOfBrokers, sarama.ErrBrokerNotAvailable:
		return true
	}
	return false
}

// fenced reports whether another producer has taken the transactional id over,
// or the coordinator has given the transaction up.
func fenced(err error) bool {
	switch refused(err) {
	case sarama.ErrInvalidProducerEpoch, sarama.ErrProducerFenced, sarama.ErrInvalidTxnState:
		return true
	}
	return false
}

// newProducer shuts out every earlier producer of that name, and aborts what it
// has not committed.
func newProducer(ctx context.Context, k *link, name string) (*producer, error) {
	p := &producer{link: k, name: name}
	req := &sarama.InitProducerIDRequest{
		Version: 4, TransactionalID: &name, TransactionTimeout: transactionTimeout, ProducerID: -1, ProducerEpoch: -1,
	}
	err := retry(ctx, passing, func() error {
		return k.atTransactions(name, func(b *sarama.Broker) error {
			res, err := b.InitProducerID(req)
			if err == nil && res.Err != sarama.ErrNoError {
				err = res.Err
			}
			if err == nil {
				p.id, p.epoch = res.ProducerID, res.ProducerEpoch
			}
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("become the only writer, as %s: %w", name, err)
	}
	return p, nil
}

func (p *producer) begin(ctx context.Context) error {
	topic := p.link.topic
	req := &sarama.AddPartitionsToTxnRequest{
		Version: 3, TransactionalID: p.name, ProducerID: p.id, ProducerEpoch: p.epoch, TopicPartitions: map[string][]int32{topic: {0}},
	}
	err := retry(ctx, passing, func() error {
		return p.link.atTransactions(p.name, func(b *sarama.Broker) error {
			res, err := b.AddPartitionsToTxn(req)
			if err != nil {
				return err
			}
			for _, e := range res.Errors[topic] {
				if e.Err != sarama.ErrNoError {
					return e.Err
				}
			}
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	return nil
}

// send writes messages as part of the transaction, and returns the offset of the
// first. That they follow each other without a gap is checked.
func (p *producer) send(ctx context.Context, messages []message) (first int64, err error) {
	next := int64(-1)
	for len(messages) > 0 {
		n, size := 0, 0
		for n < len(messages) && (n == 0 || size+len(messages[n].key)+len(messages[n].value) <= batchBytes) {
			size += len(messages[n].key) + len(messages[n].value)
			n++
		}
		at, err := p.sendBatch(ctx, messages[:n])
		if err != nil {
			return 0, fmt.Errorf("write %d records to topic %s: %w", n, p.link.topic, err)
		}
		if next < 0 {
			first, next = at, at
		}
		if at != next {
			return 0, errInterleaved
		}
		next += int64(n)
		messages = messages[n:]
	}
	return first, nil
}

// sendBatch may ask twice: the broker knows a batch by its sequence number.
func (p *producer) sendBatch(ctx context.Context, messages []message) (at int64, err error) {
	batch := &sarama.RecordBatch{
		Version: 2, ProducerID: p.id, ProducerEpoch: p.epoch, FirstSequence: p.sequence, IsTransactional: true,
		LastOffsetDelta: int32(len(messages) - 1), FirstTimestamp: time.UnixMilli(messages[0].time),
	}
	for i, m := range messages {
		if t := time.UnixMilli(m.time); t.After(batch.MaxTimestamp) {
			batch.MaxTimestamp = t
		}
		batch.Records = append(batch.Records, &sarama.Record{
			Key: m.key, Value: m.value, OffsetDelta: int64(i), TimestampDelta: time.UnixMilli(m.time).Sub(batch.FirstTimestamp),
		})
	}
	err = retry(ctx, passing, func() error {
		return p.link.atLeader(func(b *sarama.Broker, _ int32) error {
			req := &sarama.ProduceRequest{
				Version: 8, TransactionalID: &p.name, RequiredAcks: sarama.WaitForAll, Timeout: int32(p.link.timeout / time.Millisecond),
			}
			req.AddBatch(p.link.topic, 0, batch)
			res, err := b.Produce(req)
			if err != nil {
				return err
			}
			block := res.GetBlock(p.link.topic, 0)
			if block == nil {
				return fmt.Errorf("the broker answered with nothing about topic %s", p.link.topic)
			}
			if block.Err != sarama.ErrNoError {
				return block.Err
			}
			at = block.Offset
			return nil
		})
	})
	p.sequence += int32(len(messages))
	return at, err
}

// commit ends the transaction. Unless doubtful is set afterwards, an error that
// matches fenced means that nothing was committed.
func (p *producer) commit(ctx context.Context) error {
	req := &sarama.EndTxnRequest{Version: 3, TransactionalID: p.name, ProducerID: p.id, ProducerEpoch: p.epoch, TransactionResult: true}
	err := retry(ctx, passing, func() error {
		return p.link.atTransactions(p.name, func(b *sarama.Broker) error {
			res, err := b.EndTxn(req)
			if err != nil {
				p.doubtful = true // it may have been done
				return err
			}
			if res.Err != sarama.ErrNoError {
				return res.Err
			}
			return nil
		})
	})
	if err != nil {
		p.doubtful = p.doubtful || !fenced(err)
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}
