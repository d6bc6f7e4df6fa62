package event

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A lane runs the handlers of one transport lane.
//
// A message goes from put to ready (through parked, if it is not yet due; behind
// the others of its key, if one of them is ready or running), is taken by a
// worker, handled, marked done and settled. Settling is done by whichever worker
// finds that the prefix has grown, one at a time, so that a transport sees
// positions in order.
type lane struct {
	Lane
	c       *consumer
	ctx     context.Context // of the handlers: the lane's end, or the drain's
	cancel  context.CancelCauseFunc
	keep    func() bool   // undoes the watch for the lane's end; false if it has begun
	most    int           // workers
	prefix  bool          // settle contiguous prefixes only
	closing chan struct{} // closed with closed

	flowMu sync.Mutex // held while Pause or Resume is called, so that they come in order

	mu          sync.Mutex // guards the fields below
	work        sync.Cond
	closed      bool // nothing is started any more
	lost        bool
	released    bool
	workers     int
	idle        int // workers that wait and have not been woken
	active      []*entry
	ready       fifo
	parked      dueHeap
	parkedBytes int
	seq         uint64 // of the last that was parked
	timer       *time.Timer
	ageTimer    *time.Timer // of the next batch
	keys        map[string]*keyQueue
	ring        ring // in the order of arrival; cumulative lanes only
	done        []*Delivery
	spare       []*Delivery
	count       int // not settled
	bytes       int
	behind      int // ended, but behind one that has not; cumulative lanes only
	behindBytes int // of those behind
	paused      bool
	settling    bool
	late        *time.Timer // settles what is done while other handlers run
	armed       bool        // late will come; c.wg counts it
	free        *entry
	freeKeys    *keyQueue
}

// An entry is a message between its arrival and its settlement.
type entry struct {
	d     *Delivery
	key   *keyQueue // nil if the message has no order
	next  *entry    // in ready, behind its key, or in free
	at    time.Time // when it became ready; batches only
	due   time.Time // while parked
	seq   uint64    // order among equal dues
	size  int
	slot  int   // in active
	level int   // how often it has waited in its place
	first error // of its calls here
	fate  fate  // batches only
	one   [1]*Delivery
	ended bool
}

// failed remembers the first error.
func (e *entry) failed(err error) {
	if e.first == nil {
		e.first = err
	}
}

// A keyQueue holds the messages that wait for the one of their key that is ready
// or running.
type keyQueue struct {
	key  string
	wait fifo
	next *keyQueue // in freeKeys
}

func newLane(c *consumer, x Lane) *lane {
	l := &lane{Lane: x, c: c, most: 1, prefix: x.Cumulative(), closing: make(chan struct{})}
	if c.byKey {
		l.keys = map[string]*keyQueue{}
	}
	if c.byKey || c.unordered {
		l.most = c.settings.workers
	}
	l.work.L = &l.mu
	l.ctx, l.cancel = context.WithCancelCause(c.base)
	c.wg.Add(1)
	l.keep = context.AfterFunc(x.Context(), l.loose)
	return l
}

// loose is called when the transport has taken the lane away.
func (l *lane) loose() {
	defer l.c.wg.Done()
	cause := context.Cause(l.Lane.Context())
	l.cancel(cause)
	l.close()
	l.mu.Lock()
	l.lost = true
	held := l.count
	idle := l.mayRelease()
	l.mu.Unlock()
	l.c.log.Info("lane lost", "group", l.c.group, "unsettled", held, "cause", cause)
	if idle {
		l.c.forget(l)
	}
}

// mayRelease reports, once, that nothing of a lost lane runs. l.mu is held.
func (l *lane) mayRelease() bool {
	if !l.lost || l.released || len(l.active) > 0 {
		return false
	}
	l.released = true
	return true
}

// close drops what is not started.
func (l *lane) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.closing)
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.ageTimer != nil {
		l.ageTimer.Stop()
	}
	l.work.Broadcast()
}

// put takes deliveries over from the transport. It does not wait: more than the
// bound is held for as long as the transport does not heed Pause.
func (l *lane) put(ds []*Delivery) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	var (
		now   time.Time
		topic string // of which level is
		level int
	)
	for _, d := range ds {
		if d.Topic != topic {
			topic, level = d.Topic, l.c.placeOf(d.Topic).level
		}
		if d.Group == "" {
			d.Group = l.c.group
		}
		e := l.newEntry(d)
		l.count++
		l.bytes += e.size
		if l.prefix {
			l.ring.push(e)
		}
		d.Attempt = 1
		if level > 0 {
			d.Attempt = d.Headers.attempts() + 1
			if e.due = d.Headers.due(); now.IsZero() {
				now = time.Now()
			}
			if e.due.After(now) {
				l.park(e)
				continue
			}
		}
		l.admit(e)
	}
	l.arm()
	l.clear()
	l.mu.Unlock()
	l.flow()
}

func (l *lane) newEntry(d *Delivery) *entry {
	e := l.free
	if e == nil {
		e = &entry{}
	} else {
		l.free, e.next = e.next, nil
	}
	e.d, e.size = d, d.size()
	return e
}

