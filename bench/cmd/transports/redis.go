package main

import (
	"context"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event/redisbus"
)

const stream = "wireproof:" + topic

func openRedis(ctx context.Context) (*broker, error) {
	o, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return nil, err
	}
	client := redis.NewClient(o)
	bus, err := redisbus.Open(ctx, client, redisbus.Config{})
	if err != nil {
		return nil, err
	}
	b := &broker{name: "Redis", bus: bus, sent: 10_000, total: 20_000, close: func() { _ = bus.Close(ctx); _ = client.Close() }}
	b.empty = func(ctx context.Context) error {
		if err := client.Del(ctx, stream).Err(); err != nil {
			return err
		}
		return bus.MakeTopic(ctx, topic, "")
	}
	b.fill = func(ctx context.Context, group string) error {
		n, err := client.XLen(ctx, stream).Result()
		if err != nil {
			return err
		}
		if n != int64(b.total) {
			if err := b.empty(ctx); err != nil {
				return err
			}
			return publish(ctx, bus, b.total)
		}
		return client.XGroupDestroy(ctx, stream, group).Err()
	}
	b.unsettled = func(ctx context.Context, group string) (int64, error) {
		p, err := client.XPending(ctx, stream, group).Result()
		if err != nil {
			return 0, err
		}
		return p.Count, nil
	}
	b.publish = func(ctx context.Context, n int) error { return redisPublish(ctx, client, n) }
	b.consume = func(ctx context.Context, group string, n int) error { return redisConsume(ctx, client, group, n) }
	return b, nil
}

// redisPublish sends a batch in one pipeline.
func redisPublish(ctx context.Context, client *redis.Client, n int) error {
	for range n / batch {
		pipe := client.Pipeline()
		for i := range batch {
			pipe.XAdd(ctx, &redis.XAddArgs{Stream: stream, Values: []any{"k", key(i), "p", payload}})
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

// redisConsume reads a batch at a time and acknowledges it at once.
func redisConsume(ctx context.Context, client *redis.Client, group string, n int) error {
	if err := client.XGroupCreate(ctx, stream, group, "0").Err(); err != nil {
		return err
	}
	ids := make([]string, 0, batch)
	for n > 0 {
		got, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: group, Consumer: "c", Streams: []string{stream, ">"}, Count: batch}).Result()
		if err != nil {
			return err
		}
		ids = ids[:0]
		for _, m := range got[0].Messages {
			ids = append(ids, m.ID)
		}
		if err := client.XAck(ctx, stream, group, ids...).Err(); err != nil {
			return err
		}
		n -= len(ids)
	}
	return nil
}
