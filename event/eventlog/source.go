package eventlog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/wireproof/wireproof/event"
)

// A source is one member of a group: a goroutine for each topic takes its turn,
// reads, and hands over.
type source struct {
	group   *group
	holder  string
	batches chan *event.Batch
	failed  chan error // fatal ones
	run     context.Context
	stop    context.CancelCauseFunc
	wg      sync.WaitGroup

	mu   sync.Mutex // guards errs
	errs []error    // of what could not be saved at the end
}

var errSourceClosed = errors.New("eventlog: the source is closed")

// Receive is as [event.Source] says.
func (s *source) Receive(ctx context.Context) (*event.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case b := <-s.batches:
		return b, nil
	case err := <-s.failed:
		return nil, err
	case <-s.run.Done():
		return nil, context.Cause(s.run)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close is as [event.Source] says.
func (s *source) Close(ctx context.Context) error {
	s.stop(errSourceClosed)
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
		s.mu.Lock()
		defer s.mu.Unlock()
		return errors.Join(s.errs...)
	case <-ctx.Done():
		return fmt.Errorf("eventlog: leave group %q: %w", s.group.name, ctx.Err())
	}
}

// follow reads one topic, again and again, whenever it is this member's turn.
func (s *source) follow(topic string) {
	store, lease := s.group.log.store, s.group.log.lease
	for s.run.Err() == nil {
		asked := time.Now()
		at, ok, err := store.Take(s.run, s.group.name, topic, s.holder, lease)
		switch {
		case s.run.Err() != nil:
			return
		case err == nil && ok:
			s.read(topic, at, asked.Add(lease))
			continue
		}
		// A store that does not answer is asked again: a group waits, it does not end.
		s.sleep(s.group.log.poll, s.group.log.growth(topic))
	}
}

func (s *source) sleep(d time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-s.run.Done():
	}
}

// read hands over the topic from an offset on, until this member loses it, which it
// does at the given time unless it extends its lease.
func (s *source) read(topic string, at int64, until time.Time) {
	l := newLane(s, topic, at)
	defer l.leave()
	lost := make(chan struct{})
	var keeping sync.WaitGroup
	keeping.Go(func() { l.keep(until, lost) })
	defer keeping.Wait()
	defer close(lost)
	if _, end, err := s.group.log.store.Bounds(s.run, topic); err == nil && at > end {
		s.fail(behindEnd(s.group.name, topic, at, end))
		return
	}
	for l.ctx.Err() == nil && s.run.Err() == nil {
		if !l.mayRead() {
			select {
			case <-l.resumed:
			case <-l.ctx.Done():
			case <-s.run.Done():
			}
			continue
		}
		grown := s.group.log.growth(topic)
		ds, next, err := s.group.log.read(s.run, topic, s.group.name, at)
		if err != nil {
			s.fail(err) // what is damaged stays so; a store that is gone is for Run to say
			return
		}
		if len(ds) == 0 {
			s.sleepOrLose(l, grown)
			continue
		}
		select {
		case s.batches <- &event.Batch{Lane: l, Deliveries: ds}:
			at = next
		case <-l.ctx.Done():
		case <-s.run.Done():
		}
	}
}

// behindEnd is the error of a group that has read what is not there.
func behindEnd(group, topic string, at, end int64) error {
	return fmt.Errorf("eventlog: group %q has read up to offset %d of %q, which ends at %d: something is missing from the topic, or it was restored from an older copy; Seek moves the group", group, at, topic, end)
}

// fail lets Receive return err, and waits for the end.
func (s *source) fail(err error) {
	if s.run.Err() == nil {
		s.failed <- err
	}
	<-s.run.Done()
}

func (s *source) sleepOrLose(l *lane, grown <-chan struct{}) {
	t := time.NewTimer(s.group.log.poll)
	defer t.Stop()
	select {
	case <-t.C:
	case <-grown:
	case <-l.ctx.Done():
	case <-s.run.Done():
	}
}

// A lane is a topic while this member reads it.
type lane struct {
	source *source
	topic  string
	ctx    context.Context
	lose   context.CancelCauseFunc

	resumed  chan struct{} // holds a token after Resume
	released chan struct{} // closed by Release
	once     sync.Once

	mu      sync.Mutex // guards the fields below
	paused  bool
	settled int64 // offset behind what is done with
	saved   int64 // what of it the store knows
	trouble error // the last of saving and extending; nil if that went well
}

