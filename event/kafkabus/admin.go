package kafkabus

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/IBM/sarama"
)

// administer calls f with a connection of its own, for as long as it is needed: an
// admin looks for the controller, for which sarama asks about all topics. sarama
// takes no context: when ctx ends, f is left to finish and its result is dropped.
func administer[T any](ctx context.Context, b *Bus, f func(sarama.ClusterAdmin) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	done := make(chan result, 1)
	go func() {
		conf := *b.conf
		conf.Metadata.Full = true
		admin, err := sarama.NewClusterAdmin(b.config.Brokers, &conf)
		if err != nil {
			done <- result{err: err}
			return
		}
		defer admin.Close()
		value, err := f(admin)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// partitionsOf returns the numbers of the partitions of each topic, ascending. A
// topic that does not exist is an error.
func partitionsOf(admin sarama.ClusterAdmin, topics []string) (map[string][]int32, error) {
	found, err := admin.DescribeTopics(topics)
	if err != nil {
		return nil, err
	}
	out := map[string][]int32{}
	for _, t := range found {
		if t.Err != sarama.ErrNoError {
			return nil, fmt.Errorf("topic %q: %w", t.Name, t.Err)
		}
		for _, p := range t.Partitions {
			out[t.Name] = append(out[t.Name], p.ID)
		}
		slices.Sort(out[t.Name])
	}
	for _, t := range topics {
		if len(out[t]) == 0 {
			return nil, fmt.Errorf("topic %q: %w", t, sarama.ErrUnknownTopicOrPartition)
		}
	}
	return out, nil
}

// offsetsAt asks the leaders for an offset of each partition: sarama.OffsetOldest,
// sarama.OffsetNewest (behind what is committed) or that of a time in milliseconds,
// which is -1 where nothing is as late.
func offsetsAt(admin sarama.ClusterAdmin, partitions map[string][]int32, at int64) (map[string]map[int32]int64, error) {
	query := map[string]map[int32]int64{}
	for topic, ps := range partitions {
		query[topic] = map[int32]int64{}
		for _, p := range ps {
			query[topic][p] = at
		}
	}
	found, err := admin.ListOffsets(query, &sarama.ListOffsetsOptions{IsolationLevel: sarama.ReadCommitted})
	if err != nil {
		return nil, fmt.Errorf("ask for offsets: %w", err)
	}
	for topic, ps := range query {
		for p := range ps {
			r := found[topic][p]
			switch {
			case r == nil:
				return nil, fmt.Errorf("ask for offsets: no word about partition %d of topic %q", p, topic)
			case r.Err != nil && !errors.Is(r.Err, sarama.ErrNoError):
				return nil, fmt.Errorf("ask for an offset of partition %d of topic %q: %w", p, topic, r.Err)
			}
			ps[p] = r.Offset
		}
	}
	return query, nil
}

// committedAt returns the offsets that a group has committed, -1 where none.
func committedAt(admin sarama.ClusterAdmin, group string, partitions map[string][]int32) (map[string]map[int32]int64, error) {
	found, err := admin.ListConsumerGroupOffsets(group, partitions)
	if err != nil && !errors.Is(err, sarama.ErrGroupIDNotFound) { // which brokers differ in
		return nil, fmt.Errorf("ask where group %q is: %w", group, err)
	}
	out := map[string]map[int32]int64{}
	for topic, ps := range partitions {
		out[topic] = map[int32]int64{}
		for _, p := range ps {
			out[topic][p] = -1
			if err != nil {
				continue
			}
			block := found.GetBlock(topic, p)
			switch {
			case block == nil:
			case block.Err != sarama.ErrNoError:
				return nil, fmt.Errorf("ask where group %q is in partition %d of topic %q: %w", group, p, topic, block.Err)
			default:
				out[topic][p] = block.Offset
			}
		}
	}
	return out, nil
}

// unique returns the names in their order, each once.
func unique(names []string) []string {
	seen := make(map[string]struct{}, len(names))
	var out []string
	for _, n := range names {
		if _, ok := seen[n]; !ok {
			seen[n] = struct{}{}
			out = append(out, n)
		}
	}
	return out
}
