package witness

import (
	"slices"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// A branchIndex finds the branches of a union that may take a value, without looking
// at thousands of others.
type branchIndex struct {
	at      map[*avro.Type]int
	unnamed []*avro.Type            // a union has few
	named   map[string][]*avro.Type // by their names without the namespace
	aliases map[string][]*avro.Type // by their aliases in full
}

func (r *resolver) index(union *avro.Type) *branchIndex {
	if x, ok := r.branches[union]; ok {
		return x
	}
	x := &branchIndex{at: make(map[*avro.Type]int, len(union.Branches)), named: map[string][]*avro.Type{}, aliases: map[string][]*avro.Type{}}
	for i, b := range union.Branches {
		x.at[b] = i
		if !b.Kind.IsNamed() {
			x.unnamed = append(x.unnamed, b)
			continue
		}
		x.named[simpleName(b)] = append(x.named[simpleName(b)], b)
		for _, alias := range b.Aliases {
			x.aliases[alias] = append(x.aliases[alias], b)
		}
	}
	r.branches[union] = x
	return x
}

// candidates returns the branches that may take values of a type which is no union, in
// the order of the union.
func (r *resolver) candidates(union, writer *avro.Type) []*avro.Type {
	x := r.index(union)
	if !writer.Kind.IsNamed() {
		return x.unnamed
	}
	out := slices.Clone(x.named[simpleName(writer)])
	for _, b := range x.aliases[writer.Name] {
		if !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b *avro.Type) int { return x.at[a] - x.at[b] })
	return out
}

// branchPos is where a branch stands, as the rules give it.
func (r *resolver) branchPos(union, branch *avro.Type) lang.Pos {
	if i, ok := r.index(union).at[branch]; ok && i < len(union.BranchPos) {
		return union.BranchPos[i]
	}
	return union.Pos
}