func newLane(s *source, topic string, at int64) *lane {
	l := &lane{source: s, topic: topic, resumed: make(chan struct{}, 1), released: make(chan struct{}), settled: at, saved: at}
	l.ctx, l.lose = context.WithCancelCause(context.Background())
	return l
}

func (l *lane) mayRead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.paused
}

// Context is as [event.Lane] says.
func (l *lane) Context() context.Context { return l.ctx }

// Cumulative is true: an offset stands for all before it.
func (l *lane) Cumulative() bool { return true }

// Settle is as [event.Lane] says. The store is told a moment later.
func (l *lane) Settle(ds []*event.Delivery) error {
	if len(ds) == 0 {
		return nil
	}
	if l.ctx.Err() != nil {
		return context.Cause(l.ctx)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settled = ds[len(ds)-1].Offset + 1
	return nil
}

// save tells the store what is settled. It reports whether it knows.
func (l *lane) save(ctx context.Context) error {
	l.mu.Lock()
	at, known := l.settled, l.settled == l.saved
	l.mu.Unlock()
	if known {
		return nil
	}
	g := l.source.group
	ok, err := g.log.store.Save(ctx, g.name, l.topic, l.source.holder, at)
	if err != nil {
		return fmt.Errorf("eventlog: note that %q has read %q up to offset %d: %w", g.name, l.topic, at, err)
	}
	if !ok {
		l.lose(fmt.Errorf("eventlog: topic %q of group %q is read by another member, or was sought anew", l.topic, g.name))
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saved = at
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
	l.mu.Unlock()
	select {
	case l.resumed <- struct{}{}:
	default:
	}
}

// Release is as [event.Releaser] says.
func (l *lane) Release() { l.once.Do(func() { close(l.released) }) }

// saveEach is how often the store is told what is settled.
const saveEach = 50 * time.Millisecond

// keep saves what is settled and extends the lease, which is over at the given time,
// until lost is closed. It ends the lane if somebody else has got it, or once the
// lease is over.
func (l *lane) keep(until time.Time, lost <-chan struct{}) {
	g, lease := l.source.group, l.source.group.log.lease
	over := time.AfterFunc(time.Until(until), func() {
		l.mu.Lock()
		trouble := l.trouble
		l.mu.Unlock()
		l.lose(errors.Join(fmt.Errorf("eventlog: the lease of topic %q of group %q could not be extended in time", l.topic, g.name), trouble))
	})
	defer over.Stop()
	t := time.NewTicker(min(saveEach, lease/8))
	defer t.Stop()
	for {
		select {
		case <-lost:
			return
		case <-l.ctx.Done():
			return
		case <-t.C:
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), lease/2)
		err := l.save(ctx)
		if asked := time.Now(); err == nil && until.Sub(asked) <= lease-lease/4 {
			var ok bool
			if ok, err = g.log.store.Extend(ctx, g.name, l.topic, l.source.holder, lease); err == nil && ok {
				until = asked.Add(lease)
				over.Reset(time.Until(until))
			} else if err == nil {
				l.lose(fmt.Errorf("eventlog: topic %q of group %q is read by another member, or was sought anew", l.topic, g.name))
			}
		}
		cancel()
		l.mu.Lock()
		l.trouble = err
		l.mu.Unlock()
	}
}

// leave gives the topic up. It waits, for a lease at most, until no handler of it
// runs: the next member begins where this one has settled.
func (l *lane) leave() {
	g := l.source.group
	if l.ctx.Err() == nil && l.source.run.Err() == nil {
		l.lose(errors.New("eventlog: the reader has ended"))
	}
	if l.ctx.Err() != nil {
		t := time.NewTimer(g.log.lease)
		defer t.Stop()
		select {
		case <-l.released:
		case <-l.source.run.Done():
		case <-t.C:
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), 5*time.Second)
	defer cancel()
	if err := l.save(ctx); err != nil {
		l.source.mu.Lock()
		l.source.errs = append(l.source.errs, err)
		l.source.mu.Unlock()
	}
	_ = g.log.store.Leave(ctx, g.name, l.topic, l.source.holder) // its lease ends by itself
	g.log.tell(l.topic)
	l.lose(errSourceClosed)
}
