package event

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// A fate is what becomes of a message after its handlers have been called.
type fate uint8

const (
	fateLost   fate = iota // the lane has ended, the drain has, or the broker did not store the retry or dead letter
	fateSettle             // it is done with
	fatePark               // it is tried again in its place when it is due
)

// handle calls the handler for e's message, as often as it may be called at once,
// and sees to its outcome.
func (l *lane) handle(e *entry) fate {
	c, d := l.c, e.d
	if c.isForAnother(d) {
		c.observed(Skipped, d, nil)
		return fateSettle
	}
	if c.dedupe != nil {
		switch state, ok := l.claim(d); {
		case !ok:
			return fateLost
		case state == Done:
			c.observed(Duplicate, d, nil)
			return fateSettle
		}
	}
	for again := 0; ; again++ {
		e.one[0] = d
		err := l.call(e.one[:])
		if l.Lane.Context().Err() != nil {
			l.leaveClaims([]*Delivery{d}, []error{err})
			return fateLost
		}
		if err == nil {
			return l.conclude(e, verdict{verdictDone, -1}, nil)
		}
		if l.ctx.Err() != nil {
			l.freeClaims(d)
			c.giveUp(nameOf(d))
			return fateLost
		}
		v := c.judge(err)
		if v.kind != verdictRetry || v.after >= 0 || again >= c.immediate {
			return l.conclude(e, v, err)
		}
		e.failed(err)
		d.Attempt++
		if !l.pause(c.backoff(again)) {
			l.freeClaims(d)
			return fateLost
		}
	}
}

// call calls the handler once, or the handler of batches, within the spans.
func (l *lane) call(ds []*Delivery) error {
	if len(l.c.spans) == 0 {
		return l.c.sound(l.callIn(l.ctx, ds), len(ds))
	}
	ctx := l.ctx
	ends := make([]func(error), len(l.c.spans))
	for i, start := range l.c.spans {
		ctx, ends[i] = start(ctx, ds)
	}
	err := l.c.sound(l.callIn(ctx, ds), len(ds))
	for _, end := range slices.Backward(ends) {
		end(err)
	}
	return err
}

// callIn calls the handler with the context of its spans. A panic is its error.
func (l *lane) callIn(ctx context.Context, ds []*Delivery) (err error) {
	c := l.c
	defer func() {
		// A nil from recover is a handler that returned, or one that called
		// runtime.Goexit, which nobody can hold up.
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
	}()
	if limit := c.handlerTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	if len(c.prepare) > 0 {
		return l.callPrepared(ctx, ds)
	}
	if c.batch != nil {
		return c.batch.handler(ctx, ds)
	}
	return c.handler(ctx, ds[0])
}

// sound returns err, the outcome of n deliveries, if it can be looked at. One whose
// methods panic, such as a nil pointer in an error, is a panic of the handler.
func (c *consumer) sound(err error, n int) (out error) {
	if err == nil {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			out = newPanicError(v)
		}
	}()
	errs := []error{err}
	if c.batch != nil {
		errs = BatchErrors(err, n)
	}
	for _, x := range errs {
		if Failed(x) {
			_ = x.Error()
		}
	}
	return err
}

