package natsbus

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/wireproof/wireproof/event"
)

// A Core is a connection to core NATS, for messages that may be lost: at most
// once. Nothing is stored. Who is not subscribed when a message is sent does not
// get it, nor does one that is too slow, or disconnected; nothing is acknowledged,
// retried or dead-lettered. It is therefore no [event.Bus], and what is stored with
// a [Bus] is another matter even under the same subject.
//
// It is safe for concurrent use.
type Core struct {
	nc      *nats.Conn
	dropped atomic.Int64
}

// OpenCore connects to a server. Of config, what says how topics are kept and how
// groups read means nothing here.
func OpenCore(ctx context.Context, config Config) (*Core, error) {
	if len(config.Servers) == 0 {
		return nil, errors.New("connect to nats: no servers are given")
	}
	c, err := openCore(ctx, config, strings.Join(config.Servers, ","))
	if err != nil {
		return nil, fmt.Errorf("connect to nats at %s: %w", config.where(), err)
	}
	return c, nil
}

// OpenCore returns a connection to this server for messages that may be lost.
func (s *Server) OpenCore(ctx context.Context) (*Core, error) {
	c, err := openCore(ctx, Config{}, nats.DefaultURL, nats.InProcessServer(s.server))
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded nats server: %w", err)
	}
	return c, nil
}

func openCore(ctx context.Context, config Config, servers string, more ...nats.Option) (*Core, error) {
	config, err := config.defaults()
	if err != nil {
		return nil, err
	}
	options, err := config.options()
	if err != nil {
		return nil, err
	}
	nc, err := connect(ctx, func(more ...nats.Option) (*nats.Conn, error) {
		return nats.Connect(servers, append(options, more...)...)
	}, append(more, nats.MaxReconnects(-1))...)
	if err != nil {
		return nil, err
	}
	return &Core{nc: nc}, nil
}

// Send sends messages, each to the subject that its topic names, in order. It
// returns when the server has them, which says nothing of who gets them. After an
// error some may have been sent.
func (c *Core) Send(ctx context.Context, ms ...*event.Message) error {
	out := make([]*nats.Msg, len(ms))
	for i, m := range ms {
		err := errors.New("it is nil")
		if m != nil {
			if err = checkTopic(m.Topic, false); err == nil {
				out[i], err = encode(m)
			}
		}
		if err == nil && int64(size(out[i])) > c.nc.MaxPayload() {
			err = fmt.Errorf("it takes %d bytes with its headers; expected at most %d, the server's max_payload", size(out[i]), c.nc.MaxPayload())
		}
		if err != nil {
			return fmt.Errorf("send message %d: %w", i, err)
		}
	}
	for i, m := range out {
		if err := c.nc.PublishMsg(m); err != nil {
			return fmt.Errorf("send message %d to %q: %w", i, m.Subject, err)
		}
	}
	flushing, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := c.nc.FlushWithContext(flushing); err != nil {
		return fmt.Errorf("send %d messages: %w", len(ms), err)
	}
	return nil
}

// A Subscription says what [Core.Subscribe] listens to. The zero value of a field
// means its default.
type Subscription struct {
	Subject string // a subject or a pattern of NATS; needed
	// Queue is the name of a queue group: each message goes to one of its members.
	// By default every subscriber gets every message.
	Queue   string
	Handler event.Handler // needed; called for one message at a time, in order
	// Failed is told of each message whose handler has failed, which is lost, and
	// of none if it is nil.
	Failed func(d *event.Delivery, err error)
	// Messages and Bytes bound what waits for the handler; what comes when there is
	// no room is lost and counted. The default is 65536 messages and 64 MiB.
	Messages, Bytes int
}

// Subscribe calls the handler with what is sent from when it is called until ctx
// ends, and returns when the handler has returned: nil after the end of ctx, an
// error if there is nothing to subscribe to or the connection is closed. The
// deliveries have no offset, and attempt 1; a panic is an error of the handler.
// ready, if not nil, is closed when the server knows of the subscription.
func (c *Core) Subscribe(ctx context.Context, s Subscription, ready chan<- struct{}) error {
	if s.Handler == nil || s.Subject == "" {
		return errors.New("subscribe: a subject and a handler are needed, one of them is missing")
	}
	sub, err := c.nc.QueueSubscribeSync(s.Subject, s.Queue)
	if err != nil {
		return fmt.Errorf("subscribe to %q: %w", s.Subject, err)
	}
	defer func() {
		if n, err := sub.Dropped(); err == nil {
			c.dropped.Add(int64(n))
		}
		_ = sub.Unsubscribe()
	}()
	messages, bytes := 1<<16, 64<<20
	if s.Messages > 0 {
		messages = s.Messages
	}
	if s.Bytes > 0 {
		bytes = s.Bytes
	}
	if err := sub.SetPendingLimits(messages, bytes); err != nil {
		return fmt.Errorf("subscribe to %q: %w", s.Subject, err)
	}
	flushing, cancel := context.WithTimeout(ctx, requestTimeout)
	err = c.nc.FlushWithContext(flushing)
	cancel()
	if err != nil {
		return fmt.Errorf("subscribe to %q: %w", s.Subject, err)
	}
	if ready != nil {
		close(ready)
	}
	for {
		m, err := sub.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, nats.ErrSlowConsumer): // said once for each time that some are lost
			continue
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("subscription to %q: %w", s.Subject, err)
		}
		d := &event.Delivery{Message: event.Message{Topic: m.Subject}, Group: s.Queue, Attempt: 1}
		decode(m, &d.Message)
		if err := s.call(ctx, d); err != nil && s.Failed != nil {
			s.Failed(d, err)
		}
	}
}

func (s Subscription) call(ctx context.Context, d *event.Delivery) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return s.Handler(ctx, d)
}

// Dropped returns how many messages the subscriptions that have ended lost for want
// of room.
func (c *Core) Dropped() int64 { return c.dropped.Load() }

// Close ends the connection and with it all subscriptions. It is idempotent.
func (c *Core) Close(context.Context) error {
	c.nc.Close()
	return nil
}
