package natsbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/wildcard"
)

// A Lane is what the batches of this package hold: beside what every lane can do,
// it can give messages back. The runtime needs neither, since it has retry and
// dead-letter topics; they are for programs that read a source themselves.
type Lane interface {
	event.Lane
	// Nak gives deliveries back unsettled: some member gets them again, after
	// delay at least.
	Nak(delay time.Duration, ds ...*event.Delivery) error
	// Term settles deliveries as failed for good: the server tells whoever
	// listens to its advisories, with the reason, and delivers them no more.
	Term(reason string, ds ...*event.Delivery) error
}

// A place is what a lane reads.
type place struct {
	key      string // in the source
	pattern  string // the topic as it was opened
	stream   string
	consumer string
	deliver  string // subject that the server pushes to; empty to pull
}

// A lane is one consumer as this member sees it: the queue between the client
// library and the runtime, and the messages that the server has given to us.
type lane struct {
	place
	source   *source // this and the fields below are set once
	ctx      context.Context
	cancel   context.CancelCauseFunc
	released chan struct{} // closed by Release
	inbox    string        // begins the subjects of what was pulled

	releaseOnce sync.Once

	mu       sync.Mutex // guards the fields below
	sub      *nats.Subscription
	requests []request // not yet fulfilled, the oldest first
	asked    uint64    // id of the last one
	heard    time.Time // when the server last said anything
	doubt    error     // why the consumer may be gone; nil if nothing says so
	queue    []*event.Delivery
	bytes    int
	holding  map[int64]holding // received and not settled, by offset
	sure     time.Time         // until when what we hold was ours, less AckWait
	ticked   time.Time         // when run last looked
	inLine   bool              // the source has it in its line
	paused   bool              // by the runtime
	over     bool              // lost or closed
}

// A holding is a message that the server has given to us.
type holding struct {
	reply  string // where to acknowledge it
	handed bool   // to the runtime
}

func newLane(s *source, p place) *lane {
	l := &lane{place: p, source: s, released: make(chan struct{}), holding: map[int64]holding{}}
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	l.inbox = s.group.bus.nc.NewInbox() + "."
	return l
}

// Context is as [event.Lane] says.
func (l *lane) Context() context.Context { return l.ctx }

// Cumulative is false: each message is acknowledged, since others of the stream
// are with other members.
func (l *lane) Cumulative() bool { return false }

// Release is as [event.Releaser] says.
func (l *lane) Release() { l.releaseOnce.Do(func() { close(l.released) }) }

// run keeps the lane until it is lost or closed; a lost one is replaced.
func (l *lane) run() {
	l.mu.Lock()
	l.ticked, l.heard = time.Now(), time.Now()
	var err error
	if !l.over {
		err = l.listen()
	}
	l.mu.Unlock()
	if err != nil {
		l.source.Fail(err)
		return
	}
	l.ask()
	tick := time.NewTicker(min(l.extendAfter(), time.Second))
	defer tick.Stop()
	for extended := time.Now(); l.ctx.Err() == nil; {
		select {
		case <-l.ctx.Done():
		case <-tick.C:
			l.look()
			if time.Since(extended) >= l.extendAfter() {
				extended = time.Now()
				l.extend()
			}
		}
	}
	if context.Cause(l.ctx) != errSourceClosed {
		l.succeed()
	}
}

// succeed starts a lane in place of this one, when nothing of it runs any more or
// it has had time enough.
func (l *lane) succeed() {
	l.mu.Lock()
	busy := false
	for _, h := range l.holding {
		busy = busy || h.handed
	}
	l.holding = nil
	l.mu.Unlock()
	if busy {
		grace := time.NewTimer(l.source.group.bus.config.AckWait)
		defer grace.Stop()
		select {
		case <-l.released:
		case <-l.source.closing:
		case <-grace.C:
		}
	}
	l.source.begin(newLane(l.source, l.place))
}

// extendAfter is how often the lane asks for more time.
func (l *lane) extendAfter() time.Duration { return l.source.group.bus.config.AckWait / 4 }

// look is called again and again: it looks after what was asked for and did not
// come.
func (l *lane) look() {
	l.mu.Lock()
	if !l.valid() {
		l.mu.Unlock()
		return
	}
	l.ticked = time.Now()
	doubt := l.doubt
	l.doubt = nil
	if len(l.requests) > 0 && time.Since(l.heard) > 3*heartbeat {
		l.requests = nil
	}
	l.mu.Unlock()
	if doubt != nil {
		l.verify(doubt)
	}
	l.ask()
}

