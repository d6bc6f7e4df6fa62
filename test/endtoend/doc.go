// Package endtoend holds tests of the generated topic packages as a service uses
// them: publisher, registry, bus, handler. It has no code of its own.
package endtoend
