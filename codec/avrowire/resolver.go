package avrowire

import (
	"errors"
	"fmt"
	"sync"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// Decoder returns what codec.Type calls Decode: decode, with the path to the
// value added to its errors. Finding the path takes a second pass over the data,
// which only a message that cannot be read pays for.
func Decoder[T any](reader lang.Source, decode func(v *T, data string) error) func(data string, v *T) error {
	own := sync.OnceValues(func() (*Plan, error) {
		s, err := avro.Parse(reader)
		if err != nil {
			return nil, err
		}
		return NewPlan(s, s)
	})
	return func(data string, v *T) error {
		err := decode(v, data)
		if err == nil {
			return nil
		}
		if plan, planErr := own(); planErr == nil {
			return plan.locate(data, err)
		}
		return err
	}
}

// Resolver returns what codec.Type calls Resolve: it compiles a [Plan] for each
// writer. The reader's schema is parsed once, when first asked; that of the writer
// leniently.
func Resolver[T any](reader lang.Source, decode func(v *T, data string) error) func(writer lang.Source) (func(data string, v *T) error, error) {
	parse := sync.OnceValues(func() (*avro.Schema, error) { return avro.Parse(reader) })
	return func(writer lang.Source) (func(data string, v *T) error, error) {
		r, err := parse()
		if err != nil {
			return nil, fmt.Errorf("parse the reader's schema: %w", err)
		}
		// Data that was written is read, however wrong the names and defaults of its
		// schema are: the registry has it, and neither is used.
		w, err := avro.ParseLenient(writer)
		if err != nil {
			return nil, fmt.Errorf("parse the writer's schema: %w", err)
		}
		plan, err := NewPlan(w, r)
		if err != nil {
			return nil, err
		}
		return func(data string, v *T) error {
			if plan.identity {
				if err := decode(v, data); err != nil {
					return plan.locate(data, err)
				}
				return nil
			}
			own, err := plan.Transcode(data)
			if err != nil {
				return err
			}
			if err := decode(v, own); err != nil {
				// The offset is one in the transcoded data, which nobody has.
				var e *Error
				if errors.As(err, &e) {
					return &Error{Path: e.Path, Offset: -1, Msg: e.Msg}
				}
				return err
			}
			return nil
		}, nil
	}
}
