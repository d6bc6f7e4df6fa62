// Package jsonrules says which changes of a JSON Schema break whom. The verdicts
// are those of the registry protocol, by difference of two trees: every place
// where the new schema differs from the old one has a type, such as
// MAX_LENGTH_DECREASED, and each type is compatible or not.
//
// Two things are easily mistaken. With open objects, which are the default of
// JSON Schema, adding a property is not compatible: data already written may hold
// anything under that name. [Lenient] trusts that it does not. And what the
// protocol does not compare at all, such as "format" or "if", it cannot find
// incompatible; differences there are findings of severity warning.
package jsonrules
