package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
)

// A Transformer makes messages of a batch of one partition, which is in the order
// of its offsets. What it gives to out is stored together with the mark that the
// batch was read, or neither is. It may be called again with the same batch, or
// with parts of it: what it does beside out may happen more than once. A nil
// error stores; a *[event.BatchError] names deliveries that failed, and any other
// error is that of every delivery.
type Transformer func(ctx context.Context, batch []*event.Delivery, out func(...*event.Message)) error

// A TransformConfig says how [Bus.Transform] works. The zero value of a field
// means its default.
type TransformConfig struct {
	Group  string   // the consumer group; needed
	Topics []string // what is read; needed
	// ID is what the transactional ids of the group's partitions begin with:
	// <ID>.<topic>.<partition>. The default is the group's name. Two programs with
	// one ID fence each other.
	ID string
	// Messages and Age bound a batch: it is closed when it is full, or when its
	// first message has waited so long. The defaults are 500 and 100 ms.
	Messages int
	Age      time.Duration
	// Attempts is how often a delivery is tried before it goes to the dead letter,
	// in the same transaction as the rest; Backoff the wait before the second try,
	// doubled up to 30 s. The defaults are 5 and 100 ms. An event.Permanent error
	// is not tried again.
	Attempts int
	Backoff  time.Duration
	Log      *slog.Logger // nil reports nowhere
	// Observe is told of each delivery once its transaction is known to be committed;
	// may be nil. A member that ends before it has the broker's answer does not know.
	Observe event.Observer
}

func (c TransformConfig) withDefaults() (TransformConfig, error) {
	if c.Group == "" || len(c.Topics) == 0 {
		return c, fmt.Errorf("transform: group %q reads topics %q: want a name, and one topic at least", c.Group, c.Topics)
	}
	if c.Messages < 0 || c.Age < 0 || c.Attempts < 0 || c.Backoff < 0 {
		return c, fmt.Errorf("transform: batches of %d messages and %v, %d attempts, %v between them: want no negative numbers", c.Messages, c.Age, c.Attempts, c.Backoff)
	}
	if c.ID == "" {
		c.ID = c.Group
	}
	if c.Messages == 0 {
		c.Messages = 500
	}
	if c.Age == 0 {
		c.Age = 100 * time.Millisecond
	}
	if c.Attempts == 0 {
		c.Attempts = 5
	}
	if c.Backoff == 0 {
		c.Backoff = 100 * time.Millisecond
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(event.Outcome, *event.Delivery, error) {}
	}
	return c, nil
}

// Transform reads topics as a member of a group and stores what fn makes of them,
// each batch in one transaction with the group's offsets: consumers that read
// committed records only, as this package's do, see the result of each record
// exactly once, whatever dies when. It blocks until ctx ends, then finishes the
// batch that it is at, and returns nil; any other end is an error.
//
// Each partition has a transactional producer of its own, and offsets carry the
// member's generation: a member that has lost its partition cannot commit, and
// what it left open is aborted by its successor, which starts where the last
// transaction was committed.
//
// A delivery that keeps failing goes to the dead letter of the group in the same
// transaction. Retry topics are not offered: they would leave the order.
func (b *Bus) Transform(ctx context.Context, config TransformConfig, fn Transformer) error {
	config, err := config.withDefaults()
	if err != nil {
		return err
	}
	if fn == nil {
		return errors.New("transform: want a function, it is nil")
	}
	for _, topic := range config.Topics {
		if err := b.MakeTopic(ctx, event.DeadLetterTopic(topic, config.Group), topic); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("transform: dead-letter topic of %q: %w", topic, err)
		}
	}
	src, err := b.Group(config.Group).Open(ctx, config.Topics...)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("transform: %w", err)
	}
	t := &transform{bus: b, config: config, fn: fn, lanes: map[*lane]*transformLane{}}
	return t.run(ctx, src.(*source))
}

