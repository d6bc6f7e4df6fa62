package event

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// handle calls the handler for d, as often as it may be called at once, and sees
// to its outcome. It reports whether d may be settled: it may not if the lane has
// ended, the drain has, or the broker did not store the retry or dead letter.
func (l *lane) handle(d *Delivery) bool {
	c := l.c
	if c.places[d.Topic].level == 0 && replayForAnother(d, c.group) {
		c.observed(Skipped, d, nil)
		return true
	}
	for again := c.immediate; ; again-- {
		err := l.call(d)
		if l.Lane.Context().Err() != nil {
			return false
		}
		if err == nil {
			c.observed(Handled, d, nil)
			return true
		}
		if l.ctx.Err() != nil {
			c.giveUp(nameOf(d))
			return false
		}
		v := judge(err)
		if v.kind != verdictRetry || v.after >= 0 || again <= 0 {
			return l.conclude(d, v, err)
		}
		d.Attempt++
	}
}

// call calls the handler once. A panic is its error.
func (l *lane) call(d *Delivery) (err error) {
	defer func() {
		// A nil from recover is a handler that returned, or one that called
		// runtime.Goexit, which nobody can hold up.
		if v := recover(); v != nil {
			err = newPanicError(v)
		}
	}()
	ctx := l.ctx
	if limit := l.c.handlerTimeout; limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return l.c.handler(ctx, d)
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
)

func judge(err error) verdict {
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
	case errors.As(err, &r):
		return verdict{verdictRetry, r.d}
	}
	return verdict{verdictRetry, -1}
}

// conclude does what the verdict says; see handle for the result.
func (l *lane) conclude(d *Delivery, v verdict, err error) bool {
	c := l.c
	switch {
	case v.kind == verdictDrop:
		c.observed(Dropped, d, err)
		return true
	case v.kind == verdictSkip && !c.deadLetterUnknown:
		c.observed(Skipped, d, err)
		return true
	}
	at := c.places[d.Topic]
	if at.origin == "" {
		at.origin = d.Topic // a transport that names topics in its own way
	}
	if v.kind == verdictRetry && at.level < len(c.levels) {
		after := c.levels[at.level]
		if v.after >= 0 {
			after = v.after
		}
		due := time.Now().Add(after)
		if !l.store(d, aside(d, RetryTopic(at.origin, c.group, at.level+1), at.origin, due, err), err) {
			return false
		}
		c.observed(Retried, d, err)
		c.log.Warn("message will be retried", "group", c.group, "message", nameOf(d), "attempt", d.Attempt, "due", due, "error", err)
		return true
	}
	if !l.store(d, aside(d, DeadLetterTopic(at.origin, c.group), at.origin, time.Time{}, err), err) {
		return false
	}
	c.observed(DeadLettered, d, err)
	c.log.Error("message is dead-lettered", "group", c.group, "message", nameOf(d), "attempt", d.Attempt, "error", err)
	return true
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
		l.c.fail(fmt.Errorf("event: %s failed (%w) and could not be stored in %q, so its lane stops: %w",
			nameOf(d), cause, m.Topic, err))
		l.close()
	}
	return false
}

func (c *consumer) observed(o Outcome, d *Delivery, err error) {
	for _, f := range c.observe {
		f(o, d, err)
	}
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
