package kafkabus

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
)

// A lane is a partition while it is assigned to this member: the queue between
// sarama and the runtime.
type lane struct {
	source    *source // this and the fields below are set once
	session   sarama.ConsumerGroupSession
	topic     string
	partition int32
	ctx       context.Context
	cancel    context.CancelCauseFunc
	released  chan struct{} // closed by Release
	room      chan struct{} // holds a token when the queue may have room again

	releaseOnce sync.Once

	mu      sync.Mutex // guards the fields below
	queue   []*event.Delivery
	bytes   int
	inLine  bool  // the source has it in its line
	paused  bool  // sarama does not fetch it, because the queue is full
	held    bool  // paused by the runtime
	dry     bool  // the queue was empty when a record came that the runtime would have taken
	lost    bool  // the partition is no longer ours
	handed  int64 // offset after the last delivery that was handed over
	settled int64 // offset after the last that was settled
}

func newLane(s *source, session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) *lane {
	ctx, cancel := context.WithCancelCause(context.Background())
	l := &lane{
		source: s, session: session, topic: claim.Topic(), partition: claim.Partition(),
		ctx: ctx, cancel: cancel, released: make(chan struct{}), room: make(chan struct{}, 1),
	}
	// sarama remembers over sessions that a partition was paused; the lane that did it
	// is gone.
	l.flow()
	return l
}

// Context is as [event.Lane] says.
func (l *lane) Context() context.Context { return l.ctx }

// Cumulative is true: an offset stands for all before it.
func (l *lane) Cumulative() bool { return true }

// push queues records, and reports whether the queue is full.
func (l *lane) push(ds []*event.Delivery) (full bool) {
	l.mu.Lock()
	if len(l.queue) == 0 && !l.held {
		l.dry = true
	}
	l.queue = append(l.queue, ds...)
	for _, d := range ds {
		l.bytes += len(d.Key) + len(d.Payload)
	}
	full = len(l.queue) >= queueMessages || l.bytes >= queueBytes
	offer := l.wants()
	l.mu.Unlock()
	if offer {
		l.source.Offer(l)
	}
	return full
}

// hold is called when the queue is full. It waits a little for a lane that is worked
// on fast, and lets sarama fetch no more of one that is not.
//
// Whoever waits here holds up all partitions of the broker. On the other hand, sarama
// looks only every 100 ms whether a partition may be fetched again, by when a fast
// handler has long run dry. So a lane is waited for if it has run dry since it was
// waited for in vain. What sarama has fetched already still arrives, which is bounded
// by its fetch size.
func (l *lane) hold(over <-chan struct{}) {
	timer := time.NewTimer(holdTime)
	defer timer.Stop()
	for late := false; ; {
		l.mu.Lock()
		if l.paused || l.lost || l.hasRoom() {
			l.mu.Unlock()
			return
		}
		if late || !l.dry {
			l.dry, l.paused = false, true
			l.flow()
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		select {
		case <-l.room:
		case <-timer.C:
			late = true
		case <-over:
			return
		}
	}
}

// hasRoom reports whether a queue that was full is to be filled again. The caller
// holds mu.
func (l *lane) hasRoom() bool { return len(l.queue) < queueMessages/2 && l.bytes < queueBytes/2 }

// wants puts the lane in line if it has something to hand over, and reports
// whether it was not there yet. The caller holds mu.
func (l *lane) wants() bool {
	if l.inLine || l.held || l.lost || len(l.queue) == 0 {
		return false
	}
	l.inLine = true
	return true
}

// flow tells sarama whether to fetch. The caller holds mu.
func (l *lane) flow() {
	if l.lost {
		return
	}
	partitions := map[string][]int32{l.topic: {l.partition}}
	if l.paused {
		l.source.members.Pause(partitions)
	} else {
		l.source.members.Resume(partitions)
	}
}

// take hands over a batch, and reports whether there is more. The source calls
// it on a lane that it has taken out of its line.
func (l *lane) take() (ds []*event.Delivery, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inLine = false
	if l.lost || l.held || len(l.queue) == 0 {
		return nil, false
	}
	n := min(len(l.queue), batchMessages)
	ds = l.queue[:n:n]
	l.queue = l.queue[n:]
	for _, d := range ds {
		l.bytes -= len(d.Key) + len(d.Payload)
	}
	if len(l.queue) == 0 {
		l.queue = nil // let go of the array
	}
	l.handed = ds[n-1].Offset + 1
	if l.hasRoom() {
		if l.paused {
			l.paused = false
			l.flow()
		}
		select {
		case l.room <- struct{}{}:
		default:
		}
	}
	return ds, l.wants()
}

// Settle is as [event.Lane] says.
func (l *lane) Settle(ds []*event.Delivery) error {
	if len(ds) == 0 {
		return nil
	}
	next := ds[len(ds)-1].Offset + 1
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return fmt.Errorf("not settled: %w", l.why())
	}
	l.session.MarkOffset(l.topic, l.partition, next, "")
	l.settled = max(l.settled, next)
	return nil
}

// why says how the lane was lost.
func (l *lane) why() error {
	return fmt.Errorf("partition %d of topic %q is assigned to another member of group %q", l.partition, l.topic, l.source.group.name)
}

// Pause is as [event.Lane] says.
func (l *lane) Pause() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = true
}

// Resume is as [event.Lane] says.
func (l *lane) Resume() {
	l.mu.Lock()
	l.held = false
	offer := l.wants()
	l.mu.Unlock()
	if offer {
		l.source.Offer(l)
	}
}

// Release is as [event.Releaser] says.
func (l *lane) Release() { l.releaseOnce.Do(func() { close(l.released) }) }

// lose ends the lane and waits, for the grace at most, until no handler of it
// runs: the next owner starts where this one has settled.
func (l *lane) lose(grace time.Duration) {
	l.mu.Lock()
	l.cancel(l.why()) // before Settle can be refused: the runtime looks why it was
	l.lost = true
	l.queue, l.bytes = nil, 0
	busy := l.handed > l.settled
	l.mu.Unlock()
	if !busy {
		return
	}
	timer := time.NewTimer(cmp.Or(grace, defaultGrace))
	defer timer.Stop()
	select {
	case <-l.released:
	case <-l.source.closing:
	case <-timer.C:
	}
}