// A transform is one call of Transform.
type transform struct {
	bus    *Bus
	config TransformConfig
	fn     Transformer
	lanes  map[*lane]*transformLane // used by run's goroutine only
	wg     sync.WaitGroup
	stop   context.CancelFunc

	mu  sync.Mutex // guards err
	err error      // what ended it
}

func (t *transform) fail(err error) {
	t.mu.Lock()
	if t.err == nil {
		t.err = err
	}
	t.mu.Unlock()
	t.stop()
}

func (t *transform) run(ctx context.Context, src *source) error {
	receiving, stop := context.WithCancel(ctx)
	defer stop()
	t.stop = stop
	for {
		b, err := src.Receive(receiving)
		if err != nil {
			if receiving.Err() == nil {
				t.fail(fmt.Errorf("transform: receive: %w", err))
			}
			break
		}
		l := b.Lane.(*lane)
		tl := t.lanes[l]
		if tl == nil {
			for old := range t.lanes { // of sessions that are over
				if old.ctx.Err() != nil {
					delete(t.lanes, old)
				}
			}
			tl = &transformLane{t: t, lane: l, stop: receiving.Done(), wake: make(chan struct{}, 1)}
			t.lanes[l] = tl
			t.wg.Go(func() { tl.run(context.WithoutCancel(ctx)) })
		}
		tl.put(b.Deliveries)
	}
	t.wg.Wait()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err := src.Close(closing)
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.err, err)
}

// A transformLane is the worker of one partition.
type transformLane struct {
	t    *transform
	lane *lane
	stop <-chan struct{} // closed when no new batch is to be begun
	wake chan struct{}   // holds a token when the queue has changed

	mu     sync.Mutex // guards the fields below
	queue  []*event.Delivery
	oldest time.Time // when the first of the queue came
	paused bool
}

