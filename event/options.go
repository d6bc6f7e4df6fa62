package event

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// A ConsumerOption configures [Run]. Where one is given twice, the later wins;
// [ByKey] and [Serial] exclude each other.
type ConsumerOption interface{ applyConsumer(*settings) }

type consumerOption func(*settings)

func (o consumerOption) applyConsumer(s *settings) { o(s) }

// settings is what the options say. All checks are in validate, so that an
// option is a plain function.
type settings struct {
	workers           int // by key or unordered, for each lane; 0 is serial
	serial            bool
	byKey, unordered  bool
	levels            []time.Duration
	keepKeyOrder      bool
	jitter            float64
	retryIf           func(error) bool
	immediate         int
	backoffFirst      time.Duration
	backoffMost       time.Duration
	dedupe            Deduper
	prepare           []func(context.Context, *Delivery) error
	within            []func(context.Context, *Delivery, Handler) error
	spans             []Span
	handlerTimeout    time.Duration
	maxMessages       int
	maxBytes          int
	drain             time.Duration
	log               *slog.Logger
	observe           []Observer
	deadLetterUnknown bool
	given             map[string]bool // options whose zero is a mistake
}

// Serial handles the messages of a lane one after another, in its order. Lanes
// run beside one another. This is the default.
func Serial() ConsumerOption { return consumerOption(func(s *settings) { s.serial = true }) }

// ByKey handles up to that many messages of each lane at once and keeps the
// order of each key: a key is worked on by one worker at a time. Messages
// without a key have no order among themselves.
func ByKey(workers int) ConsumerOption {
	return consumerOption(func(s *settings) { s.byKey, s.workers = true, workers })
}

// Unordered handles up to that many messages of each lane at once, in no order.
func Unordered(workers int) ConsumerOption {
	return consumerOption(func(s *settings) { s.unordered, s.workers = true, workers })
}

// RetryLevels sends a message that failed to the topic <topic>.<group>.retry.1,
// where it waits for the first duration, then to .retry.2, and so on; after the
// last comes the dead letter. Without levels a failed message is dead-lettered
// at once.
//
// A message is never tried before it is due. Its key loses its order at the
// first retry: later messages of the key are handled while it waits. Do not take
// away a level while messages wait in its topic, or nobody reads them.
func RetryLevels(d ...time.Duration) ConsumerOption {
	return consumerOption(func(s *settings) { s.levels = append([]time.Duration(nil), d...) })
}

// Immediate calls the handler up to n more times at once, in place, before the
// retry levels. The default is 0.
func Immediate(n int) ConsumerOption {
	return consumerOption(func(s *settings) { s.immediate = n })
}

// Backoff waits between the calls of [Immediate]: first, then twice as long each
// time, up to most. The worker waits, and with it the key or the lane; for long
// waits there is [RetryLevels]. The default is no wait.
func Backoff(first, most time.Duration) ConsumerOption {
	return consumerOption(func(s *settings) { s.backoffFirst, s.backoffMost, s.given["Backoff"] = first, most, true })
}

// KeepKeyOrder keeps the order of a key over its retries: a message that failed
// waits for its levels in its place, unsettled, and the later messages of its key
// behind it ([ByKey]), or all of its lane ([Serial]). There are no retry topics
// then. What waits counts for [MaxInFlight], where the lane is paused; after a
// restart the levels begin again.
func KeepKeyOrder() ConsumerOption {
	return consumerOption(func(s *settings) { s.keepKeyOrder = true })
}

// Jitter lengthens each wait of a retry level by up to that fraction of it, by
// chance, so that what failed together does not come back together. The default
// is 0.
func Jitter(fraction float64) ConsumerOption {
	return consumerOption(func(s *settings) { s.jitter = fraction })
}

// RetryIf says which errors are worth another call; the others are as
// [Permanent]. The outcomes of this package say for themselves. An error at which
// worth panics is worth another call.
func RetryIf(worth func(error) bool) ConsumerOption {
	return consumerOption(func(s *settings) { s.retryIf, s.given["RetryIf"] = worth, true })
}

// Deduplicate asks d before each message whether the group has handled it, by
// [Delivery.ID], and tells it afterwards. A message that was handled is settled
// without a call. See [Deduper] and package dedupe.
func Deduplicate(d Deduper) ConsumerOption {
	return consumerOption(func(s *settings) { s.dedupe, s.given["Deduplicate"] = d, true })
}

// Prepare calls f before each call of the handler, with a copy of the delivery,
// which f may change: what is retried or dead-lettered is the message as it came.
// Its error is that of the handler. It may be given several times.
func Prepare(f func(ctx context.Context, d *Delivery) error) ConsumerOption {
	return consumerOption(func(s *settings) { s.prepare = append(s.prepare, f) })
}

// Within calls f in place of the handler, which is its last argument, as an inbox
// does that opens a transaction around it. It may be given several times; the
// first is the innermost.
func Within(f func(ctx context.Context, d *Delivery, handler Handler) error) ConsumerOption {
	return consumerOption(func(s *settings) { s.within = append(s.within, f) })
}

// A Span is called before each call of the handler, with the deliveries that the
// call is about: one, or a batch. The call gets the context that it returns; after
// it, end is called with its error. It is called concurrently and keeps no
// delivery.
type Span func(ctx context.Context, ds []*Delivery) (in context.Context, end func(error))

// Spans watches the calls of the handler. It may be given several times.
func Spans(f Span) ConsumerOption {
	return consumerOption(func(s *settings) { s.spans = append(s.spans, f) })
}

