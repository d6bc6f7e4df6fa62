package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"

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
	Log      *slog.Logger   // nil reports nowhere
	Observe  event.Observer // told of each delivery once its transaction is committed; may be nil
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
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !errors.Is(err, errTryAgain):
			return err
		case err == nil && failed == nil:
			l.observe(batch, dead)
			return nil
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

// errTryAgain is matched by the error of a transaction that was aborted and can
// be tried again.
var errTryAgain = errors.New("the transaction was aborted")

// A transaction is a transactional producer, one transaction after the other.
type transaction struct {
	t        *transform
	lane     *lane
	producer sarama.SyncProducer // nil until open
}

// open makes the producer. sarama takes no context: one that comes too late is
// closed.
func (x *transaction) open(ctx context.Context) error {
	conf := *x.t.bus.conf
	conf.Producer.Transaction.ID = fmt.Sprintf("%s.%s.%d", x.t.config.ID, x.lane.topic, x.lane.partition)
	// A transaction is open while its results are sent, not while they are made. A
	// process that dies meanwhile holds up its successor for so long, since the
	// group's offset is not known until then.
	conf.Producer.Transaction.Timeout = 10 * time.Second
	type result struct {
		p   sarama.SyncProducer
		err error
	}
	opened := make(chan result, 1)
	go func() {
		p, err := sarama.NewSyncProducer(x.t.bus.config.Brokers, &conf)
		opened <- result{p, err}
	}()
	select {
	case r := <-opened:
		if r.err != nil {
			return fmt.Errorf("transactional producer %q: %w", conf.Producer.Transaction.ID, r.err)
		}
		x.producer = r.p
		return nil
	case <-ctx.Done():
		go func() {
			if late := <-opened; late.err == nil {
				_ = late.p.Close()
			}
		}()
		return context.Cause(ctx)
	}
}

func (x *transaction) close() {
	if x.producer != nil {
		_ = x.producer.Close() // what it has not committed is aborted by its successor
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
	if err := x.producer.BeginTxn(); err != nil {
		return nil, x.recover(fmt.Errorf("begin: %w", err))
	}
	if len(ms) > 0 {
		if err := x.producer.SendMessages(encodeTx(ms)); err != nil {
			return nil, x.recover(fmt.Errorf("store %d results: %w", len(ms), err))
		}
	}
	last := batch[len(batch)-1]
	meta := sarama.NewConsumerGroupMetadataFromSession(x.lane.session, x.t.config.Group, nil)
	offsets := map[string][]*sarama.PartitionOffsetMetadata{x.lane.topic: {{Partition: x.lane.partition, Offset: last.Offset + 1}}}
	if err := x.producer.AddOffsetsToTxnWithGroupMetadata(offsets, meta); err != nil {
		return nil, x.recover(fmt.Errorf("add the offset: %w", err))
	}
	if ctx.Err() != nil { // the partition is lost: its successor has to wait no longer than this
		return nil, x.recover(context.Cause(ctx))
	}
	if err := x.producer.CommitTxn(); err != nil {
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
	status := x.producer.TxnStatus()
	if status&sarama.ProducerTxnFlagFatalError == 0 && status&sarama.ProducerTxnFlagInTransaction != 0 || status&sarama.ProducerTxnFlagAbortableError != 0 {
		err := x.producer.AbortTxn()
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

// encodeTx translates messages for a producer that is waited for: it may share
// their memory.
func encodeTx(ms []*event.Message) []*sarama.ProducerMessage {
	out := make([]*sarama.ProducerMessage, len(ms))
	for i, m := range ms {
		pm := &sarama.ProducerMessage{Topic: m.Topic, Timestamp: m.Time}
		if m.Key != nil {
			pm.Key = sarama.ByteEncoder(m.Key)
		}
		if m.Payload != nil {
			pm.Value = sarama.ByteEncoder(m.Payload)
		}
		for _, h := range m.Headers {
			pm.Headers = append(pm.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
		out[i] = pm
	}
	return out
}
