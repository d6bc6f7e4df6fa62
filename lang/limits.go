package lang

// Limits on what is parsed. They are checked before memory is spent on what
// they bound, so a hostile text costs no more than a long honest one.
const (
	// MaxText is the longest schema text in bytes.
	MaxText = 1 << 20
	// MaxDepth is how deep arrays and objects of a JSON text may nest.
	MaxDepth = 200
	// MaxReferences is how many other texts one schema may draw in, directly
	// or through its references.
	MaxReferences = 1000
)
