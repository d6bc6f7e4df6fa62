package topics

import (
	"context"
	"fmt"
	"maps"
	"strconv"

	"github.com/wireproof/wireproof/event/kafkabus"
)

// A Cluster is what a plan is made of and applied to; a [kafkabus.Bus] is one.
type Cluster interface {
	Topics(ctx context.Context, names ...string) ([]kafkabus.Topic, error)
	CreateTopic(ctx context.Context, name string, partitions, replicas int, config map[string]string) error
	ConfigureTopic(ctx context.Context, name string, config map[string]string) error
	GrowTopic(ctx context.Context, name string, partitions int) error
}

// MakePlan asks the cluster about the topics that are wanted and compares them.
func MakePlan(ctx context.Context, cluster Cluster, wants []Want, grow bool) (*Plan, error) {
	names := make([]string, len(wants))
	for i, w := range wants {
		names[i] = w.Name
	}
	have, err := cluster.Topics(ctx, names...)
	if err != nil {
		return nil, err
	}
	return Compare(wants, have, grow), nil
}

// Apply makes the changes in their order and calls step with each and what came of
// it. It ends with the first error; what was done stays. Changes that are refused
// are not made: the caller decides whether the others are.
func (p *Plan) Apply(ctx context.Context, cluster Cluster, step func(Change, error)) error {
	for _, c := range p.Changes {
		if c.Refused != "" {
			continue
		}
		err := c.apply(ctx, cluster)
		step(c, err)
		if err != nil {
			return err
		}
	}
	return nil
}

func (c Change) apply(ctx context.Context, cluster Cluster) error {
	switch c.Action {
	case Create:
		conf := c.Config
		if c.RoomOf != "" {
			origin, err := cluster.Topics(ctx, c.RoomOf)
			if err != nil {
				return err
			}
			largest, err := strconv.ParseInt(origin[0].Config[maxMessage], 10, 64)
			if err != nil {
				return fmt.Errorf("create topic %q: %s of topic %q is %q; expected a number", c.Topic, maxMessage, c.RoomOf, origin[0].Config[maxMessage])
			}
			conf = maps.Clone(conf)
			conf[maxMessage] = strconv.FormatInt(largest+room, 10)
		}
		return cluster.CreateTopic(ctx, c.Topic, c.Partitions, c.Replicas, conf)
	case Set:
		return cluster.ConfigureTopic(ctx, c.Topic, map[string]string{c.Setting: c.To})
	case Grow:
		n, err := strconv.Atoi(c.To)
		if err != nil {
			return err
		}
		return cluster.GrowTopic(ctx, c.Topic, n)
	}
	return fmt.Errorf("topic %q: a change of %s is never made", c.Topic, c.Setting)
}
