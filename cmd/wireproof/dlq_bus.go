package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
	"github.com/wireproof/wireproof/event/amqpbus"
	"github.com/wireproof/wireproof/event/kafkabus"
	"github.com/wireproof/wireproof/event/natsbus"
	"github.com/wireproof/wireproof/event/redisbus"
)

const busUsage = "such as kafka://host:port, nats://host:port, amqp://user:password@host:port/vhost (RabbitMQ) or redis://host:port/0?prefix=wireproof:; also tls, amqps and rediss"

// bus connects to the broker of a URL, or else to the Kafka cluster of the brokers or
// the environment.
func (a *app) bus(ctx context.Context, where string, brokers []string) (event.Bus, error) {
	if where == "" {
		return a.kafka(ctx, brokers)
	}
	if len(brokers) > 0 {
		return nil, usagef("--bus and --brokers both name a broker; give one of them")
	}
	scheme, rest, _ := strings.Cut(where, "://")
	var bus event.Bus
	var err error
	switch scheme {
	case "kafka":
		return a.kafka(ctx, strings.Split(strings.TrimRight(rest, "/"), ","))
	case "nats", "tls":
		bus, err = natsbus.Open(ctx, natsbus.Config{Servers: strings.Split(where, ",")})
	case "amqp", "amqps":
		bus, err = amqpbus.Open(ctx, amqpbus.Config{URLs: strings.Split(where, ",")})
	case "redis", "rediss", "unix":
		bus, err = openRedis(ctx, where)
	case "pubsub", "gcppubsub":
		return nil, usagef("--bus %s: Google Pub/Sub is not linked into this command, for its client is a module of its own; use package event/dlq with event/pubsubbus in a program", where)
	default:
		return nil, usagef("--bus has scheme %q; expected kafka, nats, tls, amqp, amqps, redis or rediss", scheme)
	}
	if err != nil {
		return nil, exitWith(exitIncomplete, err)
	}
	return bus, nil
}

// A redisOwned is a bus that closes its client too.
type redisOwned struct {
	*redisbus.Bus
	client *redis.Client
}

func (r redisOwned) Close(ctx context.Context) error {
	return errors.Join(r.Bus.Close(ctx), r.client.Close())
}

func openRedis(ctx context.Context, where string) (event.Bus, error) {
	u, err := url.Parse(where)
	if err != nil {
		return nil, errors.New("the URL of redis does not parse") // it may hold a password
	}
	query := u.Query()
	prefix := query.Get("prefix")
	query.Del("prefix")
	u.RawQuery = query.Encode()
	opts, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, fmt.Errorf("the URL of redis: %w", err)
	}
	client := redis.NewClient(opts)
	bus, err := redisbus.Open(ctx, client, redisbus.Config{Prefix: prefix})
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return redisOwned{bus, client}, nil
}

var _ event.Browser = redisOwned{}

// groupsOf returns the groups that have dead letters of a topic, where the broker
// can be asked for its topics.
func groupsOf(ctx context.Context, bus event.Bus, topic string) ([]string, error) {
	kafka, ok := bus.(*kafkabus.Bus)
	if !ok {
		return nil, usagef("--group is missing: dead letters belong to a consumer group, and only Kafka can be asked which there are")
	}
	topics, err := kafka.TopicNames(ctx)
	if err != nil {
		return nil, exitWith(exitIncomplete, err)
	}
	var groups []string
	for _, name := range topics {
		if rest, ok := strings.CutPrefix(name, topic+"."); ok {
			if group, ok := strings.CutSuffix(rest, ".dlq"); ok && group != "" {
				groups = append(groups, group)
			}
		}
	}
	return groups, nil
}
