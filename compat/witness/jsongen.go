package witness

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

const (
	maxChoices = 24 // values that are kept for two schemas at one place
	jsonDepth  = 5  // how deep values are made
	judgeDepth = 40
)

type nodePair struct{ w, r *jsonschema.Node }

// A jsonGenerator makes values that a writer's schema takes, first those that the
// reader's refuses.
type jsonGenerator struct {
	*judge
	memo map[nodePair][]*lang.Value
	open map[nodePair]bool
	// skipped says that a limit asks for more than values may have here.
	skipped bool
}

func newJSONGenerator(steps *budget) *jsonGenerator {
	return &jsonGenerator{
		judge: &judge{steps: steps, expressions: map[string]*regexp.Regexp{}},
		memo:  map[nodePair][]*lang.Value{}, open: map[nodePair]bool{},
	}
}

// choices returns values of w. Either may be nil, which is a schema that takes
// everything.
func (g *jsonGenerator) choices(w, r *jsonschema.Node, depth int) []*lang.Value {
	w, r = w.Resolved(), r.Resolved()
	p := nodePair{w, r}
	if have, ok := g.memo[p]; ok {
		return have
	}
	if depth <= 0 || g.open[p] {
		return g.sorted(w, r, anything())
	}
	g.open[p] = true
	raw := slices.Concat(g.raw(w, r, depth), g.raw(r, w, depth), anything())
	delete(g.open, p)
	out := g.sorted(w, r, raw)
	g.memo[p] = out
	return out
}

// sorted keeps what w takes: the smallest of what r refuses, and of what it takes.
func (g *jsonGenerator) sorted(w, r *jsonschema.Node, raw []*lang.Value) []*lang.Value {
	type choice struct {
		v      *lang.Value
		taken  bool
		weight int
	}
	var all []choice
	seen := map[string]bool{}
	for _, v := range raw {
		if g.steps.left <= 0 && len(all) > maxChoices || !g.accepts(w, v, judgeDepth) {
			continue
		}
		key := string(v.AppendJSON(nil))
		g.steps.take(len(key) / 16)
		if seen[key] {
			continue
		}
		seen[key] = true
		all = append(all, choice{v, g.accepts(r, v, judgeDepth), len(key)})
	}
	slices.SortStableFunc(all, func(a, b choice) int { return cmp.Compare(a.weight, b.weight) })
	var refused, taken []*lang.Value
	for _, c := range all {
		if c.taken && len(taken) < maxChoices/2 {
			taken = append(taken, c.v)
		} else if !c.taken && len(refused) < maxChoices/2 {
			refused = append(refused, c.v)
		}
	}
	return append(refused, taken...)
}

// plain returns the smallest value that both take, or that w takes.
func (g *jsonGenerator) plain(w, r *jsonschema.Node, depth int) *lang.Value {
	all := g.choices(w, r, depth)
	for _, v := range all {
		if g.accepts(r, v, judgeDepth) {
			return v
		}
	}
	if len(all) > 0 {
		return all[0]
	}
	return nil
}

// raw returns values about the edges of n, whether it takes them or not.
func (g *jsonGenerator) raw(n, other *jsonschema.Node, depth int) []*lang.Value {
	if n == nil || !g.steps.take(1) {
		return nil
	}
	switch n.Kind {
	case jsonschema.String:
		return g.texts(n)
	case jsonschema.Number:
		return g.numbers(n)
	case jsonschema.Enum, jsonschema.Const:
		return n.Values
	case jsonschema.Object:
		return g.objects(n, same(other, jsonschema.Object), depth)
	case jsonschema.Array:
		return g.arrays(n, same(other, jsonschema.Array), depth)
	case jsonschema.Not:
		return g.choices(n.Negated, nil, depth-1)
	case jsonschema.Combined:
		return g.combinations(n, other, depth)
	}
	return nil
}

// same finds the part of a schema that is of a kind.
func same(n *jsonschema.Node, k jsonschema.Kind) *jsonschema.Node {
	n = n.Resolved()
	switch {
	case n == nil || n.Kind == k:
		return n
	case n.Kind == jsonschema.Combined:
		for _, m := range n.Members {
			if m = m.Resolved(); m.Kind == k {
				return m
			}
		}
	}
	return nil
}

func (g *jsonGenerator) combinations(n, other *jsonschema.Node, depth int) []*lang.Value {
	var out []*lang.Value
	var merged []*lang.Value
	for i, m := range n.Members[:min(len(n.Members), maxChoices)] {
		part := other
		if o := other.Resolved(); o != nil && o.Kind == jsonschema.Combined && i < len(o.Members) {
			part = o.Members[i]
		}
		own := slices.Concat(g.choices(m, part, depth-1), g.choices(m, other, depth-1))
		out = append(out, own...)
		if i == 0 {
			merged = own
			continue
		}
		var next []*lang.Value
		for _, a := range merged {
			for _, b := range own {
				if a.Kind == lang.Object && b.Kind == lang.Object && len(next) < 4*maxChoices && g.steps.take(1) {
					next = append(next, merge(a, b))
				}
			}
		}
		merged = append(next, own...)
	}
	if n.Criterion != jsonschema.All {
		out = append(out, g.alone(n, out, depth)...)
	}
	return append(out, merged...)
}

