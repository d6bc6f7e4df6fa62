package registrytest

import (
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry"
)

// toy is a language of one rule, so that a log can be tested without a real one:
// a schema is words, and none of them may go away.
type toy struct{}

type toySchema struct {
	source lang.Source
	words  []string
}

func (toy) Type() lang.Type { return lang.Avro }

func (toy) Parse(src lang.Source) (lang.Schema, error) {
	return toySchema{src, strings.Fields(src.Text)}, nil
}

func (s toySchema) Source() lang.Source { return s.source }
func (s toySchema) Canonical() string   { return strings.Join(s.words, " ") }
func (s toySchema) Normalized() string {
	return strings.Join(slices.Sorted(slices.Values(s.words)), " ")
}

func (toy) Differences(_ string, newer, older lang.Schema) (out []registry.Difference) {
	for _, word := range older.(toySchema).words {
		if !slices.Contains(newer.(toySchema).words, word) {
			out = append(out, registry.Difference{ErrorType: "WORD_REMOVED", Description: word})
		}
	}
	return out
}
