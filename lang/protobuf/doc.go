// Package protobuf says what a Protobuf schema means: it turns the text of one
// .proto file and of the files it imports into descriptors, finds the places of
// elements in the text, and prints the canonical text that the registry stores.
//
// The compiler behind it is protocompile's experimental one, the only one that
// reports every mistake at once and knows the editions after 2023. Nothing of it
// shows in the API, so it can be replaced.
//
// [Parse] opens no file and no connection: an import is among the references of
// the source, or it is a file that everybody knows (google/protobuf/*.proto and
// [Builtins]), or it is a mistake. Hostile text is refused by size, depth and count before the
// compiler sees it. Source info, which is quadratic in the length of a line, is
// computed only by [CompileSet], for text that is our own.
package protobuf
