package rest

import (
	"github.com/wireproof/wireproof/registry"
	"github.com/wireproof/wireproof/registry/api"
)

// allowed reports whether whoever sent the request may do something with a
// subject, a context or, if the name is empty, the server.
func (c *call) allowed(verb api.Verb, subject string) bool {
	return c.opts.Access == nil || c.opts.Access.Allows(c.r.Context(), verb, registry.NormalName(subject))
}

// may is allowed as an error.
func (c *call) may(verb api.Verb, subject string) error {
	if c.allowed(verb, subject) {
		return nil
	}
	return api.Forbidden.With("Forbidden")
}

// mayUse checks what the body of a request asks for beyond its path: whoever
// refers to a schema can read it, an import and a forced registration do what
// settings and modes forbid.
func (c *call) mayUse(req api.RegisterRequest) error {
	if c.opts.Access == nil {
		return nil
	}
	for _, r := range req.References {
		if err := c.may(api.Read, registry.ReferenceSubject(c.subject(), r)); err != nil {
			return err
		}
	}
	if req.ID != nil && *req.ID >= 0 {
		return c.may(api.Admin, c.subject())
	}
	if c.flag("force") {
		return c.may(api.Configure, c.subject())
	}
	return nil
}

// readable keeps what the request may see.
func readable[T any](c *call, all []T, subject func(T) string) []T {
	if c.opts.Access == nil {
		return all
	}
	out := []T{}
	for _, x := range all {
		if c.allowed(api.Read, subject(x)) {
			out = append(out, x)
		}
	}
	return out
}

// mayRead refuses a schema, known by its id, that the request may see in none of
// its subjects.
func (c *call) mayRead(v registry.Version) error {
	if c.allowed(api.Read, v.Subject) {
		return nil
	}
	uses, err := c.reg.Uses(c.r.Context(), v.ID, v.Subject, registry.All)
	if err != nil {
		return err
	}
	for _, u := range uses {
		if c.allowed(api.Read, u.Subject) {
			return nil
		}
	}
	return api.Forbidden.With("Forbidden")
}
