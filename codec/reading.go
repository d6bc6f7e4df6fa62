package codec

import (
	"errors"
	"fmt"

	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/lang"
)

// A reading is how data of one schema becomes values of one type.
type reading[T any] struct {
	t       *Type[T]
	subject string
	id      uint32
	decode  func(data string, v *T) error
	fault   error // why no data of this schema can be read, or nil
}

// newReading prepares to read data that writer describes. It never fails: a
// schema that cannot be read is a fault of each of its messages.
func newReading[T any](t *Type[T], subject string, id uint32, writer lang.Source) reading[T] {
	if subject == "" {
		subject = writer.Path
	}
	r := reading[T]{t: t, subject: subject, id: id, decode: t.Decode}
	switch {
	case writer.Type != t.Source.Type:
		r.fault = fmt.Errorf("data is written with a schema of type %s, expected %s", writer.Type, t.Source.Type)
	case writer.Type != lang.Avro || sameData(writer, t.Source):
	case t.Resolve == nil:
		r.fault = errors.New("data is written with another schema, and the type reads only its own")
	default:
		var err error
		if r.decode, err = t.Resolve(writer); err != nil {
			r.fault = fmt.Errorf("data is written with a schema that cannot be read: %w", err)
		}
	}
	return r
}

// value decodes what follows the frame; at is where that is in the payload.
func (r *reading[T]) value(data []byte, at int) (*T, error) {
	if r.fault != nil {
		return nil, r.error(-1, r.fault)
	}
	// One copy holds the text of all strings of the event, so the event belongs
	// to the caller whatever becomes of data.
	v := new(T)
	if err := r.decode(string(data), v); err != nil {
		return nil, r.misread(at, err)
	}
	return v, nil
}

func (r *reading[T]) error(offset int, err error) *DecodeError {
	return &DecodeError{Subject: r.subject, Name: r.t.Name, ID: r.id, Offset: offset, Err: err}
}

// misread adds the place that an error of a decode function knows: one of
// generated Avro code, or any with a method Place.
func (r *reading[T]) misread(at int, err error) error {
	e := r.error(-1, err)
	var (
		wire   *avrowire.Error
		placed interface {
			Place() (path string, offset int)
		}
	)
	switch {
	case errors.As(err, &wire):
		e.Path, e.Offset = wire.Path, wire.Offset
		// Its own offset starts behind the frame; two that differ would confuse.
		e.Err = &avrowire.Error{Offset: -1, Msg: wire.Msg}
	case errors.As(err, &placed):
		e.Path, e.Offset = placed.Place()
	}
	if e.Offset >= 0 {
		e.Offset += at
	}
	return e
}
