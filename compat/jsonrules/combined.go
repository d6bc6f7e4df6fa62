package jsonrules

import (
	"fmt"

	"github.com/wireproof/wireproof/lang/jsonschema"
)

// combined compares combinations: how many members must hold, how many there
// are, and whether each member of the smaller side has one of its own on the
// other that it is compatible with.
func (w *walker) combined(r *result, o, u *jsonschema.Node) {
	if o.Criterion != u.Criterion {
		s := said{o: string(o.Criterion), u: string(u.Criterion)}
		singleO, singleU := len(o.Members) == 1, len(u.Members) == 1
		if u.Criterion != jsonschema.Any && !(singleO && (singleU || u.Criterion == jsonschema.One)) &&
			!(singleU && o.Criterion == jsonschema.All) {
			w.add(r, "COMBINED_TYPE_CHANGED", "", o.Pos, u.Pos, s)
			return
		}
		w.add(r, "COMBINED_TYPE_EXTENDED", "", o.Pos, u.Pos, s)
	}
	before, after := w.distinct(o), w.distinct(u)
	s := said{o: fmt.Sprint(len(before)), u: fmt.Sprint(len(after))}
	switch {
	case len(after) > len(before) && u.Criterion == jsonschema.All:
		w.add(r, "PRODUCT_TYPE_EXTENDED", "", o.Pos, u.Pos, s)
	case len(after) > len(before):
		w.add(r, "SUM_TYPE_EXTENDED", "", o.Pos, u.Pos, s)
	case len(after) < len(before) && o.Criterion == jsonschema.All:
		w.add(r, "PRODUCT_TYPE_NARROWED", "", o.Pos, u.Pos, s)
	case len(after) < len(before):
		w.add(r, "SUM_TYPE_NARROWED", "", o.Pos, u.Pos, s)
	}
	m := w.match(before, after)
	found := 0
	for j, i := range m.takenBy {
		if i < 0 {
			continue
		}
		found++
		w.take(r, fmt.Sprintf("/%s/%d", o.Criterion, before[i].index), m.edges[i][j])
	}
	if found < min(len(before), len(after)) {
		left := w.left(m, before, after)
		w.add(r, "COMBINED_TYPE_SUBSCHEMAS_CHANGED", "", o.Pos, u.Pos, said{name: left})
	}
}

// left says which member of the smaller side has no counterpart, and what keeps
// it from the first of its kind on the other side.
func (w *walker) left(m *matching, before, after []member) string {
	taken := map[int]bool{}
	for _, i := range m.takenBy {
		taken[i] = true
	}
	say := func(at member, others []member, compare func(other *jsonschema.Node) *result) string {
		out := fmt.Sprintf("%d (%s)", at.index, describe(at.node.Resolved()))
		for _, other := range others {
			if other.node.Resolved().Kind != at.node.Resolved().Kind || w.over {
				continue
			}
			for _, d := range compare(other.node).diffs {
				if d.bad {
					return out + ", for " + d.kind.name + ","
				}
			}
		}
		return out
	}
	if len(before) <= len(after) {
		for i, b := range before {
			if !taken[i] {
				return say(b, after, func(other *jsonschema.Node) *result { return w.pair(b.node, other) })
			}
		}
	}
	for j, i := range m.takenBy {
		if i < 0 {
			return say(after[j], before, func(other *jsonschema.Node) *result { return w.pair(other, after[j].node) })
		}
	}
	return ""
}

// A member of a combination knows where it stood.
type member struct {
	node  *jsonschema.Node
	index int
}

// distinct returns the members, the same one once.
func (w *walker) distinct(n *jsonschema.Node) []member {
	type identity struct {
		target                      *jsonschema.Node
		kind                        jsonschema.Kind
		criterion                   jsonschema.Criterion
		integer, implied, synthetic bool
		value                       sum
	}
	seen := map[identity]bool{}
	var out []member
	for i, m := range n.Members {
		id := identity{
			kind: m.Kind, criterion: m.Criterion, integer: m.Integer, implied: m.Implied, synthetic: m.Synthetic,
			target: m.Target, value: w.sums.of(m.Value),
		}
		if !seen[id] {
			seen[id] = true
			out = append(out, member{m, i})
		}
	}
	return out
}

// A matching pairs members that are compatible, each at most once.
type matching struct {
	edges   []map[int]*result // by original, then update
	takenBy []int             // the original of each update, or -1
}

// match returns a largest matching, by augmenting paths.
func (w *walker) match(before, after []member) *matching {
	m := &matching{edges: make([]map[int]*result, len(before)), takenBy: make([]int, len(after))}
	for j := range m.takenBy {
		m.takenBy[j] = -1
	}
	for i, o := range before {
		m.edges[i] = map[int]*result{}
		for j, u := range after {
			if w.over {
				return m
			}
			if part := w.pair(o.node, u.node); !part.incompatible {
				m.edges[i][j] = part
			}
		}
	}
	for i := range before {
		w.augment(m, i, make(map[int]bool))
	}
	return m
}

func (w *walker) augment(m *matching, i int, tried map[int]bool) bool {
	for j := range m.takenBy {
		if m.edges[i][j] == nil || tried[j] {
			continue
		}
		if !w.spend(1) {
			return false
		}
		tried[j] = true
		if m.takenBy[j] < 0 || w.augment(m, m.takenBy[j], tried) {
			m.takenBy[j] = i
			return true
		}
	}
	return false
}
