package redisbus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
)

// A lane is one topic as this member sees it: the queue between the server and the
// runtime, and the entries that the server has given to us.
type lane struct {
	source   *source // this and the fields below are set once
	topic    string
	ctx      context.Context // ends when the lane is lost or closed
	cancel   context.CancelCauseFunc
	leaving  context.Context // ends when it is to be closed
	leave    context.CancelFunc
	released chan struct{} // closed by Release
	room     chan struct{} // holds a token when there may be room in the queue
	marked   chan struct{} // holds a token when there is something to acknowledge
	stopped  chan struct{} // closed when nothing is read and acknowledged any more

	releaseOnce sync.Once

	mu      sync.Mutex // guards the fields below
	queue   []*event.Delivery
	bytes   int
	each    int            // bytes of a message, as far as is known from the last reads
	holding map[int64]bool // received and not settled, by offset; true if handed to the runtime
	marks   []string       // ids of what was settled and is not acknowledged
	sure    time.Time      // what we hold was ours then
	ticked  time.Time      // when tend last looked
	inLine  bool           // the source has it in its line
	paused  bool           // by the runtime
	over    bool           // lost or closed
}

func newLane(s *source, topic string) *lane {
	l := &lane{
		source: s, topic: topic, holding: map[int64]bool{}, ticked: time.Now(), each: firstEach,
		released: make(chan struct{}), room: make(chan struct{}, 1), marked: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	l.leaving, l.leave = context.WithCancel(l.ctx)
	return l
}

// Context is as [event.Lane] says.
func (l *lane) Context() context.Context { return l.ctx }

// Cumulative is false: each entry is acknowledged, since others of the stream are
// with other members.
func (l *lane) Cumulative() bool { return false }

// Release is as [event.Releaser] says.
func (l *lane) Release() { l.releaseOnce.Do(func() { close(l.released) }) }

// run keeps the lane until it is lost or closed; a lost one is replaced.
func (l *lane) run() {
	var work sync.WaitGroup
	work.Go(l.read)
	work.Go(l.acknowledge)
	l.tend()
	work.Wait()
	close(l.stopped)
	if l.ctx.Err() == nil {
		return // close does the rest
	}
	l.mu.Lock()
	busy := false
	for _, handed := range l.holding {
		busy = busy || handed
	}
	l.holding = nil
	l.mu.Unlock()
	if busy {
		grace := time.NewTimer(l.source.group.bus.config.ClaimAfter)
		defer grace.Stop()
		select {
		case <-l.released:
		case <-l.source.closing:
		case <-grace.C:
		}
	}
	l.source.begin(newLane(l.source, l.topic))
}

// extendAfter is how often the lane extends what it holds.
func (l *lane) extendAfter() time.Duration { return l.source.group.bus.config.ClaimAfter / 4 }

// tend extends what is held until the lane ends.
func (l *lane) tend() {
	tick := time.NewTicker(min(l.extendAfter(), time.Second))
	defer tick.Stop()
	trimmed := time.Now()
	for extended := time.Now(); ; {
		select {
		case <-l.leaving.Done():
			return
		case <-tick.C:
		}
		l.mu.Lock()
		if l.valid() {
			l.ticked = time.Now()
		}
		l.mu.Unlock()
		if time.Since(extended) >= l.extendAfter() {
			extended = time.Now()
			l.extend()
		}
		if time.Since(trimmed) >= time.Minute {
			trimmed = time.Now()
			_ = l.source.group.bus.trim(l.leaving, l.topic) // or a minute later
		}
	}
}

// extend makes all that is held ours for another ClaimAfter. If something of it is
// no longer ours, the lane is lost.
func (l *lane) extend() {
	s := l.source
	l.mu.Lock()
	offsets := l.heldInOrder()
	l.mu.Unlock()
	begun := time.Now()
	for part := range slices.Chunk(offsets, chunk) {
		ctx, cancel := context.WithTimeout(l.leaving, l.extendAfter())
		n, err := extend.Run(ctx, s.group.bus.client, []string{s.group.bus.key(l.topic)}, l.arguments(part, s.member)...).Int()
		cancel()
		if err != nil {
			return // valid will see to it
		}
		if n < len(part) && l.stillHeld(part) > n {
			l.mu.Lock()
			l.lose(fmt.Errorf("%d messages of topic %q are no longer with this member of group %q", len(part)-n, l.topic, s.group.name))
			l.mu.Unlock()
			return
		}
	}
	l.mu.Lock()
	if begun.After(l.sure) {
		l.sure = begun
	}
	l.mu.Unlock()
}

// stillHeld counts those of offsets that were not settled meanwhile.
func (l *lane) stillHeld(offsets []int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, o := range offsets {
		if _, ok := l.holding[o]; ok {
			n++
		}
	}
	return n
}

// arguments returns those of a script: the group, more, and ids.
func (l *lane) arguments(offsets []int64, more ...string) []any {
	out := make([]any, 0, 1+len(more)+len(offsets))
	out = append(out, l.source.group.name)
	for _, m := range more {
		out = append(out, m)
	}
	for _, o := range offsets {
		out = append(out, idOf(o))
	}
	return out
}

// heldInOrder returns the offsets of what is held, ascending. The caller holds mu.
func (l *lane) heldInOrder() []int64 {
	out := make([]int64, 0, len(l.holding))
	for o := range l.holding {
		out = append(out, o)
	}
	slices.Sort(out)
	return out
}

// valid reports whether what the lane holds is still ours, as far as we can know,
// and ends the lane if not: we were frozen or cut off for so long that others may
// have claimed it. The caller holds mu.
func (l *lane) valid() bool {
	if l.over {
		return false
	}
	now, wait := time.Now(), l.source.group.bus.config.ClaimAfter
	if now.Sub(l.ticked) < wait && (len(l.holding) == 0 || now.Sub(l.sure) < wait) {
		return true
	}
	l.lose(fmt.Errorf("this member of group %q could not extend its hold on messages of topic %q for %v: others may claim them", l.source.group.name, l.topic, wait))
	return false
}

// lose ends the lane; run replaces it. The caller holds mu.
func (l *lane) lose(cause error) {
	if l.over {
		return
	}
	l.over = true
	l.queue, l.bytes, l.marks = nil, 0, nil
	l.cancel(cause)
}

// push queues what the server has given to us after begun.
func (l *lane) push(ds []*event.Delivery, begun time.Time) {
	l.mu.Lock()
	if len(l.holding) == 0 || begun.Before(l.sure) {
		l.sure = begun
	}
	if !l.valid() {
		l.mu.Unlock()
		return
	}
	total := 0
	for _, d := range ds {
		total += weight(&d.Message)
		if _, again := l.holding[d.Offset]; again {
			continue
		}
		d.Group = l.source.group.name
		l.holding[d.Offset] = false
		l.queue = append(l.queue, d)
		l.bytes += weight(&d.Message)
	}
	// Larger messages count at once, smaller ones by and by.
	l.each = max(total/len(ds), l.each/2, 1)
	l.valid() // of what it holds now
	offer := l.wants()
	l.mu.Unlock()
	if offer {
		l.source.Offer(l)
	}
}

// wants puts the lane in line if it has something to hand over, and reports
// whether it was not there yet. The caller holds mu.
func (l *lane) wants() bool {
	if l.inLine || l.paused || l.over || len(l.queue) == 0 {
		return false
	}
	l.inLine = true
	return true
}

// take hands over a batch, and reports whether there is more. The source calls it
// on a lane that it has taken out of its line.
func (l *lane) take() (ds []*event.Delivery, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inLine = false
	if !l.valid() || l.paused || len(l.queue) == 0 {
		return nil, false
	}
	n := min(len(l.queue), batchMessages)
	ds = l.queue[:n:n]
	if l.queue = l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil // let go of the array
	}
	for _, d := range ds {
		l.bytes -= weight(&d.Message)
		l.holding[d.Offset] = true
	}
	token(l.room)
	return ds, l.wants()
}

