package protofast

import (
	"errors"
	"fmt"
	"strings"
)

// Causes of a [DecodeError]; errors.Is finds them.
var (
	ErrTruncated = errors.New("the data ends inside a value")
	ErrVarint    = errors.New("a varint has more than 64 bits")
	ErrTag       = errors.New("a field number or wire type is not valid")
	ErrUTF8      = errors.New("a string is not valid UTF-8")
	ErrDepth     = errors.New("messages are nested too deeply")
)

// What a read returns in place of an offset.
const (
	truncated = -1 - iota
	overlong
	badTag
	badUTF8
	tooDeep
)

var causes = [...]error{ErrTruncated, ErrVarint, ErrTag, ErrUTF8, ErrDepth}

// A DecodeError says where data is not what the schema says.
type DecodeError struct {
	Message string // full name of the message
	Field   string // of the message, or empty where no known field is concerned
	Offset  int    // of the field in the bytes of the message, in bytes
	Err     error
}

// Place returns the field and the offset, for package codec.
func (e *DecodeError) Place() (path string, offset int) { return e.Field, e.Offset }

// maxPlaces is how many places are told, from the outside, before the innermost
// one: hostile data nests deeply.
const maxPlaces = 8

func (e *DecodeError) Error() string {
	var b strings.Builder
	for depth := 0; ; depth++ {
		inner, nested := e.Err.(*DecodeError)
		switch {
		case depth == maxPlaces && nested:
			b.WriteString("…: ")
		case depth < maxPlaces || !nested:
			b.WriteString(e.Message)
			if e.Field != "" {
				b.WriteString("." + e.Field)
			}
			fmt.Fprintf(&b, " at offset %d: ", e.Offset)
		}
		if !nested {
			b.WriteString(e.Err.Error())
			return b.String()
		}
		e = inner
	}
}

func (e *DecodeError) Unwrap() error { return e.Err }

// Fail makes the error of a read that returned code instead of an offset.
func Fail(message, field string, offset, code int) error {
	cause := ErrTag
	if i := -1 - code; i >= 0 && i < len(causes) {
		cause = causes[i]
	}
	return &DecodeError{Message: message, Field: field, Offset: offset, Err: cause}
}

// Inside adds the place of a field to the error of the message that it holds.
func Inside(message, field string, offset int, err error) error {
	return &DecodeError{Message: message, Field: field, Offset: offset, Err: err}
}

// TooDeep is the error of a message that is nested more than [MaxDepth] deep.
func TooDeep(message string) error { return Fail(message, "", 0, tooDeep) }

// InvalidUTF8 is the error of appending a string that is no text.
func InvalidUTF8(message, field string) error {
	return fmt.Errorf("%s.%s: %w", message, field, ErrUTF8)
}
