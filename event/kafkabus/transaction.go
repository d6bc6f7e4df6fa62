package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
)

// errTryAgain is matched by the error of a transaction that was aborted and can
// be tried again.
var errTryAgain = errors.New("the transaction was aborted")

// A transaction is a transactional producer, one transaction after the other.
type transaction struct {
	t        *transform
	lane     *lane
	producer *producer // nil until open
}

// open makes the producer.
func (x *transaction) open(ctx context.Context) (err error) {
	x.producer, err = x.t.bus.openTransactional(ctx, fmt.Sprintf("%s.%s.%d", x.t.config.ID, x.lane.topic, x.lane.partition), x.t.config.Messages)
	return err
}

func (x *transaction) close() {
	if x.producer != nil {
		_ = x.producer.close(context.Background()) // what it has not committed is aborted by its successor
		x.producer = nil
	}
}

// committed returns the group's offset in the partition, once no transaction that
// might move it is open: 0 if there is none.
func (x *transaction) committed(ctx context.Context) (int64, error) {
	topic, partition, group := x.lane.topic, x.lane.partition, x.t.config.Group
	for {
		at, err := x.ask(topic, partition, group)
		if err == nil {
			return max(at, 0), nil
		}
		var k sarama.KError
		if !errors.As(err, &k) && !errors.Is(err, sarama.ErrOutOfBrokers) && !errors.Is(err, sarama.ErrBrokerNotAvailable) {
			return 0, err
		}
		if isFatal(err) {
			return 0, err
		}
		_ = x.t.bus.client.RefreshCoordinator(group)
		select {
		case <-ctx.Done():
			return 0, errors.Join(context.Cause(ctx), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (x *transaction) ask(topic string, partition int32, group string) (int64, error) {
	broker, err := x.t.bus.client.Coordinator(group)
	if err != nil {
		return 0, err
	}
	req := sarama.NewOffsetFetchRequest(sarama.V2_5_0_0, group, map[string][]int32{topic: {partition}})
	req.RequireStable = true
	resp, err := broker.FetchOffset(req)
	if err != nil {
		_ = broker.Close() // a new connection may help
		return 0, fmt.Errorf("%w: %w", sarama.ErrBrokerNotAvailable, err)
	}
	if resp.Err != sarama.ErrNoError {
		return 0, resp.Err
	}
	block := resp.GetBlock(topic, partition)
	if block == nil {
		return -1, nil
	}
	if block.Err != sarama.ErrNoError {
		return 0, block.Err
	}
	return block.Offset, nil
}

// attempt calls the transformer with what of the batch is not dead, and commits
// its results, the dead letters and the offset. A failure says which deliveries
// did not succeed; nothing is stored then. An error that matches errTryAgain is
// that of the transaction, any other ends the lane.
func (x *transaction) attempt(ctx context.Context, batch []*event.Delivery, dead map[*event.Delivery]error) (*failure, error) {
	alive := make([]*event.Delivery, 0, len(batch))
	var ms []*event.Message
	for _, d := range batch {
		if cause := dead[d]; cause != nil {
			ms = append(ms, event.DeadLetter(d, x.t.config.Group, cause))
			continue
		}
		alive = append(alive, d)
	}
	if len(alive) > 0 {
		err := x.call(ctx, alive, func(out ...*event.Message) { ms = append(ms, out...) })
		if f := failureOf(alive, err); f != nil {
			return f, nil
		}
	}
	if err := x.producer.async.BeginTxn(); err != nil {
		return nil, x.recover(fmt.Errorf("begin: %w", err))
	}
	if len(ms) > 0 {
		if err := x.producer.store(ms); err != nil {
			return nil, x.recover(fmt.Errorf("store %d results: %w", len(ms), err))
		}
	}
	last := batch[len(batch)-1]
	var instance *string
	if id := x.t.bus.config.InstanceID; id != "" {
		instance = &id
	}
	meta := sarama.NewConsumerGroupMetadataFromSession(x.lane.session, x.t.config.Group, instance)
	offsets := map[string][]*sarama.PartitionOffsetMetadata{x.lane.topic: {{Partition: x.lane.partition, Offset: last.Offset + 1}}}
	if err := x.producer.async.AddOffsetsToTxnWithGroupMetadata(offsets, meta); err != nil {
		return nil, x.recover(fmt.Errorf("add the offset: %w", err))
	}
	if ctx.Err() != nil { // the partition is lost: its successor has to wait no longer than this
		return nil, x.recover(context.Cause(ctx))
	}
	if err := x.producer.async.CommitTxn(); err != nil {
		return nil, x.recover(fmt.Errorf("commit: %w", err))
	}
	return nil, nil
}

// call calls the transformer. A panic is its error.
func (x *transaction) call(ctx context.Context, ds []*event.Delivery, out func(...*event.Message)) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return x.t.fn(ctx, ds, out)
}

// A failure is what a transformer returned.
type failure struct {
	of    map[*event.Delivery]error
	named bool // the error names deliveries, it is not that of all
	cause error
}

func failureOf(ds []*event.Delivery, err error) *failure {
	if err == nil {
		return nil
	}
	var be *event.BatchError
	f := &failure{of: map[*event.Delivery]error{}, named: errors.As(err, &be), cause: err}
	for i, e := range event.BatchErrors(err, len(ds)) {
		if e != nil {
			f.of[ds[i]] = e
		}
	}
	return f
}

// recover aborts after an error, so that the batch can be tried again; the
// producer is made anew if it cannot go on. A producer that another has fenced
// ends the lane.
func (x *transaction) recover(cause error) error {
	if isFenced(cause) {
		x.close()
		return fmt.Errorf("another producer has its transactional id: %w", cause)
	}
	status := x.producer.async.TxnStatus()
	if status&sarama.ProducerTxnFlagFatalError == 0 && status&sarama.ProducerTxnFlagInTransaction != 0 || status&sarama.ProducerTxnFlagAbortableError != 0 {
		err := x.producer.async.AbortTxn()
		if err == nil {
			return fmt.Errorf("%w: %w", errTryAgain, cause)
		}
		if isFenced(err) {
			x.close()
			return fmt.Errorf("another producer has its transactional id: %w", err)
		}
		cause = errors.Join(cause, fmt.Errorf("abort: %w", err))
	}
	if status&sarama.ProducerTxnFlagReady != 0 && status&sarama.ProducerTxnFlagInError == 0 {
		return fmt.Errorf("%w: %w", errTryAgain, cause)
	}
	x.close() // the next attempt opens another, which aborts what this one left
	return fmt.Errorf("%w: %w", errTryAgain, cause)
}

// errProducerFenced has no name in sarama. An invalid epoch is not it: that is also
// how the broker says that a transaction took too long and was aborted.
const errProducerFenced sarama.KError = 90

func isFenced(err error) bool {
	return errors.Is(err, errProducerFenced) || errors.Is(err, sarama.ErrFencedInstancedId)
}
