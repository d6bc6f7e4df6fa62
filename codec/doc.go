// Package codec ties bytes to a schema: it frames a value with the id of the
// schema that it was written with, and finds the way from such bytes to a Go
// value, also when the writer's schema is another version than the reader's.
//
// It encodes no event by itself: generated code describes each event to it with
// a [Type]. It knows no broker and no registry; a [SchemaSource] brings schemas.
package codec
