// Package witness shows what a finding means: it builds the smallest message that
// one side of a change writes and the other side cannot read, or reads as
// something else. And where nothing is found, it tries to refute that: it has
// one side write many messages and the other read them.
//
// Nothing is claimed that was not run. Every [rule.Witness] comes from a message
// that was encoded with the writer's schema and read with the reader's by an
// engine of this package; a search that ends without one gives none.
//
// # What counts
//
// An error of the reader always counts. When it reads without an error, the value
// counts as another one by these rules.
//
// Avro: the value that the specification's resolution gives is right, whatever
// that does to it: promoted numbers, text read as bytes, defaults in the place of
// missing fields, the default of an enum, fields that the reader does not have,
// and fields found under an alias are the writer's value. Names are compared as
// the specification says, without the namespace. A value counts as another one
// where the same bytes have another logical type that measures otherwise: a
// timestamp of another unit, a decimal of another scale. Findings that resolution
// lets pass show in their own way: a value under a name that the reader no longer
// looks for, next to the default that it takes; a number that gets a logical type; the
// symbol that a reader finds who takes its own list for the writer's.
//
// Protobuf: a field that the reader does not know is no loss in itself, as it is
// kept among the unknown ones, unless the reader has a field of that name under
// another number. A value is another one if the number, the text, the bytes or
// the symbol differ (an integer cut to 32 bits, an enum number that the reader
// has no name for in a closed enum, a default of the reader that replaces what the
// writer left unset), if one of several values is lost, if a field of the message
// lands among the unknown ones although the reader has its number, and if a
// member of a oneof is erased or gone from it. A package shows only in an Any, which
// names what it holds in full. Rules of Buf's alone have no direction: [Pair.Whom]
// says whom a message shows them to break. Where the finding is about readers
// of JSON, the message crosses as JSON, and a name that the reader does not know
// is an error.
//
// JSON Schema: a document that is valid for the writer and not for the reader.
//
// # Bounds
//
// A search has a budget of steps, each about the cost of writing or reading one
// value, and values have bounds of depth and size. A hostile schema gets no
// witness rather than a slow one, and [Pair.Err] says so; a proof for which no message
// could be written is an error. All is deterministic: the same schemas and seed
// give the same messages.
package witness
