// Package client speaks to a schema registry, ours or any that speaks the same
// protocol, and remembers what cannot change: what an id or a guid means, and
// what a version of a subject holds.
//
// A [Client] is a codec.SchemaSource, codec.Registry and codec.Registrar. Callers
// who ask for the same at the same time share one request, and each leaves when
// its own context ends. What can change is asked for each time, by its ETag where
// the server gives one; that something does not exist is believed for a second.
//
// It asks again, a bounded number of times and on every server that it knows,
// when an answer may be better the next time. Reading, registering, importing and
// setting are safe to repeat. Deleting and tagging are not: they are sent again
// only if the server certainly did nothing. Every other refusal is an *[api.Error]
// that errors.Is finds by its code. Credentials never appear in errors, and do
// not follow redirects to other hosts.
//
// # Caveats
//
// A deletion for good through another client is not noticed: what was remembered
// stays. Fields of a remembered schema that can change, such as whether it is
// deleted, are as they were when it was first asked for; [Cache](0, 0) remembers
// nothing.
package client
