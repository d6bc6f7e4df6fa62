package avro

import "github.com/wireproof/wireproof/lang"

// A Kind is one of the types of the Avro specification.
type Kind uint8

// The kinds, in the order of the specification. A record declared as "error" is
// a Record with IsError set.
const (
	Null Kind = iota
	Boolean
	Int
	Long
	Float
	Double
	Bytes
	String
	Record
	Enum
	Array
	Map
	Union
	Fixed
)

// A Logical is a logical type that is valid on the type that carries it. One
// that is invalid there is ignored, as the specification asks, and reported by
// lint.
type Logical uint8

// The logical types of Avro 1.12.
const (
	NoLogical Logical = iota
	Decimal
	BigDecimal
	UUID
	Date
	TimeMillis
	TimeMicros
	TimestampMillis
	TimestampMicros
	TimestampNanos
	LocalTimestampMillis
	LocalTimestampMicros
	LocalTimestampNanos
	Duration
)

// A Schema is a parsed Avro schema. It is immutable and safe for concurrent use.
type Schema struct {
	Root *Type
	// Named holds the named types that this text defines, in the order of the
	// text; types of references are not in it.
	Named []*Type
	// Lint holds what the specification forbids and Java Avro 1.12 lets pass.
	Lint []*lang.Error

	src       lang.Source
	canonical string
	foreign   map[string]*Type // types of references, by full name
	strict    lang.ErrorList   // see CheckStrict
}

// A Type is one node of a schema. A named type that is used in several places is
// one Type, so a recursive schema is a cyclic graph.
type Type struct {
	Kind      Kind
	IsError   bool
	Logical   Logical
	Precision int // of Decimal
	Scale     int // of Decimal

	Name    string   // full name of a record, enum or fixed
	Aliases []string // full names
	Doc     string

	Fields     []*Field // of a record
	Symbols    []Symbol // of an enum
	Default    string   // of an enum, if HasDefault
	HasDefault bool
	Items      *Type   // of an array; the values of a map
	Branches   []*Type // of a union
	Size       int     // of a fixed

	Props []lang.Member // other attributes, in the order of the text

	Pos        lang.Pos   // the definition
	NamePos    lang.Pos   // the name in it; of an unnamed type, Pos
	BranchPos  []lang.Pos // where each branch of a union is written
	ItemsPos   lang.Pos   // where the items or values are written
	SizePos    lang.Pos
	DefaultPos lang.Pos

	hasDoc bool // a Doc is written, if only an empty one
}

// A Field is a field of a record.
type Field struct {
	Name    string
	Aliases []string
	Doc     string
	Type    *Type
	// Default is nil if there is none. For a float or double it is a number, or
	// one of the strings NaN, Infinity and -Infinity; other strings that Java
	// reads as numbers have become numbers.
	Default *lang.Value
	Order   string // ascending, descending or ignore
	Props   []lang.Member

	Pos     lang.Pos // the whole field
	NamePos lang.Pos
	TypePos lang.Pos // where the type is written

	hasDoc bool
}

// A Symbol is a symbol of an enum.
type Symbol struct {
	Name string
	Pos  lang.Pos
}

// Field returns the field with the given name, not alias, or nil.
func (t *Type) Field(name string) *Field {
	for _, f := range t.Fields {
		if f.Name == name {
			return f
		}
	}
	return nil
}
