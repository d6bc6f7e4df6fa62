package kafkalog

import (
	"context"

	"github.com/IBM/sarama"
)

// ClusterID returns the id that the brokers have given their cluster, or "" if
// they have none.
func (l *Log) ClusterID(ctx context.Context) (string, error) {
	return await(ctx, l, func(context.Context) (id string, err error) {
		err = l.data.atLeader(func(b *sarama.Broker, _ int32) error {
			answer, err := b.GetMetadata(sarama.NewMetadataRequest(l.data.Config().Version, []string{l.conf.Topic}))
			if err == nil && answer.ClusterID != nil {
				id = *answer.ClusterID
			}
			return err
		})
		return id, err
	})
}
