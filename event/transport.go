package event

import "context"

// A Publisher stores messages with a broker. It is safe for concurrent use.
type Publisher interface {
	// Publish returns nil once the broker has stored every message. Otherwise
	// the error is a *PublishError that names those that are not known to be
	// stored.
	Publish(ctx context.Context, ms ...*Message) error
	// Close waits for what is in flight, then closes. It is idempotent.
	Close(ctx context.Context) error
}

// A Bus is a connection to a broker.
type Bus interface {
	Publisher
	// Group returns the consumer group of that name. It does no I/O.
	Group(name string) Group
}

// A Group is a consumer group: its members share the partitions of a topic, and
// the broker remembers what the group has settled.
type Group interface {
	Name() string
	// Bus returns the bus that retries and dead letters of this group go through.
	Bus() Bus
	// Open joins the group. ctx bounds the joining only: the source lives until
	// the caller closes it.
	Open(ctx context.Context, topics ...string) (Source, error)
}

// A Source receives messages.
type Source interface {
	// Receive waits for the next batch. It is called from one goroutine. After
	// ctx has ended it returns ctx's error; any other error is fatal for the
	// source.
	Receive(ctx context.Context) (*Batch, error)
	// Close settles nothing by itself: it sends what was settled, leaves the
	// group and returns when everything that the source started has stopped.
	Close(ctx context.Context) error
}

// A Batch is messages of one lane, in its order. It is never empty.
type Batch struct {
	Lane       Lane
	Deliveries []*Delivery
}

// A Lane is what the broker keeps in order: a partition, a queue, an ordering
// key. The same lane is the same value in every batch while it is assigned.
type Lane interface {
	// Context ends when the lane is taken away; its cause says why. Work on a
	// lost lane is neither settled nor counted.
	Context() context.Context
	// Cumulative reports whether settling a delivery settles all before it. The
	// runtime then settles only contiguous prefixes.
	Cumulative() bool
	// Settle marks deliveries as done with. It may return before the broker
	// knows, but Source.Close sends what is outstanding. It keeps ds no longer
	// than the call. The runtime makes one call at a time for each lane, in the
	// lane's order if it is cumulative.
	Settle(ds []*Delivery) error
	// Pause stops deliveries of this lane only, Resume starts them again. Both
	// return at once; a batch may still arrive after Pause.
	Pause()
	Resume()
}

// A TopicMaker is a Bus that can create topics. The runtime asks for it by type
// assertion before it uses a retry or dead-letter topic.
type TopicMaker interface {
	// MakeTopic creates name with the partitions of like, and room for messages
	// of 64 KiB more than like takes. A topic that exists is no error.
	MakeTopic(ctx context.Context, name, like string) error
}

// A Browser is a Bus that can read a topic without joining a group. Package dlq
// asks for it by type assertion.
type Browser interface {
	// Browse calls fn with each message that topic holds when the call is made,
	// partition by partition and in the order of offsets, until fn returns
	// false. A partition starts at its offset in from, or else at the oldest
	// message that is kept. It settles nothing and moves no group. A topic that
	// does not exist holds no messages. fn runs on the caller's goroutine; the
	// delivery has no group, and attempt 1.
	Browse(ctx context.Context, topic string, from map[int32]int64, fn func(*Delivery) bool) error
}

// A Releaser is a Lane that wants to know when nothing of it runs any more. The
// runtime calls Release, found by type assertion, after the lane's context has
// ended and its last handler has returned; further calls mean nothing. A
// transport may hold back the next owner of the lane until then, for a limited
// time, so that two members do not work on one key at once.
type Releaser interface {
	Release()
}

// A Handler handles one delivery. What it returns is the outcome: nil
// acknowledges; [Drop], [Permanent] and [RetryIn] say more; any other error, and
// a panic, takes the retry policy. It may be called concurrently, within the
// order that the subscription asks for. The bytes of the delivery may be shared
// with other groups: a handler may keep them but does not change them.
type Handler func(ctx context.Context, d *Delivery) error

// Hold returns a handler for work that finishes elsewhere: h starts it and passes
// done on, which is called once with the outcome; further calls mean nothing. The
// delivery counts as handled only then, and until then it takes a worker. If h
// returns an error, that is the outcome, and so is the end of the context.
func Hold(h func(ctx context.Context, d *Delivery, done func(error)) error) Handler {
	return func(ctx context.Context, d *Delivery) error {
		outcome := make(chan error, 1)
		err := h(ctx, d, func(err error) {
			select {
			case outcome <- err:
			default:
			}
		})
		if err != nil {
			return err
		}
		select {
		case err := <-outcome:
			return err
		case <-ctx.Done():
		}
		select {
		case err := <-outcome: // it has come as well
			return err
		default:
			return context.Cause(ctx)
		}
	}
}
