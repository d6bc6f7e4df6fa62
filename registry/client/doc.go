// Package client talks to a schema registry, ours or any that speaks the same
// protocol, and remembers what cannot change: what an id means, and what a
// version of a subject holds.
//
// A [Client] is a codec.SchemaSource, codec.Registry and codec.Registrar. It
// asks again, a bounded number of times, when an answer may be better the next
// time; every other refusal is an *[api.Error] that errors.Is finds by its code.
// Credentials never appear in errors.
package client
