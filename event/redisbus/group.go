package redisbus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/line"
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
		closing: make(chan struct{}), lanes: map[string]*lane{},
	}
	s.Line = line.New(g.name, (*lane).take, s.closing, errSourceClosed)
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
	*line.Line[*lane] // set once, and so are those below

	group   *group
	member  string // what the server calls it
	closing chan struct{}
	work    sync.WaitGroup

	closeOnce sync.Once

	mu     sync.Mutex       // guards the fields below
	lanes  map[string]*lane // by topic
	closed bool
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
