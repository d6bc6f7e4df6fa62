package kafkalog

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// maxMessageBytes leaves room for the largest text that a registry takes.
const maxMessageBytes = "8388608"

// ensureTopic makes the topic, unless it exists, and refuses one that would lose
// or mix up records.
func (k *link) ensureTopic(c Config) error {
	partitions, err := k.partitions()
	missing := errors.Is(err, sarama.ErrUnknownTopicOrPartition)
	if err != nil && !missing {
		return fmt.Errorf("look for topic %s: %w", k.topic, err)
	}
	admin, err := sarama.NewClusterAdminFromClient(k.Client) // not closed: that would close the link
	switch {
	case err != nil:
		return fmt.Errorf("ask about topic %s: %w", k.topic, err)
	case missing && c.CheckOnly:
		return fmt.Errorf("topic %s does not exist; expected one with 1 partition and cleanup.policy compact", k.topic)
	case missing:
		if partitions, err = k.makeTopic(admin); err != nil {
			return fmt.Errorf("make topic %s: %w", k.topic, err)
		}
	}
	if partitions != 1 {
		return fmt.Errorf("topic %s has %d partitions; expected 1, as the order of all records counts", k.topic, partitions)
	}
	policy, err := k.policy(admin)
	if err != nil {
		return fmt.Errorf("ask for cleanup.policy of topic %s: %w", k.topic, err)
	}
	if policy != "compact" {
		return fmt.Errorf("topic %s has cleanup.policy %q; expected exactly compact, as brokers would delete schemas that are in use", k.topic, policy)
	}
	return nil
}

func (k *link) partitions() (int, error) {
	if err := k.RefreshMetadata(k.topic); err != nil {
		return 0, err
	}
	all, err := k.Partitions(k.topic)
	return len(all), err
}

func (k *link) makeTopic(admin sarama.ClusterAdmin) (int, error) {
	brokers, _, err := admin.DescribeCluster()
	if err != nil {
		return 0, err
	}
	policy, size := "compact", maxMessageBytes
	err = admin.CreateTopic(k.topic, &sarama.TopicDetail{
		NumPartitions: 1, ReplicationFactor: int16(max(1, min(len(brokers), 3))),
		ConfigEntries: map[string]*string{"cleanup.policy": &policy, "max.message.bytes": &size},
	}, false)
	if err != nil && !errors.Is(err, sarama.ErrTopicAlreadyExists) { // another server may have made it just now
		return 0, err
	}
	// Brokers learn of a topic one after the other.
	for try := 0; ; try++ {
		n, err := k.partitions()
		if err == nil {
			_, err = k.Leader(k.topic, 0)
		}
		if err == nil || try == 20 {
			return n, err
		}
		time.Sleep(backoff(try))
	}
}

func (k *link) policy(admin sarama.ClusterAdmin) (string, error) {
	const name = "cleanup.policy"
	resource := &sarama.ConfigResource{Type: sarama.TopicResource, Name: k.topic, ConfigNames: []string{name}}
	results, err := admin.DescribeConfigs([]*sarama.ConfigResource{resource}, sarama.DescribeConfigsOptions{})
	if err != nil {
		return "", err
	}
	for _, r := range results {
		if r.ErrorCode != sarama.ErrNoError {
			return "", r.ErrorCode
		}
		for _, e := range r.Configs {
			if e.Name == name {
				return strings.TrimSpace(e.Value), nil
			}
		}
	}
	return "", errors.New("the broker did not say")
}
