package registrytest

import (
	"context"
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

func (toy) Differences(_, _ string, newer, older lang.Schema) (out []registry.Difference) {
	for _, word := range older.(toySchema).words {
		if !slices.Contains(newer.(toySchema).words, word) {
			out = append(out, registry.Difference{ErrorType: "WORD_REMOVED", Description: word})
		}
	}
	return out
}

// OpenToy opens a registry of a toy language, for tests of logs: every text is a
// schema of type AVRO, made of words, and no word may go away. There may be one
// set of options.
func OpenToy(ctx context.Context, log registry.Log, opts ...registry.Options) (*registry.Registry, error) {
	return registry.Open(ctx, log, []lang.Language{toy{}}, toy{}, slices.Concat(opts, []registry.Options{{}})[0])
}
