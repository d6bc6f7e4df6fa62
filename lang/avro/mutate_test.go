package avro_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/wireproof/wireproof/lang"
)

// A mutator makes schemas, right and wrong, out of parts of the fixtures.
type mutator struct {
	rng   *rand.Rand
	texts []string
	parts []*lang.Value // every value of every fixture
}

func newMutator(t testing.TB, seed uint64) *mutator {
	t.Helper()
	m := &mutator{rng: rand.New(rand.NewPCG(seed, 0))}
	for _, f := range fixtures(t) {
		v, err := lang.ParseJSON(f.src.Path, f.src.Text)
		if err != nil {
			continue
		}
		m.texts = append(m.texts, f.src.Text)
		m.parts = append(m.parts, values(v)...)
	}
	return m
}

// values returns v and all values in it.
func values(v *lang.Value) []*lang.Value {
	out := []*lang.Value{v}
	for _, item := range v.Items {
		out = append(out, values(item)...)
	}
	for _, m := range v.Members {
		out = append(out, values(m.Value)...)
	}
	return out
}

// next returns a fixture, or a part of one, with up to three changes.
func (m *mutator) next() string {
	v, err := lang.ParseJSON("", m.texts[m.rng.IntN(len(m.texts))])
	if err != nil {
		return `"int"`
	}
	if all := values(v); m.rng.IntN(2) == 0 {
		v = all[m.rng.IntN(len(all))]
	}
	for range m.rng.IntN(4) {
		all := values(v)
		m.change(all[m.rng.IntN(len(all))])
	}
	return string(v.AppendJSON(nil))
}

func (m *mutator) change(v *lang.Value) {
	switch op := m.rng.IntN(4); {
	case op == 0 && len(v.Items) > 0:
		i := m.rng.IntN(len(v.Items))
		v.Items = slices.Delete(slices.Clone(v.Items), i, i+1)
	case op == 0 && len(v.Members) > 0:
		i := m.rng.IntN(len(v.Members))
		v.Members = slices.Delete(slices.Clone(v.Members), i, i+1)
	case op == 1 && len(v.Items) > 0:
		v.Items = append(slices.Clone(v.Items), m.part())
	case op == 1 && len(v.Members) > 0:
		keys := []string{"type", "name", "namespace", "doc", "aliases", "default", "order", "fields", "symbols", "size", "items", "values", "logicalType", "precision", "scale", "x"}
		v.Members = append(slices.Clone(v.Members), lang.Member{Key: keys[m.rng.IntN(len(keys))], Value: m.part()})
	default:
		*v = *m.part()
	}
}

// part returns a copy of a value of some fixture, small ones more often.
func (m *mutator) part() *lang.Value {
	best := m.parts[m.rng.IntN(len(m.parts))]
	for range 2 {
		if other := m.parts[m.rng.IntN(len(m.parts))]; len(values(other)) < len(values(best)) {
			best = other
		}
	}
	return clone(best)
}

func clone(v *lang.Value) *lang.Value {
	c := *v
	c.Items, c.Members = nil, nil
	for _, item := range v.Items {
		c.Items = append(c.Items, clone(item))
	}
	for _, m := range v.Members {
		m.Value = clone(m.Value)
		c.Members = append(c.Members, m)
	}
	return &c
}

// The laws hold for whatever parses, without Java at hand.
func TestLawsOnMutants(t *testing.T) {
	t.Parallel()
	m := newMutator(t, 21)
	checkMutants(t, m, 2000)
}
