// Package registry remembers schemas: subjects, their versions, the ids under
// which schemas are known, and the compatibility that each subject promises.
//
// What may happen is decided by one pure function, decide, from a state and a
// command. What has happened is a list of records in a [Log], and the state is
// built from nothing else, so every node that reads the log knows the same. A
// [Registry] is the thin shell between the two: it queues commands, decides
// them, appends the records if nobody else has appended, and answers reads from
// memory.
//
// It knows no language and no rule: languages and [Compatibility] are passed to
// [Open]. The HTTP API is package rest, logs live in the packages beside it.
// This version has the default context only; a subject in another one is
// refused, not stored under a name that would later mean something else.
package registry
