package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/wireproof/wireproof/registry/api"
)

// Latest stands for the highest live version of a subject.
const Latest = -1

func versionSegment(n int) string {
	if n == Latest {
		return "latest"
	}
	return strconv.Itoa(n)
}

// AllContexts is the prefix of every subject of every context.
const AllContexts = ":*:"

// Subjects returns the names of all subjects that have a live version, in order:
// those of the client's context, or without one those of all contexts.
func (c *Client) Subjects(ctx context.Context, opts ...Query) ([]string, error) {
	prefix := c.cfg.context
	if prefix == "" {
		prefix = AllContexts
	}
	return c.SubjectsWith(ctx, prefix, opts...)
}

// SubjectsWith returns the names that start with a prefix. Without a context in
// it the client's is meant; [AllContexts] may come before it.
func (c *Client) SubjectsWith(ctx context.Context, prefix string, opts ...Query) ([]string, error) {
	query := queryOf(opts)
	if prefix = c.in(prefix); prefix != AllContexts { // which is what servers return by themselves
		if query == nil {
			query = url.Values{}
		}
		query.Set("subjectPrefix", prefix)
	}
	var out []string
	return out, c.get(ctx, "/subjects", query, &out)
}

// pageSize is how many schemas are asked for at a time; it is the most that
// servers send.
const pageSize = 1000

// Schemas returns the versions of all subjects that start with a prefix, as
// [Client.SubjectsWith] understands it, by subject and version. It asks as often
// as it takes; what others write meanwhile may be missing or there twice.
func (c *Client) Schemas(ctx context.Context, prefix string, opts ...Query) ([]api.Schema, error) {
	query := queryOf(opts)
	if query == nil {
		query = url.Values{}
	}
	query.Set("subjectPrefix", c.in(prefix))
	query.Set("limit", strconv.Itoa(pageSize))
	var all []api.Schema
	for {
		query.Set("offset", strconv.Itoa(len(all)))
		var out []api.Schema
		if err := c.get(ctx, "/schemas", query, &out); err != nil {
			return nil, err
		}
		all = append(all, out...)
		if len(out) < pageSize {
			return all, nil
		}
	}
}

// Versions returns the numbers of a subject's live versions in ascending order.
// A subject without any matches [api.SubjectNotFound].
func (c *Client) Versions(ctx context.Context, subject string, opts ...Query) ([]int, error) {
	var out []int
	return out, c.get(ctx, path("subjects", c.in(subject), "versions"), queryOf(opts), &out)
}

// Version returns a version of a subject, or the highest for [Latest].
func (c *Client) Version(ctx context.Context, subject string, version int, opts ...Query) (api.Schema, error) {
	var out api.Schema
	return out, c.get(ctx, c.versionPath(subject, version), queryOf(opts), &out)
}

func (c *Client) versionPath(subject string, version int, more ...string) string {
	return path(append([]string{"subjects", c.in(subject), "versions", versionSegment(version)}, more...)...)
}

// Latest returns the highest live version of a subject.
func (c *Client) Latest(ctx context.Context, subject string) (api.Schema, error) {
	return c.Version(ctx, subject, Latest)
}

// WithProperties returns the newest version of a subject whose metadata has all
// of the given properties. None matches [api.SchemaNotFound].
func (c *Client) WithProperties(ctx context.Context, subject string, properties map[string]string, opts ...Query) (api.Schema, error) {
	query := queryOf(opts)
	if query == nil {
		query = url.Values{}
	}
	for k, v := range properties {
		query.Add("key", k)
		query.Add("value", v)
	}
	var out api.Schema
	return out, c.get(ctx, path("subjects", c.in(subject), "metadata"), query, &out)
}

// ReferencedBy returns the ids of the schemas that refer to a version, in order.
// They are ids of the context of the subject.
func (c *Client) ReferencedBy(ctx context.Context, subject string, version int, opts ...Query) ([]int, error) {
	var out []int
	return out, c.get(ctx, c.versionPath(subject, version, "referencedby"), queryOf(opts), &out)
}

// UsesOf returns the versions that hold the schema with an id. An unknown id
// matches [api.SchemaNotFound].
func (c *Client) UsesOf(ctx context.Context, id uint32, opts ...Query) ([]api.SubjectVersion, error) {
	query := queryOf(opts)
	if c.cfg.context != "" {
		if query == nil {
			query = url.Values{}
		}
		query.Set("subject", c.in(query.Get("subject")))
	}
	var out []api.SubjectVersion
	return out, c.get(ctx, idPath(id, "versions"), query, &out)
}

// IDsOf returns the ids that a schema has in each context, by its guid.
func (c *Client) IDsOf(ctx context.Context, guid string) ([]api.ContextID, error) {
	var out []api.ContextID
	return out, c.get(ctx, path("schemas", "guids", guid, "ids"), nil, &out)
}

// CheckCompatibility asks whether a schema may follow what a subject holds, as
// the level of the subject has it. The messages say why not. A subject that does
// not exist takes every schema.
func (c *Client) CheckCompatibility(ctx context.Context, subject string, schema api.RegisterRequest, opts ...Query) (compatible bool, messages []string, err error) {
	return c.check(ctx, path("compatibility", "subjects", c.in(subject), "versions"), schema, opts)
}

// CheckVersion is CheckCompatibility against one version alone.
func (c *Client) CheckVersion(ctx context.Context, subject string, version int, schema api.RegisterRequest, opts ...Query) (compatible bool, messages []string, err error) {
	return c.check(ctx, path("compatibility", "subjects", c.in(subject), "versions", versionSegment(version)), schema, opts)
}

func (c *Client) check(ctx context.Context, path string, schema api.RegisterRequest, opts []Query) (bool, []string, error) {
	query := queryOf(append([]Query{refinement{"verbose", "true"}}, opts...))
	var out api.CompatibilityResponse
	err := c.do(ctx, request{method: http.MethodPost, path: path, query: query, body: schema}, &out)
	if out.Messages == nil {
		return out.Compatible, nil, err
	}
	return out.Compatible, *out.Messages, err
}

// Tag adds and removes tags, metadata and rules of a version, and registers the
// result as a new one.
func (c *Client) Tag(ctx context.Context, subject string, version int, change api.TagRequest) (api.RegisterResponse, error) {
	var out api.RegisterResponse
	return out, c.write(ctx, request{method: http.MethodPost, path: c.versionPath(subject, version, "tags"), body: change, once: true}, &out)
}

// Delete deletes all versions of a subject and returns their numbers: softly,
// or with permanent for good what has been deleted softly before. It is sent
// once: after an error of the network, whether it was done is not known.
func (c *Client) Delete(ctx context.Context, subject string, permanent bool) ([]int, error) {
	var out []int
	return out, c.write(ctx, request{method: http.MethodDelete, path: path("subjects", c.in(subject)), query: permanently(permanent), once: true}, &out)
}

// DeleteVersion is Delete for one version.
func (c *Client) DeleteVersion(ctx context.Context, subject string, version int, permanent bool) error {
	return c.write(ctx, request{method: http.MethodDelete, path: c.versionPath(subject, version), query: permanently(permanent), once: true}, nil)
}

func permanently(permanent bool) url.Values {
	if !permanent {
		return nil
	}
	return url.Values{"permanent": {"true"}}
}
