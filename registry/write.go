package registry

import (
	"context"

	"github.com/wireproof/wireproof/registry/api"
)

// Tag returns a version that differs from another in tags, metadata or rules,
// after adding it.
func (r *Registry) Tag(ctx context.Context, c Tagging) (Registered, error) {
	return do[Registered](ctx, r, c)
}

// DeleteSubject deletes the versions of a subject and returns their numbers.
func (r *Registry) DeleteSubject(ctx context.Context, c SubjectDeletion) ([]int, error) {
	return do[[]int](ctx, r, c)
}

// DeleteVersion deletes a version and returns its number.
func (r *Registry) DeleteVersion(ctx context.Context, c VersionDeletion) (int, error) {
	return do[int](ctx, r, c)
}

// DeleteContext takes an empty context off the list and reports whether it was
// there.
func (r *Registry) DeleteContext(ctx context.Context, c ContextDeletion) (bool, error) {
	return do[bool](ctx, r, c)
}

// SetConfig changes settings and returns them as they are then.
func (r *Registry) SetConfig(ctx context.Context, c ConfigChange) (api.Config, error) {
	return do[api.Config](ctx, r, c)
}

// DeleteConfig removes settings and returns what they were.
func (r *Registry) DeleteConfig(ctx context.Context, c ConfigDeletion) (api.Config, error) {
	return do[api.Config](ctx, r, c)
}

// SetMode changes a mode and returns it.
func (r *Registry) SetMode(ctx context.Context, c ModeChange) (string, error) {
	return do[string](ctx, r, c)
}

// DeleteMode removes a mode and returns what it was, "" if there was none.
func (r *Registry) DeleteMode(ctx context.Context, c ModeDeletion) (string, error) {
	return do[string](ctx, r, c)
}
