package codec

import (
	"context"

	"github.com/wireproof/wireproof/lang"
)

// A Type describes an event type: its schema, and functions that encode and
// decode it. Generated code has one for each event. All functions are safe for
// concurrent use.
type Type[T any] struct {
	// Name is the full name of the record or message.
	Name string
	// Aliases are other full names under which data for this reader may have
	// been written (Avro).
	Aliases []string
	// Source is the schema exactly as it is registered, with its references.
	Source lang.Source
	// Indexes is the path of the message in its file (Protobuf); nil for Avro.
	Indexes []int
	// Append appends the encoding of v to dst. On error it returns dst as it was.
	Append func(dst []byte, v *T) ([]byte, error)
	// Decode reads data written with exactly Source into v, which is zero. The
	// strings of v may alias data. Bytes after the value are an error. An error
	// that has a method Place() (path string, offset int) tells where in data.
	Decode func(data string, v *T) error
	// Resolve returns a Decode for data written with another schema, or an error
	// if no data of it can be read. It is nil for Protobuf, whose data needs no
	// resolution.
	Resolve func(writer lang.Source) (func(data string, v *T) error, error)
}

// A SchemaSource finds the schema that data was written with. The registry
// client is one, and so is a map in a test.
type SchemaSource interface {
	// SchemaByID returns the schema with its references resolved. An id that the
	// source does not know matches [ErrUnknownID]; any other error means that it
	// could not be asked.
	SchemaByID(ctx context.Context, id uint32) (lang.Source, error)
}

// A Registry is a SchemaSource that also knows subjects: what a publisher needs.
type Registry interface {
	SchemaSource
	// Lookup returns the id under which exactly this schema is registered in the
	// subject. If it is not, the error matches [ErrNotRegistered]. A reference of
	// the schema that names no subject is kept in the subject of its own name.
	Lookup(ctx context.Context, subject string, schema lang.Source) (id uint32, err error)
}

// A Registrar is a Registry that can register. It is asked for by type
// assertion, and only with the development option.
type Registrar interface {
	Register(ctx context.Context, subject string, schema lang.Source) (id uint32, err error)
}
