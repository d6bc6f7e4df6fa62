package breaking

import (
	"maps"
	"reflect"
	"slices"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

// A pair is a module of the newer side with what it was on the older one.
type pair struct {
	check      bufconfig.Check
	newer      []string // import paths, sorted; none for a module that was removed
	older      []string
	newModule  int // -1 if it was removed
	oldModules []int
}

// A part is a module with its files.
type part struct {
	index     int
	name, dir string
	check     bufconfig.Check
	files     []string
}

// parts returns the modules that are compared. An image is one module.
func (s *side) parts() []part {
	if s.image != nil {
		return []part{{files: s.image.targets(s.only), check: s.image.check, dir: "."}}
	}
	var out []part
	for i, m := range s.modules {
		if m.Target {
			out = append(out, part{index: i, name: m.Name, dir: m.Dir, check: m.Breaking, files: s.targets(i)})
		}
	}
	return out
}

// pairModules pairs the modules of two sides: by name, by folder, then by the
// files that they have in common. That a module was added, removed, renamed, moved,
// split or merged is a change as any other.
func pairModules(news, olds []part) []pair {
	pairs := make([]pair, len(news))
	taken := make([]bool, len(olds))
	for i, n := range news {
		pairs[i] = pair{check: n.check, newer: n.files, newModule: n.index}
	}
	match := func(same func(n, o part) bool) {
		for i := range news {
			for j := range olds {
				if len(pairs[i].oldModules) == 0 && !taken[j] && same(news[i], olds[j]) {
					taken[j] = true
					pairs[i].take(olds[j].index, olds[j].files)
				}
			}
		}
	}
	match(func(n, o part) bool { return n.name != "" && n.name == o.name })
	match(func(n, o part) bool { return n.dir == o.dir })
	owner := map[string]int{}
	for i, n := range news {
		for _, f := range n.files {
			owner[f] = i
		}
	}
	for j, o := range olds {
		if !taken[j] {
			pairs = scatter(pairs, news, o, owner)
		}
	}
	for i := range pairs {
		slices.Sort(pairs[i].older)
		pairs[i].older = slices.Compact(pairs[i].older)
	}
	return pairs
}

func (p *pair) take(module int, files []string) {
	p.oldModules = append(p.oldModules, module)
	p.older = append(p.older, files...)
}

// scatter gives each file of an old module that has no counterpart to the new
// module that has it now, and deleted files to the one that has most of the
// others.
func scatter(pairs []pair, news []part, o part, owner map[string]int) []pair {
	moved := map[int][]string{}
	var gone []string
	for _, f := range o.files {
		if i, ok := owner[f]; ok {
			moved[i] = append(moved[i], f)
		} else {
			gone = append(gone, f)
		}
	}
	most := -1
	for _, i := range slices.Sorted(maps.Keys(moved)) {
		pairs[i].take(o.index, moved[i])
		if most < 0 || len(moved[i]) > len(moved[most]) {
			most = i
		}
	}
	switch {
	case most >= 0:
		pairs[most].older = append(pairs[most].older, gone...)
	case len(news) == 1 && len(pairs[0].oldModules) == 0:
		pairs[0].take(o.index, gone)
	default:
		p := pair{check: o.check, newModule: -1}
		if c := shared(news); c != nil {
			p.check = *c
		}
		p.take(o.index, gone)
		pairs = append(pairs, p)
	}
	return pairs
}

// shared returns the check that all modules have, or nil.
func shared(news []part) *bufconfig.Check {
	for i := range news {
		if !reflect.DeepEqual(news[i].check, news[0].check) {
			return nil
		}
	}
	if len(news) == 0 {
		return nil
	}
	return &news[0].check
}
