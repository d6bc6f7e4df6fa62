package codec

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/wireproof/wireproof/lang"
)

// A SerializerOption changes how [NewSerializer] works.
type SerializerOption interface{ applySerializer(*serializerConfig) }

type serializerConfig struct{ register bool }

type registerSchemas struct{}

func (registerSchemas) applySerializer(c *serializerConfig) { c.register = true }

// RegisterSchemas makes [NewSerializer] register the schema if its subject does
// not hold it yet. It is meant for development: in production, "wireproof push"
// registers after "wireproof check" has agreed.
func RegisterSchemas() SerializerOption { return registerSchemas{} }

// A Serializer encodes events of one type for one subject. It is safe for
// concurrent use, and nothing that is decoded changes it.
type Serializer[T any] struct {
	t      *Type[T]
	id     uint32
	header []byte // the frame with the message indexes; never written
	slabs  sync.Pool
}

// NewSerializer asks reg for the id under which exactly the schema of t is
// registered in subject. If it is not, the error matches [ErrNotRegistered] and
// says how to mend it. The registry is asked once: ids do not change.
func NewSerializer[T any](ctx context.Context, reg Registry, subject string, t *Type[T], opts ...SerializerOption) (*Serializer[T], error) {
	var config serializerConfig
	for _, opt := range opts {
		opt.applySerializer(&config)
	}
	id, err := reg.Lookup(ctx, subject, t.Source)
	if errors.Is(err, ErrNotRegistered) && config.register {
		id, err = register(ctx, reg, subject, t.Source)
	}
	if errors.Is(err, ErrNotRegistered) {
		return nil, fmt.Errorf("subject %q does not hold the schema of %s as it stands in %s; register it with \"wireproof push\": %w",
			subject, t.Name, sourceName(t.Source), err)
	}
	if err != nil {
		return nil, fmt.Errorf("find the schema of %s in subject %q: %w", t.Name, subject, err)
	}
	header := AppendFrame(nil, id)
	if t.Source.Type == lang.Protobuf {
		path, err := indexesOf(t)
		if err != nil {
			return nil, err
		}
		header = AppendIndexes(header, path)
	}
	return &Serializer[T]{t: t, id: id, header: header}, nil
}

// indexesOf returns the path of the message of t, found by its name if t does
// not give it. A wrong path would make every reader take the data for another
// message, so a path that is given is looked at too.
func indexesOf[T any](t *Type[T]) ([]int, error) {
	messages, err := outline(t.Source.Text)
	if err != nil {
		return nil, fmt.Errorf("outline of %s: %w", sourceName(t.Source), err)
	}
	if t.Indexes == nil {
		for _, m := range messages {
			if m.name == t.Name {
				return m.path, nil
			}
		}
		return nil, fmt.Errorf("%s has no message %s", sourceName(t.Source), t.Name)
	}
	if m := messageAt(messages, t.Indexes); m == nil || m.name != t.Name {
		return nil, fmt.Errorf("message indexes %v are not those of %s in %s", t.Indexes, t.Name, sourceName(t.Source))
	}
	return t.Indexes, nil
}

func register(ctx context.Context, reg Registry, subject string, src lang.Source) (uint32, error) {
	registrar, ok := reg.(Registrar)
	if !ok {
		return 0, fmt.Errorf("registry %T cannot register schemas: %w", reg, ErrNotRegistered)
	}
	return registrar.Register(ctx, subject, src)
}

func sourceName(src lang.Source) string {
	if src.Path == "" {
		return "the program"
	}
	return src.Path
}

// ID returns the id that data is framed with.
func (s *Serializer[T]) ID() uint32 { return s.id }

// Append appends the framed encoding of v to dst, which stays the caller's. On
// error it returns dst as it was.
func (s *Serializer[T]) Append(dst []byte, v *T) ([]byte, error) {
	if v == nil {
		return dst, fmt.Errorf("encode %s: the event is nil", s.t.Name)
	}
	at := len(dst)
	out, err := s.t.Append(append(dst, s.header...), v)
	if err != nil {
		return dst[:at], fmt.Errorf("encode %s: %w", s.t.Name, err)
	}
	return out, nil
}

// Encode returns the framed encoding of v in memory that is never used again,
// so a broker client may keep it for as long as it likes. Small messages share
// a chunk of memory, of at most 64 KiB, which lives as long as one of them does;
// the capacity of the result is its length, so an append to it copies.
func (s *Serializer[T]) Encode(v *T) ([]byte, error) {
	mem, _ := s.slabs.Get().(*slab)
	if mem == nil {
		mem = new(slab)
	}
	out, err := s.Append(mem.reserve(), v)
	if err == nil {
		out = mem.commit(out)
	}
	s.slabs.Put(mem)
	if err != nil {
		return nil, err
	}
	return out, nil
}