// extend asks for more time for all that is held. The last request wants an
// answer, which stands for those before it.
func (l *lane) extend() {
	l.mu.Lock()
	replies := make([]string, 0, len(l.holding))
	for _, h := range l.holding {
		replies = append(replies, h.reply)
	}
	l.mu.Unlock()
	if len(replies) == 0 {
		return
	}
	nc, begun, last := l.source.group.bus.nc, time.Now(), len(replies)-1
	for _, r := range replies[:last] {
		if nc.Publish(r, inProgress) != nil {
			return // not extended: valid will see to it
		}
	}
	if _, err := nc.Request(replies[last], inProgress, l.extendAfter()); err != nil {
		return
	}
	l.mu.Lock()
	if begun.After(l.sure) {
		l.sure = begun
	}
	l.mu.Unlock()
}

// The bodies of acknowledgements.
var (
	ackOK      = []byte("+ACK")
	ackNak     = []byte("-NAK")
	inProgress = []byte("+WPI")
)

// valid reports whether what the lane holds is still ours, as far as we can know,
// and ends the lane if not: we were frozen or cut off for so long that the server
// has given it to somebody else. The caller holds mu.
func (l *lane) valid() bool {
	if l.over {
		return false
	}
	now, wait := time.Now(), l.source.group.bus.config.AckWait
	if now.Sub(l.ticked) < wait && (len(l.holding) == 0 || now.Sub(l.sure) < wait) {
		return true
	}
	l.lose(fmt.Errorf("this member of group %q could not extend its hold on messages of stream %q for %v: others get them", l.source.group.name, l.stream, wait))
	return false
}

// lose ends the lane; run replaces it. The caller holds mu.
func (l *lane) lose(cause error) {
	if l.over {
		return
	}
	l.over = true
	l.queue, l.bytes = nil, 0
	if l.sub != nil {
		_ = l.sub.Unsubscribe()
		l.sub = nil
	}
	l.cancel(cause)
}

// push queues a message that the server has given to us.
func (l *lane) push(m *nats.Msg) {
	meta, err := m.Metadata()
	if err != nil {
		return // not from a consumer: whoever sent it knows our inbox
	}
	d := &event.Delivery{
		Message: event.Message{Topic: m.Subject, Time: meta.Timestamp.UTC()},
		Offset:  int64(meta.Sequence.Stream), Group: l.source.group.name, Attempt: 1,
	}
	decode(m, &d.Message)
	foreign := wildcard.Is(l.pattern) && !wildcard.Matches(l.pattern, d.Topic)
	l.mu.Lock()
	l.heard = time.Now()
	l.fulfil(len(m.Data))
	if !l.valid() {
		l.mu.Unlock()
		return
	}
	if foreign { // in a stream with several topics; the pattern does not mean this one
		l.mu.Unlock()
		_ = l.source.group.bus.nc.Publish(m.Reply, ackOK)
		l.ask()
		return
	}
	if len(l.holding) == 0 {
		l.sure = l.heard
	}
	h, again := l.holding[d.Offset]
	h.reply = m.Reply
	l.holding[d.Offset] = h
	if !again { // otherwise it is queued or handled already
		l.queue = append(l.queue, d)
		l.bytes += weight(d)
	}
	offer := l.wants()
	l.mu.Unlock()
	if offer {
		l.source.Offer(l)
	}
	l.ask()
}

func weight(d *event.Delivery) int {
	n := len(d.Key) + len(d.Payload) + 128
	for _, h := range d.Headers {
		n += len(h.Key) + len(h.Value) + 32
	}
	return n
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
	l.inLine = false
	if !l.valid() || l.paused || len(l.queue) == 0 {
		l.mu.Unlock()
		return nil, false
	}
	n := min(len(l.queue), batchMessages)
	ds = l.queue[:n:n]
	if l.queue = l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil // let go of the array
	}
	for _, d := range ds {
		l.bytes -= weight(d)
		h := l.holding[d.Offset]
		h.handed = true
		l.holding[d.Offset] = h
	}
	more = l.wants()
	l.mu.Unlock()
	l.ask()
	return ds, more
}

// Settle is as [event.Lane] says.
func (l *lane) Settle(ds []*event.Delivery) error {
	return l.answer(ds, ackOK, l.source.group.bus.config.DoubleAck)
}

// Nak is as [Lane] says.
func (l *lane) Nak(delay time.Duration, ds ...*event.Delivery) error {
	body := ackNak
	if delay > 0 {
		body = fmt.Appendf(nil, `-NAK {"delay": %d}`, delay)
	}
	return l.answer(ds, body, false)
}

