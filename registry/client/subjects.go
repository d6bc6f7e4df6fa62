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

// Subjects returns the names of all subjects that have a live version, in order.
func (c *Client) Subjects(ctx context.Context) ([]string, error) {
	var out []string
	return out, c.do(ctx, request{method: http.MethodGet, path: "/subjects"}, &out)
}

// Versions returns the numbers of a subject's live versions in ascending order.
// A subject without any matches [api.SubjectNotFound].
func (c *Client) Versions(ctx context.Context, subject string) ([]int, error) {
	var out []int
	return out, c.do(ctx, request{method: http.MethodGet, path: path("subjects", subject, "versions")}, &out)
}

// Version returns a version of a subject, or the highest for [Latest].
func (c *Client) Version(ctx context.Context, subject string, version int) (api.Schema, error) {
	var out api.Schema
	return out, c.do(ctx, request{method: http.MethodGet, path: path("subjects", subject, "versions", versionSegment(version))}, &out)
}

// Latest returns the highest live version of a subject.
func (c *Client) Latest(ctx context.Context, subject string) (api.Schema, error) {
	return c.Version(ctx, subject, Latest)
}

// CheckCompatibility asks whether a schema may follow what a subject holds, as
// the level of the subject has it. The messages say why not. A subject that does
// not exist takes every schema.
func (c *Client) CheckCompatibility(ctx context.Context, subject string, schema api.RegisterRequest) (compatible bool, messages []string, err error) {
	var out api.CompatibilityResponse
	err = c.do(ctx, request{
		method: http.MethodPost, path: path("compatibility", "subjects", subject, "versions"),
		query: url.Values{"verbose": {"true"}}, body: schema,
	}, &out)
	if out.Messages != nil {
		messages = *out.Messages
	}
	return out.Compatible, messages, err
}

// Delete deletes all versions of a subject and returns their numbers: softly,
// or with permanent for good what has been deleted softly before.
func (c *Client) Delete(ctx context.Context, subject string, permanent bool) ([]int, error) {
	var out []int
	return out, c.do(ctx, request{method: http.MethodDelete, path: path("subjects", subject), query: permanently(permanent), once: true}, &out)
}

// DeleteVersion is Delete for one version.
func (c *Client) DeleteVersion(ctx context.Context, subject string, version int, permanent bool) error {
	segments := path("subjects", subject, "versions", versionSegment(version))
	return c.do(ctx, request{method: http.MethodDelete, path: segments, query: permanently(permanent), once: true}, nil)
}

func permanently(permanent bool) url.Values {
	if !permanent {
		return nil
	}
	return url.Values{"permanent": {"true"}}
}

func configPath(subject string) string {
	if subject == "" {
		return "/config"
	}
	return path("config", subject)
}

// Level returns the compatibility level in effect for a subject, or for "" the
// global one.
func (c *Client) Level(ctx context.Context, subject string) (string, error) {
	var out api.Config
	err := c.do(ctx, request{method: http.MethodGet, path: configPath(subject), query: url.Values{"defaultToGlobal": {"true"}}}, &out)
	return out.Level(), err
}

// SetLevel sets the compatibility level of a subject, or for "" the global one.
func (c *Client) SetLevel(ctx context.Context, subject, level string) error {
	body := api.ConfigUpdate{Compatibility: api.Set(level)}
	return c.do(ctx, request{method: http.MethodPut, path: configPath(subject), body: body}, nil)
}

// DeleteLevel makes a subject inherit its settings again.
func (c *Client) DeleteLevel(ctx context.Context, subject string) error {
	return c.do(ctx, request{method: http.MethodDelete, path: configPath(subject), once: true}, nil)
}
