package natsbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event"
)

// patience is how long Browse waits for messages that are there.
const patience = 10 * time.Second

// Browse is as [event.Browser] says. The server forgets the consumer that it makes
// for it a minute after the last word from us.
func (b *Bus) Browse(ctx context.Context, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	if err := checkTopic(topic, false); err != nil {
		return fmt.Errorf("browse: %w", err)
	}
	stream, err := b.streamOf(ctx, topic)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("browse topic %q: %w", topic, err)
	}
	if err := b.browse(ctx, stream, topic, from[0], fn); err != nil {
		return fmt.Errorf("browse topic %q: %w", topic, err)
	}
	return nil
}

func (b *Bus) browse(ctx context.Context, stream, topic string, from int64, fn func(*event.Delivery) bool) error {
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	state := s.CachedInfo().State
	end := int64(state.LastSeq)
	if from > end {
		return nil
	}
	c, err := b.js.CreateConsumer(ctx, stream, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq: uint64(max(from, 1)), FilterSubject: topic, MemoryStorage: true, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return err
	}
	defer func() {
		gone, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		_ = b.js.DeleteConsumer(gone, stream, c.CachedInfo().Name) // or it goes by itself
	}()
	// A fetch asks for no more than there is, and for some megabytes at most if the
	// messages are of the usual size of their stream.
	most := min(max(queueBytes*int64(state.Msgs)/max(int64(state.Bytes), 1), 1), batchMessages)
	for left := int64(c.CachedInfo().NumPending); left > 0; {
		before := left
		last, pending, more, err := page(ctx, c, int(min(left, most)), end, fn)
		if err != nil || !more || last == end {
			return err
		}
		if last > 0 {
			left = pending
			continue
		}
		info, err := c.Info(ctx) // some may have been deleted meanwhile
		if err != nil {
			return err
		}
		if left = int64(info.NumPending); left == before {
			return fmt.Errorf("nothing came for %s, expected %d messages", patience, left)
		}
	}
	return nil
}

// page fetches n messages and calls fn with those up to offset end. It returns the
// last offset, 0 if nothing came, how many messages are behind it, and whether fn
// wants more.
func page(ctx context.Context, c jetstream.Consumer, n int, end int64, fn func(*event.Delivery) bool) (last, pending int64, more bool, err error) {
	fetching, stop := context.WithTimeout(ctx, patience)
	defer stop()
	got, err := c.Fetch(n, jetstream.FetchContext(fetching))
	if err != nil {
		return 0, 0, false, err
	}
	for m := range got.Messages() {
		var d *event.Delivery
		if d, pending, err = browsed(m); err != nil {
			return 0, 0, false, err
		}
		if d.Offset > end || !fn(d) {
			return d.Offset, pending, false, nil
		}
		last = d.Offset
	}
	if err := ctx.Err(); err != nil {
		return last, pending, false, err
	}
	if err := got.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) && !isEnd(err) {
		return last, pending, false, err
	}
	return last, pending, true, nil
}

// isEnd reports whether err says that a context ended.
func isEnd(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// browsed translates a message, and says how many are behind it.
func browsed(m jetstream.Msg) (*event.Delivery, int64, error) {
	meta, err := m.Metadata()
	if err != nil {
		return nil, 0, err
	}
	d := &event.Delivery{
		Message: event.Message{Topic: m.Subject(), Time: meta.Timestamp.UTC()},
		Offset:  int64(meta.Sequence.Stream), Attempt: 1,
	}
	decode(&nats.Msg{Data: m.Data(), Header: m.Headers()}, &d.Message)
	return d, int64(meta.NumPending), nil
}
