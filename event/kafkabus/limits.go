package kafkabus

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
)

// batchBytes is what a batch has at most, unless one message has more: a little below
// the 1 MiB that brokers take where nobody has said otherwise. They refuse a batch that
// is larger as a whole, however small its messages are.
const batchBytes = 1_000_000

// limits are what topics take in one batch. It is safe for concurrent use.
type limits struct {
	message int // most bytes of one message
	ask     func(ctx context.Context, topic string) (int, error)

	mu    sync.Mutex // guards the field below
	lower map[string]int
}

// batch returns what a batch of a topic may have, as far as is known.
func (l *limits) batch(topic string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n, ok := l.lower[topic]; ok {
		return n
	}
	return batchBytes
}

// learn is called after a topic has refused a message that is not too large as far as is
// known: others may have been in a batch with it. It reports whether it knows now.
func (l *limits) learn(ctx context.Context, topic string) bool {
	n, err := l.ask(ctx, topic)
	if err != nil || n >= batchBytes {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lower[topic] = n
	return true
}

// claim makes a message look so large to sarama, which has one limit for messages and
// batches of all topics, that it begins another batch where that of its topic is full. One
// that is larger than a batch goes alone.
func (l *limits) claim(m *outgoing) {
	m.size = m.ByteSize(2)
	more := min(m.size+batchBytes-l.batch(m.Topic), batchBytes) - m.size
	if m.Value != nil {
		m.value.more = more
	} else {
		m.key.more = more
	}
}

// apart returns the indexes of refused messages of a call, all of which have their answer,
// that are to be sent again, now
// that it is known how much their topics take. None is sent behind one of its partition
// that followed it: what was refused in a batch before one that is stored stays refused,
// and only the next call is split as its topic wants it.
func (l *limits) apart(ctx context.Context, out []outgoing, failed []event.Failure) (again []int) {
	type place struct {
		topic     string
		partition int32
	}
	stored, learned := map[place]bool{}, map[string]bool{}
	f := len(failed) - 1
	for i := len(out) - 1; i >= 0; i-- {
		m := &out[i]
		at := place{m.Topic, m.Partition}
		if f < 0 || failed[f].Index != i {
			stored[at] = true
			continue
		}
		err := failed[f].Err
		f--
		if !errors.Is(err, sarama.ErrMessageSizeTooLarge) {
			stored[at] = true // for all that is known
			continue
		}
		if m.size >= l.batch(m.Topic) {
			continue
		}
		if _, asked := learned[m.Topic]; !asked {
			learned[m.Topic] = l.learn(ctx, m.Topic)
		}
		if learned[m.Topic] && !stored[at] && m.size < l.batch(m.Topic) {
			again = append(again, i)
		}
	}
	slices.Reverse(again)
	return again
}

// batchLimit asks what a topic takes in one batch.
func (b *Bus) batchLimit(ctx context.Context, topic string) (int, error) {
	return administer(ctx, b, func(admin sarama.ClusterAdmin) (int, error) {
		results, err := admin.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"max.message.bytes"}}}, sarama.DescribeConfigsOptions{})
		if err != nil {
			return 0, err
		}
		for _, r := range results {
			for _, e := range r.Configs {
				if e.Name == "max.message.bytes" {
					return strconv.Atoi(e.Value)
				}
			}
		}
		return 0, errors.New("the broker does not say what it takes")
	})
}
