// Package hambacodec makes a [codec.Type] of a hand-written struct with `avro`
// tags, through github.com/hamba/avro/v2, for programs that have such structs
// already. Generated types are several times faster and need none of the guards
// below; hamba/avro is no longer maintained.
//
// What hamba/avro does on its own is guarded here:
//   - Bytes are checked against the writer's schema before hamba/avro sees them:
//     counts, lengths, indexes, depth, and that nothing follows the value. Seven
//     bytes can otherwise make it allocate until the process dies.
//   - A Go int that does not fit an Avro int, and a decimal that does not fit its
//     scale or precision, are errors, not other numbers. A Go type that cannot
//     hold every value of its Avro type is refused by [Type].
//   - A writer's decimal of another scale, and a time of another unit, are
//     errors, not other values.
//   - Nothing is shared between types: no schema cache, no decoder cache.
//
// What stays: a field that became nullable cannot be read into a pointer from
// data of before that; a recursive schema can be read only by its own layout,
// since hamba/avro does not end resolving one; a time.Time loses what is finer
// than the unit of its timestamp; strings are not checked for UTF-8; several
// records in a union need [Union].
package hambacodec

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/hamba/avro/v2"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
)

// maxBytes bounds one string or bytes value: hamba/avro's own limit of 1 MiB is
// below what brokers carry. The length of the message bounds it in any case.
const maxBytes = 1 << 30

// maxExpanded bounds a schema with every use of a named type written out, which
// is what hamba/avro's resolution does.
const maxExpanded = 1 << 17

// An Option changes what [Type] returns.
type Option interface{ apply(*config) }

type config struct{ unions []union }

type union struct {
	name   string
	sample any
}

func (u union) apply(c *config) { c.unions = append(c.unions, u) }

// Union names the Go type of sample as the one that stands for the named record,
// enum or fixed where a union is held in an interface.
func Union(name string, sample any) Option { return union{name, sample} }

// Type returns a codec type for T, a struct whose fields carry the names of the
// schema in `avro` tags. name is the full name of the record. The error says
// that hamba/avro does not accept the schema, or which field of T cannot hold
// every value that the schema allows.
func Type[T any](name string, src lang.Source, opts ...Option) (*codec.Type[T], error) {
	var c config
	for _, opt := range opts {
		opt.apply(&c)
	}
	reader, err := parse(src)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	src.Type = lang.Avro
	record, ok := reader.(*avro.RecordSchema)
	if !ok || record.FullName() != name {
		return nil, fmt.Errorf("schema is %s, expected record %s", describe(reader), name)
	}
	if err := checkType(reader, reflect.TypeFor[T](), map[typePair]bool{}); err != nil {
		return nil, fmt.Errorf("type %s: %w", reflect.TypeFor[T](), err)
	}
	own, err := decoder[T](&c, reader, reader)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", name, err)
	}
	t := &codec.Type[T]{Name: name, Aliases: record.Aliases(), Source: src, Append: encoder[T](&c, reader), Decode: own}
	t.Resolve = func(writer lang.Source) (func(string, *T) error, error) {
		w, err := parse(writer)
		if err != nil {
			return nil, err
		}
		if w.Fingerprint() == reader.Fingerprint() { // hamba's keep logical types
			return own, nil
		}
		resolved, err := resolve(reader, w)
		if err != nil {
			return nil, err
		}
		return decoder[T](&c, w, resolved)
	}
	return t, nil
}

func describe(s avro.Schema) string {
	if named, ok := s.(avro.NamedSchema); ok {
		return fmt.Sprintf("%s %s", s.Type(), named.FullName())
	}
	return string(s.Type())
}

// api returns a configuration of its own: hamba/avro keeps what it has built by
// the fingerprint of a schema, which resolved schemas share with others.
func (c *config) api() avro.API {
	api := avro.Config{MaxByteSliceSize: maxBytes, MaxSliceAllocSize: maxBytes}.Freeze()
	for _, u := range c.unions {
		api.Register(u.name, u.sample)
	}
	return api
}

func encoder[T any](c *config, schema avro.Schema) func([]byte, *T) ([]byte, error) {
	api, guard := c.api(), newGuard(schema, reflect.TypeFor[T]())
	return func(dst []byte, v *T) (out []byte, err error) {
		out = dst
		defer caught(&err)
		if !guard.idle {
			if err := guard.checkValue(schema, reflect.ValueOf(v)); err != nil {
				return dst, err
			}
		}
		data, err := api.Marshal(schema, v)
		if err != nil {
			return dst, err
		}
		return append(dst, data...), nil
	}
}

// decoder returns a function that decodes data of the schema written into what
// the schema resolved says.
func decoder[T any](c *config, written, resolved avro.Schema) (func(string, *T) error, error) {
	layout, err := layoutOf(written, map[string]*layout{})
	if err != nil {
		return nil, err
	}
	api := c.api()
	return func(data string, v *T) (err error) {
		if err := layout.check(data); err != nil {
			return err
		}
		defer caught(&err)
		return api.Unmarshal(resolved, []byte(data), v)
	}, nil
}

// caught turns a panic into an error: hamba/avro has had several.
func caught(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("hamba/avro panicked: %v", r)
	}
}

// parse parses src after what it refers to, with names of its own.
func parse(src lang.Source) (s avro.Schema, err error) {
	defer caught(&err)
	if src.Type != lang.Avro && src.Type != "" {
		return nil, fmt.Errorf("schema is of type %s, expected %s", src.Type, lang.Avro)
	}
	cache := &avro.SchemaCache{}
	if err := parseReferences(src, cache, 0); err != nil {
		return nil, err
	}
	return avro.ParseWithCache(src.Text, "", cache)
}

func parseReferences(src lang.Source, cache *avro.SchemaCache, depth int) error {
	if depth > 64 {
		return errors.New("references are more than 64 deep")
	}
	for _, ref := range src.References {
		if ref.Source == nil || cache.Get(ref.Name) != nil {
			continue
		}
		if err := parseReferences(*ref.Source, cache, depth+1); err != nil {
			return err
		}
		if _, err := avro.ParseWithCache(ref.Source.Text, "", cache); err != nil {
			return fmt.Errorf("reference %q: %w", ref.Name, err)
		}
	}
	return nil
}
