// Package protofast is what generated Protobuf code calls to append and decode
// messages without reflection: varints, bounds, lengths, unknown fields.
//
// Decoding reads a string, so that the strings of a message are parts of it and
// cost nothing. A read returns the offset after what it read, or a negative
// number that says what is wrong; the caller turns that into an error with
// [Fail]. Nothing here allocates by a number that the data states: sizes come
// from bytes that are there.
//
// What is produced and accepted is what google.golang.org/protobuf produces
// (deterministically) and accepts; generated code falls back to it, through
// [AppendMessage] and [MergeMessage], for what is not covered: groups,
// extensions, required fields, the opaque API.
package protofast
