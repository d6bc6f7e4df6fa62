package kafkabus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/wireproof/wireproof/event"
)

// A Bus is a connection to a Kafka cluster: an [event.Bus], an [event.TopicMaker],
// an [event.Browser] and an [event.Lagger]. It is safe for concurrent use.
type Bus struct {
	config   Config // this and the fields below are set once
	conf     *sarama.Config
	client   sarama.Client
	limits   *limits
	producer *producer

	closing sync.Once
	err     error // of the close
}

// Open connects to the cluster. The error says which brokers were tried.
func Open(ctx context.Context, config Config) (*Bus, error) {
	if len(config.Brokers) == 0 {
		return nil, errors.New("connect to kafka: no brokers are given")
	}
	conf, err := config.sarama()
	if err != nil {
		return nil, err
	}
	where := strings.Join(config.Brokers, ", ")
	type result struct {
		bus *Bus
		err error
	}
	// sarama takes no context: it is left to finish, and what it opened is closed.
	opened := make(chan result, 1)
	go func() {
		bus, err := connect(config, conf)
		opened <- result{bus, err}
	}()
	select {
	case r := <-opened:
		if r.err != nil {
			return nil, fmt.Errorf("connect to kafka at %s: %w", where, r.err)
		}
		return r.bus, nil
	case <-ctx.Done():
		go func() {
			if late := <-opened; late.err == nil {
				_ = late.bus.Close(context.WithoutCancel(ctx))
			}
		}()
		return nil, fmt.Errorf("connect to kafka at %s: %w", where, ctx.Err())
	}
}

// connect makes the client and the producer; the producer's first request is what
// shows that a broker answers.
func connect(config Config, conf *sarama.Config) (*Bus, error) {
	client, err := sarama.NewClient(config.Brokers, conf)
	if err != nil {
		return nil, err
	}
	b := &Bus{config: config, conf: conf, client: client}
	b.limits = &limits{message: cmp.Or(config.MaxMessageBytes, 8<<20) + roomForOurs, ask: b.batchLimit, lower: map[string]int{}}
	if b.producer, err = newProducer(client, b.limits); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return b, nil
}

// Publish is as [event.Publisher] says. It copies what it is given.
func (b *Bus) Publish(ctx context.Context, ms ...*event.Message) error {
	return b.producer.publish(ctx, ms)
}

// Group returns the consumer group of that name. A new one begins at the oldest
// message; see [Bus.GroupFrom].
func (b *Bus) Group(name string) event.Group { return &group{b, name, Oldest()} }

// GroupFrom returns the consumer group of that name, which begins at a position in
// each topic where it is new: where it has no members and has never settled
// anything. Elsewhere the position means nothing: a group goes on where it was, and
// partitions that come later are read from their oldest message, since nobody could
// have seen it. The retry topics of the group are read from the oldest message too.
func (b *Bus) GroupFrom(name string, from Position) event.Group { return &group{b, name, from} }

// Close waits until every publish under way has its answers, then closes the
// connections. Sources are closed by whoever opened them.
func (b *Bus) Close(ctx context.Context) error {
	b.closing.Do(func() { b.err = errors.Join(b.producer.close(ctx), b.client.Close()) })
	return b.err
}

// MakeTopic is as [event.TopicMaker] says. An empty like means the partitions
// and replicas that the cluster gives a new topic. A broker that is lost meanwhile
// is got over for some seconds.
func (b *Bus) MakeTopic(ctx context.Context, name, like string) error {
	err := b.again(ctx, name, func() error { return b.makeTopic(ctx, name, like) })
	if err != nil {
		return fmt.Errorf("make topic %q: %w", name, err)
	}
	return b.awaitTopic(ctx, name)
}

func (b *Bus) makeTopic(ctx context.Context, name, like string) error {
	_, err := administer(ctx, b, func(admin sarama.ClusterAdmin) (struct{}, error) {
		detail := &sarama.TopicDetail{NumPartitions: -1, ReplicationFactor: -1}
		if like != "" {
			var err error
			if detail, err = detailLike(admin, like); err != nil {
				return struct{}{}, fmt.Errorf("like %q: %w", like, err)
			}
		}
		err := admin.CreateTopic(name, detail, false)
		if errors.Is(err, sarama.ErrTopicAlreadyExists) {
			err = nil
		}
		return struct{}{}, err
	})
	return err
}

// detailLike describes a topic with the partitions of like and 64 KiB more room
// for a message. A topic that is not there lends nothing.
func detailLike(admin sarama.ClusterAdmin, like string) (*sarama.TopicDetail, error) {
	detail := &sarama.TopicDetail{NumPartitions: -1, ReplicationFactor: -1}
	found, err := admin.DescribeTopics([]string{like})
	if err != nil {
		return nil, err
	}
	if len(found) != 1 || errors.Is(found[0].Err, sarama.ErrUnknownTopicOrPartition) {
		return detail, nil
	}
	if found[0].Err != sarama.ErrNoError {
		return nil, found[0].Err
	}
	detail.NumPartitions = int32(len(found[0].Partitions))
	if len(found[0].Partitions) > 0 {
		detail.ReplicationFactor = int16(len(found[0].Partitions[0].Replicas))
	}
	results, err := admin.DescribeConfigs([]*sarama.ConfigResource{{Type: sarama.TopicResource, Name: like, ConfigNames: []string{"max.message.bytes"}}}, sarama.DescribeConfigsOptions{})
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		for _, e := range r.Configs {
			if n, err := strconv.Atoi(e.Value); err == nil && e.Name == "max.message.bytes" {
				room := strconv.Itoa(n + roomForOurs)
				detail.ConfigEntries = map[string]*string{"max.message.bytes": &room}
			}
		}
	}
	return detail, nil
}

// TopicNames returns the names of all topics of the cluster that the bus may see, sorted.
func (b *Bus) TopicNames(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conf := *b.conf
	conf.Metadata.Full = true
	client, err := sarama.NewClient(b.config.Brokers, &conf)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	defer client.Close()
	topics, err := client.Topics()
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	slices.Sort(topics)
	return topics, nil
}

// awaitTopic waits until every partition of a new topic has a leader.
func (b *Bus) awaitTopic(ctx context.Context, name string) error {
	for {
		err := b.client.RefreshMetadata(name)
		if err == nil {
			var partitions []int32
			if partitions, err = b.client.WritablePartitions(name); err == nil && len(partitions) > 0 {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for topic %q: %w", name, errors.Join(ctx.Err(), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// delivery translates a record. It shares the record's memory, which is its own.
func delivery(m *sarama.ConsumerMessage, group string) *event.Delivery {
	d := &event.Delivery{}
	fillDelivery(d, m, group)
	return d
}

// fillDelivery is delivery in memory of the caller.
func fillDelivery(d *event.Delivery, m *sarama.ConsumerMessage, group string) {
	*d = event.Delivery{
		Message:   event.Message{Topic: m.Topic, Key: m.Key, Payload: m.Value, Time: m.Timestamp},
		Partition: m.Partition, Offset: m.Offset, Group: group, Attempt: 1,
	}
	if len(m.Headers) > 0 {
		d.Headers = make(event.Headers, len(m.Headers))
		for i, h := range m.Headers {
			d.Headers[i] = event.Header{Key: string(h.Key), Value: h.Value}
		}
	}
}
