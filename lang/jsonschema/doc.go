// Package jsonschema reads JSON Schema: drafts 4, 6, 7, 2019-09 and 2020-12. A
// text without $schema, or with one that nobody knows, is draft 7, as in the
// registry protocol.
//
// A schema is checked against the metaschema of its draft, its references must
// lead somewhere, and its regular expressions must be ones. What a $ref may
// reach is the text itself, the texts of [lang.Source.References], whose names
// are the URIs, and the metaschemas. No file is opened and no address is called.
//
// [Schema.Root] offers the schema as the tree of typed nodes that compatibility
// is decided on; [Schema.Check] holds a document against it.
//
// # Caveats
//
// Regular expressions are those of Go. One that only ECMAScript or Java
// understands, such as a lookahead, is accepted in a schema, but a document
// cannot be held against it.
package jsonschema
