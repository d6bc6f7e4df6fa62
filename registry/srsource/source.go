// Package srsource lets a program that already has a
// github.com/riferrei/srclient client use it for schemas: the client becomes a
// [codec.SchemaSource], a [codec.Registry] and a [codec.Registrar].
//
// Only the requests of srclient are used. Its codecs are not: Schema.Codec writes
// to a shared value without a lock. Its cache needs none of ours to be correct,
// but reads of one id at the same time each make a request; a [codec.Cache] in
// front, which every Deserializer has, makes one.
//
// Caveats of srclient 0.7.2: requests know no context, so one that was called
// off ends in the background, within the client's timeout; and line ends in
// Avro and JSON schemas are sent as spaces, so a schema with a comment to the
// end of a line is refused here rather than registered as another text.
package srsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/riferrei/srclient"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
)

// Bounds on what one schema may refer to, all levels together: the registry is
// written to by others.
const (
	maxDepth      = 64
	maxReferences = 1000
)

// Error codes of the registry protocol.
const (
	codeSubjectNotFound = 40401
	codeVersionNotFound = 40402
	codeSchemaNotFound  = 40403
)

// A Source asks a registry through a client of srclient. It is safe for
// concurrent use as long as nobody changes the settings of the client.
type Source struct {
	client srclient.ISchemaRegistryClient
}

// New returns a Source that uses client, which stays the caller's.
func New(client srclient.ISchemaRegistryClient) *Source { return &Source{client} }

// SchemaByID returns the schema with the given id, with everything it refers
// to. An id that the registry does not know matches [codec.ErrUnknownID].
func (s *Source) SchemaByID(ctx context.Context, id uint32) (lang.Source, error) {
	if id > math.MaxInt32 {
		return lang.Source{}, fmt.Errorf("schema id %d is above the largest one of a registry, %d: %w", id, math.MaxInt32, codec.ErrUnknownID)
	}
	schema, err := interruptible(ctx, func() (*srclient.Schema, error) { return s.client.GetSchema(int(id)) })
	if hasCode(err, codeSchemaNotFound) {
		return lang.Source{}, fmt.Errorf("%w: %w", codec.ErrUnknownID, err)
	}
	if err != nil {
		return lang.Source{}, err
	}
	left := maxReferences
	return s.resolve(ctx, schema, "", 0, &left)
}

// resolve makes a Source of schema, whose own references are fetched.
func (s *Source) resolve(ctx context.Context, schema *srclient.Schema, path string, depth int, left *int) (lang.Source, error) {
	src := lang.Source{Type: typeOf(schema), Path: path, Text: schema.Schema()}
	for _, ref := range schema.References() {
		if *left--; *left < 0 || depth == maxDepth {
			return lang.Source{}, fmt.Errorf("schema has more than %d references, or they are more than %d deep", maxReferences, maxDepth)
		}
		found, err := interruptible(ctx, func() (*srclient.Schema, error) {
			return s.client.GetSchemaByVersion(ref.Subject, ref.Version)
		})
		if err != nil {
			return lang.Source{}, fmt.Errorf("reference %q to subject %q version %d: %w", ref.Name, ref.Subject, ref.Version, err)
		}
		refPath := fmt.Sprintf("%s v%d", ref.Subject, ref.Version)
		if src.Type == lang.Protobuf {
			refPath = ref.Name
		}
		nested, err := s.resolve(ctx, found, refPath, depth+1, left)
		if err != nil {
			return lang.Source{}, err
		}
		src.References = append(src.References, lang.Reference{Name: ref.Name, Subject: ref.Subject, Version: ref.Version, Source: &nested})
	}
	return src, nil
}

// Lookup returns the id under which exactly this schema is registered in
// subject. A reference that names no subject is looked up in the subject of its
// own name. If the schema, or one that it refers to, is not registered, the
// error matches [codec.ErrNotRegistered].
func (s *Source) Lookup(ctx context.Context, subject string, schema lang.Source) (id uint32, err error) {
	found, err := s.lookup(ctx, subject, schema, 0)
	if err != nil {
		return 0, err
	}
	return idOf(found)
}

