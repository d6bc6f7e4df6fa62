package access

import (
	"context"
	"slices"
)

// The ways in which somebody can have proved who they are.
const (
	HowBasic     = "basic"
	HowBearer    = "bearer"
	HowMTLS      = "mtls"
	HowAnonymous = "anonymous"
)

// A Principal is who sent a request.
type Principal struct {
	Name   string
	Groups []string
	How    string // HowBasic, HowBearer, HowMTLS or HowAnonymous
}

// A Request is what the audit log knows about a request besides its sender.
type Request struct {
	Remote string // address of the client, without port
	ID     string // the X-Request-ID of the answer
}

type (
	principalKey struct{}
	requestKey   struct{}
)

// WithPrincipal returns a context that holds who sent the request.
func WithPrincipal(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalFrom returns who sent the request, and false if nobody has asked.
func PrincipalFrom(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// WithRequest returns a context that holds the facts about a request.
func WithRequest(ctx context.Context, r Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestFrom returns the facts about a request; the zero Request if there are
// none.
func RequestFrom(ctx context.Context) Request {
	r, _ := ctx.Value(requestKey{}).(Request)
	return r
}

// is reports whether an entry of a grant names the principal: "*" is everybody
// who has proved who they are, user:x is a name and group:x a group.
func (p Principal) is(who entry) bool {
	switch who.kind {
	case everybody:
		return p.How != HowAnonymous
	case oneUser:
		return p.Name == who.name
	}
	return slices.Contains(p.Groups, who.name)
}