var anyObject = &jsonschema.Node{Kind: jsonschema.Object}

// alone adds to values of some members what others refuse, so that fewer take them.
func (g *jsonGenerator) alone(n *jsonschema.Node, values []*lang.Value, depth int) []*lang.Value {
	const most = 4 // of one member
	var out []*lang.Value
	for _, m := range n.Members[:min(len(n.Members), maxChoices)] {
		left := most
		for _, odd := range g.choices(anyObject, m, depth-1) {
			if g.accepts(m, odd, judgeDepth) {
				continue
			}
			if left--; left < 0 {
				break
			}
			for _, v := range values[:min(len(values), 2*maxChoices)] {
				if v.Kind == lang.Object && g.steps.take(1) {
					out = append(out, merge(odd, v))
				}
			}
		}
	}
	return out
}

func merge(a, b *lang.Value) *lang.Value {
	for _, m := range b.Members {
		a = with(a, m.Key, m.Value)
	}
	return a
}

// part returns the schema of a property, or nil for anything.
func (g *jsonGenerator) part(n *jsonschema.Node, name string) *jsonschema.Node {
	if n == nil {
		return nil
	}
	if parts := g.parts(n, name); len(parts) > 0 {
		return parts[0]
	}
	return nil
}

func (g *jsonGenerator) objects(n, other *jsonschema.Node, depth int) []*lang.Value {
	base := g.base(n, other, depth)
	if base == nil {
		return nil
	}
	out := []*lang.Value{base}
	full, whole := base, g.closed(n, other, base, depth)
	names := g.names(n, other)
	for _, name := range names {
		if !g.steps.take(1) {
			return out
		}
		mine, theirs := g.part(n, name), g.part(other, name)
		all := g.choices(mine, theirs, depth-1)
		for _, v := range all[:min(len(all), 6)] {
			out = append(out, g.closed(n, other, with(base, name, v), depth))
		}
		if v := g.plain(mine, theirs, depth-1); v != nil && n.Property(name) != nil {
			full = with(full, name, v)
		}
	}
	out = append(out, full)
	for _, o := range []*jsonschema.Node{n, other} {
		if o == nil {
			continue
		}
		for _, name := range names { // without one of them
			if full.Get(name) != nil && len(out) < 10*maxChoices {
				out = append(out, without(full, name))
			}
		}
		for _, key := range []string{"minProperties", "maxProperties"} {
			if at, ok := g.limitOf(o, key); ok {
				for size := max(at-1, 0); size <= at+1; size++ {
					out = append(out, g.filled(n, other, base, names, size, depth), g.filled(n, other, whole, names, size, depth))
				}
			}
		}
	}
	return out
}

// base has what n requires.
func (g *jsonGenerator) base(n, other *jsonschema.Node, depth int) *lang.Value {
	base := object()
	for _, name := range n.RequiredOrder {
		v := g.plain(g.part(n, name), g.part(other, name), depth-1)
		if v == nil || !g.steps.take(1+len(base.Members)/4) {
			return nil
		}
		base = with(base, name, v)
	}
	return base
}

