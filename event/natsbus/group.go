package natsbus

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event"
)

type group struct {
	bus  *Bus
	name string
}

func (g *group) Name() string   { return g.name }
func (g *group) Bus() event.Bus { return g.bus }

// Open joins the group: it makes the consumers that are not there yet, which begin
// with the oldest message that is kept. A topic without a stream is an error; a
// pattern that matches none yet is not.
func (g *group) Open(ctx context.Context, topics ...string) (event.Source, error) {
	if g.name == "" {
		return nil, errors.New("open a group without a name")
	}
	s := &source{
		group: g, closing: make(chan struct{}), wake: make(chan struct{}, 1),
		lanes: map[string]*lane{},
	}
	s.life, s.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	for _, t := range topics {
		err := checkTopic(t, true)
		if err == nil {
			err = s.join(ctx, t)
		}
		if err != nil {
			_ = s.Close(ctx)
			return nil, fmt.Errorf("open topic %q for group %q: %w", t, g.name, err)
		}
		if isPattern(t) {
			s.patterns = append(s.patterns, t)
		}
	}
	if s.patterns != nil {
		s.work.Go(s.discover)
	}
	b := g.bus
	b.mu.Lock()
	b.sources[s] = true
	b.mu.Unlock()
	return s, nil
}

// A source is one member of a group.
type source struct {
	group    *group // this and the fields below are set once
	patterns []string
	life     context.Context // ends on Close
	stop     context.CancelCauseFunc
	closing  chan struct{} // closed when Close is called
	wake     chan struct{} // holds a token when there may be something to receive
	work     sync.WaitGroup

	closeOnce sync.Once

	mu     sync.Mutex       // guards the fields below
	lanes  map[string]*lane // by stream and consumer
	ready  []*lane          // lanes with deliveries to hand over, the longest waiting first
	closed bool
	err    error // fatal
}

var errSourceClosed = errors.New("the nats source is closed")

// join starts a lane for each feed of a topic that has none yet.
func (s *source) join(ctx context.Context, topic string) error {
	b := s.group.bus
	var feeds []feed
	var err error
	if isPattern(topic) {
		feeds, err = b.feedsOf(ctx, topic)
	} else {
		feeds = make([]feed, 1)
		feeds[0], err = b.feedOf(ctx, topic)
	}
	if err != nil {
		return err
	}
	for _, f := range feeds {
		consumer := nameFor(s.group.name)
		if !f.own {
			consumer = fmt.Sprintf("%s=F%.8x", consumer, sha256.Sum256([]byte(topic)))
		}
		key := f.stream + " " + consumer
		s.mu.Lock()
		known := s.lanes[key] != nil
		s.mu.Unlock()
		if known {
			continue
		}
		deliver, err := b.makeConsumer(ctx, f, consumer)
		if err != nil {
			return fmt.Errorf("stream %q: %w", f.stream, err)
		}
		s.begin(newLane(s, place{key, topic, f.stream, consumer, deliver}))
	}
	return nil
}

// makeConsumer makes or updates a durable consumer, and returns where the server
// pushes its messages to; empty if they are pulled.
func (b *Bus) makeConsumer(ctx context.Context, f feed, name string) (deliver string, err error) {
	config := jetstream.ConsumerConfig{
		Durable: name, AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverAllPolicy,
		AckWait: b.config.AckWait, MaxDeliver: -1, MaxAckPending: -1,
	}
	switch len(f.filters) {
	case 0:
	case 1:
		config.FilterSubject = f.filters[0]
	default:
		config.FilterSubjects = f.filters
	}
	if !b.config.Push {
		c, err := b.js.CreateOrUpdateConsumer(ctx, f.stream, config)
		if err == nil && len(f.filters) > 1 && len(c.CachedInfo().Config.FilterSubjects) != len(f.filters) {
			err = errors.New("the server is too old for several filters: it would deliver everything")
		}
		return "", err
	}
	config.DeliverSubject = "_WIREPROOF.push." + f.stream + "." + name
	config.DeliverGroup = name
	config.MaxAckPending = b.config.Prefetch
	_, err = b.js.CreateOrUpdatePushConsumer(ctx, f.stream, config)
	return config.DeliverSubject, err
}

// begin starts a lane, unless the source is closed.
func (s *source) begin(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.lanes[l.key] = l
	s.work.Go(l.run)
}

// discover looks for topics that patterns have come to match.
func (s *source) discover() {
	tick := time.NewTicker(s.group.bus.config.Discover)
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-tick.C:
		}
		for _, p := range s.patterns {
			// A server that is away is asked again; one that refuses was asked
			// when the group was opened.
			ctx, cancel := context.WithTimeout(s.life, requestTimeout)
			_ = s.join(ctx, p)
			cancel()
		}
	}
}

// repull makes every lane ask again: the server has forgotten what it was asked.
func (s *source) repull() {
	s.mu.Lock()
	lanes := make([]*lane, 0, len(s.lanes))
	for _, l := range s.lanes {
		lanes = append(lanes, l)
	}
	s.mu.Unlock()
	for _, l := range lanes {
		l.repull()
	}
}

func (s *source) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = fmt.Errorf("group %q: %w", s.group.name, err)
	}
	s.mu.Unlock()
	s.signal()
}

func (s *source) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Receive is as [event.Source] says.
func (s *source) Receive(ctx context.Context) (*event.Batch, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		select {
		case <-s.closing:
			return nil, errSourceClosed
		default:
		}
		b, err := s.next()
		if b != nil || err != nil {
			return b, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.closing:
			return nil, errSourceClosed
		}
	}
}

// next takes a batch from the lane that has waited longest, or returns nil.
func (s *source) next() (*event.Batch, error) {
	for {
		s.mu.Lock()
		if s.err != nil || len(s.ready) == 0 {
			defer s.mu.Unlock()
			return nil, s.err
		}
		l := s.ready[0]
		s.ready = s.ready[1:]
		s.mu.Unlock()
		ds, more := l.take()
		if more {
			s.offer(l)
		}
		if len(ds) > 0 {
			return &event.Batch{Lane: l, Deliveries: ds}, nil
		}
	}
}

// offer puts a lane in line.
func (s *source) offer(l *lane) {
	s.mu.Lock()
	s.ready = append(s.ready, l)
	s.mu.Unlock()
	s.signal()
}

// Close is as [event.Source] says. What is not settled goes back to the server,
// which gives it to the next member at once.
func (s *source) Close(ctx context.Context) error {
	var err error
	s.closeOnce.Do(func() {
		b := s.group.bus
		b.mu.Lock()
		delete(b.sources, s)
		b.mu.Unlock()
		close(s.closing)
		s.mu.Lock()
		s.closed = true
		lanes := make([]*lane, 0, len(s.lanes))
		for _, l := range s.lanes {
			lanes = append(lanes, l)
		}
		s.mu.Unlock()
		errs := make([]error, len(lanes))
		var all sync.WaitGroup
		for i, l := range lanes {
			all.Go(func() { errs[i] = l.close(ctx) })
		}
		all.Wait()
		s.stop(errSourceClosed)
		s.work.Wait()
		if err = errors.Join(errs...); err != nil {
			err = fmt.Errorf("leave group %q: %w", s.group.name, err)
		}
	})
	return err
}