func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Settle is as [event.Lane] says. What is settled is acknowledged together with
// whatever else is by then.
func (l *lane) Settle(ds []*event.Delivery) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.valid() {
		return fmt.Errorf("not settled: %w", context.Cause(l.ctx))
	}
	for _, d := range ds {
		if _, ok := l.holding[d.Offset]; ok {
			delete(l.holding, d.Offset)
			l.marks = append(l.marks, idOf(d.Offset))
		}
	}
	token(l.marked)
	return nil
}

// acknowledge sends what was settled until the lane ends; what is left then, close
// sends.
func (l *lane) acknowledge() {
	for {
		select {
		case <-l.leaving.Done():
			return
		case <-l.marked:
		}
		if err := l.flush(l.leaving); err != nil && l.leaving.Err() == nil {
			select { // and again, until it is too late
			case <-l.leaving.Done():
			case <-time.After(100 * time.Millisecond):
				token(l.marked)
			}
		}
	}
}

// flush acknowledges what was settled. It is called by one goroutine at a time.
func (l *lane) flush(ctx context.Context) error {
	s := l.source
	for {
		l.mu.Lock()
		ids := l.marks
		l.marks = nil
		l.mu.Unlock()
		if len(ids) == 0 {
			return nil
		}
		ids, rest := ids[:min(len(ids), 1000)], ids[min(len(ids), 1000):]
		n, err := s.group.bus.client.XAck(ctx, s.group.bus.key(l.topic), s.group.name, ids...).Result()
		l.mu.Lock()
		switch {
		case err != nil:
			l.marks = append(append(ids, rest...), l.marks...)
		case n < int64(len(ids)):
			// Somebody else has settled them, or go-redis has sent it twice.
			l.lose(fmt.Errorf("%d of %d messages of topic %q were settled by somebody else", int64(len(ids))-n, len(ids), l.topic))
		case !l.over:
			l.marks = append(rest, l.marks...)
		}
		l.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// Pause is as [event.Lane] says.
func (l *lane) Pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = true
}

// Resume is as [event.Lane] says.
func (l *lane) Resume() {
	l.mu.Lock()
	l.paused = false
	offer := l.wants()
	l.mu.Unlock()
	if offer {
		l.source.Offer(l)
	}
	token(l.room)
}

// close sends what was settled, and gives back what was not.
func (l *lane) close(ctx context.Context) error {
	l.leave()
	select {
	case <-l.stopped:
	case <-ctx.Done():
	}
	err := l.flush(ctx)
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return nil
	}
	l.over = true
	held := l.heldInOrder()
	l.holding, l.queue, l.bytes = nil, nil, 0
	l.mu.Unlock()
	l.cancel(errSourceClosed)
	s := l.source
	keys := []string{s.group.bus.key(l.topic)}
	for part := range slices.Chunk(held, chunk) {
		err = errors.Join(err, giveBack.Run(ctx, s.group.bus.client, keys, l.arguments(part, s.member, "given-back")...).Err())
	}
	if err == nil {
		err = forget.Run(ctx, s.group.bus.client, keys, s.group.name, s.member).Err()
	}
	return err
}
