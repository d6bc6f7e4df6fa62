package event

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// A BatchHandler handles several deliveries of one lane at once, in its order.
// nil acknowledges them all. A *[BatchError] says which of them failed, and each
// of those takes the course of its own error, as that of a [Handler] would; any
// other error, and a panic, is that of every delivery. It keeps ds no longer than
// the call.
type BatchHandler func(ctx context.Context, ds []*Delivery) error

// A BatchError is the outcome of a batch of which some deliveries failed.
type BatchError struct {
	Failed map[int]error // by index in the batch; the others were handled
}

// Error says how many failed, and why the first did.
func (e *BatchError) Error() string {
	if len(e.Failed) == 0 {
		return "a batch error that names no delivery"
	}
	first := slices.Min(slices.Collect(maps.Keys(e.Failed)))
	return fmt.Sprintf("%d deliveries of the batch failed, first number %d: %v", len(e.Failed), first, e.Failed[first])
}

// RunBatches is [Run] for a handler of batches: of up to size deliveries, sooner
// if the first of them has waited for age. With [ByKey], no two batches hold one
// key at once, and a batch holds a key once; with [Serial] a batch follows
// the lane's order. [Within] has no meaning here and is an error.
func RunBatches(ctx context.Context, g Group, topics []string, size int, age time.Duration, h BatchHandler, opts ...ConsumerOption) error {
	set, err := settingsOf(opts)
	if err != nil {
		return err
	}
	if g == nil || h == nil {
		return errors.New("event: RunBatches wants a group and a handler, one of them is nil")
	}
	switch {
	case size < 1 || size > set.maxMessages:
		return fmt.Errorf("event: batches of %d messages, want 1 to the %d of MaxInFlight", size, set.maxMessages)
	case age <= 0:
		return fmt.Errorf("event: batches that wait %v, want more than 0", age)
	case set.keepKeyOrder && !set.byKey:
		return errors.New("event: KeepKeyOrder wants ByKey in RunBatches: a batch in the lane's order has handled what is behind a failure")
	case len(set.within) > 0:
		return errors.New("event: Within is for single deliveries: RunBatches does not take it")
	}
	return start(ctx, g, topics, &consumer{settings: set, batch: &batching{h, size, age}})
}

// batching is how batches are made.
type batching struct {
	handler BatchHandler
	size    int
	age     time.Duration
}

// BatchErrors returns the error of each of n deliveries of which a handler of
// batches has returned err; nil for those that were handled. An error that names
// no delivery, or one that is not there, is that of all.
func BatchErrors(err error, n int) []error {
	out := make([]error, n)
	if err == nil {
		return out
	}
	var be *BatchError
	if errors.As(err, &be) {
		if len(be.Failed) > 0 {
			err = nil
		}
		for i, failure := range be.Failed {
			switch {
			case i < 0 || i >= n:
				err = fmt.Errorf("event: the handler names delivery %d of a batch of %d: %w", i, n, be)
			case failure == nil:
				err = fmt.Errorf("event: the handler names delivery %d as failed, without an error", i)
			default:
				out[i] = failure
			}
		}
		if err == nil {
			return out
		}
	}
	for i := range out {
		out[i] = err
	}
	return out
}

// ripen makes what has waited long enough a batch. l.mu is held.
func (l *lane) ripen() {
	n, b := l.ready.n, l.c.batch
	if l.closed || n == 0 {
		return
	}
	if n >= b.size {
		l.wake()
		return
	}
	wait := time.Until(l.ready.head.at.Add(b.age))
	if wait <= 0 {
		l.wake()
		return
	}
	if l.ageTimer == nil {
		l.ageTimer = time.AfterFunc(wait, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.ripen()
		})
		return
	}
	l.ageTimer.Reset(wait)
}

// ripe reports whether a batch is ready. l.mu is held.
func (l *lane) ripe() bool {
	b := l.c.batch
	return l.ready.n >= b.size || l.ready.n > 0 && !time.Now().Before(l.ready.head.at.Add(b.age))
}