// callPrepared calls the handler with copies of ds, which may then differ from
// what a retry or a dead letter keeps.
func (l *lane) callPrepared(ctx context.Context, ds []*Delivery) error {
	c := l.c
	if c.batch == nil {
		x := copyOf(ds[0])
		if err := c.prepared(ctx, &x); err != nil {
			return err
		}
		return c.handler(ctx, &x)
	}
	copies := make([]*Delivery, 0, len(ds))
	places := make([]int, 0, len(ds))
	failed := map[int]error{}
	for i, d := range ds {
		x := copyOf(d)
		if err := c.prepared(ctx, &x); err != nil {
			failed[i] = err
			continue
		}
		copies, places = append(copies, &x), append(places, i)
	}
	if len(copies) > 0 {
		for j, err := range BatchErrors(c.batch.handler(ctx, copies), len(copies)) {
			if err != nil {
				failed[places[j]] = err
			}
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return &BatchError{Failed: failed}
}

// copyOf returns a copy of d whose headers may be set.
func copyOf(d *Delivery) Delivery {
	x := *d
	x.Headers = slices.Clone(d.Headers)
	return x
}

func (c *consumer) prepared(ctx context.Context, d *Delivery) error {
	for _, f := range c.prepare {
		if err := f(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// pause waits for d. It reports whether the lane goes on: it does not once it has
// ended, or the consumer is about to.
func (l *lane) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.closing:
		return false
	}
}

// A verdict is what an error of a handler means.
type verdict struct {
	kind  verdictKind
	after time.Duration // wait that the handler asked for; negative if none
}

type verdictKind uint8

const (
	verdictRetry verdictKind = iota
	verdictPermanent
	verdictDrop
	verdictSkip
	verdictDone
	verdictDuplicate
)

func (c *consumer) judge(err error) verdict {
	var (
		p *permanent
		r *retryIn
		d *dropped
		s *skipped
	)
	switch {
	case errors.As(err, &p):
		return verdict{verdictPermanent, -1}
	case errors.As(err, &d):
		return verdict{verdictDrop, -1}
	case errors.As(err, &s):
		return verdict{verdictSkip, -1}
	case errors.Is(err, errDuplicate):
		return verdict{verdictDuplicate, -1}
	case errors.As(err, &r):
		return verdict{verdictRetry, r.d}
	case c.retryIf != nil && !c.worth(err):
		return verdict{verdictPermanent, -1}
	}
	return verdict{verdictRetry, -1}
}

// worth asks RetryIf. If that panics, err is tried again.
func (c *consumer) worth(err error) (worth bool) {
	defer func() {
		if v := recover(); v != nil {
			c.log.Error("RetryIf panics, and the message is retried", "group", c.group, "panic", newPanicError(v), "error", err)
			worth = true
		}
	}()
	return c.retryIf(err)
}

// conclude does what the verdict says.
func (l *lane) conclude(e *entry, v verdict, err error) fate {
	c, d := l.c, e.d
	switch {
	case v.kind == verdictDone:
		return l.final(d, Handled, nil)
	case v.kind == verdictDuplicate:
		return l.final(d, Duplicate, nil)
	case v.kind == verdictDrop:
		return l.final(d, Dropped, err)
	case v.kind == verdictSkip && !c.deadLetterUnknown:
		return l.final(d, Skipped, err)
	}
	l.freeClaims(d)
	at := c.placeOf(d.Topic)
	e.failed(err)
	if level := at.level + e.level; v.kind == verdictRetry && level < len(c.levels) {
		due := time.Now().Add(c.wait(level, v))
		if c.keepKeyOrder {
			e.due = due
			e.level++
			d.Attempt++
			c.log.Warn("message waits in its place", "group", c.group, "message", nameOf(d), "attempt", d.Attempt-1, "due", due, "error", err)
			return fatePark
		}
		if !l.store(d, aside(d, RetryTopic(at.origin, c.group, level+1), at.origin, due, e.first, err), err) {
			return fateLost
		}
		c.observed(Retried, d, err)
		c.log.Warn("message will be retried", "group", c.group, "message", nameOf(d), "attempt", d.Attempt, "due", due, "error", err)
		return fateSettle
	}
	if !l.store(d, aside(d, DeadLetterTopic(at.origin, c.group), at.origin, time.Time{}, e.first, err), err) {
		return fateLost
	}
	c.observed(DeadLettered, d, err)
	c.log.Error("message is dead-lettered", "group", c.group, "message", nameOf(d), "attempt", d.Attempt, "error", err)
	return fateSettle
}

// final notes that d is not to be handled again.
func (l *lane) final(d *Delivery, o Outcome, err error) fate {
	if !l.markDone(d) {
		if l.Lane.Context().Err() == nil {
			l.c.giveUp(nameOf(d))
		}
		return fateLost
	}
	l.c.observed(o, d, err)
	return fateSettle
}

// wait returns how long a message waits on a level.
func (c *consumer) wait(level int, v verdict) time.Duration {
	after := c.levels[level]
	if v.after >= 0 {
		after = v.after
	}
	if c.jitter > 0 {
		after += min(time.Duration(rand.Float64()*c.jitter*float64(after)), math.MaxInt64-after)
	}
	return after
}

// backoff returns how long to wait after that many immediate retries.
func (c *consumer) backoff(again int) time.Duration {
	d := c.backoffFirst
	for ; again > 0 && d < c.backoffMost; again-- {
		d *= 2
	}
	return min(d, c.backoffMost)
}

// store publishes m, which holds d. If the broker refuses, the consumer stops:
// going on would lose d, and passing it by would break the order.
func (l *lane) store(d *Delivery, m *Message, cause error) bool {
	err := l.c.bus.Publish(l.ctx, m)
	if err == nil {
		return true
	}
	switch {
	case l.Lane.Context().Err() != nil:
	case l.ctx.Err() != nil:
		l.c.giveUp(nameOf(d))
	default:
		l.c.fail(fmt.Errorf("event: %s is to go to %q (%w) and could not be stored there, so its lane stops: %w",
			nameOf(d), m.Topic, cause, err))
		l.close()
	}
	return false
}

func (c *consumer) observed(o Outcome, d *Delivery, err error) {
	for _, f := range c.observe {
		f(o, d, err)
	}
}

// isForAnother reports whether d is meant for another group: the replay of its dead
// letter, or its retry, where the names of both groups and their topics make the
// same name of a retry topic.
func (c *consumer) isForAnother(d *Delivery) bool {
	of := d.Headers.text(HeaderGroup)
	switch {
	case of == "" || of == c.group:
		return false
	case c.placeOf(d.Topic).level == 0:
		return replayForAnother(d, c.group)
	}
	return isAside(d.Topic, d.Headers.text(HeaderOriginTopic), of)
}

// replayForAnother reports whether d is the replay of another group's dead
// letter.
func replayForAnother(d *Delivery, group string) bool {
	if d.Headers.replayID(d.Topic) == "" {
		return false
	}
	of := d.Headers.text(HeaderGroup)
	return of != "" && of != group
}
