// Package generate turns schemas into Go: types with their codecs for Avro, the
// output of protoc-gen-go with fast methods beside it for Protobuf, and a
// publisher, handler and subscription for each topic. It takes values and
// returns files; only [Compare] and [Write] touch the disk.
package generate
