// Package lang holds what the schema languages share: the text of a schema with
// its references, positions in that text, mistakes in it, and the interface that
// a language offers to the registry and to the compatibility checker.
//
// It knows no language. Avro, Protobuf and JSON Schema live in the packages
// below it and never import one another; [github.com/wireproof/wireproof/lang/all]
// lists them.
package lang

import "fmt"

// A Type names a schema language as the registry protocol spells it.
type Type string

// The languages of the registry protocol. A request without a type means Avro.
const (
	Avro     Type = "AVRO"
	Protobuf Type = "PROTOBUF"
	JSON     Type = "JSON"
)

// A Source is the text of one schema and what it refers to. It is a value: two
// goroutines may hold copies, and nobody changes one that was handed out.
type Source struct {
	Type Type
	// Path names the text in positions and messages: a file path with forward
	// slashes, relative to the schema root, or "subject v3" for a registered
	// version. For Protobuf it is also the import path of the file. It is no
	// part of the identity of a schema.
	Path       string
	Text       string
	References []Reference
}

// A Reference says that a schema uses a type of another schema.
type Reference struct {
	// Name is the full name of the type (Avro) or the import path (Protobuf).
	Name string
	// Subject and Version say where the registry keeps the other schema; zero
	// values for schemas that come from files.
	Subject string
	Version int
	// Source is the text referred to, with its own references resolved, or nil
	// where only the name is known.
	Source *Source
}

// A Schema is a text that its language has accepted.
type Schema interface {
	// Source returns what was parsed.
	Source() Source
	// Canonical returns the text that the registry stores for this schema: the
	// form of section "canonical form" of the registry protocol, with
	// documentation and defaults kept. It parses to an equal schema, and its
	// own canonical form is itself.
	Canonical() string
	// Normalized returns the text that is compared when a client asks for
	// normalization: Canonical with what has no meaning put in a fixed order.
	Normalized() string
}

// A Language parses schemas.
type Language interface {
	Type() Type
	// Parse checks src with its references. A mistake in the text is an
	// [ErrorList] that holds every mistake found. Parse opens no file and no
	// connection: what is not in src does not exist.
	Parse(src Source) (Schema, error)
}

// A Pos is a span of source text. The zero Pos means "no place is known".
type Pos struct {
	Path       string // as in Source.Path
	Line, Col  int    // of Start, from 1; Col counts bytes
	Start, End int    // byte offsets, End exclusive

	// EndLine and EndCol are of End, as Line and Col are of Start; both are zero
	// where only the offsets are known.
	EndLine, EndCol int
}

// IsValid reports whether p names a place.
func (p Pos) IsValid() bool { return p.Line > 0 }

// String returns path:line:col, the form that editors jump to.
func (p Pos) String() string {
	if !p.IsValid() {
		return p.Path
	}
	return fmt.Sprintf("%s:%d:%d", p.Path, p.Line, p.Col)
}
