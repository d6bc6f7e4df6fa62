package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/internal/line"
)

type group struct {
	bus  *Bus
	name string
	from Position // where it begins if it is new
}

func (g *group) Name() string   { return g.name }
func (g *group) Bus() event.Bus { return g.bus }

// Open joins the group and returns once this member has its first assignment. A
// topic that does not exist is an error: the group would wait for it in silence.
func (g *group) Open(ctx context.Context, topics ...string) (event.Source, error) {
	for _, t := range topics {
		if err := g.bus.client.RefreshMetadata(t); err != nil {
			return nil, fmt.Errorf("open topic %q for group %q: %w", t, g.name, err)
		}
	}
	if err := g.bus.begin(ctx, g.name, g.from, topics); err != nil {
		return nil, fmt.Errorf("join group %q: %w", g.name, err)
	}
	conf := *g.bus.conf
	strategies, err := balance(g.bus.config.Balance) // each member has its own
	if err != nil {
		return nil, err
	}
	conf.Consumer.Group.Rebalance.GroupStrategies = strategies
	cg, err := sarama.NewConsumerGroup(g.bus.config.Brokers, g.name, &conf)
	if err != nil {
		return nil, fmt.Errorf("join group %q: %w", g.name, err)
	}
	run, stop := context.WithCancelCause(context.WithoutCancel(ctx))
	s := &source{
		group: g, members: cg, stop: stop, closing: make(chan struct{}), stopped: make(chan struct{}),
		joined: make(chan struct{}),
	}
	s.Line = line.New(g.name, (*lane).take, s.closing, errSourceClosed)
	go s.consume(run, topics)
	select {
	case <-s.joined:
		return s, nil
	case <-s.stopped:
		return nil, errors.Join(fmt.Errorf("join group %q: %w", g.name, s.Failure()), cg.Close())
	case <-ctx.Done():
		// The source is given up, so its end is not waited for any longer.
		go func() { _ = s.Close(context.WithoutCancel(ctx)) }()
		return nil, fmt.Errorf("join group %q: %w", g.name, ctx.Err())
	}
}

// A source is one member of a group.
type source struct {
	*line.Line[*lane] // set once, and so are those below

	group   *group
	members sarama.ConsumerGroup
	stop    context.CancelCauseFunc
	closing chan struct{} // closed when Close is called
	stopped chan struct{} // closed when consume has returned
	joined  chan struct{} // closed at the first assignment

	closeOnce, joinOnce sync.Once
}

var errSourceClosed = errors.New("the kafka source is closed")

// consume takes part in one session of the group after the other.
func (s *source) consume(ctx context.Context, topics []string) {
	defer close(s.stopped)
	var drained sync.WaitGroup
	drained.Go(func() {
		for err := range s.members.Errors() {
			if isFatal(err) {
				s.Fail(err)
			}
		}
	})
	for ctx.Err() == nil {
		err := s.members.Consume(ctx, topics, s)
		switch {
		case err == nil:
			continue
		case errors.Is(err, sarama.ErrClosedConsumerGroup):
			return
		case isFatal(err):
			s.Fail(err)
			return
		}
		select { // the cluster is in trouble: try again, without a storm
		case <-ctx.Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// isFatal reports whether trying again cannot help.
func isFatal(err error) bool {
	for _, fatal := range []error{
		sarama.ErrSASLAuthenticationFailed, sarama.ErrGroupAuthorizationFailed, sarama.ErrTopicAuthorizationFailed,
		sarama.ErrClusterAuthorizationFailed, sarama.ErrInvalidGroupId, sarama.ErrInconsistentGroupProtocol,
		sarama.ErrFencedInstancedId, sarama.ErrInvalidTopic, sarama.ErrInvalidSessionTimeout,
		sarama.ErrPolicyViolation, sarama.ErrInvalidReplicationFactor, sarama.ErrInvalidPartitions, sarama.ErrInvalidConfig,
	} {
		if errors.Is(err, fatal) {
			return true
		}
	}
	return false
}

// Close is as [event.Source] says.
func (s *source) Close(ctx context.Context) error {
	var err error
	s.closeOnce.Do(func() {
		close(s.closing)
		s.stop(errSourceClosed)
		closed := make(chan error, 1)
		go func() {
			<-s.stopped // the session is over, and what was settled is sent
			closed <- s.members.Close()
		}()
		select {
		case err = <-closed:
			if err != nil {
				err = fmt.Errorf("leave group %q: %w", s.group.name, err)
			}
		case <-ctx.Done():
			err = fmt.Errorf("leave group %q: %w", s.group.name, ctx.Err())
		}
	})
	return err
}

// Setup is called by sarama at the start of a session.
func (s *source) Setup(sarama.ConsumerGroupSession) error {
	s.joinOnce.Do(func() { close(s.joined) })
	return nil
}

// Cleanup is called by sarama when every claim has returned: what was settled is
// sent before somebody else reads on.
func (s *source) Cleanup(session sarama.ConsumerGroupSession) error {
	session.Commit()
	return nil
}

// ConsumeClaim is called by sarama for each partition of a session. It moves
// records into the lane's queue and never waits long for a handler, since all
// partitions of a broker share one reader.
func (s *source) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	l := newLane(s, session, claim)
	over := session.Context().Done()
	records := claim.Messages()
	for lost := false; !lost; {
		select {
		case m, ok := <-records:
			if lost = !ok; !lost && l.push(s.deliveries(m, records)) {
				l.hold(over)
			}
		case <-over:
			lost = true
		}
	}
	l.lose(s.group.bus.config.RevokeGrace)
	return nil
}

// deliveries translates a record and those that sarama has ready behind it. They share
// one piece of memory, as the records share that of the answer that they came in.
func (s *source) deliveries(first *sarama.ConsumerMessage, records <-chan *sarama.ConsumerMessage) []*event.Delivery {
	n := min(1+len(records), queueMessages/4)
	made, ds := make([]event.Delivery, n), make([]*event.Delivery, n)
	for i, m := 0, first; ; m = <-records { // nobody else reads them
		fillDelivery(&made[i], m, s.group.name)
		ds[i] = &made[i]
		if i++; i == n {
			return ds
		}
	}
}
