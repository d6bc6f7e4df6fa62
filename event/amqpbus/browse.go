package amqpbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/wireproof/wireproof/event"
)

const (
	endType       = "wireproof-end-of-browse" // of the message that marks the end
	offsetHeader  = "x-stream-offset"
	browseAhead   = 200
	browseAckRun  = 100
	browsePatient = 10 * time.Second // for the next message below the end
)

// errNotKept is why a topic cannot be browsed.
var errNotKept = errors.New("it has no stream; only dead-letter topics and the topics of replays have one")

// Browse is as [event.Browser] says, for the topics that have a stream: dead
// letters, and where replays are written down. Partition is 0 and the offset that
// of the stream, not that of the delivery to a group.
func (b *Bus) Browse(ctx context.Context, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	conn, err := b.config.dial(ctx)
	if err != nil {
		return fmt.Errorf("browse topic %q: %w", topic, err)
	}
	defer hangUp(conn)
	stop := context.AfterFunc(ctx, func() { hangUp(conn) })
	defer stop()
	err = b.browse(ctx, conn, topic, from, fn)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("browse topic %q: %w", topic, err)
	}
	return nil
}

func (b *Bus) browse(ctx context.Context, conn *amqp.Connection, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	kept, err := hasQueue(conn, topic)
	if err != nil {
		return err
	}
	if !kept {
		if there, err := exists(conn, topic); err != nil || !there {
			return err
		}
		return errNotKept
	}
	end, err := b.endOf(ctx, conn, topic)
	if err != nil {
		return fmt.Errorf("find the end: %w", err)
	}
	start := any("first")
	if at, ok := from[0]; ok {
		if at >= end {
			return nil
		}
		start = max(at, 0)
	}
	return readStream(ctx, conn, topic, start, nil, func(d *amqp.Delivery, offset int64) bool {
		if offset >= end {
			return false
		}
		if d.Type == endType {
			return true
		}
		out := b.decode(d, topic, "")
		out.Partition, out.Offset = 0, offset
		return fn(out)
	})
}

// hasQueue reports whether there is a queue or stream of that name.
func hasQueue(conn *amqp.Connection, name string) (bool, error) {
	ch, err := conn.Channel()
	if err != nil {
		return false, err
	}
	switch _, err := ch.QueueDeclarePassive(name, true, false, false, false, nil); {
	case err == nil:
		return true, ch.Close()
	case code(err) == amqp.NotFound:
		return false, nil
	default:
		return false, err
	}
}

// endOf returns the offset behind the last message of a stream. The broker does
// not tell it, so it is that of a message of ours, put there past the exchange.
func (b *Bus) endOf(ctx context.Context, conn *amqp.Connection, stream string) (int64, error) {
	id := idOf(b.offsets.Next())
	end := int64(-1)
	mark := func() error {
		ch, err := conn.Channel()
		if err != nil {
			return err
		}
		return ch.PublishWithContext(ctx, "", stream, true, false, amqp.Publishing{
			Type: endType, MessageId: id, DeliveryMode: amqp.Persistent, Timestamp: time.Now(),
		})
	}
	err := readStream(ctx, conn, stream, "next", mark, func(d *amqp.Delivery, offset int64) bool {
		if d.MessageId == id {
			end = offset
		}
		return end < 0
	})
	return end, err
}

// readStream calls fn with each message of a stream from an offset on, until fn
// returns false. Once the broker has begun to read, it calls began if that is not
// nil. It is an error if nothing comes for some time: a list that may be short is
// never a shorter list.
func readStream(ctx context.Context, conn *amqp.Connection, stream string, from any, began func() error, fn func(*amqp.Delivery, int64) bool) error {
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Qos(browseAhead, 0, false); err != nil {
		return err
	}
	deliveries, err := ch.Consume(stream, consumerTag, false, false, false, false, amqp.Table{offsetHeader: from})
	if err != nil {
		return err
	}
	if began != nil {
		if err := began(); err != nil {
			return err
		}
	}
	quiet := time.NewTimer(browsePatient)
	defer quiet.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-quiet.C:
			return fmt.Errorf("nothing came for %v; expected messages up to the end", browsePatient)
		case d, ok := <-deliveries:
			if !ok {
				return errors.New("the connection was lost while it was read")
			}
			offset, ok := d.Headers[offsetHeader].(int64)
			if !ok {
				return fmt.Errorf("the queue of that name is no stream: %w", errNotKept)
			}
			if !fn(&d, offset) {
				return ch.Close()
			}
			if n%browseAckRun == 0 {
				if err := d.Ack(true); err != nil {
					return err
				}
			}
			quiet.Reset(browsePatient)
		}
	}
}
