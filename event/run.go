package event

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Run joins group g on topics and their retry topics, and handles what arrives
// with h until ctx ends or something is wrong for good: the source fails, a
// settlement fails, or the broker refuses a retry or a dead letter. It returns
// after everything it has started has stopped.
//
// When it ends it stops receiving, waits for the handlers that run (see
// [DrainTimeout]), settles what they have done, and leaves the group. What was
// received but not started stays with the broker. It returns nil if ctx ended and
// all handlers finished in time; otherwise an error that names what went wrong
// and which messages were not drained. A handler that ignores the end of its
// context to the last is the one thing that Run leaves behind, and is named too.
//
// A handler is called with a context that ends when the lane is taken away. Its
// error after that is neither settled nor counted: the message belongs to
// somebody else.
//
// What a handler has done is settled at once, or, while its lane has more to handle,
// together with what comes next, within 2 ms.
//
// A replay (see package dlq) that is meant for another group is skipped, and so is
// its retry, should group and topic of both make one name, as group b.c of topic a
// and group c of topic a.b do.
//
// Where the transport has patterns of topics, a topic may be one: what arrives
// through it has the retry and dead-letter topics of its own topic.
func Run(ctx context.Context, g Group, topics []string, h Handler, opts ...ConsumerOption) error {
	set, err := settingsOf(opts)
	if err != nil {
		return err
	}
	if g == nil || h == nil {
		return errors.New("event: Run wants a group and a handler, one of them is nil")
	}
	for _, w := range set.within {
		next := h
		h = func(ctx context.Context, d *Delivery) error { return w(ctx, d, next) }
	}
	return start(ctx, g, topics, &consumer{settings: set, handler: h})
}

// start runs c, of which the caller has set how it handles.
func start(ctx context.Context, g Group, topics []string, c *consumer) error {
	c.group, c.bus = g.Name(), g.Bus()
	c.lanes, c.places = map[Lane]*lane{}, map[string]place{}
	all, err := c.plan(topics)
	if err != nil {
		return err
	}
	src, err := c.open(ctx, g, topics, all)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	return c.run(ctx, src)
}

// A place is what a topic is to the consumer: level 0 of itself, or a retry level
// of origin.
type place struct {
	origin string
	level  int
}

// A consumer is one call of Run.
type consumer struct {
	*settings
	group   string
	bus     Bus
	handler Handler          // nil if batch is set
	batch   *batching        // nil if handler is set
	places  map[string]place // by topic
	base    context.Context  // what the contexts of handlers come from; ends with the drain
	stop    context.CancelFunc
	wg      sync.WaitGroup // workers, and lanes that may yet be lost

	mu        sync.Mutex // guards the fields below
	lanes     map[Lane]*lane
	failures  []error
	undrained []string // started, and given up when the drain ended
}

