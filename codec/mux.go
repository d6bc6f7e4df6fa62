package codec

import (
	"context"
	"errors"
	"fmt"

	"github.com/wireproof/wireproof/lang"
)

// A Mux finds out which of several event types a payload holds, decodes it and
// calls the handler of that type with the event and a value of type M, which
// the Mux only passes on. All [Handle] calls come before the first
// [Mux.Dispatch], which is safe for concurrent use.
type Mux[M any] struct {
	cache   *Cache
	names   map[string]prepare[M] // full names of the types
	aliases map[string]prepare[M]
	writers table[*routes[M]]
}

// A prepare is made once for a type, a run once for a type and a schema id.
type (
	prepare[M any] func(id uint32, writer lang.Source) run[M]
	run[M any]     func(ctx context.Context, value []byte, at int, meta M) error
)

// routes are where the data of one schema id goes.
type routes[M any] struct {
	only   *route[M]            // Avro and JSON: the schema says what it is
	byPath map[string]*route[M] // Protobuf: message indexes in their usual bytes
	fault  error                // why no data of the schema can be told apart, or nil
	path   string               // of the schema, for errors
}

type route[M any] struct {
	name string
	run  run[M] // nil if nobody handles the type
}

// NewMux returns a Mux that finds writers' schemas in src, through a [Cache] if
// it is none.
func NewMux[M any](src SchemaSource) *Mux[M] {
	return &Mux[M]{cache: NewCache(src), names: map[string]prepare[M]{}, aliases: map[string]prepare[M]{}}
}

// Handle makes m call fn with each event whose full name, in the schema that it
// was written with, is the name or an alias of t. A name goes before an alias. It
// is an error if a name, or an alias, has a handler already.
func Handle[T, M any](m *Mux[M], t *Type[T], fn func(ctx context.Context, event *T, meta M) error, opts ...ReadOption) error {
	subject := newReadConfig(opts).subject
	prepare := func(id uint32, writer lang.Source) run[M] {
		r := newReading(t, subject, id, writer)
		return func(ctx context.Context, value []byte, at int, meta M) error {
			event, err := r.value(value, at)
			if err != nil {
				return err
			}
			return fn(ctx, event, meta)
		}
	}
	if m.names[t.Name] != nil {
		return fmt.Errorf("event type %s has a handler already", t.Name)
	}
	for _, alias := range t.Aliases {
		if m.aliases[alias] != nil {
			return fmt.Errorf("alias %s of event type %s is an alias of another type that has a handler", alias, t.Name)
		}
	}
	m.names[t.Name] = prepare
	for _, alias := range t.Aliases {
		m.aliases[alias] = prepare
	}
	return nil
}

// Dispatch decodes payload and calls the handler of its type, whose error it
// returns as it is. It reports the full name of the type as its writer calls
// it, and whether there is a handler for it; a type without one is no error. A
// payload that cannot be decoded is a [*DecodeError]; an error of another kind
// before the handler was called, for which known is false, means that the
// writer's schema could not be asked for.
func (m *Mux[M]) Dispatch(ctx context.Context, payload []byte, meta M) (known bool, name string, err error) {
	id, value, err := CutFrame(payload)
	if err != nil {
		return false, "", &DecodeError{Offset: 0, Err: err}
	}
	s := m.writers.find(id)
	if s == nil {
		if s, err = m.writers.load(ctx, id, m.learn); err != nil {
			if errors.Is(err, ErrUndecodable) {
				err = &DecodeError{ID: id, Offset: 1, Err: err}
			}
			return false, "", err
		}
	}
	to, n, err := s.value.route(value)
	if err != nil {
		return false, "", &DecodeError{Subject: s.value.path, ID: id, Offset: frameLen, Err: err}
	}
	if to.run == nil {
		return false, to.name, nil
	}
	return true, to.name, to.run(ctx, value[n:], frameLen+n, meta)
}

// route returns where value goes, and how many of its bytes are message indexes.
func (r *routes[M]) route(value []byte) (to *route[M], n int, err error) {
	if r.fault != nil {
		return nil, 0, r.fault
	}
	if r.only != nil {
		return r.only, 0, nil
	}
	var found indexes
	if n, err = found.read(value); err != nil {
		return nil, 0, err
	}
	var usual [1 + 3*maxIndexes]byte
	if to = r.byPath[string(AppendIndexes(usual[:0], found.path[:found.len]))]; to == nil {
		return nil, 0, found.lost()
	}
	return to, n, nil
}

func (m *Mux[M]) learn(ctx context.Context, id uint32) (*routes[M], error) {
	src, err := m.cache.SchemaByID(ctx, id)
	if err != nil {
		return nil, err
	}
	r := &routes[M]{path: src.Path}
	switch src.Type {
	case lang.Protobuf:
		r.byPath, r.fault = m.messages(id, src)
	case lang.Avro:
		var name string
		if name, r.fault = avroName(src); r.fault == nil {
			r.only = m.to(name, id, src)
		}
	default:
		r.fault = fmt.Errorf("schema of type %q does not name its events", src.Type)
	}
	return r, nil
}

func (m *Mux[M]) messages(id uint32, src lang.Source) (map[string]*route[M], error) {
	messages, err := outline(src.Text)
	if err != nil {
		return nil, fmt.Errorf("outline of the writer's schema: %w", err)
	}
	byPath := make(map[string]*route[M], len(messages))
	for _, x := range messages {
		byPath[string(AppendIndexes(nil, x.path))] = m.to(x.name, id, src)
	}
	for _, x := range messages {
		if path := string(AppendIndexes(nil, x.withEntries)); x.withEntries != nil && byPath[path] == nil {
			byPath[path] = byPath[string(AppendIndexes(nil, x.path))]
		}
	}
	return byPath, nil
}

func (m *Mux[M]) to(name string, id uint32, writer lang.Source) *route[M] {
	prepare := m.names[name]
	if prepare == nil {
		prepare = m.aliases[name]
	}
	if prepare == nil {
		return &route[M]{name: name}
	}
	return &route[M]{name: name, run: prepare(id, writer)}
}