// batchWorker handles batches, one after another.
func (l *lane) batchWorker() {
	defer l.c.wg.Done()
	clean := false
	defer l.escaped(&clean)
	var es []*entry
	l.mu.Lock()
	for {
		for !l.closed && !l.ripe() {
			l.idle++
			l.work.Wait()
		}
		if l.closed {
			break
		}
		es = es[:0]
		for len(es) < l.c.batch.size && l.ready.n > 0 {
			e := l.ready.pop()
			e.slot = len(l.active)
			l.active = append(l.active, e)
			es = append(es, e)
		}
		l.ripen()
		l.mu.Unlock()
		l.handleBatch(es)
		l.mu.Lock()
		for i, e := range es {
			if next := l.finish(e, e.fate, i < len(es)-1); next != nil {
				next.at = time.Now()
				l.ready.push(next)
			}
		}
		l.ripen()
	}
	l.leave(&clean)
}

// handleBatch is handle for several entries, and sets the fate of each.
func (l *lane) handleBatch(es []*entry) {
	c := l.c
	var left []*entry
	for _, e := range es {
		e.fate = fateLost
		if c.isForAnother(e.d) {
			c.observed(Skipped, e.d, nil)
			e.fate = fateSettle
			continue
		}
		left = append(left, e)
	}
	for wait := firstWait; len(left) > 0; wait = min(2*wait, mostWait) {
		mine, busy, ok := l.claimBatch(left)
		if !ok {
			return
		}
		if len(mine) > 0 && !l.tryBatch(mine) {
			return
		}
		if left = busy; len(busy) > 0 && !l.pause(wait) {
			return
		}
	}
}

// claimBatch claims es. It returns those that are ours, and those that somebody
// else holds; what was handled before is settled. See claim.
func (l *lane) claimBatch(es []*entry) (mine, busy []*entry, ok bool) {
	c := l.c
	if c.dedupe == nil {
		return es, nil, true
	}
	keys := l.dedupeKeys(deliveries(es))
	var states []ClaimState
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		var err error
		states, err = c.dedupe.Claim(l.ctx, keys...)
		if err == nil && len(states) == len(keys) {
			break
		}
		if l.ctx.Err() == nil {
			c.log.Error("dedupe cannot claim, and waits", "group", c.group, "messages", len(es), "error", err)
		}
		if !l.pause(wait) {
			return nil, nil, false
		}
	}
	for i, e := range es {
		switch states[i] {
		case Done:
			c.observed(Duplicate, e.d, nil)
			e.fate = fateSettle
		case Claimed:
			busy = append(busy, e)
		default:
			mine = append(mine, e)
		}
	}
	if l.ctx.Err() != nil { // lost meanwhile
		l.freeClaims(deliveries(mine)...)
		return nil, nil, false
	}
	return mine, busy, true
}

// tryBatch calls the handler with es, and again with those that failed, as often
// as it may at once. It reports whether the lane is still there.
func (l *lane) tryBatch(es []*entry) bool {
	c := l.c
	for again := 0; len(es) > 0; again++ {
		ds := deliveries(es)
		errs := BatchErrors(l.call(ds), len(ds))
		if l.Lane.Context().Err() != nil {
			l.leaveClaims(ds, errs)
			return false
		}
		var failed []*entry
		for i, e := range es {
			err := errs[i]
			if err == nil {
				e.fate = l.conclude(e, verdict{verdictDone, -1}, nil)
				continue
			}
			if l.ctx.Err() != nil {
				l.freeClaims(e.d)
				c.giveUp(nameOf(e.d))
				continue
			}
			if v := c.judge(err); v.kind != verdictRetry || v.after >= 0 || again >= c.immediate {
				e.fate = l.conclude(e, v, err)
				continue
			}
			e.failed(err)
			e.d.Attempt++
			failed = append(failed, e)
		}
		if es = failed; len(es) > 0 && !l.pause(c.backoff(again)) {
			l.freeClaims(deliveries(es)...)
			return false
		}
	}
	return true
}

func deliveries(es []*entry) []*Delivery {
	ds := make([]*Delivery, len(es))
	for i, e := range es {
		ds[i] = e.d
	}
	return ds
}
