package registry

import (
	"context"

	"github.com/wireproof/wireproof/registry/api"
)

// Register returns the version that holds the schema, after adding it if the
// subject does not have it. When it returns, the log has it.
func (r *Registry) Register(ctx context.Context, c Registration) (Registered, error) {
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

// SetConfig changes settings and returns them as they are then.
func (r *Registry) SetConfig(ctx context.Context, c ConfigChange) (api.Config, error) {
	return do[api.Config](ctx, r, c)
}

// DeleteConfig removes settings and returns what they were.
func (r *Registry) DeleteConfig(ctx context.Context, c ConfigDeletion) (api.Config, error) {
	return do[api.Config](ctx, r, c)
}