func (l *transformLane) put(ds []*event.Delivery) {
	l.mu.Lock()
	if len(l.queue) == 0 {
		l.oldest = time.Now()
	}
	l.queue = append(l.queue, ds...)
	pause := !l.paused && len(l.queue) >= 2*l.t.config.Messages
	l.paused = l.paused || pause
	l.mu.Unlock()
	if pause {
		l.lane.Pause()
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take waits for a batch: a full one, or an old one. It returns nil when none is
// to be begun any more.
func (l *transformLane) take() []*event.Delivery {
	c := &l.t.config
	timer := time.NewTimer(c.Age)
	defer timer.Stop()
	for {
		select {
		case <-l.stop:
			return nil
		case <-l.lane.ctx.Done():
			return nil
		default:
		}
		l.mu.Lock()
		n, age := len(l.queue), time.Since(l.oldest)
		if n >= c.Messages || n > 0 && age >= c.Age {
			n = min(n, c.Messages)
			batch := l.queue[:n:n]
			l.queue, l.oldest = l.queue[n:], time.Now()
			resume := l.paused && len(l.queue) < c.Messages
			l.paused = l.paused && !resume
			l.mu.Unlock()
			if resume {
				l.lane.Resume()
			}
			return batch
		}
		l.mu.Unlock()
		if n > 0 {
			timer.Reset(c.Age - age)
		}
		select {
		case <-l.wake:
		case <-timer.C:
		case <-l.stop:
		case <-l.lane.ctx.Done():
		}
	}
}

// run transforms batch after batch until the lane or the call ends.
func (l *transformLane) run(ctx context.Context) {
	defer l.lane.Release()
	ctx, cancel := context.WithCancelCause(ctx)
	defer context.AfterFunc(l.lane.ctx, func() { cancel(context.Cause(l.lane.ctx)) })()
	defer cancel(nil)
	tx := &transaction{t: l.t, lane: l.lane}
	defer tx.close()
	for {
		batch := l.take()
		if batch == nil {
			return
		}
		if err := l.batch(ctx, tx, batch); err != nil {
			l.end(err)
			return
		}
	}
}

// begin opens the producer, which aborts what it or a predecessor has left open,
// and returns what of batch is not committed by then. A predecessor may have
// committed after this session asked where to start; and a commit whose answer is
// lost may have been one.
func (l *transformLane) begin(ctx context.Context, tx *transaction, batch []*event.Delivery) ([]*event.Delivery, error) {
	if err := tx.open(ctx); err != nil {
		return nil, err
	}
	at, err := tx.committed(ctx)
	if err != nil {
		return nil, fmt.Errorf("committed offset of group %q: %w", l.t.config.Group, err)
	}
	for len(batch) > 0 && batch[0].Offset < at {
		batch = batch[1:]
	}
	return batch, nil
}

// end stops the whole call, unless the lane is over anyway.
func (l *transformLane) end(err error) {
	if l.lane.ctx.Err() == nil && !errors.Is(err, errStopping) {
		l.t.fail(fmt.Errorf("transform %s/%d: %w", l.lane.topic, l.lane.partition, err))
	}
}

// errStopping ends a batch that is tried again and again when the call is to end:
// nothing of it is stored, and it stays.
var errStopping = errors.New("the transform is stopping")

// batch stores the results of a batch, trying again as often as it may. An error
// means that the lane cannot go on.
func (l *transformLane) batch(ctx context.Context, tx *transaction, batch []*event.Delivery) error {
	c := &l.t.config
	dead := map[*event.Delivery]error{} // what is not tried again, and why
	tries := map[*event.Delivery]int{}
	whole := 0 // failures that name no delivery of several
	for wait := c.Backoff; ; wait = min(2*wait, 30*time.Second) {
		if tx.producer == nil {
			left, err := l.begin(ctx, tx, batch)
			if err != nil {
				return err
			}
			l.observe(batch[:len(batch)-len(left)], dead)
			if batch = left; len(batch) == 0 {
				return nil
			}
		}
		failed, err := tx.attempt(ctx, batch, dead)
		switch {
		case err == nil && failed == nil: // also if the lane has been lost since
			l.observe(batch, dead)
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !errors.Is(err, errTryAgain):
			return err
		case err != nil:
			c.Log.Warn("transaction is tried again", "group", c.Group, "topic", l.lane.topic, "partition", l.lane.partition, "error", err)
		case failed.named || len(batch) == 1:
			for d, cause := range failed.of {
				d.Attempt++
				if tries[d]++; tries[d] >= c.Attempts || event.IsPermanent(cause) {
					d.Attempt-- // it is not called again
					dead[d] = cause
				}
			}
		default:
			if whole++; whole >= c.Attempts || event.IsPermanent(failed.cause) {
				return l.alone(ctx, tx, batch, dead)
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.stop:
			return errStopping
		}
	}
}

// observe reports deliveries whose transaction is committed.
func (l *transformLane) observe(ds []*event.Delivery, dead map[*event.Delivery]error) {
	c := &l.t.config
	for _, d := range ds {
		if cause := dead[d]; cause != nil {
			c.Observe(event.DeadLettered, d, cause)
			c.Log.Error("message is dead-lettered", "group", c.Group, "topic", d.Topic, "partition", d.Partition, "offset", d.Offset, "error", cause)
			continue
		}
		c.Observe(event.Handled, d, nil)
	}
}

// alone is batch for each delivery by itself: where an error names none of them,
// the one that cannot be handled should not take the others along.
func (l *transformLane) alone(ctx context.Context, tx *transaction, batch []*event.Delivery, dead map[*event.Delivery]error) error {
	for _, d := range batch {
		select {
		case <-l.stop:
			return errStopping
		default:
		}
		if cause := dead[d]; cause != nil {
			failed, err := tx.attempt(ctx, []*event.Delivery{d}, dead)
			if err == nil && failed == nil {
				l.observe([]*event.Delivery{d}, dead)
				continue
			}
		}
		if err := l.batch(ctx, tx, []*event.Delivery{d}); err != nil {
			return err
		}
	}
	return nil
}
