package codec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrUndecodable matches every error that is a fault of the data: it will fail
// in the same way however often it is tried. An error that does not match it,
// such as a registry that could not be asked, may pass.
var ErrUndecodable = errors.New("undecodable data")

// ErrNotRegistered says that a subject does not hold exactly the given schema.
var ErrNotRegistered = errors.New("schema is not registered")

var (
	// ErrNotFramed says that bytes do not start with a frame: the byte 0, a
	// schema id and, for Protobuf, the path of the message. It matches
	// [ErrUndecodable].
	ErrNotFramed error = fault("data is not framed with a schema id")
	// ErrUnknownID says that the registry was asked and has no schema with this
	// id. It matches [ErrUndecodable].
	ErrUnknownID error = fault("schema id is not known to the registry")
)

// A fault is a constant error about data.
type fault string

func (f fault) Error() string        { return string(f) }
func (f fault) Is(target error) bool { return target == ErrUndecodable }

// A DecodeError says which data could not be decoded, and where it goes wrong.
// It matches [ErrUndecodable] and whatever Err matches.
type DecodeError struct {
	Subject string // where the writer's schema is kept, or ""
	Name    string // full name of the expected event type, or ""
	ID      uint32 // of the writer's schema; 0 if the data is not framed
	Path    string // of the field, such as items[3].price; "" if not known
	Offset  int    // bytes from the start of the payload, its frame included; -1 if not known
	Err     error
}

// Error names everything that is known of the place, then the reason.
func (e *DecodeError) Error() string {
	var parts []string
	if e.Name != "" {
		parts = append(parts, "decode "+e.Name)
	} else {
		parts = append(parts, "decode")
	}
	if e.Subject != "" {
		parts = append(parts, "subject "+strconv.Quote(e.Subject))
	}
	if e.ID != 0 {
		parts = append(parts, fmt.Sprintf("schema id %d", e.ID))
	}
	if e.Path != "" {
		parts = append(parts, "field "+e.Path)
	}
	if e.Offset >= 0 {
		parts = append(parts, fmt.Sprintf("byte %d", e.Offset))
	}
	return strings.Join(parts, ", ") + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *DecodeError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrUndecodable].
func (e *DecodeError) Is(target error) bool { return target == ErrUndecodable }