// plan returns all topics that the group reads.
func (c *consumer) plan(topics []string) ([]string, error) {
	if c.group == "" {
		return nil, errors.New("event: the group has no name")
	}
	if len(topics) == 0 {
		return nil, fmt.Errorf("event: group %q has no topic to read", c.group)
	}
	var all []string
	add := func(name string, p place) error {
		if _, twice := c.places[name]; twice {
			return fmt.Errorf("event: group %q reads topic %q twice", c.group, name)
		}
		c.places[name] = p
		all = append(all, name)
		return nil
	}
	for i, t := range topics {
		if t == "" {
			return nil, fmt.Errorf("event: topic %d of group %q has no name", i, c.group)
		}
		if err := add(t, place{t, 0}); err != nil {
			return nil, err
		}
		for level := range c.topicLevels() {
			if err := add(RetryTopic(t, c.group, level+1), place{t, level + 1}); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// topicLevels returns the levels that have a topic.
func (c *consumer) topicLevels() []time.Duration {
	if c.keepKeyOrder {
		return nil
	}
	return c.levels
}

// placeOf returns what a topic is to the consumer. One that it does not know came
// through a pattern: its name says whether it is a retry level.
func (c *consumer) placeOf(topic string) place {
	if p, ok := c.places[topic]; ok {
		return p
	}
	if i := strings.LastIndex(topic, ".retry."); i > 0 {
		origin, ok := strings.CutSuffix(topic[:i], "."+c.group)
		n, err := strconv.Atoi(topic[i+len(".retry."):])
		if ok && origin != "" && err == nil && n > 0 && n <= len(c.topicLevels()) {
			return place{origin, n}
		}
	}
	return place{topic, 0}
}

// open makes the topics that failures go to, now: that one cannot be made should
// show when the program starts, not when the first message fails.
func (c *consumer) open(ctx context.Context, g Group, topics, all []string) (Source, error) {
	if maker, ok := c.bus.(TopicMaker); ok {
		for _, t := range topics {
			for level := range c.topicLevels() {
				if err := maker.MakeTopic(ctx, RetryTopic(t, c.group, level+1), t); err != nil {
					return nil, fmt.Errorf("event: retry topic of %q: %w", t, err)
				}
			}
			if err := maker.MakeTopic(ctx, DeadLetterTopic(t, c.group), t); err != nil {
				return nil, fmt.Errorf("event: dead-letter topic of %q: %w", t, err)
			}
		}
	}
	src, err := g.Open(ctx, all...)
	if err != nil {
		return nil, fmt.Errorf("event: join group %q: %w", c.group, err)
	}
	return src, nil
}

// errDrained is why the context of a handler ends when the drain takes too long.
var errDrained = errors.New("event: the consumer is stopping, and the time to drain is over")

func (c *consumer) run(ctx context.Context, src Source) error {
	receiving, stop := context.WithCancel(ctx)
	defer stop()
	c.stop = stop
	// Handlers keep the values of ctx, but outlive it by the drain.
	base, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	c.base = base
	for {
		b, err := src.Receive(receiving)
		if err != nil {
			if receiving.Err() == nil {
				c.fail(fmt.Errorf("event: receive for group %q: %w", c.group, err))
			}
			break
		}
		if b != nil && len(b.Deliveries) > 0 {
			c.take(b)
		}
	}
	c.drain(func() { cut(errDrained) })
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.settings.drain)
	defer cancel()
	if err := src.Close(closing); err != nil {
		c.fail(fmt.Errorf("event: leave group %q: %w", c.group, err))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.undrained); n > 0 {
		c.failures = append(c.failures, fmt.Errorf("event: group %q did not drain in %v: %d started and not settled, first %q",
			c.group, c.settings.drain, n, c.undrained[:min(n, 5)]))
	}
	return errors.Join(c.failures...)
}

// fail stops the consumer; Run returns err once it has drained.
func (c *consumer) fail(err error) {
	c.mu.Lock()
	if len(c.failures) < 16 { // enough to see what is wrong
		c.failures = append(c.failures, err)
	}
	c.mu.Unlock()
	c.log.Error("consumer stops", "group", c.group, "error", err)
	c.stop()
}

// take hands a batch to its lane, which is new if it is seen for the first time.
// A batch of a lane that was taken away meanwhile is somebody else's.
func (c *consumer) take(b *Batch) {
	c.mu.Lock()
	l, ok := c.lanes[b.Lane]
	lost := b.Lane.Context().Err() != nil
	if !ok && !lost {
		l = newLane(c, b.Lane)
		c.lanes[b.Lane] = l
	}
	c.mu.Unlock()
	switch {
	case !lost:
		l.put(b.Deliveries)
	case !ok: // nothing of it runs, and nobody else will say so
		release(b.Lane)
	}
}

// forget is called when nothing of a lost lane runs any more.
func (c *consumer) forget(l *lane) {
	c.mu.Lock()
	delete(c.lanes, l.Lane)
	c.mu.Unlock()
	release(l.Lane)
}

func release(l Lane) {
	if r, ok := l.(Releaser); ok {
		r.Release()
	}
}

// drain waits for the handlers that run; cut ends their contexts.
func (c *consumer) drain(cut func()) {
	c.mu.Lock()
	lanes := make([]*lane, 0, len(c.lanes))
	for _, l := range c.lanes {
		lanes = append(lanes, l)
	}
	c.mu.Unlock()
	for _, l := range lanes {
		l.close()
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.wg.Wait()
	}()
	for _, l := range lanes {
		if l.keep() { // it cannot be lost any more
			c.wg.Done()
		}
	}
	if wait(done, c.settings.drain) {
		return
	}
	cut()
	if wait(done, c.settings.drain) {
		return
	}
	runs := false
	for _, l := range lanes {
		for _, name := range l.running() {
			runs = true
			c.giveUp(name + " (its handler still runs)")
		}
	}
	if !runs {
		c.fail(fmt.Errorf("event: group %q did not drain in %v: what was handled is still being settled", c.group, c.settings.drain))
	}
}

// giveUp notes a message that was started and is not settled.
func (c *consumer) giveUp(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.undrained, name) {
		c.undrained = append(c.undrained, name)
	}
}

// wait reports whether done was closed within d.
func wait(done <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}
