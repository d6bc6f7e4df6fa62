package codec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wireproof/wireproof/lang"
)

// A ReadOption says how events of one type are read.
type ReadOption interface{ applyRead(*readConfig) }

type readConfig struct{ subject string }

type inSubject string

func (s inSubject) applyRead(c *readConfig) { c.subject = string(s) }

// InSubject names the subject in errors.
func InSubject(subject string) ReadOption { return inSubject(subject) }

func newReadConfig(opts []ReadOption) readConfig {
	var c readConfig
	for _, opt := range opts {
		opt.applyRead(&c)
	}
	return c
}

// A Deserializer decodes events of one type, whatever version of their schema
// they were written with. It is safe for concurrent use.
type Deserializer[T any] struct {
	t       *Type[T]
	cache   *Cache
	config  readConfig
	writers table[*writer[T]]
}

// A writer is what a Deserializer knows of one schema id.
type writer[T any] struct {
	reading reading[T]
	// Protobuf only: the bytes that name the message, and all messages.
	indexes  []byte
	messages []message
}

// NewDeserializer returns a Deserializer that finds writers' schemas in src,
// through a [Cache] if it is none. It asks for nothing before the first event.
func NewDeserializer[T any](src SchemaSource, t *Type[T], opts ...ReadOption) *Deserializer[T] {
	return &Deserializer[T]{t: t, cache: NewCache(src), config: newReadConfig(opts)}
}

// Decode returns the event in data, which it neither keeps nor changes. An
// error that matches [ErrUndecodable] is a [*DecodeError]; any other means that
// the writer's schema could not be asked for, or that ctx has ended meanwhile.
func (d *Deserializer[T]) Decode(ctx context.Context, data []byte) (*T, error) {
	id, value, err := CutFrame(data)
	if err != nil {
		return nil, d.fault(0, err)
	}
	s := d.writers.find(id)
	if s == nil {
		if s, err = d.writers.load(ctx, id, d.learn); err != nil {
			return nil, d.fault(id, err)
		}
	}
	w := s.value
	if w.messages == nil {
		return w.reading.value(value, frameLen)
	}
	if bytes.HasPrefix(value, w.indexes) {
		n := len(w.indexes)
		return w.reading.value(value[n:], frameLen+n)
	}
	n, err := w.otherSpelling(value)
	if err != nil {
		return nil, w.reading.error(frameLen, err)
	}
	return w.reading.value(value[n:], frameLen+n)
}

// fault makes a DecodeError of err if it is a fault of the data.
func (d *Deserializer[T]) fault(id uint32, err error) error {
	if !errors.Is(err, ErrUndecodable) {
		return fmt.Errorf("decode %s: %w", d.t.Name, err)
	}
	return &DecodeError{Subject: d.config.subject, Name: d.t.Name, ID: id, Offset: 0, Err: err}
}

func (d *Deserializer[T]) learn(ctx context.Context, id uint32) (*writer[T], error) {
	src, err := d.cache.SchemaByID(ctx, id)
	if err != nil {
		return nil, err
	}
	w := &writer[T]{reading: newReading(d.t, d.config.subject, id, src)}
	if src.Type != lang.Protobuf || w.reading.fault != nil {
		return w, nil
	}
	if w.messages, err = outline(src.Text); err != nil {
		w.reading.fault = fmt.Errorf("outline of the writer's schema: %w", err)
		return w, nil
	}
	w.expect(d.t, sameText(src, d.t.Source))
	return w, nil
}

// expect sets the indexes of the message in the writer's file, where it may
// stand in another place than in ours.
func (w *writer[T]) expect(t *Type[T], same bool) {
	if same && t.Indexes != nil {
		w.indexes = AppendIndexes(nil, t.Indexes)
		return
	}
	for _, m := range w.messages {
		if m.name == t.Name {
			w.indexes = AppendIndexes(nil, m.path)
			return
		}
	}
	w.messages = nil
	w.reading.fault = fmt.Errorf("writer's schema has no message %s", t.Name)
}

// otherSpelling returns the length of message indexes that mean the expected
// message though they are not its usual bytes, or says what they mean.
func (w *writer[T]) otherSpelling(value []byte) (int, error) {
	var found indexes
	n, err := found.read(value)
	if err != nil {
		return 0, err
	}
	m := messageAt(w.messages, found.path[:found.len])
	if m == nil {
		return 0, found.lost()
	}
	if m.name != w.reading.t.Name {
		return 0, fmt.Errorf("data is a message %s, expected %s", m.name, w.reading.t.Name)
	}
	return n, nil
}

// messageAt returns the message with the given path. Paths that count the
// messages of map fields are tried only if there is no other.
func messageAt(messages []message, path []int) *message {
	var other *message
	for i := range messages {
		m := &messages[i]
		if slices.Equal(m.path, path) {
			return m
		}
		if other == nil && m.withEntries != nil && slices.Equal(m.withEntries, path) {
			other = m
		}
	}
	return other
}