func (s *Source) lookup(ctx context.Context, subject string, schema lang.Source, depth int) (*srclient.Schema, error) {
	if err := check(schema, depth); err != nil {
		return nil, err
	}
	refs, err := s.references(schema, func(subject string, ref lang.Source) (*srclient.Schema, error) {
		return s.lookup(ctx, subject, ref, depth+1)
	})
	if err != nil {
		return nil, err
	}
	found, err := interruptible(ctx, func() (*srclient.Schema, error) {
		return s.client.LookupSchema(subject, schema.Text, wireType(schema.Type), refs...)
	})
	if hasCode(err, codeSubjectNotFound, codeVersionNotFound, codeSchemaNotFound) {
		return nil, fmt.Errorf("subject %q: %w: %w", subject, codec.ErrNotRegistered, err)
	}
	return found, err
}

// Register registers the schema in subject, and before it each schema that it
// refers to without naming a subject, in the subject of its own name.
func (s *Source) Register(ctx context.Context, subject string, schema lang.Source) (id uint32, err error) {
	made, err := s.register(ctx, subject, schema, 0)
	if err != nil {
		return 0, err
	}
	return idOf(made)
}

func (s *Source) register(ctx context.Context, subject string, schema lang.Source, depth int) (*srclient.Schema, error) {
	if err := check(schema, depth); err != nil {
		return nil, err
	}
	refs, err := s.references(schema, func(subject string, ref lang.Source) (*srclient.Schema, error) {
		if _, err := s.register(ctx, subject, ref, depth+1); err != nil {
			return nil, err
		}
		return s.lookup(ctx, subject, ref, depth+1) // registering does not tell the version
	})
	if err != nil {
		return nil, err
	}
	return interruptible(ctx, func() (*srclient.Schema, error) {
		return s.client.CreateSchema(subject, schema.Text, wireType(schema.Type), refs...)
	})
}

// references says where each reference of schema is kept, and asks find for
// the ones that do not say it themselves.
func (s *Source) references(schema lang.Source, find func(subject string, ref lang.Source) (*srclient.Schema, error)) ([]srclient.Reference, error) {
	var refs []srclient.Reference
	for _, ref := range schema.References {
		at := srclient.Reference{Name: ref.Name, Subject: ref.Subject, Version: ref.Version}
		if at.Subject == "" {
			at.Subject = ref.Name
		}
		if at.Version == 0 {
			if ref.Source == nil {
				return nil, fmt.Errorf("reference %q has neither a version nor a text", ref.Name)
			}
			found, err := find(at.Subject, *ref.Source)
			if err != nil {
				return nil, fmt.Errorf("reference %q: %w", ref.Name, err)
			}
			at.Version = found.Version()
		}
		refs = append(refs, at)
	}
	return refs, nil
}

func check(schema lang.Source, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("references are more than %d deep", maxDepth)
	}
	if schema.Type != lang.Protobuf && strings.Contains(schema.Text, "//") && !json.Valid([]byte(schema.Text)) {
		return errors.New("schema holds comments, which srclient cannot send: it joins all lines")
	}
	return nil
}

func idOf(schema *srclient.Schema) (uint32, error) {
	if id := schema.ID(); id > 0 && id <= math.MaxInt32 {
		return uint32(id), nil
	}
	return 0, fmt.Errorf("registry answered with schema id %d, expected 1 to %d", schema.ID(), math.MaxInt32)
}

func typeOf(schema *srclient.Schema) lang.Type {
	if t := schema.SchemaType(); t != nil && *t != "" {
		return lang.Type(*t)
	}
	return lang.Avro
}

func wireType(t lang.Type) srclient.SchemaType {
	if t == "" {
		return srclient.Avro
	}
	return srclient.SchemaType(t)
}

func hasCode(err error, codes ...int) bool {
	var answer srclient.Error
	if !errors.As(err, &answer) {
		return false
	}
	for _, code := range codes {
		if answer.Code == code {
			return true
		}
	}
	return false
}

// interruptible returns what call returns, or the error of ctx if it ends
// first: srclient has no way to call a request off.
func interruptible[T any](ctx context.Context, call func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := call()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}
