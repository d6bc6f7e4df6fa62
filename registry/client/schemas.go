package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

var (
	_ codec.SchemaSource = (*Client)(nil)
	_ codec.Registry     = (*Client)(nil)
	_ codec.Registrar    = (*Client)(nil)
)

// maxTexts bounds how many texts one schema may reach, so that a registry that
// answers nonsense cannot keep a client busy for ever.
const maxTexts = 1000

// SchemaByID returns the schema with an id, its references resolved. An id that
// the registry does not know matches [codec.ErrUnknownID].
func (c *Client) SchemaByID(ctx context.Context, id uint32) (lang.Source, error) {
	if src, ok := c.cache.byID.get(id); ok {
		return src, nil
	}
	if id > math.MaxInt32 {
		// A server would not even find the path.
		return lang.Source{}, fmt.Errorf("schema id %d is above the largest one of a registry, %d: %w", id, math.MaxInt32, codec.ErrUnknownID)
	}
	var out api.SchemaString
	err := c.do(ctx, request{method: http.MethodGet, path: path("schemas", "ids", strconv.FormatUint(uint64(id), 10))}, &out)
	if errors.Is(err, api.SchemaNotFound) {
		return lang.Source{}, fmt.Errorf("%w: %w", codec.ErrUnknownID, err)
	} else if err != nil {
		return lang.Source{}, err
	}
	w := &walk{client: c, left: maxTexts}
	src, err := w.source(ctx, fmt.Sprintf("schema id %d", id), out.SchemaType, out.Schema, out.References)
	if err != nil {
		return lang.Source{}, fmt.Errorf("schema id %d: %w", id, err)
	}
	c.cache.byID.put(id, src)
	return src, nil
}

// SourceOf returns a schema that [Client.Version] returned with its references
// resolved.
func (c *Client) SourceOf(ctx context.Context, s api.Schema) (lang.Source, error) {
	w := &walk{client: c, left: maxTexts}
	return w.source(ctx, fmt.Sprintf("%s v%d", s.Subject, s.Version), s.SchemaType, s.Schema, s.References)
}

// A walk resolves the references of one schema.
type walk struct {
	client *Client
	left   int
	path   []api.SubjectVersion // the references that led here
}

func (w *walk) source(ctx context.Context, name, typ, text string, refs []api.Reference) (lang.Source, error) {
	out := lang.Source{Type: lang.Type(cmp.Or(typ, string(lang.Avro))), Path: name, Text: text}
	for _, ref := range refs {
		target, err := w.target(ctx, ref)
		if err != nil {
			return lang.Source{}, fmt.Errorf("reference %q to subject %q version %d: %w", ref.Name, ref.Subject, ref.Version, err)
		}
		out.References = append(out.References, lang.Reference{Name: ref.Name, Subject: ref.Subject, Version: ref.Version, Source: target})
	}
	return out, nil
}

func (w *walk) target(ctx context.Context, ref api.Reference) (*lang.Source, error) {
	key := api.SubjectVersion{Subject: ref.Subject, Version: ref.Version}
	for _, above := range w.path {
		if above == key {
			return nil, errors.New("the schema refers to itself")
		}
	}
	if w.left--; w.left < 0 {
		return nil, fmt.Errorf("the schema reaches more than %d texts", maxTexts)
	}
	if src, ok := w.client.cache.versions.get(key); ok {
		return src, nil
	}
	var out api.Schema
	err := w.client.do(ctx, request{
		method: http.MethodGet, path: path("subjects", ref.Subject, "versions", versionSegment(ref.Version)),
		query: url.Values{"deleted": {"true"}}, // what is stored may use soft-deleted versions
	}, &out)
	if err != nil {
		return nil, err
	}
	w.path = append(w.path, key)
	src, err := w.source(ctx, fmt.Sprintf("%s v%d", ref.Subject, ref.Version), out.SchemaType, out.Schema, out.References)
	w.path = w.path[:len(w.path)-1]
	if err != nil {
		return nil, err
	}
	w.client.cache.versions.put(key, &src)
	return &src, nil
}

