package client

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// A scope of settings and modes is a subject, a context spelled :.context:, or ""
// for the whole server; in a client with a context, "" is that context.
func (c *Client) scopePath(root, scope string) string {
	if scope = c.in(scope); scope != "" {
		return path(root, scope)
	}
	return path(root)
}

func inherited() url.Values { return url.Values{"defaultToGlobal": {"true"}} }

// Config returns the settings of a scope itself: a subject, a context spelled
// :.context:, or "" for the server. Without any the error matches
// [api.SubjectLevelNotSet].
func (c *Client) Config(ctx context.Context, scope string) (api.Config, error) {
	var out api.Config
	return out, c.get(ctx, c.scopePath("config", scope), nil, &out)
}

// EffectiveConfig returns the settings that hold in a scope, inherited ones too.
func (c *Client) EffectiveConfig(ctx context.Context, scope string) (api.Config, error) {
	var out api.Config
	return out, c.get(ctx, c.scopePath("config", scope), inherited(), &out)
}

// SetConfig changes settings of a scope and returns the server's echo: what they
// are after it. Fields that are absent stay; those that are null are cleared.
func (c *Client) SetConfig(ctx context.Context, scope string, change api.ConfigUpdate) (api.ConfigUpdate, error) {
	var out api.ConfigUpdate
	return out, c.write(ctx, request{method: http.MethodPut, path: c.scopePath("config", scope), body: change}, &out)
}

// DeleteConfig makes a scope inherit its settings again and returns what it was
// set to. A scope without settings matches [api.SubjectNotFound].
func (c *Client) DeleteConfig(ctx context.Context, scope string) (api.Config, error) {
	var out api.Config
	return out, c.write(ctx, request{method: http.MethodDelete, path: c.scopePath("config", scope), once: true}, &out)
}

// Level returns the compatibility level in effect for a subject, or for "" the
// global one.
func (c *Client) Level(ctx context.Context, subject string) (string, error) {
	found, err := c.EffectiveConfig(ctx, subject)
	return found.Level(), err
}

// SetLevel sets the compatibility level of a subject, or for "" the global one.
func (c *Client) SetLevel(ctx context.Context, subject, level string) error {
	_, err := c.SetConfig(ctx, subject, api.ConfigUpdate{Compatibility: api.Set(level)})
	return err
}

// DeleteLevel makes a subject inherit its settings again.
func (c *Client) DeleteLevel(ctx context.Context, subject string) error {
	_, err := c.DeleteConfig(ctx, subject)
	return err
}

// Mode returns the mode of a scope itself. Without one the error matches
// [api.SubjectModeNotSet].
func (c *Client) Mode(ctx context.Context, scope string) (string, error) {
	return c.mode(ctx, scope, nil)
}

// EffectiveMode returns the mode that holds in a scope, inherited or not.
func (c *Client) EffectiveMode(ctx context.Context, scope string) (string, error) {
	return c.mode(ctx, scope, inherited())
}

func (c *Client) mode(ctx context.Context, scope string, query url.Values) (string, error) {
	var out api.Mode
	err := c.get(ctx, c.scopePath("mode", scope), query, &out)
	return modeOf(out), err
}

func modeOf(m api.Mode) string {
	if m.Mode == nil {
		return ""
	}
	return *m.Mode
}

// SetMode sets the mode of a scope. The registry sets [api.ModeImport] only where
// no live subject is, and then purges soft-deleted ones; with [Force] it just
// sets it.
func (c *Client) SetMode(ctx context.Context, scope, mode string, opts ...Query) error {
	return c.write(ctx, request{
		method: http.MethodPut, path: c.scopePath("mode", scope), query: queryOf(opts), body: api.Mode{Mode: &mode},
	}, nil)
}

// DeleteMode makes a scope inherit its mode again and returns what it was. A
// scope without a mode matches [api.SubjectNotFound].
func (c *Client) DeleteMode(ctx context.Context, scope string, opts ...Query) (string, error) {
	var out api.Mode
	err := c.write(ctx, request{method: http.MethodDelete, path: c.scopePath("mode", scope), query: queryOf(opts), once: true}, &out)
	return modeOf(out), err
}

// Contexts returns the names of all contexts, each with its leading dot; "." is
// the default one.
func (c *Client) Contexts(ctx context.Context) ([]string, error) {
	var out []string
	return out, c.get(ctx, "/contexts", nil, &out)
}

// DeleteContext removes a context, which must be empty of soft-deleted subjects
// too, from the list of contexts.
func (c *Client) DeleteContext(ctx context.Context, name string) error {
	name = "." + strings.TrimPrefix(name, ".")
	return c.write(ctx, request{method: http.MethodDelete, path: path("contexts", name), once: true}, nil)
}

// Types returns the schema languages that the registry knows.
func (c *Client) Types(ctx context.Context) ([]string, error) {
	var out []string
	return out, c.get(ctx, "/schemas/types", nil, &out)
}

// ServerVersion returns which program the registry is.
func (c *Client) ServerVersion(ctx context.Context) (api.ServerVersion, error) {
	var out api.ServerVersion
	return out, c.get(ctx, "/v1/metadata/version", nil, &out)
}

// ClusterID returns which clusters the registry belongs to.
func (c *Client) ClusterID(ctx context.Context) (api.ClusterID, error) {
	var out api.ClusterID
	return out, c.get(ctx, "/v1/metadata/id", nil, &out)
}
