package client

import "net/url"

// A Query refines a call. Each says for which calls it is meant; others ignore
// it.
type Query interface{ refine(url.Values) }

type refinement struct{ name, value string }

func (r refinement) refine(v url.Values) { v.Set(r.name, r.value) }

// WithDeleted makes lists, versions and lookups include what is soft-deleted.
func WithDeleted() Query { return refinement{"deleted", "true"} }

// OnlyDeleted makes lists of subjects and versions hold only what is
// soft-deleted.
func OnlyDeleted() Query { return refinement{"deletedOnly", "true"} }

// LatestOnly makes [Client.Schemas] return the highest version of each subject.
func LatestOnly() Query { return refinement{"latestOnly", "true"} }

// Aliases makes [Client.Schemas] name the subjects that are aliases of each.
func Aliases() Query { return refinement{"aliases", "true"} }

// Normalize makes registering, looking up and checking compare normal forms, in
// which the order of what has no order does not matter.
func Normalize() Query { return refinement{"normalize", "true"} }

// Force makes [Client.Add] skip the check of compatibility, and [Client.SetMode]
// that of what is there.
func Force() Query { return refinement{"force", "true"} }

// Recursive makes [Client.DeleteMode] of a context delete the modes of its
// subjects too.
func Recursive() Query { return refinement{"recursive", "true"} }

// Format asks for the text in another form, such as "resolved" for Avro.
func Format(name string) Query { return refinement{"format", name} }

// InSubject makes [Client.UsesOf] return only uses in one subject.
func InSubject(name string) Query { return refinement{"subject", name} }

func queryOf(opts []Query) url.Values {
	if len(opts) == 0 {
		return nil
	}
	out := url.Values{}
	for _, o := range opts {
		o.refine(out)
	}
	return out
}
