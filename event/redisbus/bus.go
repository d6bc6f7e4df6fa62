package redisbus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
)

// A Bus carries messages over a Redis client: an [event.Bus], an
// [event.TopicMaker] and an [event.Browser]. It is safe for concurrent use.
type Bus struct {
	client redis.UniversalClient // this and the fields below are set once
	config Config

	mu       sync.Mutex // guards the fields below
	closed   bool
	inFlight sync.WaitGroup // calls of Publish; added to under mu
	sent     map[string]int // messages by topic since it was last trimmed
}

var errClosed = errors.New("the redis bus is closed")

// Open returns a bus on a client, after the server has answered. The client stays
// the caller's, who closes it after the bus.
func Open(ctx context.Context, client redis.UniversalClient, config Config) (*Bus, error) {
	if client == nil {
		return nil, errors.New("connect to redis: no client is given")
	}
	config, err := config.defaults(client)
	if err != nil {
		return nil, err
	}
	if err := client.Ping(ctx).Err(); err != nil {
		return nil, fmt.Errorf("connect to redis: %w", err)
	}
	return &Bus{client: client, config: config, sent: map[string]int{}}, nil
}

func (b *Bus) key(topic string) string { return b.config.Prefix + topic }

// Group returns the consumer group of that name.
func (b *Bus) Group(name string) event.Group { return &group{b, name} }

// begin notes a call of Publish, unless the bus is closed.
func (b *Bus) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.inFlight.Add(1)
	return true
}

// Close waits until every publish under way has its answers. Sources are closed by
// whoever opened them, the client likewise.
func (b *Bus) Close(ctx context.Context) error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	idle := make(chan struct{})
	go func() { b.inFlight.Wait(); close(idle) }()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the redis bus with messages in flight: %w", ctx.Err())
	}
}

// Publish is as [event.Publisher] says. It keeps ms no longer than the call.
func (b *Bus) Publish(ctx context.Context, ms ...*event.Message) error {
	errs := make([]error, len(ms))
	if !b.begin() {
		for i := range errs {
			errs[i] = errClosed
		}
		return failures(ms, errs)
	}
	defer b.inFlight.Done()
	for at := 0; at < len(ms); at += chunk {
		end := min(at+chunk, len(ms))
		b.send(ctx, ms[at:end], errs[at:end])
	}
	b.trimSent(ctx, ms, errs)
	return failures(ms, errs)
}

func failures(ms []*event.Message, errs []error) error {
	var failed []event.Failure
	for i, err := range errs {
		if err != nil {
			failed = append(failed, event.Failure{Index: i, Message: ms[i], Err: err})
		}
	}
	if failed == nil {
		return nil
	}
	return &event.PublishError{Failed: failed}
}

