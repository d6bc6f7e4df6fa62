package registry

import (
	"context"
	"errors"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// Register returns the version that holds the schema, after adding it if the
// subject does not have it. When it returns, the log has it.
func (r *Registry) Register(ctx context.Context, c Registration) (Registered, error) {
	found, err := r.known(ctx, c)
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

// Known returns the version that fulfils a registration already. It is for
// servers that may not write: the answer is the one that the server that may
// would give. False means that it takes that server to answer, be it with an
// error.
func (r *Registry) Known(ctx context.Context, c Registration) (Registered, bool) {
	found, err := r.known(ctx, c)
	if err != nil || found == nil {
		return Registered{}, false
	}
	if r.onWrite != nil {
		r.onWrite(ctx, c.known(r.state.Load(), found, nil))
	}
	return *found, true
}

// known returns the version that holds the schema already: most registrations
// are those of clients that start, and they need not wait for the writer. It
// also parses the schema where that holds up nobody else; the writer then finds
// it in the memory of the parser. What is wrong whatever the state says is
// refused here, so that a flood of mistakes does not reach the writer: the rules
// before the name, as the protocol has it.
//
// What is found in memory counts only once the log has been read again: another
// node may have deleted it for good, and a client that is given the id would
// write what nobody can read. So whoever asks after a deletion was acknowledged
// is not given what it deleted. Those who ask at the same time share a reading.
func (r *Registry) known(ctx context.Context, c Registration) (*Registered, error) {
	st := r.state.Load()
	found, err := r.knownIn(st, c)
	if found == nil {
		return nil, err
	}
	look, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if err := r.CatchUp(look); err != nil {
		return nil, nil // the writer says what is wrong with the log
	}
	if now := r.state.Load(); now != st {
		return r.knownIn(now, c)
	}
	return found, nil
}

// knownIn is known for one state.
func (r *Registry) knownIn(st *State, c Registration) (*Registered, error) {
	if _, err := checkRules(c.Request.RuleSet); err != nil {
		return nil, err
	}
	subject, err := r.policy.newSubject(c.Subject)
	if err != nil || strings.TrimSpace(c.Request.Schema) == "" || c.tagged() {
		return nil, err
	}
	found, err := c.existing(r.policy, st, subject, c.givenID() < 0 && (c.Normalize || r.policy.normalize(st, subject)))
	if found == nil && len(c.Request.References) > 0 || errors.Is(err, api.OperationNotPermitted) {
		return nil, nil // the state of another node may know the references, or another mode
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
