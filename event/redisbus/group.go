package redisbus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/wireproof/wireproof/event"
)

type group struct {
	bus  *Bus
	name string
}

func (g *group) Name() string   { return g.name }
func (g *group) Bus() event.Bus { return g.bus }

// Open joins the group, which it makes if it is not there. A topic that is not
// there is an error.
func (g *group) Open(ctx context.Context, topics ...string) (event.Source, error) {
	if g.name == "" {
		return nil, errors.New("open a group without a name")
	}
	s := &source{
		group: g, member: g.bus.config.Member + "-" + rand.Text(),
		closing: make(chan struct{}), wake: make(chan struct{}, 1), lanes: map[string]*lane{},
	}
	for _, t := range topics {
		if err := g.join(ctx, t); err != nil {
			return nil, fmt.Errorf("open topic %q for group %q: %w", t, g.name, err)
		}
	}
	for _, t := range topics {
		s.begin(newLane(s, t))
	}
	return s, nil
}

// join makes the group of a topic.
func (g *group) join(ctx context.Context, topic string) error {
	if topic == "" {
		return errors.New("it has no name")
	}
	key := g.bus.key(topic)
	var err error
	if g.bus.config.MakeTopics {
		err = g.bus.client.XGroupCreateMkStream(ctx, key, g.name, "0").Err()
	} else {
		err = g.bus.client.XGroupCreate(ctx, key, g.name, "0").Err()
	}
	switch {
	case err == nil || strings.HasPrefix(err.Error(), "BUSYGROUP"): // the server's word for "it exists"
		return nil
	case strings.Contains(err.Error(), "requires the key to exist"):
		return errors.New("it is not there: make it with MakeTopic")
	}
	return err
}

// A source is one member of a group.
type source struct {
	group   *group // this and the fields below are set once
	member  string // what the server calls it
	closing chan struct{}
	wake    chan struct{} // holds a token when there may be something to receive
	work    sync.WaitGroup

	closeOnce sync.Once

	mu     sync.Mutex       // guards the fields below
	lanes  map[string]*lane // by topic
	ready  []*lane          // lanes with deliveries to hand over, the longest waiting first
	closed bool
	err    error // fatal
}

var errSourceClosed = errors.New("the redis source is closed")

// begin starts a lane, unless the source is closed.
func (s *source) begin(l *lane) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.lanes[l.topic] = l
	s.work.Go(l.run)
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

// Close is as [event.Source] says. What is not settled goes back to the server, and
// the next member has it at once.
func (s *source) Close(ctx context.Context) error {
	var err error
	s.closeOnce.Do(func() {
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
		s.work.Wait()
		if err = errors.Join(errs...); err != nil {
			err = fmt.Errorf("leave group %q: %w", s.group.name, err)
		}
	})
	return err
}
