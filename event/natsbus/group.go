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
	"github.com/wireproof/wireproof/event/internal/line"
	"github.com/wireproof/wireproof/event/internal/wildcard"
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
		group: g, closing: make(chan struct{}),
		lanes: map[string]*lane{},
	}
	s.Line = line.New(g.name, (*lane).take, s.closing, errSourceClosed)
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
		if wildcard.Is(t) {
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
	*line.Line[*lane] // set once, and so are those below

	group    *group
	patterns []string
	life     context.Context // ends on Close
	stop     context.CancelCauseFunc
	closing  chan struct{} // closed when Close is called
	work     sync.WaitGroup

	closeOnce sync.Once

	mu     sync.Mutex       // guards the fields below
	lanes  map[string]*lane // by stream and consumer
	closed bool
}

var errSourceClosed = errors.New("the nats source is closed")

// join starts a lane for each feed of a topic that has none yet.
func (s *source) join(ctx context.Context, topic string) error {
	b := s.group.bus
	var feeds []feed
	var err error
	if wildcard.Is(topic) {
		feeds, err = b.feedsOf(ctx, topic)
	} else {
		feeds = make([]feed, 1)
		feeds[0], err = b.feedOf(ctx, topic)
	}
	if err != nil {
		return err
	}
	for _, f := range feeds {
		consumer := consumerOf(s.group.name, topic, f)
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

// consumerOf returns the name of a group's consumer. In a stream that holds more
// than one topic there is one for each topic or pattern that is read.
func consumerOf(group, topic string, f feed) string {
	name := nameFor(group)
	if !f.own {
		name = fmt.Sprintf("%s=F%.8x", name, sha256.Sum256([]byte(topic)))
	}
	return name
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