// HandlerTimeout ends the context of each call of the handler after d. A handler
// that does not heed its context is still waited for. The default is no limit.
func HandlerTimeout(d time.Duration) ConsumerOption {
	return consumerOption(func(s *settings) { s.handlerTimeout, s.given["HandlerTimeout"] = d, true })
}

// MaxInFlight bounds what is held in memory for each lane: received, but not
// settled. At the bound the lane is paused, at half of it resumed; the batch
// that crosses the bound is still taken. bytes counts keys, payloads and
// headers; what waits on a retry level counts by its bytes alone. The default is
// 1024 messages and 16 MiB.
func MaxInFlight(messages, bytes int) ConsumerOption {
	return consumerOption(func(s *settings) { s.maxMessages, s.maxBytes = messages, bytes })
}

// DrainTimeout is how long Run waits, when it ends, for the handlers that run.
// After it their contexts end, and they have the same time again. The default
// is 30 s.
func DrainTimeout(d time.Duration) ConsumerOption {
	return consumerOption(func(s *settings) { s.drain = d })
}

// Logger says where Run reports retries, dead letters and lost lanes. The default
// is nowhere.
func Logger(l *slog.Logger) ConsumerOption {
	return consumerOption(func(s *settings) { s.log, s.given["Logger"] = l, true })
}

// Observe calls o with the outcome of each message that is settled. It may be
// given several times.
func Observe(o Observer) ConsumerOption {
	return consumerOption(func(s *settings) { s.observe = append(s.observe, o) })
}

// DeadLetterUnknown sends what a handler skips (a message of an unknown type) to
// the dead letter instead of acknowledging it.
func DeadLetterUnknown() ConsumerOption {
	return consumerOption(func(s *settings) { s.deadLetterUnknown = true })
}

func settingsOf(opts []ConsumerOption) (*settings, error) {
	s := &settings{
		maxMessages: 1024, maxBytes: 16 << 20, drain: 30 * time.Second,
		given: map[string]bool{},
	}
	for i, o := range opts {
		if o == nil {
			return nil, fmt.Errorf("event: option %d is nil", i)
		}
		o.applyConsumer(s)
	}
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("event: options: %w", err)
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// validate reports every mistake, so that one run shows them all.
func (s *settings) validate() error {
	var errs []error
	bad := func(when bool, format string, args ...any) {
		if when {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	bad(s.serial && s.byKey, "Serial and ByKey(%d) exclude each other, give one", s.workers)
	bad(s.byKey && (s.workers < 1 || s.workers > 1<<16), "ByKey(%d): want 1 to 65536 workers", s.workers)
	bad(s.unordered && (s.serial || s.byKey), "Unordered(%d) excludes Serial and ByKey, give one", s.workers)
	bad(s.unordered && (s.workers < 1 || s.workers > 1<<16), "Unordered(%d): want 1 to 65536 workers", s.workers)
	bad(s.unordered && s.keepKeyOrder, "KeepKeyOrder and Unordered exclude each other, give one")
	bad(s.keepKeyOrder && len(s.levels) == 0, "KeepKeyOrder without RetryLevels: want the levels that a key waits for")
	bad(s.jitter < 0 || s.jitter > 1, "Jitter(%v): want 0 to 1", s.jitter)
	bad(s.given["Backoff"] && (s.backoffFirst <= 0 || s.backoffMost < s.backoffFirst),
		"Backoff(%v, %v): want more than 0, and a longest wait no shorter than the first", s.backoffFirst, s.backoffMost)
	bad(s.given["RetryIf"] && s.retryIf == nil, "RetryIf(nil): want a function, or no such option")
	bad(s.given["Deduplicate"] && s.dedupe == nil, "Deduplicate(nil): want a deduper, or no such option")
	bad(s.immediate < 0, "Immediate(%d): want 0 or more", s.immediate)
	bad(s.given["HandlerTimeout"] && s.handlerTimeout <= 0, "HandlerTimeout(%v): want more than 0", s.handlerTimeout)
	bad(s.maxMessages < 1, "MaxInFlight of %d messages: want 1 or more", s.maxMessages)
	bad(s.maxBytes < 1, "MaxInFlight of %d bytes: want 1 or more", s.maxBytes)
	bad((s.byKey || s.unordered) && s.workers <= 1<<16 && s.maxMessages < s.workers,
		"MaxInFlight of %d messages leaves some of the %d workers idle: want as many at least", s.maxMessages, s.workers)
	bad(s.drain <= 0, "DrainTimeout(%v): want more than 0", s.drain)
	bad(s.given["Logger"] && s.log == nil, "Logger(nil): want a logger, or no such option")
	for i, d := range s.levels {
		bad(d <= 0, "RetryLevels: level %d waits %v, want more than 0 (see Immediate)", i+1, d)
		bad(i > 0 && d < s.levels[i-1], "RetryLevels: level %d waits %v, less than the %v before it", i+1, d, s.levels[max(i-1, 0)])
	}
	for _, f := range s.prepare {
		bad(f == nil, "Prepare(nil): want a function, or no such option")
	}
	for _, f := range s.within {
		bad(f == nil, "Within(nil): want a function, or no such option")
	}
	for _, f := range s.spans {
		bad(f == nil, "Spans(nil): want a function, or no such option")
	}
	for _, o := range s.observe {
		bad(o == nil, "Observe(nil): want an observer, or no such option")
	}
	return errors.Join(errs...)
}
