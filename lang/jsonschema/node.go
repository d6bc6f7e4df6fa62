package jsonschema

import (
	"math/big"

	"github.com/wireproof/wireproof/lang"
)

// A Kind says what a node of the tree is.
type Kind uint8

// The kinds of nodes.
const (
	Empty Kind = iota // {}: accepts everything
	True
	False
	String
	Number
	Boolean
	Null
	Object
	Array
	Enum
	Const
	Combined
	Not
	Conditional
	Reference
)

// String returns the kind as it is called in messages.
func (k Kind) String() string {
	return [...]string{
		"anything", "anything", "nothing", "string", "number", "boolean", "null", "object", "array",
		"enum", "const", "combination", "not", "if/then/else", "reference",
	}[k]
}

// A Criterion says how many members of a combination must accept a value.
type Criterion string

// The criteria, as the keywords that they come from.
const (
	All Criterion = "allOf"
	Any Criterion = "anyOf"
	One Criterion = "oneOf"
)

// A Node is one schema as compatibility sees it. A schema that combines several
// things, such as an enum with a type, is a [Combined] node over one node for
// each. Which fields are set depends on the kind. Nodes form a graph: references
// may lead back. They are shared and must not be changed.
type Node struct {
	Kind Kind
	Pos  lang.Pos
	// Value is the schema as it is written. The nodes that one schema falls into
	// share it.
	Value *lang.Value
	// ID, Title, Description and Default are as written, or nil.
	ID, Title, Description, Default *lang.Value
	// Implied is set if keywords hint at the kind and no "type" insists on it:
	// values of other types pass.
	Implied bool

	Target *Node // of a Reference: what it leads to in the end, never a Reference

	Criterion Criterion
	Synthetic bool // no keyword combines the members; they stand side by side
	Members   []*Node

	Negated *Node // of a Not

	Values []*lang.Value // of an Enum or a Const

	Integer bool
	// Limits are the numbers that bound a value, by keyword.
	Limits map[string]*Limit
	// ExclusiveMaximum and ExclusiveMinimum are the flags of draft 4; the
	// numbers of later drafts are limits.
	ExclusiveMaximum, ExclusiveMinimum bool
	Pattern                            *lang.Value

	Properties        []Property
	PatternProperties []Property // the name is the expression
	Required          map[string]bool
	RequiredOrder     []string
	DependentNames    map[string][]string
	DependentSchemas  map[string]*Node
	DependentOrder    []string // keys of both, in the order of the text
	Items             *Node    // of all items
	Tuple             []*Node  // of the first items, one each
	UniqueItems       bool
	Additional        Rest // properties, or items beyond the tuple
	Unevaluated       Rest
	properties        map[string]*Node
}

// A Property is a named schema within another.
type Property struct {
	Name string
	Node *Node
}

// A Limit is a number that bounds a value.
type Limit struct {
	Number *big.Rat
	Value  *lang.Value
}

// A Rest says what may stand where no keyword names anything. The zero Rest is a
// keyword that is absent.
type Rest struct {
	Value     *lang.Value // as written, nil if absent
	Forbidden bool        // it is false
	Schema    *Node       // it is an object
}

// Property returns the schema of a property, or nil.
func (n *Node) Property(name string) *Node { return n.properties[name] }

// Resolved returns what a reference leads to, and any other node itself.
func (n *Node) Resolved() *Node {
	if n != nil && n.Kind == Reference {
		return n.Target
	}
	return n
}

// Root returns the schema as a tree of nodes. It is built when first asked for.
func (s *Schema) Root() *Node {
	s.buildTree.Do(func() {
		b := &builder{u: s.universe, nodes: map[*lang.Value]*Node{}, to: map[*Node]*lang.Value{}}
		s.tree = b.node(s.universe.docs[0].root)
		b.link()
	})
	return s.tree
}
