package kafkalog

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/IBM/sarama"
)

// maxMessageBytes leaves room for the largest text that a registry takes.
const maxMessageBytes = "8388608"

const (
	policySetting = "cleanup.policy"
	insyncSetting = "min.insync.replicas"
)

// ensureTopic makes the topic, unless it exists, and refuses one that would lose
// or mix up records. It returns how many brokers have what is acknowledged, at least.
func (k *link) ensureTopic(c Config) (insync int, err error) {
	partitions, err := k.partitions()
	missing := errors.Is(err, sarama.ErrUnknownTopicOrPartition)
	if err != nil && !missing {
		return 0, fmt.Errorf("look for topic %s: %w", k.topic, err)
	}
	admin, err := sarama.NewClusterAdminFromClient(k.Client) // not closed: that would close the link
	switch {
	case err != nil:
		return 0, fmt.Errorf("ask about topic %s: %w", k.topic, err)
	case missing && c.CheckOnly:
		return 0, fmt.Errorf("topic %s does not exist; expected one with 1 partition and cleanup.policy compact", k.topic)
	case missing:
		if partitions, err = k.makeTopic(admin); err != nil {
			return 0, fmt.Errorf("make topic %s: %w", k.topic, err)
		}
	}
	if partitions != 1 {
		return 0, fmt.Errorf("topic %s has %d partitions; expected 1, as the order of all records counts", k.topic, partitions)
	}
	settings, err := k.settings(admin, policySetting, insyncSetting)
	if err != nil {
		return 0, fmt.Errorf("ask for the settings of topic %s: %w", k.topic, err)
	}
	if policy := settings[policySetting]; policy != "compact" {
		return 0, fmt.Errorf("topic %s has cleanup.policy %q; expected exactly compact, as brokers would delete schemas that are in use", k.topic, policy)
	}
	if insync, err = strconv.Atoi(settings[insyncSetting]); err != nil {
		insync = 1 // as brokers have it
	}
	return insync, nil
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

// settings returns settings of the topic by their names.
func (k *link) settings(admin sarama.ClusterAdmin, names ...string) (map[string]string, error) {
	resource := &sarama.ConfigResource{Type: sarama.TopicResource, Name: k.topic, ConfigNames: names}
	results, err := admin.DescribeConfigs([]*sarama.ConfigResource{resource}, sarama.DescribeConfigsOptions{})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, r := range results {
		if r.ErrorCode != sarama.ErrNoError {
			return nil, r.ErrorCode
		}
		for _, e := range r.Configs {
			out[e.Name] = strings.TrimSpace(e.Value)
		}
	}
	return out, nil
}
