// Package avro implements the schema part of the Avro 1.12 specification: it
// parses schemas and keeps the position of every node, prints canonical forms
// and computes fingerprints.
//
// It knows no data: encoding belongs to codec/avrowire and generated code, and
// which changes are safe belongs to compat/avrorules. There is no global state:
// one parse cannot see the names of another.
package avro
