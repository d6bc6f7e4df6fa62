package amqpbus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// uri reads a URL and puts in what the other fields say. The error does not hold
// the password.
func (c *Config) uri(text string) (amqp.URI, error) {
	u, err := amqp.ParseURI(text)
	if err != nil {
		var bad *url.Error
		if errors.As(err, &bad) {
			err = bad.Err
		}
		return u, fmt.Errorf("%w; expected amqp://user:password@host:port/vhost", err)
	}
	u.Username = cmp.Or(c.User, u.Username)
	u.Password = cmp.Or(c.Password, u.Password)
	u.Vhost = cmp.Or(c.Vhost, u.Vhost)
	return u, nil
}

// where names the nodes for people.
func (c *Config) where() string {
	var all []string
	for _, text := range c.URLs {
		if u, err := c.uri(text); err == nil {
			all = append(all, net.JoinHostPort(u.Host, strconv.Itoa(u.Port)))
		}
	}
	return strings.Join(all, ", ")
}

// dial connects to the first node that answers.
func (c *Config) dial(ctx context.Context) (*amqp.Connection, error) {
	var errs []error
	for _, text := range c.URLs {
		conn, err := c.dialOne(ctx, text)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("connect to RabbitMQ at %s: %w", c.where(), errors.Join(errs...))
}

func (c *Config) dialOne(ctx context.Context, text string) (*amqp.Connection, error) {
	u, err := c.uri(text)
	if err != nil {
		return nil, err
	}
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(c.Name)
	conf := amqp.Config{
		Vhost: u.Vhost, Heartbeat: c.Heartbeat, Properties: properties,
		SASL: []amqp.Authentication{u.PlainAuth()}, TLSClientConfig: c.TLS.Clone(),
	}
	var stop func() bool
	conf.Dial = func(network, addr string) (net.Conn, error) {
		d := net.Dialer{Timeout: 30 * time.Second}
		conn, err := d.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		// The library clears the deadline once the broker has agreed.
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
		return conn, nil
	}
	conn, err := amqp.DialConfig(text, conf)
	if stop != nil && !stop() && err == nil {
		_ = conn.Close()
		err = ctx.Err()
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// hangUp closes a connection, and waits for the broker's answer for a second at
// most.
func hangUp(conn *amqp.Connection) { _ = conn.CloseDeadline(time.Now().Add(time.Second)) }

// version returns the major version of the broker; 0 if it does not say.
func version(conn *amqp.Connection) int {
	text, _ := conn.Properties["version"].(string)
	major, _, _ := strings.Cut(text, ".")
	n, err := strconv.Atoi(major)
	if err != nil {
		return 0
	}
	return n
}

// code returns the reply code of a broker's error; 0 if err is none.
func code(err error) int {
	var e *amqp.Error
	if errors.As(err, &e) && e.Server {
		return e.Code
	}
	return 0
}

// isFatal reports whether trying again cannot help: the broker refuses what is
// asked for, now and later.
func isFatal(err error) bool {
	if errors.Is(err, amqp.ErrCredentials) || errors.Is(err, amqp.ErrVhost) || errors.Is(err, amqp.ErrSASL) {
		return true
	}
	switch code(err) {
	case amqp.AccessRefused, amqp.ResourceLocked, amqp.PreconditionFailed:
		return true
	}
	return false
}

// isBlamed reports whether the broker has closed a channel or a connection because
// of something that was sent on it.
func isBlamed(err error) bool {
	switch code(err) {
	case amqp.ContentTooLarge, amqp.AccessRefused, amqp.NotFound, amqp.PreconditionFailed,
		amqp.FrameError, amqp.SyntaxError, amqp.CommandInvalid, amqp.UnexpectedFrame, amqp.NotImplemented:
		return true
	}
	return false
}

// A backoff waits longer each time, up to 2 s.
type backoff struct{ next time.Duration }

// wait reports whether ctx has not ended meanwhile.
func (b *backoff) wait(ctx context.Context) bool {
	d := max(b.next, 50*time.Millisecond)
	b.next = min(2*d, 2*time.Second)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// call runs fn, which takes no context, and leaves it behind when ctx ends, after
// giving it up.
func call(ctx context.Context, fn func() error, giveUp func()) error {
	done := make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		giveUp()
		return ctx.Err()
	}
}
