package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"
)

// A Topic is what the cluster knows of a topic.
type Topic struct {
	Name       string
	Exists     bool
	Partitions int
	Replicas   int // copies of the first partition
	// Leaderless are the partitions that nobody can write to or read from now;
	// Behind those with copies that are out of step.
	Leaderless, Behind []int32
	Config             map[string]string // what is in force, whoever has set it
}

// Topics describes topics, in the order of the names.
func (b *Bus) Topics(ctx context.Context, names ...string) ([]Topic, error) {
	names = unique(names)
	if len(names) == 0 {
		return nil, nil
	}
	topics, err := administer(ctx, b, func(admin sarama.ClusterAdmin) ([]Topic, error) { return describe(admin, names) })
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", err)
	}
	return topics, nil
}

func describe(admin sarama.ClusterAdmin, names []string) ([]Topic, error) {
	found, err := admin.DescribeTopics(names)
	if err != nil {
		return nil, err
	}
	topics := make([]Topic, len(names))
	for i, n := range names {
		topics[i] = Topic{Name: n, Config: map[string]string{}}
	}
	var resources []*sarama.ConfigResource
	for _, f := range found {
		i := slices.Index(names, f.Name)
		if errors.Is(f.Err, sarama.ErrUnknownTopicOrPartition) || i < 0 {
			continue
		}
		if f.Err != sarama.ErrNoError && !errors.Is(f.Err, sarama.ErrLeaderNotAvailable) {
			return nil, fmt.Errorf("topic %q: %w", f.Name, f.Err)
		}
		topics[i].note(f)
		resources = append(resources, &sarama.ConfigResource{Type: sarama.TopicResource, Name: f.Name})
	}
	if len(resources) == 0 {
		return topics, nil
	}
	results, err := admin.DescribeConfigs(resources, sarama.DescribeConfigsOptions{})
	if err != nil {
		return nil, err
	}
	for _, r := range results {
		if r.ErrorCode != sarama.ErrNoError {
			return nil, fmt.Errorf("settings of topic %q: %w: %s", r.Name, r.ErrorCode, r.ErrorMsg)
		}
		if i := slices.Index(names, r.Name); i >= 0 {
			for _, e := range r.Configs {
				topics[i].Config[e.Name] = e.Value
			}
		}
	}
	return topics, nil
}

// note takes over what the metadata says.
func (t *Topic) note(m *sarama.TopicMetadata) {
	t.Exists = true
	t.Partitions = len(m.Partitions)
	for _, p := range m.Partitions {
		if p.ID == 0 {
			t.Replicas = len(p.Replicas)
		}
		if p.Leader < 0 || errors.Is(p.Err, sarama.ErrLeaderNotAvailable) {
			t.Leaderless = append(t.Leaderless, p.ID)
		}
		if len(p.Isr) < len(p.Replicas) {
			t.Behind = append(t.Behind, p.ID)
		}
	}
	slices.Sort(t.Leaderless)
	slices.Sort(t.Behind)
}

// CreateTopic creates a topic and waits until it has leaders. Partitions and
// replicas of 0 mean the cluster's defaults. A topic that exists is an error.
func (b *Bus) CreateTopic(ctx context.Context, name string, partitions, replicas int, config map[string]string) error {
	detail := &sarama.TopicDetail{NumPartitions: -1, ReplicationFactor: -1, ConfigEntries: map[string]*string{}}
	if partitions > 0 {
		detail.NumPartitions = int32(partitions)
	}
	if replicas > 0 {
		detail.ReplicationFactor = int16(replicas)
	}
	for k, v := range config {
		detail.ConfigEntries[k] = &v
	}
	_, err := administer(ctx, b, func(admin sarama.ClusterAdmin) (struct{}, error) {
		return struct{}{}, admin.CreateTopic(name, detail, false)
	})
	if err != nil {
		return fmt.Errorf("create topic %q: %w", name, err)
	}
	return b.awaitTopic(ctx, name)
}

// ConfigureTopic sets some of a topic's settings and leaves the others as they are.
func (b *Bus) ConfigureTopic(ctx context.Context, name string, config map[string]string) error {
	entries := map[string]sarama.IncrementalAlterConfigsEntry{}
	for k, v := range config {
		entries[k] = sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &v}
	}
	_, err := administer(ctx, b, func(admin sarama.ClusterAdmin) (struct{}, error) {
		return struct{}{}, admin.IncrementalAlterConfig(sarama.TopicResource, name, entries, false)
	})
	if err != nil {
		return fmt.Errorf("set up topic %q: %w", name, err)
	}
	return nil
}

// GrowTopic gives a topic more partitions. Messages stay where they are, but keys
// go to other partitions from then on: what is published before and after for one
// key may be handled out of order, or at the same time.
func (b *Bus) GrowTopic(ctx context.Context, name string, partitions int) error {
	_, err := administer(ctx, b, func(admin sarama.ClusterAdmin) (struct{}, error) {
		return struct{}{}, admin.CreatePartitions(name, int32(partitions), nil, false)
	})
	if err != nil {
		return fmt.Errorf("grow topic %q to %d partitions: %w", name, partitions, err)
	}
	return nil
}
