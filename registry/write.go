package registry

import (
	"context"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// Register returns the version that holds the schema, after adding it if the
// subject does not have it. When it returns, the log has it.
func (r *Registry) Register(ctx context.Context, c Registration) (Registered, error) {
	found, err := r.known(c)
	if err != nil || found != nil {
		if r.onWrite != nil {
			r.onWrite(ctx, c.known(r.state.Load(), found, err))
		}
		if err != nil {
			return Registered{}, err
		}
		return *found, nil
	}
	return do[Registered](ctx, r, c)
}

// known returns the version that holds the schema already: most registrations
// are those of clients that start, and they need not wait for the writer. It
// also parses the schema where that holds up nobody else; the writer then finds
// it in the memory of the parser. What is wrong whatever the state says is
// refused here, so that a flood of mistakes does not reach the writer: the rules
// before the name, as the protocol has it.
func (r *Registry) known(c Registration) (*Registered, error) {
	_, err := checkRules(c.Request.RuleSet)
	if err != nil {
		return nil, err
	}
	subject, err := r.policy.newSubject(c.Subject)
	if err != nil || strings.TrimSpace(c.Request.Schema) == "" || c.tagged() {
		return nil, err
	}
	st := r.state.Load()
	found, err := c.existing(r.policy, st, subject, c.givenID() < 0 && (c.Normalize || r.policy.normalize(st, subject)))
	if found == nil && len(c.Request.References) > 0 {
		return nil, nil // the state of another node may know the references
	}
	return found, err
}

// known describes a registration that the writer did not see, for an audit log.
func (c Registration) known(st *State, found *Registered, err error) Write {
	w := Write{Action: "register", Subject: normalName(c.Subject), Before: c.mark(st), After: c.mark(st), Err: err}
	if found != nil {
		w.Version, w.ID = found.Number, found.ID
	}
	return w
}

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
