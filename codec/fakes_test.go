package codec_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
)

// A note stands for a generated type. Its encoding is its text, then "."; so
// what is after the first "." is trailing data.
type note struct{ text string }

const noteText = `{"type":"record","name":"Note","namespace":"a.b","fields":[{"name":"text","type":"string","default":"-","doc":"d"}]}`

var errBroken = errors.New("broken on purpose")

func noteSource() lang.Source {
	return lang.Source{Type: lang.Avro, Path: "schemas/a/b/note.avsc", Text: noteText}
}

func noteType() *codec.Type[note] {
	return &codec.Type[note]{
		Name:    "a.b.Note",
		Aliases: []string{"a.b.OldNote"},
		Source:  noteSource(),
		Append:  appendNote,
		Decode:  decodeNote,
		Resolve: func(writer lang.Source) (func(string, *note) error, error) {
			if strings.Contains(writer.Text, "unreadable") {
				return nil, errors.New("field x cannot be read")
			}
			return func(data string, v *note) error {
				err := decodeNote(data, v)
				v.text = "old " + v.text
				return err
			}, nil
		},
	}
}

func appendNote(dst []byte, v *note) ([]byte, error) {
	dst = append(dst, v.text...)
	if v.text == "bad" {
		return dst, errBroken // a careless encoder: dst is not as it was
	}
	return append(dst, '.'), nil
}

func decodeNote(data string, v *note) error {
	text, rest, ok := strings.Cut(data, ".")
	if !ok {
		return placed{errors.New("text is cut off"), "text", len(data)}
	}
	if rest != "" {
		return placed{errors.New("bytes after the value"), "", len(text) + 1}
	}
	v.text = text
	return nil
}

// placed is an error that knows its place, as those of generated code do.
type placed struct {
	error
	path   string
	offset int
}

func (p placed) Place() (string, int) { return p.path, p.offset }

const notesProto = `syntax = "proto3";
package a.b;
message Envelope { message Note { string text = 1; } }
message Note { string text = 1; }
`

func protoType() *codec.Type[note] {
	return &codec.Type[note]{
		Name:    "a.b.Note",
		Source:  lang.Source{Type: lang.Protobuf, Path: "a/b/note.proto", Text: notesProto},
		Indexes: []int{1},
		Append:  appendNote,
		Decode:  decodeNote,
	}
}

// A fakeRegistry keeps schemas in memory and counts what it is asked.
type fakeRegistry struct {
	asked   atomic.Int32                               // SchemaByID calls
	lookups atomic.Int32                               // Lookup calls
	before  func(ctx context.Context, id uint32) error // called by SchemaByID, with no lock held

	mu       sync.Mutex // guards the fields below
	schemas  map[uint32]lang.Source
	subjects map[string]uint32
}

func registryOf(schemas map[uint32]lang.Source) *fakeRegistry {
	return &fakeRegistry{schemas: schemas, subjects: map[string]uint32{}}
}

func (r *fakeRegistry) SchemaByID(ctx context.Context, id uint32) (lang.Source, error) {
	r.asked.Add(1)
	if r.before != nil {
		if err := r.before(ctx, id); err != nil {
			return lang.Source{}, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if src, ok := r.schemas[id]; ok {
		return src, nil
	}
	return lang.Source{}, fmt.Errorf("40403: %w", codec.ErrUnknownID)
}

func (r *fakeRegistry) Lookup(_ context.Context, subject string, schema lang.Source) (uint32, error) {
	r.lookups.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if id, ok := r.subjects[subject]; ok && r.schemas[id].Text == schema.Text {
		return id, nil
	}
	return 0, fmt.Errorf("40403: %w", codec.ErrNotRegistered)
}

// A fakeRegistrar can register as well.
type fakeRegistrar struct{ *fakeRegistry }

func (r fakeRegistrar) Register(_ context.Context, subject string, schema lang.Source) (uint32, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	id := uint32(len(r.schemas) + 1)
	r.schemas[id] = schema
	r.subjects[subject] = id
	return id, nil
}

// framed returns data framed with id.
func framed(id uint32, data string) []byte { return append(codec.AppendFrame(nil, id), data...) }
