package natsbus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/wireproof/wireproof/event"
)

// A Bus is a connection to JetStream: an [event.Bus], an [event.TopicMaker] and an
// [event.Browser]. It is safe for concurrent use.
type Bus struct {
	config    Config // this and the fields below are set once
	nc        *nats.Conn
	js        jetstream.JetStream
	publisher *publisher

	closing sync.Once
	err     error // of the close

	mu      sync.Mutex // guards the fields below
	sources map[*source]bool
}

// Open connects to a server, and fails if it has no JetStream.
func Open(ctx context.Context, config Config) (*Bus, error) {
	if len(config.Servers) == 0 {
		return nil, errors.New("connect to nats: no servers are given")
	}
	bus, err := open(ctx, config, strings.Join(config.Servers, ","))
	if err != nil {
		return nil, fmt.Errorf("connect to nats at %s: %w", config.where(), err)
	}
	return bus, nil
}

// open connects with what more says besides the settings.
func open(ctx context.Context, config Config, servers string, more ...nats.Option) (*Bus, error) {
	config, err := config.defaults()
	if err != nil {
		return nil, err
	}
	options, err := config.options()
	if err != nil {
		return nil, err
	}
	options = append(options, more...)
	dial := func(more ...nats.Option) (*nats.Conn, error) {
		return nats.Connect(servers, append(options[:len(options):len(options)], more...)...)
	}
	b := &Bus{config: config, publisher: newPublisher(dial), sources: map[*source]bool{}}
	if b.nc, err = connect(ctx, dial, nats.MaxReconnects(-1), nats.ReconnectHandler(func(*nats.Conn) { b.reconnected() })); err != nil {
		return nil, err
	}
	if b.js, err = jetstream.New(b.nc, jetstream.WithDefaultTimeout(requestTimeout)); err == nil {
		asking, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		if _, err = b.js.AccountInfo(asking); errors.Is(err, jetstream.ErrJetStreamNotEnabled) {
			err = errors.New("the server has no JetStream: start it with -js, or use Core")
		}
	}
	if err != nil {
		b.nc.Close()
		return nil, err
	}
	return b, nil
}

// connect dials, which takes no context: it is left to finish, and what it opened
// is closed.
func connect(ctx context.Context, dial func(...nats.Option) (*nats.Conn, error), more ...nats.Option) (*nats.Conn, error) {
	type result struct {
		nc  *nats.Conn
		err error
	}
	opened := make(chan result, 1)
	go func() {
		nc, err := dial(more...)
		opened <- result{nc, err}
	}()
	select {
	case r := <-opened:
		return r.nc, r.err
	case <-ctx.Done():
		go func() {
			if late := <-opened; late.err == nil {
				late.nc.Close()
			}
		}()
		return nil, ctx.Err()
	}
}

// reconnected is called when the server has come back: what it was asked for
// before is forgotten.
func (b *Bus) reconnected() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.sources {
		s.repull()
	}
}

// Group returns the consumer group of that name.
func (b *Bus) Group(name string) event.Group { return &group{b, name} }

// Close waits until every publish under way has its answers, then closes the
// connections. Sources that are still open fail; they are closed by whoever opened
// them, and what they hold comes again after AckWait.
func (b *Bus) Close(ctx context.Context) error {
	b.closing.Do(func() {
		b.err = b.publisher.close(ctx)
		b.mu.Lock()
		for s := range b.sources {
			s.Fail(errClosed)
		}
		b.mu.Unlock()
		b.nc.Close()
	})
	return b.err
}
