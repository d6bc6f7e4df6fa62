package lang

import (
	"fmt"
	"strings"
)

// An Error is a mistake in schema text that its author can mend.
type Error struct {
	Pos  Pos
	Code string // stable and greppable, such as AVRO_FIELD_DUPLICATE
	Msg  string // what is there and what was expected
	Err  error  // the cause, or nil
}

func (e *Error) Error() string {
	if e.Pos.Path == "" && !e.Pos.IsValid() {
		return fmt.Sprintf("%s: %s", e.Code, e.Msg)
	}
	return fmt.Sprintf("%s: %s: %s", e.Pos, e.Code, e.Msg)
}

func (e *Error) Unwrap() error { return e.Err }

// An ErrorList is every mistake found in one text, in the order of positions.
// It is never empty when returned as an error.
type ErrorList []*Error

func (l ErrorList) Error() string {
	lines := make([]string, len(l))
	for i, e := range l {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As reach each mistake.
func (l ErrorList) Unwrap() []error {
	out := make([]error, len(l))
	for i, e := range l {
		out[i] = e
	}
	return out
}

// Err returns l as an error, or nil when l is empty.
func (l ErrorList) Err() error {
	if len(l) == 0 {
		return nil
	}
	return l
}
