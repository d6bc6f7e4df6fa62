// Package prototest holds what the generator prints for the fixtures in
// internal/generate/testdata/protobuf, and tests that the generated methods and
// google.golang.org/protobuf agree on every byte.
package prototest
