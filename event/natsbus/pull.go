package natsbus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The client library's own iterators keep what they have fetched to themselves,
// where it cannot be extended while a lane is paused. So the lane asks by itself,
// for as much as it has room for, and each message is in its queue as soon as it
// has come.

const (
	heartbeat = 5 * time.Second  // of a request that waits for messages
	expires   = 30 * time.Second // of a request
)

// A request is what was asked for and has not come.
type request struct {
	id    uint64
	left  int // messages
	bytes int
}

// listen subscribes to where messages come. The caller holds mu.
func (l *lane) listen() error {
	nc := l.source.group.bus.nc
	var err error
	if l.deliver != "" {
		l.sub, err = nc.QueueSubscribe(l.deliver, l.consumer, l.receive)
	} else {
		l.sub, err = nc.Subscribe(l.inbox+"*", l.receive)
	}
	if err != nil {
		return fmt.Errorf("subscribe to consumer %q of stream %q: %w", l.consumer, l.stream, err)
	}
	// The queue is what bounds: receive never waits for a handler.
	return l.sub.SetPendingLimits(-1, -1)
}

// ask asks for messages if there is room for them.
func (l *lane) ask() {
	nc := l.source.group.bus.nc
	l.mu.Lock()
	r, ok := l.room(int(nc.MaxPayload()))
	if ok {
		l.asked++
		r.id = l.asked
		l.requests = append(l.requests, r)
	}
	l.mu.Unlock()
	if !ok {
		return
	}
	body, err := json.Marshal(map[string]any{
		"batch": r.left, "max_bytes": r.bytes, "expires": expires, "idle_heartbeat": heartbeat,
	})
	if err == nil {
		err = nc.PublishRequest("$JS.API.CONSUMER.MSG.NEXT."+l.stream+"."+l.consumer, l.inbox+strconv.FormatUint(r.id, 10), body)
	}
	if err != nil { // look asks again
		l.drop(r.id)
	}
}

// room returns what to ask for: two requests at most, so that one is under way
// while the other is served. The caller holds mu.
func (l *lane) room(maxPayload int) (request, bool) {
	if l.deliver != "" || l.over || l.paused || l.doubt != nil || len(l.requests) >= 2 {
		return request{}, false
	}
	n, size := len(l.queue), l.bytes
	for _, r := range l.requests {
		n, size = n+r.left, size+r.bytes
	}
	most := l.source.group.bus.config.Prefetch
	r := request{left: min(most-n, max(most/2, 1)), bytes: max(queueBytes/2, maxPayload+roomForOurs)}
	if n > most/2 || r.left < 1 || size > 0 && size+r.bytes > 2*r.bytes {
		return request{}, false
	}
	return r, true
}

// fulfil notes a message that has come. The server serves the oldest request
// first, and no message says which it belongs to. The caller holds mu.
func (l *lane) fulfil(size int) {
	if len(l.requests) == 0 {
		return
	}
	r := &l.requests[0]
	r.left--
	r.bytes = max(r.bytes-size, 0)
	if r.left <= 0 {
		l.requests = l.requests[1:]
	}
}

// drop forgets a request that is over.
func (l *lane) drop(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, r := range l.requests {
		if r.id == id {
			l.requests = append(l.requests[:i:i], l.requests[i+1:]...)
			return
		}
	}
}

// repull forgets all requests, and asks anew.
func (l *lane) repull() {
	l.mu.Lock()
	l.requests = nil
	l.heard = time.Now()
	l.mu.Unlock()
	l.ask()
}

// receive is called by the client library with each message and each word of the
// server about a request.
func (l *lane) receive(m *nats.Msg) {
	status := ""
	if len(m.Data) == 0 && len(m.Header) > 0 && strings.HasPrefix(m.Subject, l.inbox) {
		status = m.Header.Get("Status")
	}
	if status == "" {
		l.push(m)
		return
	}
	l.mu.Lock()
	l.heard = time.Now()
	l.mu.Unlock()
	if status == "100" { // still there
		return
	}
	if id, err := strconv.ParseUint(m.Subject[len(l.inbox):], 10, 64); err == nil {
		l.drop(id)
	}
	text := m.Header.Get("Description")
	low := strings.ToLower(text)
	switch {
	case status == "404", status == "408",
		status == "409" && (strings.Contains(low, "maxbytes") || strings.Contains(low, "batch completed")):
		l.ask()
	default:
		if text == "" {
			text = "nobody answers"
		}
		l.mu.Lock()
		l.doubt = fmt.Errorf("status %s, %s", status, text)
		l.mu.Unlock()
	}
}

// verify looks whether the consumer is there at all after something that should
// not happen. One that is gone is fatal: what the group had settled is forgotten.
func (l *lane) verify(doubt error) {
	b := l.source.group.bus
	ctx, cancel := context.WithTimeout(l.ctx, l.extendAfter())
	defer cancel()
	var err error
	if l.deliver == "" {
		_, err = b.js.Consumer(ctx, l.stream, l.consumer)
	} else {
		_, err = b.js.PushConsumer(ctx, l.stream, l.consumer)
	}
	for _, fatal := range []error{jetstream.ErrConsumerNotFound, jetstream.ErrStreamNotFound, jetstream.ErrNotPullConsumer, jetstream.ErrNotPushConsumer} {
		if errors.Is(err, fatal) {
			l.source.Fail(fmt.Errorf("consumer %q of stream %q is gone (%w): %w", l.consumer, l.stream, doubt, err))
		}
	}
}
