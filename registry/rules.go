package registry

import (
	"fmt"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
)

// Rules returns the rules of a checker as the registry asks for them.
func Rules(c *compat.Checker) Compatibility { return rules{c} }

type rules struct{ checker *compat.Checker }

func (r rules) Differences(level, policy string, newer, older lang.Schema) []Difference {
	var out []Difference
	for _, f := range r.checker.DifferencesUnder(compat.Policy(policy), compat.Level(level), newer, older) {
		out = append(out, Difference{ErrorType: f.ErrorType, Description: describe(f), Info: f.Info, OldReads: f.Breaks == rule.OldReaders})
	}
	return out
}

// describe names the place as the protocol does: a path into the schema of the
// reader, which is the new one when new readers are what breaks.
func describe(f *rule.Finding) string {
	reader := "new"
	if f.Breaks == rule.OldReaders {
		reader = "old"
	}
	return fmt.Sprintf("%s, at path '%s' in the %s schema", f.Message, f.Pointer, reader)
}