// names returns the properties that are worth a try.
func (g *jsonGenerator) names(n, other *jsonschema.Node) []string {
	const most = 40
	var out []string
	add := func(name string) {
		if len(out) < most && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	for _, o := range []*jsonschema.Node{n, other} {
		if o == nil {
			continue
		}
		for _, p := range o.PatternProperties {
			for _, name := range matching(p.Name) {
				add(name)
			}
		}
		for _, name := range o.RequiredOrder {
			add(name)
		}
		for _, name := range o.DependentOrder {
			add(name)
		}
		for _, p := range o.Properties {
			add(p.Name)
		}
	}
	add(spare(0))
	return out
}

// closed adds to v what a property of n depends on, and others if there are too few.
func (g *jsonGenerator) closed(n, other *jsonschema.Node, v *lang.Value, depth int) *lang.Value {
	for i := 0; i < len(v.Members) && i < 100; i++ {
		for _, name := range n.DependentNames[v.Members[i].Key] {
			if v.Get(name) != nil || !g.steps.take(1) {
				continue
			}
			if held := g.plain(g.part(n, name), g.part(other, name), depth-1); held != nil {
				v = with(v, name, held)
			}
		}
	}
	if least, ok := g.limitOf(n, "minProperties"); ok && len(v.Members) < least {
		v = g.filled(n, other, v, g.names(n, other), least, depth)
	}
	return v
}

func without(o *lang.Value, key string) *lang.Value {
	out := object()
	for _, m := range o.Members {
		if m.Key != key {
			out.Members = append(out.Members, m)
		}
	}
	return out
}

// filled has a number of properties.
func (g *jsonGenerator) filled(n, other *jsonschema.Node, base *lang.Value, names []string, size, depth int) *lang.Value {
	try := func(name string) {
		if base.Get(name) != nil || len(base.Members) >= size || !g.steps.take(1) {
			return
		}
		if v := g.plain(g.part(n, name), g.part(other, name), depth-1); v != nil {
			base = with(base, name, v)
		}
	}
	// What others ask for, and what asks for others, comes last: its absence tells.
	asked := g.asked(n, other)
	for _, last := range []bool{false, true} {
		for _, name := range names {
			if _, asks := n.DependentNames[name]; (asks || asked[name]) == last && n.DependentSchemas[name] == nil {
				try(name)
			}
		}
		for i := range min(size, 100) {
			try(spare(i))
		}
	}
	return base
}

// asked returns the properties that either side wants if another one is there.
func (g *jsonGenerator) asked(nodes ...*jsonschema.Node) map[string]bool {
	out := map[string]bool{}
	for _, n := range nodes {
		if n == nil {
			continue
		}
		for _, key := range n.DependentOrder {
			for _, name := range n.DependentNames[key] {
				if g.steps.take(1) {
					out[name] = true
				}
			}
		}
	}
	return out
}

func (g *jsonGenerator) arrays(n, other *jsonschema.Node, depth int) []*lang.Value {
	sizes := []int{0, 1, 2, len(n.Tuple), len(n.Tuple) + 1}
	for _, o := range []*jsonschema.Node{n, other} {
		if o == nil {
			continue
		}
		sizes = append(sizes, len(o.Tuple), len(o.Tuple)+1)
		for _, key := range []string{"minItems", "maxItems", "minContains", "maxContains"} {
			if at, ok := g.limitOf(o, key); ok {
				sizes = append(sizes, at-1, at, at+1)
			}
		}
	}
	slices.Sort(sizes)
	out := []*lang.Value{array()}
	for _, size := range slices.Compact(sizes) {
		if size <= 0 || !g.steps.take(size) {
			continue
		}
		full := g.row(n, other, size, depth)
		if full == nil {
			continue
		}
		out = append(out, full)
		if counts(n) || counts(other) {
			all := g.choices(g.item(n, 0), g.item(other, 0), depth-1)
			all = append(counted(n, other), all[:min(len(all), 8)]...)
			for _, v := range all {
				out = append(out, array(slices.Repeat([]*lang.Value{v}, size)...))
			}
		}
		for _, again := range []*lang.Value{full.Items[0], full.Items[size-1]} {
			if other != nil && other.UniqueItems {
				out = append(out, array(append(slices.Clone(full.Items), again)...))
			}
		}
		for at := max(0, size-4); at < size; at++ {
			out = append(out, g.varied(n, other, full.Items, at, depth)...)
		}
	}
	return out
}

// counts reports whether a schema wants some number of items that fit "contains".
// The nodes do not hold that schema, so items are tried of which one may fit.
func counts(n *jsonschema.Node) bool {
	return n != nil && n.Value.Get("contains") != nil
}

// counted returns the values that "contains" names.
func counted(nodes ...*jsonschema.Node) []*lang.Value {
	var out []*lang.Value
	for _, n := range nodes {
		if n == nil {
			continue
		}
		held := n.Value.Get("contains")
		if v := held.Get("const"); v != nil {
			out = append(out, v)
		}
		if v := held.Get("enum"); v != nil {
			out = append(out, v.Items[:min(len(v.Items), 4)]...)
		}
	}
	return out
}

// varied returns copies of items with another one at one place.
func (g *jsonGenerator) varied(n, other *jsonschema.Node, items []*lang.Value, at, depth int) []*lang.Value {
	var out []*lang.Value
	all := g.choices(g.item(n, at), g.item(other, at), depth-1)
	for i, v := range all[:min(len(all), 8)] {
		changed := slices.Clone(items)
		changed[at] = v
		out = append(out, array(changed...))
		if i < 2 && len(items) == 1 {
			out = append(out, array(v, v))
		}
	}
	return out
}

// row returns an array of plain items, different ones if they must be.
func (g *jsonGenerator) row(n, other *jsonschema.Node, size, depth int) *lang.Value {
	out := array()
	for i := range size {
		mine, theirs := g.item(n, i), g.item(other, i)
		v := g.plain(mine, theirs, depth-1)
		if n.UniqueItems || other != nil && other.UniqueItems {
			for _, c := range g.choices(mine, theirs, depth-1) {
				if g.accepts(theirs, c, judgeDepth) && !slices.ContainsFunc(out.Items, func(have *lang.Value) bool { return sameJSON(have, c) }) {
					v = c
					break
				}
			}
		}
		if v == nil || !g.steps.take(1) {
			return nil
		}
		out.Items = append(out.Items, v)
	}
	return out
}

func (g *jsonGenerator) item(n *jsonschema.Node, i int) *jsonschema.Node {
	if n == nil {
		return nil
	}
	if parts := itemParts(n, i); len(parts) > 0 {
		return parts[0]
	}
	return nil
}
