package kafkalog

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/IBM/sarama"
)

// Peers are the brokers that have copies of the partition. They know of a new leader
// before it acknowledges anything: enough of them, as it needs their copies. So while
// they do not, the leader that they know is the one that was asked, however long it
// was paused, and nothing is acknowledged that it does not know.
type peers struct {
	*link
	insync int // min.insync.replicas of the topic when the log was opened

	mu     sync.Mutex              // guards asking
	asking map[int32]chan struct{} // by id; holds a token while that broker is being asked
}

func newPeers(k *link, insync int) *peers {
	return &peers{link: k, insync: insync, asking: map[int32]chan struct{}{}}
}

// A view is what a broker knows of the partition.
type view struct {
	broker   int32
	epoch    int32
	replicas []int32
	insync   []int32
	err      error
}

// vouch returns once it is sure that nothing was acknowledged under another leader
// before it began. Every broker with a copy is asked at the same time, and it waits for
// no more of them than it needs: so many that one of them would know of a later leader,
// which has had copies on the topic's min.insync.replicas; or, as when others are dead,
// all those from which a later leader could have been chosen, as far as this one knows.
// What is not sure in time is an error. Where there are no peers nobody needs to be sure.
func (p *peers) vouch(ctx context.Context, leader, epoch int32) error {
	if p == nil {
		return nil
	}
	ids, err := p.Replicas(p.topic, 0)
	if err != nil {
		return fmt.Errorf("find the replicas of topic %s: %w", p.topic, err)
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	views := make(chan view, len(ids))
	for _, id := range ids {
		go func() { views <- p.ask(ctx, id) }()
	}
	var own *view
	var told []int32 // brokers other than the leader that know of no later one
	var last error
	for range ids {
		v := <-views
		switch {
		case v.err != nil:
			last = v.err
			continue
		case v.epoch > epoch:
			p.heard(v.epoch)
			p.RefreshMetadata(p.topic)
			return fmt.Errorf("broker %d leads topic %s in epoch %d, and broker %d knows of epoch %d: %w", leader, p.topic, epoch, v.broker, v.epoch, sarama.ErrFencedLeaderEpoch)
		case v.broker == leader && v.epoch < epoch:
			last = fmt.Errorf("broker %d does not know yet that it leads", leader)
		case v.broker == leader:
			own = &v
		default:
			told = append(told, v.broker)
		}
		if own != nil && p.enough(own, told) {
			return nil
		}
	}
	p.RefreshMetadata(p.topic)
	return fmt.Errorf("make sure that broker %d still leads topic %s: of the brokers %d only %d agree: %w (last: %w)", leader, p.topic, ids, told, sarama.ErrReplicaNotAvailable, last)
}

func (p *peers) enough(leader *view, told []int32) bool {
	if len(told) >= len(leader.replicas)-p.insync {
		return true
	}
	for _, id := range leader.insync {
		if id != leader.broker && !slices.Contains(told, id) {
			return false
		}
	}
	return true
}

// ask asks one broker. Each is asked one thing at a time, so that one that does not
// answer holds up nobody who needs another.
func (p *peers) ask(ctx context.Context, id int32) (v view) {
	p.mu.Lock()
	turn := p.asking[id]
	if turn == nil {
		turn = make(chan struct{}, 1)
		p.asking[id] = turn
	}
	p.mu.Unlock()
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return view{err: fmt.Errorf("broker %d has not answered an earlier question: %w", id, ctx.Err())}
	}
	broker, err := p.Broker(id)
	if err != nil {
		return view{err: fmt.Errorf("broker %d: %w", id, err)}
	}
	res, err := broker.GetMetadata(sarama.NewMetadataRequest(sarama.V2_8_0_0, []string{p.topic}))
	if err != nil {
		broker.Close()
		return view{err: fmt.Errorf("broker %d: %w", id, err)}
	}
	for _, t := range res.Topics {
		for _, part := range t.Partitions {
			if t.Name == p.topic && part.ID == 0 {
				return view{broker: id, epoch: part.LeaderEpoch, replicas: part.Replicas, insync: part.Isr}
			}
		}
	}
	return view{err: fmt.Errorf("broker %d answered a question for topic %s with nothing about it", id, p.topic)}
}
