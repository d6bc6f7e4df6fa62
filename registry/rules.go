package registry

import (
	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/lang"
)

// Rules returns the verdicts of a checker as the registry protocol words them.
func Rules(c *compat.Checker) Compatibility { return rules{c} }

type rules struct{ checker *compat.Checker }

func (r rules) Differences(level string, newer, older lang.Schema) []Difference {
	var out []Difference
	for _, f := range r.checker.Differences(compat.Level(level), newer, older) {
		out = append(out, Difference{ErrorType: f.ErrorType, Description: f.Message + " at " + f.Pointer, Info: f.Info})
	}
	return out
}
