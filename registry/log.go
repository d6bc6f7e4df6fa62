package registry

import (
	"context"
	"errors"

	"github.com/wireproof/wireproof/registry/api"
)

// ErrConflict says that somebody else has appended after the given offset.
var ErrConflict = errors.New("somebody else has appended to the log")

// ErrNotLeader says that only one server may append to the log, that this one is
// not it, and that nothing was appended.
var ErrNotLeader = errors.New("this server is not the leader")

// ErrTooLarge says that records are larger than the log takes, and that nothing was
// appended.
var ErrTooLarge = errors.New("too large for the log")

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
	// the offset after them. Whatever an Append to the store has returned for
	// before, by way of any log on it, is among them.
	ReadFrom(ctx context.Context, at Offset) (records []Record, next Offset, err error)
}

// A Kind says what a [Record] states.
type Kind string

// The kinds of records. Their names are in people's logs, so they are for ever.
// Subject is qualified, as :.context:name, but for the default context. A scope
// is a subject, a context spelled :.context:, or "" for the server.
const (
	// SchemaRecord states a version of a subject; Schema holds it. A later one
	// for the same version replaces it, as a soft delete does. One whose id
	// already stands for another text in its context states nothing.
	SchemaRecord Kind = "schema"
	// PurgeRecord states that a version is gone for good.
	PurgeRecord Kind = "purge"
	// ConfigRecord states the settings of a scope. Without Config they are gone.
	ConfigRecord Kind = "config"
	// ModeRecord states the mode of a scope. Without Mode it is gone.
	ModeRecord Kind = "mode"
	// IDRecord states the highest id that was ever given in the context Subject,
	// "" being the default one, so that no id comes back after its last version
	// was purged.
	IDRecord Kind = "id"
	// ContextRecord states that the context Subject is listed, or with Gone that
	// it no longer is.
	ContextRecord Kind = "context"
	// DeleteSubjectRecord states that the versions of a subject up to Version are
	// soft-deleted. Servers of others write it; this one writes each version.
	DeleteSubjectRecord Kind = "delete_subject"
	// ClearRecord states that the soft-deleted versions in a scope are gone for
	// good; "" is all contexts.
	ClearRecord Kind = "clear"
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
	Mode    string        `json:"mode,omitempty"`
	Gone    bool          `json:"gone,omitempty"`
}

// A StoredSchema is the part of a record that describes a version.
type StoredSchema struct {
	Type       string          `json:"type"`
	Text       string          `json:"text"` // canonical
	References []api.Reference `json:"references,omitempty"`
	Metadata   *api.Metadata   `json:"metadata,omitempty"`
	RuleSet    *api.RuleSet    `json:"ruleSet,omitempty"`
	Deleted    bool            `json:"deleted,omitempty"`
	// MD5 is the hash of the clear schema where its metadata is stored encrypted;
	// otherwise it is nil and follows from the rest.
	MD5 []byte `json:"md5,omitempty"`
}
