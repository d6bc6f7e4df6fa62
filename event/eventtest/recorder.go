package eventtest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/wireproof/wireproof/event"
)

// ErrClosed is the error of a [Recorder] after its Close.
var ErrClosed = errors.New("eventtest: the recorder is closed")

// A Recorder is a publisher that keeps what is published, for tests of programs
// that publish. Its zero value is ready, and it is safe for concurrent use.
type Recorder struct {
	// Refuse, if not nil, is asked about each message; its error is the
	// message's. Set it before the first Publish.
	Refuse func(*event.Message) error

	mu       sync.Mutex // guards the fields below
	messages []event.Message
	closed   bool
}

// Publish keeps copies of the messages that are not refused.
func (r *Recorder) Publish(ctx context.Context, ms ...*event.Message) error {
	var failed []event.Failure
	for i, m := range ms {
		if err := r.add(ctx, m); err != nil {
			failed = append(failed, event.Failure{Index: i, Message: m, Err: err})
		}
	}
	if failed != nil {
		return &event.PublishError{Failed: failed}
	}
	return nil
}

func (r *Recorder) add(ctx context.Context, m *event.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.Refuse != nil {
		if err := r.Refuse(m); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrClosed
	}
	c := *m
	c.Key, c.Payload = bytes.Clone(m.Key), bytes.Clone(m.Payload)
	c.Headers = slices.Clone(m.Headers)
	for i := range c.Headers {
		c.Headers[i].Value = bytes.Clone(c.Headers[i].Value)
	}
	r.messages = append(r.messages, c)
	return nil
}

// Close makes later calls of Publish fail.
func (r *Recorder) Close(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}

// Messages returns what was published, in order; only the given topics, or all
// if there are none.
func (r *Recorder) Messages(topics ...string) []event.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []event.Message
	for _, m := range r.messages {
		if len(topics) == 0 || slices.Contains(topics, m.Topic) {
			out = append(out, m)
		}
	}
	return out
}

// Reset forgets what was published.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = nil
}
