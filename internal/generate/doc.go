// Package generate turns schemas into Go: types with their codecs beside each
// schema, and for each topic a package with a publisher, a handler and Subscribe.
//
// Each language goes from schema to a model to text; nothing here reads or writes
// a file but [Compare] and [Write]. The output depends on the schemas and the
// settings alone, so that a check in CI can say what is stale.
package generate