// Term is as [Lane] says.
func (l *lane) Term(reason string, ds ...*event.Delivery) error {
	body := []byte("+TERM")
	if reason != "" {
		body = fmt.Appendf(body, " %s", reason)
	}
	return l.answer(ds, body, false)
}

// answer says body of each delivery that the lane holds, and waits until the
// server knows if asked to.
func (l *lane) answer(ds []*event.Delivery, body []byte, sure bool) error {
	replies := make([]string, 0, len(ds))
	l.mu.Lock()
	if !l.valid() {
		l.mu.Unlock()
		return fmt.Errorf("not settled: %w", context.Cause(l.ctx))
	}
	for _, d := range ds {
		if h, ok := l.holding[d.Offset]; ok {
			replies = append(replies, h.reply)
			delete(l.holding, d.Offset)
		}
	}
	l.mu.Unlock()
	if err := l.say(l.ctx, replies, body, sure); err != nil {
		err = fmt.Errorf("settle %d messages of stream %q: %w", len(replies), l.stream, err)
		l.mu.Lock()
		l.lose(err)
		l.mu.Unlock()
		return err
	}
	return nil
}

// say publishes body to all replies, and waits for the answers if sure.
func (l *lane) say(ctx context.Context, replies []string, body []byte, sure bool) error {
	nc := l.source.group.bus.nc
	if !sure {
		for _, r := range replies {
			if err := nc.Publish(r, body); err != nil {
				return err
			}
		}
		return nil
	}
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	for _, r := range replies {
		if err := nc.PublishRequest(r, inbox, body); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, l.source.group.bus.config.AckWait)
	defer cancel()
	for range replies {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return fmt.Errorf("the server does not say that it knows: %w", err)
		}
		if m.Header.Get("Status") != "" {
			return nats.ErrNoResponders
		}
	}
	return nil
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
	l.ask()
}

// close gives back what is not settled, in order.
func (l *lane) close(ctx context.Context) error {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return nil
	}
	l.paused = true // nothing is asked for or handed over any more
	sub := l.sub
	l.sub = nil
	l.mu.Unlock()
	nc := l.source.group.bus.nc
	if sub != nil && nc.IsConnected() {
		drained := make(chan struct{})
		sub.SetClosedHandler(func(string) { close(drained) })
		if err := sub.Drain(); err == nil {
			select {
			case <-drained: // what was under way to us has come
			case <-ctx.Done():
			}
		}
	}
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return nil
	}
	l.over = true
	replies := l.heldInOrder()
	l.holding, l.queue, l.bytes = nil, nil, 0
	if l.sub != nil { // it began only now
		sub, l.sub = l.sub, nil
	}
	l.mu.Unlock()
	l.cancel(errSourceClosed)
	if sub != nil {
		_ = sub.Unsubscribe()
	}
	return l.giveBack(ctx, replies)
}

// heldInOrder returns where to answer what is held, in the order of offsets. The
// caller holds mu.
func (l *lane) heldInOrder() []string {
	type held struct {
		offset int64
		reply  string
	}
	all := make([]held, 0, len(l.holding))
	for offset, h := range l.holding {
		all = append(all, held{offset, h.reply})
	}
	slices.SortFunc(all, func(a, b held) int { return cmp.Compare(a.offset, b.offset) })
	replies := make([]string, len(all))
	for i, h := range all {
		replies[i] = h.reply
	}
	return replies
}

// giveBack tells the server, and waits until it has heard that and all that was
// settled. A server that is away will find out by itself after AckWait.
func (l *lane) giveBack(ctx context.Context, replies []string) error {
	b := l.source.group.bus
	nc := b.nc
	if !nc.IsConnected() {
		return nil
	}
	if l.deliver == "" && len(replies) > 0 {
		// Whoever asks for the state of a consumer makes the server look who still
		// waits for messages. Without that it would take the first one given back
		// for us, find us gone, and put it behind the others.
		_, _ = b.js.Consumer(ctx, l.stream, l.consumer)
	}
	n := max(len(replies)-1, 0)
	err := l.say(ctx, replies[:n], ackNak, false)
	if err == nil {
		flushing, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		err = nc.FlushWithContext(flushing)
		if err == nil && n < len(replies) {
			// The server works off what it hears in order, and behind the reading of it:
			// once it has answered for the last, the next member gets all of them first.
			// One that does not answer has it all the same.
			_, _ = nc.RequestWithContext(flushing, replies[n], ackNak)
		}
	}
	if err != nil && !nc.IsConnected() || errors.Is(err, nats.ErrConnectionClosed) {
		return nil
	}
	return err
}