// send sends messages in one write, and notes what the server says of each.
func (b *Bus) send(ctx context.Context, ms []*event.Message, errs []error) {
	if err := ctx.Err(); err != nil {
		for i := range errs {
			errs[i] = fmt.Errorf("not sent: %w", err)
		}
		return
	}
	pipe := b.client.Pipeline()
	answers := make([]*redis.StringCmd, len(ms))
	topic, key := "", any(nil)
	for i, m := range ms {
		if errs[i] = b.check(m); errs[i] != nil {
			continue
		}
		if m.Topic != topic {
			topic, key = m.Topic, b.key(m.Topic)
		}
		answers[i] = redis.NewStringCmd(ctx, b.add(key, m)...)
		_ = pipe.Process(ctx, answers[i]) // queues it
	}
	if pipe.Len() == 0 {
		return
	}
	var waited *redis.Cmd
	if timeout := b.config.WaitTimeout.Milliseconds(); b.config.WaitDisk {
		waited = pipe.Do(ctx, "WAITAOF", 1, b.config.WaitReplicas, timeout)
	} else if b.config.WaitReplicas > 0 {
		waited = pipe.Do(ctx, "WAIT", b.config.WaitReplicas, timeout)
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	var late error
	if waited != nil {
		late = b.config.late(waited)
	}
	for i, a := range answers {
		if a == nil {
			continue
		}
		switch err := a.Err(); {
		case errors.Is(err, redis.Nil):
			errs[i] = fmt.Errorf("topic %q is not there: make it with MakeTopic", ms[i].Topic)
		case err != nil:
			errs[i] = err
		default:
			errs[i] = late
		}
	}
}

// add returns the command that stores m.
func (b *Bus) add(key any, m *event.Message) []any {
	args := make([]any, 2, 12)
	args[0], args[1] = "xadd", key
	if !b.config.MakeTopics {
		args = append(args, "nomkstream")
	}
	return appendFields(append(args, "*"), m)
}

// late reports that what was published is not as safe as the settings ask for.
func (c Config) late(answer *redis.Cmd) error {
	v, err := answer.Result()
	if err != nil {
		return fmt.Errorf("stored, but the server does not wait for replicas or its disk: %w", err)
	}
	disk, replicas := int64(1), int64(0)
	switch v := v.(type) {
	case int64:
		replicas = v
	case []any:
		if len(v) == 2 {
			disk, _ = v[0].(int64)
			replicas, _ = v[1].(int64)
		}
	}
	if replicas < int64(c.WaitReplicas) || disk < 1 {
		return fmt.Errorf("stored, but after %v on %d replicas (expected %d) and disk %d (expected %v)", c.WaitTimeout, replicas, c.WaitReplicas, disk, c.WaitDisk)
	}
	return nil
}

// check reports why a message cannot be sent.
func (b *Bus) check(m *event.Message) error {
	if m == nil || m.Topic == "" {
		return errors.New("a message without a topic")
	}
	most := b.config.MaxMessageBytes
	if isAside(m.Topic) {
		most += roomForOurs // it holds a message and what went wrong with it
	}
	if n := weight(m); n > most+roomForOurs || len(m.Payload)+len(m.Key) > most {
		return fmt.Errorf("it takes %d bytes; expected at most %d, which MaxMessageBytes says", n, most)
	}
	return nil
}

// isAside reports whether a topic has the name of a retry or dead-letter topic.
func isAside(topic string) bool {
	if strings.HasSuffix(topic, ".dlq") {
		return true
	}
	i := strings.LastIndex(topic, ".retry.")
	if i < 0 {
		return false
	}
	_, err := strconv.Atoi(topic[i+len(".retry."):])
	return err == nil
}

// trimEvery is after how many messages of a topic a bus looks whether it is long.
const trimEvery = 200

// trimSent trims the topics that this bus has sent much to.
func (b *Bus) trimSent(ctx context.Context, ms []*event.Message, errs []error) {
	if b.config.MaxLen == 0 && b.config.MaxAge == 0 {
		return
	}
	due := map[string]bool{}
	b.mu.Lock()
	for i, m := range ms {
		if errs[i] != nil {
			continue
		}
		if b.sent[m.Topic]++; b.sent[m.Topic] >= trimEvery {
			b.sent[m.Topic] = 0
			due[m.Topic] = true
		}
	}
	b.mu.Unlock()
	for topic := range due {
		_ = b.trim(ctx, topic) // the messages are stored; it is tried again
	}
}

func (b *Bus) trim(ctx context.Context, topic string) error {
	if b.config.MaxLen == 0 && b.config.MaxAge == 0 {
		return nil
	}
	id := ""
	if b.config.MaxAge > 0 {
		id = strconv.FormatInt(time.Now().Add(-b.config.MaxAge).UnixMilli(), 10) + "-0"
	}
	return trim.Run(ctx, b.client, []string{b.key(topic)}, id, b.config.MaxLen).Err()
}

// MakeTopic is as [event.TopicMaker] says. A stream has one partition and no limit
// of its own, so like means nothing.
func (b *Bus) MakeTopic(ctx context.Context, name, _ string) error {
	if name == "" {
		return errors.New("make topic: it has no name")
	}
	n, err := b.client.Exists(ctx, b.key(name)).Result()
	if err == nil && n == 0 {
		// A group that comes and goes leaves an empty stream.
		passing := "making-" + rand.Text()
		_, err = b.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
			p.XGroupCreateMkStream(ctx, b.key(name), passing, "$")
			p.XGroupDestroy(ctx, b.key(name), passing)
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("make topic %q: %w", name, err)
	}
	return nil
}

// Browse is as [event.Browser] says.
func (b *Bus) Browse(ctx context.Context, topic string, from map[int32]int64, fn func(*event.Delivery) bool) error {
	last, err := b.client.XRevRangeN(ctx, b.key(topic), "+", "-", 1).Result()
	if err != nil {
		return fmt.Errorf("browse topic %q: %w", topic, err)
	}
	if len(last) == 0 {
		return nil
	}
	const page = 100
	for start, end := idOf(from[0]), last[0].ID; ; {
		xs, err := b.client.XRangeN(ctx, b.key(topic), start, end, page).Result()
		if err != nil {
			return fmt.Errorf("browse topic %q from %s: %w", topic, start, err)
		}
		for _, x := range xs {
			d, err := delivery(topic, x)
			if err != nil {
				return fmt.Errorf("browse: %w", err)
			}
			if !fn(d) {
				return nil
			}
		}
		if len(xs) < page {
			return nil
		}
		start = "(" + xs[len(xs)-1].ID
	}
}
