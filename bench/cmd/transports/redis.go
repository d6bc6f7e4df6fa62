package main

import (
	"context"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event/redisbus"
)

const redisKey = "wireproof:" + topic

func redisCases(ctx context.Context) ([]*testCase, func(), error) {
	o, err := redis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(o)
	bus, err := redisbus.Open(ctx, client, redisbus.Config{})
	if err != nil {
		return nil, nil, err
	}
	empty := func(ctx context.Context) error {
		if err := client.Del(ctx, redisKey).Err(); err != nil {
			return err
		}
		return bus.MakeTopic(ctx, topic, "")
	}
	pending := func(ctx context.Context, group string) (int64, error) {
		p, err := client.XPending(ctx, redisKey, group).Result()
		if err != nil {
			return 0, err
		}
		return p.Count, nil
	}
	groups := 0
	filled := func(ctx context.Context) error {
		groups++
		if n, err := client.XLen(ctx, redisKey).Result(); err != nil || n == total {
			return err
		}
		if err := empty(ctx); err != nil {
			return err
		}
		return publish(ctx, bus, total)
	}
	cases := []*testCase{
		{
			name: "Redis publish, 500 a pipeline", messages: sent, prepare: empty,
			bare: side{call: func(ctx context.Context) (func() error, error) { return nil, bareAdd(ctx, client) }},
			ours: side{call: func(ctx context.Context) (func() error, error) { return nil, publish(ctx, bus, sent) }},
		},
		{
			name: "Redis consume, 500 a read and an acknowledgement", messages: total, prepare: filled,
			bare: side{call: func(ctx context.Context) (func() error, error) {
				return nil, bareRead(ctx, client, fmt.Sprint("bare-", groups))
			}},
			ours: side{call: func(ctx context.Context) (func() error, error) {
				return consume(ctx, bus.Group(fmt.Sprint("ours-", groups)), pending)
			}},
		},
	}
	return cases, func() { _ = bus.Close(ctx); _ = client.Close() }, nil
}

func bareAdd(ctx context.Context, client *redis.Client) error {
	for range sent / batch {
		pipe := client.Pipeline()
		for i := range batch {
			pipe.XAdd(ctx, &redis.XAddArgs{Stream: redisKey, Values: []any{"k", fmt.Sprintf("key-%d", i), "p", payload}})
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
	}
	return nil
}

func bareRead(ctx context.Context, client *redis.Client, group string) error {
	if err := client.XGroupCreate(ctx, redisKey, group, "0").Err(); err != nil {
		return err
	}
	ids := make([]string, 0, batch)
	for n := 0; n < total; {
		got, err := client.XReadGroup(ctx, &redis.XReadGroupArgs{Group: group, Consumer: "c", Streams: []string{redisKey, ">"}, Count: batch}).Result()
		if err != nil {
			return err
		}
		ids = ids[:0]
		for _, m := range got[0].Messages {
			ids = append(ids, m.ID)
		}
		if err := client.XAck(ctx, redisKey, group, ids...).Err(); err != nil {
			return err
		}
		n += len(ids)
	}
	return nil
}
