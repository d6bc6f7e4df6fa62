package compat

import (
	"fmt"
	"strings"

	"github.com/wireproof/wireproof/compat/rule"
)

// A Level says which changes a subject allows, as the registry protocol spells
// it.
type Level string

// The levels. The transitive ones hold against every live version, the others
// against the latest.
const (
	None               Level = "NONE"                // everything is allowed
	Backward           Level = "BACKWARD"            // new readers read old data
	BackwardTransitive Level = "BACKWARD_TRANSITIVE" // the same for all versions
	Forward            Level = "FORWARD"             // old readers read new data
	ForwardTransitive  Level = "FORWARD_TRANSITIVE"  // the same for all versions
	Full               Level = "FULL"                // both
	FullTransitive     Level = "FULL_TRANSITIVE"     // the same for all versions
)

// Levels returns every level, the weakest first.
func Levels() []Level {
	return []Level{None, Backward, BackwardTransitive, Forward, ForwardTransitive, Full, FullTransitive}
}

// ParseLevel reads a level in upper or lower case.
func ParseLevel(text string) (Level, error) {
	for _, l := range Levels() {
		if strings.EqualFold(text, string(l)) {
			return l, nil
		}
	}
	return "", fmt.Errorf("compatibility level %q: expected one of %v", text, Levels())
}

// Transitive reports whether l holds against every version.
func (l Level) Transitive() bool { return strings.HasSuffix(string(l), "_TRANSITIVE") }

// Forbids returns whom a change may not break under l. A level that does not
// exist forbids what [Full] does, so that a mistake lets nothing pass.
func (l Level) Forbids() rule.Breaks {
	switch l {
	case None:
		return 0
	case Backward, BackwardTransitive:
		return rule.Readers
	case Forward, ForwardTransitive:
		return rule.OldReaders
	}
	return rule.Readers | rule.OldReaders
}
