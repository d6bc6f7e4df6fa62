package registry

import (
	"context"
	"errors"

	"github.com/wireproof/wireproof/registry/api"
)

// ErrConflict says that somebody else has appended after the given offset.
var ErrConflict = errors.New("somebody else has appended to the log")

// An Offset is a place in a log, the first being 0. Offsets only grow and may
// have gaps.
type Offset int64

// A Log keeps records in order, for ever. All methods are safe for concurrent
// use, and several logs may be open on one store.
type Log interface {
	// Append adds the records after at, all or none, if nothing has been
	// appended since; otherwise the error matches [ErrConflict]. It returns the
	// offset after them once they survive a crash. After any other error the
	// records may or may not be there; reading tells.
	Append(ctx context.Context, at Offset, records []Record) (next Offset, err error)
	// ReadFrom returns the records from at on, as far as there are any now, and
	// the offset after them.
	ReadFrom(ctx context.Context, at Offset) (records []Record, next Offset, err error)
}

// A Kind says what a [Record] states.
type Kind string

// The kinds of records. Their names are in people's logs, so they are for ever.
const (
	// SchemaRecord states a version of a subject; Schema holds it. A later one
	// for the same version replaces it, as a soft delete does.
	SchemaRecord Kind = "schema"
	// PurgeRecord states that a version is gone for good.
	PurgeRecord Kind = "purge"
	// ConfigRecord states the settings of a subject, or of the server if Subject
	// is empty. Without Config they are gone.
	ConfigRecord Kind = "config"
	// IDRecord states the highest id that was ever given, so that no id comes
	// back after its last version was purged.
	IDRecord Kind = "id"
)

// A Record is one fact in the log. It is immutable.
type Record struct {
	Kind    Kind          `json:"kind"`
	Subject string        `json:"subject,omitempty"`
	Version int           `json:"version,omitempty"`
	ID      int           `json:"id,omitempty"`
	Time    int64         `json:"ts,omitempty"` // of the decision, milliseconds since 1970
	Schema  *StoredSchema `json:"schema,omitempty"`
	Config  *api.Config   `json:"config,omitempty"`
}

// A StoredSchema is the part of a record that describes a version.
type StoredSchema struct {
	Type       string          `json:"type"`
	Text       string          `json:"text"` // canonical
	References []api.Reference `json:"references,omitempty"`
	Metadata   *api.Metadata   `json:"metadata,omitempty"`
	Deleted    bool            `json:"deleted,omitempty"`
}