// Lookup returns the id under which exactly this schema is registered in a
// subject. If it is not, the error matches [codec.ErrNotRegistered]. References
// to files are looked up first, under their names.
func (c *Client) Lookup(ctx context.Context, subject string, schema lang.Source) (uint32, error) {
	found, err := c.LookupVersion(ctx, subject, schema)
	return uint32(found.ID), err
}

// LookupVersion is Lookup that tells the version too.
func (c *Client) LookupVersion(ctx context.Context, subject string, schema lang.Source) (api.Schema, error) {
	return c.resolve(ctx, subject, schema, c.lookup)
}

// Register returns the id of a schema after adding it to a subject that does not
// have it. References to files are registered first, under their names. A schema
// that the subject may not take matches [api.IncompatibleSchema].
func (c *Client) Register(ctx context.Context, subject string, schema lang.Source) (uint32, error) {
	added, err := c.RegisterVersion(ctx, subject, schema)
	return uint32(added.ID), err
}

// RegisterVersion is Register that tells the version too.
func (c *Client) RegisterVersion(ctx context.Context, subject string, schema lang.Source) (api.Schema, error) {
	return c.resolve(ctx, subject, schema, c.register)
}

// Request returns the body that stands for a schema, after looking up the
// versions of the files that it refers to.
func (c *Client) Request(ctx context.Context, schema lang.Source) (api.RegisterRequest, error) {
	return c.request(ctx, schema, c.lookup)
}

// An act finds or makes the version of a subject that holds a schema.
type act func(ctx context.Context, subject string, req api.RegisterRequest) (api.Schema, error)

func (c *Client) resolve(ctx context.Context, subject string, schema lang.Source, do act) (api.Schema, error) {
	req, err := c.request(ctx, schema, do)
	if err != nil {
		return api.Schema{}, err
	}
	return do(ctx, subject, req)
}

// request gives each reference a subject and a version.
func (c *Client) request(ctx context.Context, schema lang.Source, do act) (api.RegisterRequest, error) {
	out := api.RegisterRequest{SchemaType: string(schema.Type), Schema: schema.Text}
	for _, ref := range schema.References {
		r := api.Reference{Name: ref.Name, Subject: ref.Subject, Version: ref.Version}
		if r.Subject == "" {
			r.Subject = ref.Name
		}
		if r.Version == 0 {
			if ref.Source == nil {
				return out, fmt.Errorf("reference %q has neither a version nor a text", ref.Name)
			}
			found, err := c.resolve(ctx, r.Subject, *ref.Source, do)
			if err != nil {
				return out, fmt.Errorf("reference %q: %w", ref.Name, err)
			}
			r.Version = found.Version
		}
		out.References = append(out.References, r)
	}
	return out, nil
}

func (c *Client) lookup(ctx context.Context, subject string, req api.RegisterRequest) (api.Schema, error) {
	key := keyOf(subject, req)
	if found, ok := c.cache.asked.get(key); ok {
		return found, nil
	}
	var out api.Schema
	err := c.do(ctx, request{method: http.MethodPost, path: path("subjects", subject), body: req}, &out)
	if errors.Is(err, api.SubjectNotFound) || errors.Is(err, api.SchemaNotFound) {
		return out, fmt.Errorf("subject %q: %w: %w", subject, codec.ErrNotRegistered, err)
	} else if err != nil {
		return out, err
	}
	c.cache.asked.put(key, out)
	return out, nil
}

func (c *Client) register(ctx context.Context, subject string, req api.RegisterRequest) (api.Schema, error) {
	var out api.RegisterResponse
	if err := c.do(ctx, request{method: http.MethodPost, path: path("subjects", subject, "versions"), body: req}, &out); err != nil {
		return api.Schema{}, err
	}
	if out.Version == 0 {
		// Servers before 7.5 tell only the id; asking is how to learn the rest.
		found, err := c.lookup(ctx, subject, req)
		found.ID = out.ID
		return found, err
	}
	return api.Schema{
		Subject: subject, Version: out.Version, ID: out.ID, GUID: out.GUID,
		SchemaType: out.SchemaType, References: out.References, Schema: out.Schema,
	}, nil
}