// admit makes e ready, or puts it behind its key. l.mu is held.
func (l *lane) admit(e *entry) {
	if l.keys != nil && e.d.Key != nil {
		q, busy := l.keys[string(e.d.Key)]
		if busy {
			e.key = q
			q.wait.push(e)
			return
		}
		if q = l.freeKeys; q == nil {
			q = &keyQueue{}
		} else {
			l.freeKeys = q.next
		}
		*q = keyQueue{key: string(e.d.Key)}
		l.keys[q.key] = q
		e.key = q
	}
	l.makeReady(e)
}

// makeReady lets e be handled. l.mu is held.
func (l *lane) makeReady(e *entry) {
	if l.c.batch != nil {
		e.at = time.Now()
		l.ready.push(e)
		l.ripen()
		return
	}
	l.ready.push(e)
	l.wake()
}

// wake lets one more worker look for what is ready. l.mu is held.
func (l *lane) wake() {
	switch {
	case l.idle > 0:
		l.idle-- // here, not by the worker: the next message must not count on it
		l.work.Signal()
	case l.workers < l.most:
		l.workers++
		l.c.wg.Add(1)
		if l.c.batch != nil {
			go l.batchWorker()
			return
		}
		go l.worker()
	}
}

// park keeps e until it is due. l.mu is held.
func (l *lane) park(e *entry) {
	l.seq++
	e.seq = l.seq
	l.parked.push(e)
	l.parkedBytes += e.size
}

// unparkAt takes out the parked entry at index i. l.mu is held.
func (l *lane) unparkAt(i int) *entry {
	e := l.parked.remove(i)
	l.parkedBytes -= e.size
	return e
}

// arm sets the timer for what is due next. l.mu is held.
func (l *lane) arm() {
	if len(l.parked) == 0 || l.closed {
		return
	}
	d := time.Until(l.parked[0].due)
	if l.timer == nil {
		l.timer = time.AfterFunc(d, l.unpark)
		return
	}
	l.timer.Reset(d)
}

// unpark makes ready what is due.
func (l *lane) unpark() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	now := time.Now()
	for len(l.parked) > 0 && !l.parked[0].due.After(now) {
		e := l.unparkAt(0)
		if e.level > 0 { // it still has its key, and goes before what waits behind it
			l.makeReady(e)
			continue
		}
		l.admit(e)
	}
	l.arm()
}

// flow pauses or resumes the lane, as what is held demands.
func (l *lane) flow() {
	l.flowMu.Lock()
	defer l.flowMu.Unlock()
	l.mu.Lock()
	before := l.paused
	l.paused = l.full()
	want := l.paused
	l.mu.Unlock()
	switch {
	case want && !before:
		l.Pause()
	case before && !want:
		l.Resume()
	}
}

// full reports whether the lane is to be paused: from the bound down to half of
// it. What waits on a level counts by its bytes alone, which leave the others so
// much less room, so that the level sees as much as it can of what may be due
// first. l.mu is held.
func (l *lane) full() bool {
	n, room, count, bytes := l.c.maxMessages, l.c.maxBytes, l.count, l.bytes
	if !l.c.keepKeyOrder {
		count -= len(l.parked)
		room -= l.parkedBytes
		bytes -= l.parkedBytes
	}
	if l.paused && (count > n/2 || bytes > room/2) {
		return true
	}
	return count >= n || bytes >= room
}

// worker handles what is ready, and what waits behind the key it is on.
func (l *lane) worker() {
	defer l.c.wg.Done()
	clean := false
	defer l.escaped(&clean)
	l.mu.Lock()
	for {
		for l.ready.head == nil && !l.closed {
			l.idle++
			l.work.Wait()
		}
		if l.closed {
			break
		}
		for e := l.ready.pop(); e != nil && !l.closed; {
			e.slot = len(l.active)
			l.active = append(l.active, e)
			l.mu.Unlock()
			f := l.handle(e)
			if f == fatePark && l.keys == nil { // nothing of a lane in order goes before it
				if !l.pause(time.Until(e.due)) {
					f = fateLost
				}
			}
			l.mu.Lock()
			next := l.finish(e, f, false)
			if f == fatePark && l.keys == nil {
				next = e
			}
			e = next
		}
	}
	l.leave(&clean)
}

// escaped stops the consumer if a worker ends that has not come to its end.
func (l *lane) escaped(clean *bool) {
	if !*clean {
		l.c.fail(errors.New("event: a handler ended its goroutine (runtime.Goexit, or a test's FailNow)"))
		l.close()
	}
}

// leave ends a worker. l.mu is held, and released.
func (l *lane) leave(clean *bool) {
	if l.armed && l.late.Stop() {
		l.armed = false
		l.c.wg.Done()
	}
	l.settle()
	l.workers--
	idle := l.mayRelease()
	l.mu.Unlock()
	*clean = true
	if idle {
		l.c.forget(l)
	}
}

