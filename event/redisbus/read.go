package redisbus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wireproof/wireproof/event"
)

// read fills the queue until the lane ends. What is stale comes before what is new:
// it is older, and a key keeps its order when one member follows another.
func (l *lane) read() {
	var claimed time.Time
	for l.leaving.Err() == nil {
		n := l.space()
		if n == 0 {
			select {
			case <-l.room:
			case <-l.leaving.Done():
			}
			continue
		}
		var err error
		all := true // that is stale is claimed
		if time.Since(claimed) >= min(l.extendAfter(), time.Second) {
			if all, err = l.claim(); err == nil && all {
				claimed = time.Now()
			}
		}
		if err == nil && all {
			err = l.fetch(n)
		}
		if err == nil || l.leaving.Err() != nil {
			continue
		}
		if isFatal(err) {
			l.source.Fail(fmt.Errorf("read topic %q: %w", l.topic, err))
			<-l.leaving.Done()
			return
		}
		select { // the server is away, or not ready
		case <-l.leaving.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// errOffset marks an id that does not fit.
var errOffset = errors.New("the topic cannot be read on")

// isFatal reports whether trying again cannot help: the group or the stream is
// gone, we may not read it, or it is none; or the client is closed.
func isFatal(err error) bool {
	if errors.Is(err, errOffset) || errors.Is(err, redis.ErrClosed) {
		return true
	}
	for _, word := range []string{"NOGROUP", "WRONGTYPE", "NOPERM", "NOAUTH", "WRONGPASS"} { // the server has no other names
		if strings.HasPrefix(err.Error(), word) {
			return true
		}
	}
	return false
}

// space returns how many messages to read: none while there is no room.
func (l *lane) space() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	most := l.source.group.bus.config.Prefetch
	if l.paused || l.over || l.bytes >= queueBytes || len(l.queue) > most/2 {
		return 0
	}
	// The server counts messages, not bytes: how many fit goes by the last read.
	return max(min(most-len(l.queue), batchMessages, (queueBytes-l.bytes)/l.each), 1)
}

// fetch reads up to n new messages, and waits a little for the first.
func (l *lane) fetch(n int) error {
	s := l.source
	begun := time.Now()
	// Not under leaving: what the server has given to us must be known, to give it
	// back.
	got, err := s.group.bus.client.XReadGroup(context.WithoutCancel(l.ctx), &redis.XReadGroupArgs{
		Group: s.group.name, Consumer: s.member, Streams: []string{s.group.bus.key(l.topic), ">"}, Count: int64(n), Block: block,
	}).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, x := range got {
		if err := l.admit(x.Messages, begun); err != nil {
			return err
		}
	}
	return nil
}

// claim takes over messages that others have not extended, and our own that never
// came. It reports whether it has seen them all: if there is no room for more, the
// rest is claimed before anything new is read.
func (l *lane) claim() (all bool, err error) {
	s := l.source
	for start := "0-0"; l.leaving.Err() == nil; {
		n := l.space()
		if n == 0 {
			return false, nil
		}
		begun := time.Now()
		got, next, err := s.group.bus.client.XAutoClaim(context.WithoutCancel(l.ctx), &redis.XAutoClaimArgs{
			Stream: s.group.bus.key(l.topic), Group: s.group.name, Consumer: s.member,
			MinIdle: s.group.bus.config.ClaimAfter, Start: start, Count: int64(min(n, 100)),
		}).Result()
		if err != nil {
			return false, err
		}
		if err := l.admit(got, begun); err != nil {
			return false, err
		}
		if next == "0-0" {
			return true, nil
		}
		start = next
	}
	return false, nil
}

// admit queues entries that the server has given to us.
func (l *lane) admit(xs []redis.XMessage, begun time.Time) error {
	ds := make([]*event.Delivery, 0, len(xs))
	for _, x := range xs {
		if x.Values == nil { // deleted while it was with somebody
			continue
		}
		d, err := delivery(l.topic, x)
		if err != nil {
			return fmt.Errorf("%w: %w", errOffset, err)
		}
		ds = append(ds, d)
	}
	if len(ds) > 0 {
		l.push(ds, begun)
	}
	return nil
}
