package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
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
	return known(ctx, c, &c.sources, idKey(id), func(ctx context.Context) (lang.Source, error) {
		out, err := c.ByID(ctx, id)
		if err != nil {
			return lang.Source{}, err
		}
		w := &walk{client: c, left: maxTexts}
		src, err := w.source(ctx, c.cfg.context, fmt.Sprintf("schema id %d", id), out.SchemaType, out.Schema, out.References)
		if err != nil {
			return lang.Source{}, fmt.Errorf("schema id %d: %w", id, err)
		}
		return src, nil
	})
}

// ByID returns the schema with an id as it was when it was first asked for: what
// its text is never changes. An id that the registry does not know matches
// [codec.ErrUnknownID] and [api.SchemaNotFound].
func (c *Client) ByID(ctx context.Context, id uint32) (api.SchemaString, error) {
	if id > math.MaxInt32 {
		// A server would not even find the path.
		return api.SchemaString{}, fmt.Errorf("schema id %d is above the largest one of a registry, %d: %w", id, math.MaxInt32, codec.ErrUnknownID)
	}
	return known(ctx, c, &c.texts, textKey(id), func(ctx context.Context) (api.SchemaString, error) {
		var out api.SchemaString
		err := c.do(ctx, request{method: http.MethodGet, path: idPath(id), query: c.idQuery()}, &out)
		if errors.Is(err, api.SchemaNotFound) {
			err = fmt.Errorf("%w: %w", codec.ErrUnknownID, err)
		}
		return out, err
	})
}

func idPath(id uint32, more ...string) string {
	return path(append([]string{"schemas", "ids", strconv.FormatUint(uint64(id), 10)}, more...)...)
}

// idQuery says in which context an id is meant.
func (c *Client) idQuery() url.Values {
	if c.cfg.context == "" {
		return nil
	}
	return url.Values{"subject": {c.cfg.context}}
}

// ByGUID returns the schema with a guid, which is the same in every context, as
// it was when it was first asked for. Unknown ones match [api.SchemaNotFound].
func (c *Client) ByGUID(ctx context.Context, guid string) (api.SchemaString, error) {
	return known(ctx, c, &c.guids, guidKey(guid), func(ctx context.Context) (api.SchemaString, error) {
		var out api.SchemaString
		return out, c.do(ctx, request{method: http.MethodGet, path: path("schemas", "guids", guid)}, &out)
	})
}

// SourceOf returns a schema that [Client.Version] returned with its references
// resolved.
func (c *Client) SourceOf(ctx context.Context, s api.Schema) (lang.Source, error) {
	w := &walk{client: c, left: maxTexts}
	return w.source(ctx, contextOf(c.in(s.Subject)), fmt.Sprintf("%s v%d", s.Subject, s.Version), s.SchemaType, s.Schema, s.References)
}

// A walk resolves the references of one schema.
type walk struct {
	client *Client
	left   int
	path   []versionKey // the references that led here
}

// source resolves the references of a schema that lives in a context, where its
// references are, unless they say otherwise.
func (w *walk) source(ctx context.Context, in, name, typ, text string, refs []api.Reference) (lang.Source, error) {
	out := lang.Source{Type: lang.Type(cmp.Or(typ, string(lang.Avro))), Path: name, Text: text}
	for _, ref := range refs {
		subject := ref.Subject
		if !qualified(subject) {
			subject = in + subject
		}
		target, err := w.target(ctx, versionKey{Subject: subject, Version: ref.Version})
		if err != nil {
			return lang.Source{}, fmt.Errorf("reference %q to subject %q version %d: %w", ref.Name, ref.Subject, ref.Version, err)
		}
		out.References = append(out.References, lang.Reference{Name: ref.Name, Subject: ref.Subject, Version: ref.Version, Source: target})
	}
	return out, nil
}

func (w *walk) target(ctx context.Context, key versionKey) (*lang.Source, error) {
	if slices.Contains(w.path, key) {
		return nil, errors.New("the schema refers to itself")
	}
	if w.left--; w.left < 0 {
		return nil, fmt.Errorf("the schema reaches more than %d texts", maxTexts)
	}
	if src, ok := cached[*lang.Source](&w.client.cache, key); ok {
		return src, nil
	}
	// Only the answer is shared, not the walk: two walks that waited for each
	// other's parts could wait for ever if the references went in circles.
	asked := w.client.cache.now()
	var out api.Schema
	err := w.client.get(ctx, path("subjects", key.Subject, "versions", versionSegment(key.Version)),
		url.Values{"deleted": {"true"}}, // what is stored may use soft-deleted versions
		&out)
	if err != nil {
		return nil, err
	}
	w.path = append(w.path, key)
	name := fmt.Sprintf("%s v%d", key.Subject, key.Version)
	src, err := w.source(ctx, contextOf(key.Subject), name, out.SchemaType, out.Schema, out.References)
	w.path = w.path[:len(w.path)-1]
	if err != nil {
		return nil, err
	}
	w.client.cache.keep(key, &src, asked)
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
	found, err := c.Find(ctx, subject, req)
	if errors.Is(err, api.SubjectNotFound) || errors.Is(err, api.SchemaNotFound) {
		return found, fmt.Errorf("subject %q: %w: %w", subject, codec.ErrNotRegistered, err)
	}
	if err == nil && found.Subject != "" && contextOf(found.Subject) != contextOf(c.in(subject)) {
		// Registries look for a bare name in every context, but an id means
		// something in its own only.
		return api.Schema{}, fmt.Errorf("subject %q: %w: it is in %s alone, whose ids mean nothing here", subject, codec.ErrNotRegistered, contextOf(found.Subject))
	}
	return found, err
}

// Find returns the version of a subject that holds what a request describes. If
// none does, the error matches [api.SubjectNotFound] or [api.SchemaNotFound].
func (c *Client) Find(ctx context.Context, subject string, req api.RegisterRequest, opts ...Query) (api.Schema, error) {
	query := queryOf(opts)
	key := keyOf(subject, req, query.Encode())
	return known(ctx, c, &c.lookups, key, func(ctx context.Context) (api.Schema, error) {
		var out api.Schema
		return out, c.do(ctx, request{method: http.MethodPost, path: path("subjects", c.in(subject)), query: query, body: req}, &out)
	})
}

func (c *Client) register(ctx context.Context, subject string, req api.RegisterRequest) (api.Schema, error) {
	out, err := c.Add(ctx, subject, req)
	if err != nil {
		return api.Schema{}, err
	}
	if out.Version == 0 {
		// Servers before 7.5 tell only the id; asking is how to learn the rest.
		found, err := c.lookup(ctx, subject, req)
		found.ID = out.ID
		return found, err
	}
	return api.Schema{
		Subject: subject, Version: out.Version, ID: out.ID, GUID: out.GUID, SchemaType: out.SchemaType,
		References: out.References, Metadata: out.Metadata, RuleSet: out.RuleSet, Schema: out.Schema,
	}, nil
}

// Add registers what a request describes, word for word. With an id and a version
// in the request it imports, which the mode of the subject must allow. It is safe
// to repeat, and is repeated when the answer was lost: a subject that has the
// schema answers with the version it has.
func (c *Client) Add(ctx context.Context, subject string, req api.RegisterRequest, opts ...Query) (api.RegisterResponse, error) {
	var out api.RegisterResponse
	return out, c.write(ctx, request{
		method: http.MethodPost, path: path("subjects", c.in(subject), "versions"), query: queryOf(opts), body: req,
	}, &out)
}