// finish settles what can be settled now that e has been handled, and returns
// what its key has waiting. More says that others are finished at once after it.
// l.mu is held, and released meanwhile.
func (l *lane) finish(e *entry, f fate, more bool) (next *entry) {
	last := len(l.active) - 1
	l.active[e.slot] = l.active[last]
	l.active[e.slot].slot = e.slot
	l.active[last] = nil
	l.active = l.active[:last]
	switch f {
	case fateLost:
		return nil // the lane has ended, and so has its key
	case fatePark:
		if l.keys != nil {
			l.park(e)
			l.arm()
		}
		return nil
	}
	if q := e.key; q != nil {
		if next = q.wait.pop(); next == nil {
			delete(l.keys, q.key)
			q.next, l.freeKeys = l.freeKeys, q
		}
	}
	e.ended = true
	if l.prefix {
		l.behind++
		l.behindBytes += e.size
		for l.ring.n > 0 && l.ring.front().ended {
			l.behind--
			l.behindBytes -= l.ring.front().size
			l.forgetEntry(l.ring.pop())
		}
		l.clear()
	} else {
		l.forgetEntry(e)
	}
	l.settleSoon(more || next != nil || l.ready.head != nil)
	return next
}

// clear sets back the first of the lane if it waits on a level and what is behind it,
// handled and yet not to be settled, takes half of the room that there is beside what
// waits: a copy of it goes to the end of the level, unchanged, and the lane goes on.
// l.mu is held.
func (l *lane) clear() {
	if l.closed || l.c.keepKeyOrder || l.behind == 0 ||
		l.behind*2 < l.c.maxMessages && l.behindBytes*2 < l.c.maxBytes-l.parkedBytes {
		return
	}
	i := slices.Index(l.parked, l.ring.front())
	if i < 0 {
		return
	}
	e := l.unparkAt(i)
	e.slot = len(l.active)
	l.active = append(l.active, e)
	l.c.wg.Add(1)
	go l.setBack(e)
}

var errSetBack = errors.New("it waits for longer than others of its level")

func (l *lane) setBack(e *entry) {
	defer l.c.wg.Done()
	f, d := fateSettle, e.d
	if !l.store(d, &Message{Topic: d.Topic, Key: d.Key, Headers: d.Headers, Payload: d.Payload}, errSetBack) {
		f = fateLost
	}
	l.mu.Lock()
	l.finish(e, f, false)
	idle := l.mayRelease()
	l.mu.Unlock()
	if idle {
		l.c.forget(l)
	}
}

// forgetEntry moves e to what is to be settled. l.mu is held.
func (l *lane) forgetEntry(e *entry) {
	l.done = append(l.done, e.d)
	l.count--
	l.bytes -= e.size
	switch {
	case e.level > 0, e.first != nil, !e.due.IsZero(), l.c.batch != nil:
		*e = entry{}
	default: // cheaper, and most
		e.d, e.one[0], e.key, e.ended = nil, nil, nil, false
	}
	e.next, l.free = l.free, e
}

const (
	// settleMost and settleWithin bound what is done and not settled while a lane has
	// more to do: a transport that is told of many at once sends one answer for them.
	settleMost   = 64
	settleWithin = 2 * time.Millisecond
)

// settleSoon settles what is done: now, or within settleWithin if there is more to
// handle at once. l.mu is held, and released meanwhile.
func (l *lane) settleSoon(more bool) {
	switch {
	case !more, len(l.done) >= settleMost, l.closed, l.paused && !l.full():
		l.settle()
	case len(l.done) > 0 && !l.armed:
		l.armed = true
		l.c.wg.Add(1)
		if l.late == nil {
			l.late = time.AfterFunc(settleWithin, l.settleLate)
			return
		}
		l.late.Reset(settleWithin)
	}
}

func (l *lane) settleLate() {
	defer l.c.wg.Done()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	l.settle()
}

// settle tells the transport what is done, unless another worker is telling it
// already; that one goes on until nothing is left. l.mu is held, and released
// meanwhile.
func (l *lane) settle() {
	if l.settling {
		return
	}
	l.settling = true
	for len(l.done) > 0 {
		if l.Lane.Context().Err() != nil { // they are somebody else's
			l.done = nil
			break
		}
		ds := l.done
		l.done = l.spare[:0]
		resume := l.paused && !l.full()
		l.mu.Unlock()
		err := l.Settle(ds)
		if err != nil && l.Lane.Context().Err() == nil {
			l.c.fail(fmt.Errorf("event: settle %d messages to %s: %w", len(ds), nameOf(ds[len(ds)-1]), err))
			l.close()
		}
		if resume {
			l.flow()
		}
		clear(ds)
		l.mu.Lock()
		l.spare = ds
	}
	l.settling = false
}

// running names the messages whose handlers run.
func (l *lane) running() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, e := range l.active {
		out = append(out, nameOf(e.d))
	}
	return out
}

// nameOf names a message for people.
func nameOf(d *Delivery) string {
	return fmt.Sprintf("%s/%d offset %d", d.Topic, d.Partition, d.Offset)
}
