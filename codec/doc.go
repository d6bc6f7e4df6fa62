// Package codec ties bytes to a schema: it frames a value with the id of the
// schema that it was written with, and finds the way from such bytes to a Go
// value, also when the writer's schema is another version than the reader's.
//
// It encodes no event by itself: generated code describes each event to it with
// a [Type]. It knows no broker and no registry; a [SchemaSource] brings schemas.
//
// A [Serializer] writes events of one type, a [Deserializer] reads them, and a
// [Mux] reads a topic that holds several types. Who writes asks the registry once,
// when the Serializer is made; who reads asks once for each schema id.
//
// What bites:
//   - An error that matches [ErrUndecodable] will come back however often the
//     message is tried: it belongs into a dead letter. Any other error before a
//     handler was called is the registry's, and may pass.
//   - [Serializer.Append] writes into memory of the caller, which a broker client
//     may still hold; [Serializer.Encode] never hands out memory twice.
//   - A decoded event owns its memory; all its strings share one copy of the
//     payload, so one string that is kept keeps that copy.
//   - The position of a nested Protobuf message may be counted with or without
//     the hidden messages of map fields before it: producers differ. Both are
//     understood, and where they clash the count without them wins.
package codec
