package witness

import (
	"math"
	"math/rand/v2"
	"strings"

	"github.com/wireproof/wireproof/lang/avro"
)

// measure finds the size of the smallest value of each type of the writer. Of a
// type without a finite value there is none.
func (e *avroEngine) measure() {
	e.size = map[*avro.Type]int{}
	var order []*avro.Type
	seen := map[*avro.Type]bool{}
	var visit func(t *avro.Type)
	visit = func(t *avro.Type) {
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		for _, f := range t.Fields {
			visit(f.Type)
		}
		for _, b := range t.Branches {
			visit(b)
		}
		visit(t.Items)
		order = append(order, t)
	}
	visit(e.writer.Root)
	for changed := true; changed && e.steps.take(len(order)); {
		changed = false
		for _, t := range order {
			n, ok := e.sizeOf(t)
			if have, known := e.size[t]; ok && (!known || n < have) {
				e.size[t], changed = n, true
			}
		}
	}
}

func (e *avroEngine) sizeOf(t *avro.Type) (int, bool) {
	n := 1
	switch t.Kind {
	case avro.Record:
		for _, f := range t.Fields {
			size, ok := e.size[f.Type]
			if n += size; !ok || n > maxNodes {
				return 0, false
			}
		}
	case avro.Union:
		i := e.cheapest(t)
		if i < 0 {
			return 0, false
		}
		n += e.size[t.Branches[i]]
	case avro.Fixed:
		n += t.Size / 64
	case avro.Enum:
		if len(t.Symbols) == 0 {
			return 0, false
		}
	}
	return n, n <= maxNodes
}

// cheapest returns the branch with the smallest value, or -1.
func (e *avroEngine) cheapest(union *avro.Type) int {
	best := -1
	for i, b := range union.Branches {
		if n, ok := e.size[b]; ok && (best < 0 || n < e.size[union.Branches[best]]) {
			best = i
		}
	}
	return best
}

// least returns the smallest value of writer that reader can read, as far as
// there is a choice, or nil if there is no finite value.
func (e *avroEngine) least(reader, writer *avro.Type) *value {
	p := typePair{reader, writer}
	if v, ok := e.small[p]; ok {
		return v
	}
	if _, ok := e.size[writer]; !ok || !e.steps.take(1) {
		return nil
	}
	if e.open[p] {
		// A recursive type whose readable values go round: take any other.
		if reader == writer {
			return nil
		}
		return e.least(writer, writer)
	}
	e.open[p] = true
	v := e.leastOf(reader, writer)
	delete(e.open, p)
	if v != nil {
		e.small[p] = v
	}
	return v
}

func (e *avroEngine) leastOf(reader, writer *avro.Type) *value {
	switch writer.Kind {
	case avro.Fixed:
		return &value{s: strings.Repeat("\x00", writer.Size)}
	case avro.Enum:
		for i, s := range writer.Symbols {
			if _, ok := e.resolver.symbolFor(reader, s.Name); ok || reader.Kind != avro.Enum {
				return &value{n: int64(i)}
			}
		}
	case avro.Union:
		return e.leastBranch(reader, writer)
	case avro.Record:
		return e.leastRecord(reader, writer)
	}
	return &value{}
}

func (e *avroEngine) leastBranch(reader, writer *avro.Type) *value {
	best := e.cheapest(writer)
	if best < 0 {
		return nil
	}
	for i, b := range writer.Branches {
		size, ok := e.size[b]
		part := e.resolver.pick(reader, b)
		if !ok || part == nil || !e.resolver.readable(part, b) {
			continue
		}
		other := writer.Branches[best]
		now := e.resolver.pick(reader, other)
		if size < e.size[other] || now == nil || !e.resolver.readable(now, other) {
			best = i
		}
	}
	branch := writer.Branches[best]
	part := e.resolver.pick(reader, branch)
	if part == nil {
		part = branch
	}
	v := e.least(part, branch)
	if v == nil {
		best = e.cheapest(writer)
		branch = writer.Branches[best]
		if v = e.least(branch, branch); v == nil {
			return nil
		}
	}
	return &value{n: int64(best), items: []*value{v}}
}

func (e *avroEngine) leastRecord(reader, writer *avro.Type) *value {
	readers := make([]*avro.Type, len(writer.Fields))
	if reader.Kind == avro.Record {
		for _, rf := range reader.Fields {
			for _, i := range e.resolver.writerFields(rf, writer) {
				readers[i] = rf.Type
			}
		}
	}
	out := &value{items: make([]*value, len(writer.Fields))}
	for i, f := range writer.Fields {
		if readers[i] == nil {
			readers[i] = f.Type
		}
		if out.items[i] = e.least(readers[i], f.Type); out.items[i] == nil {
			return nil
		}
	}
	return out
}

// edge returns the i-th message that differs from the smallest in one place, or
// nil if there are fewer.
func (e *avroEngine) edge(i int) *value {
	if e.edges == nil {
		e.edges = &edgeList{}
	}
	for len(e.edges.values) <= i && e.edges.next < len(e.spots) {
		s := e.spots[e.edges.next]
		e.edges.next++
		for _, v := range append(e.values(s, 1000), edgesOf(s.site.writer)...) {
			e.edges.spots, e.edges.values = append(e.edges.spots, s), append(e.edges.values, v)
		}
	}
	if i >= len(e.edges.values) {
		return nil
	}
	return e.message(e.edges.spots[i], e.edges.values[i])
}

// An edgeList grows as it is asked.
type edgeList struct {
	next   int // the first spot that is not in it
	spots  []*spot
	values []*value
}

// edgesOf returns the extremes of a type.
func edgesOf(t *avro.Type) []*value {
	switch t.Kind {
	case avro.Boolean:
		return []*value{{bool: true}}
	case avro.Int:
		return []*value{{n: math.MaxInt32}, {n: math.MinInt32}, {n: -1}}
	case avro.Long:
		return []*value{{n: math.MaxInt64}, {n: math.MinInt64}, {n: -1}}
	case avro.Float:
		return []*value{{f: math.MaxFloat32}, {f: math.SmallestNonzeroFloat32}, {f: -1.5}, {f: math.Inf(1)}, {f: math.NaN()}}
	case avro.Double:
		return []*value{{f: math.MaxFloat64}, {f: math.SmallestNonzeroFloat64}, {f: -1.5}, {f: math.Inf(-1)}, {f: math.NaN()}}
	case avro.String, avro.Bytes:
		return []*value{{s: "a"}, {s: "é\x00日本"}}
	case avro.Enum:
		var out []*value
		for i := range t.Symbols[:min(1000, len(t.Symbols))] {
			out = append(out, &value{n: int64(i)})
		}
		return out
	}
	return nil
}

// random returns a message with something everywhere. The deeper a place and the
// larger the message, the smaller what is put there.
func (e *avroEngine) random(r *rand.Rand) *value {
	g := &avroGenerator{e: e, r: r, left: 400}
	return g.value(e.writer.Root, 0)
}

type avroGenerator struct {
	e    *avroEngine
	r    *rand.Rand
	left int
}

func (g *avroGenerator) value(writer *avro.Type, depth int) *value {
	g.left--
	if g.left < 0 || depth > 24 {
		if v := g.e.least(writer, writer); v != nil {
			return v
		}
	}
	edges := edgesOf(writer)
	if len(edges) > 0 && g.r.IntN(3) == 0 {
		return edges[g.r.IntN(len(edges))]
	}
	switch writer.Kind {
	case avro.Boolean:
		return &value{bool: g.r.IntN(2) == 0}
	case avro.Int:
		return &value{n: int64(int32(g.r.Uint32()) >> g.r.IntN(32))}
	case avro.Long:
		return &value{n: int64(g.r.Uint64()) >> g.r.IntN(64)}
	case avro.Float:
		return &value{f: float64(float32(g.r.NormFloat64()))}
	case avro.Double:
		return &value{f: g.r.NormFloat64()}
	case avro.Bytes, avro.String:
		return &value{s: strings.Repeat("aé", g.r.IntN(4))}
	case avro.Fixed:
		return &value{s: strings.Repeat(string([]byte{byte(g.r.Uint32())}), writer.Size)}
	case avro.Enum:
		return &value{n: int64(g.r.IntN(len(writer.Symbols)))}
	case avro.Array, avro.Map:
		return g.items(writer, depth)
	case avro.Union:
		return g.branch(writer, depth)
	case avro.Record:
		out := &value{items: make([]*value, len(writer.Fields))}
		for i, f := range writer.Fields {
			out.items[i] = g.value(f.Type, depth+1)
		}
		return out
	}
	return &value{}
}

func (g *avroGenerator) items(t *avro.Type, depth int) *value {
	out := &value{}
	if _, ok := g.e.size[t.Items]; !ok {
		return out
	}
	for i := range g.r.IntN(3) {
		if t.Kind == avro.Map {
			out.keys = append(out.keys, string(rune('a'+i)))
		}
		out.items = append(out.items, g.value(t.Items, depth+1))
	}
	return out
}

func (g *avroGenerator) branch(t *avro.Type, depth int) *value {
	i := g.r.IntN(len(t.Branches))
	if _, ok := g.e.size[t.Branches[i]]; !ok {
		i = g.e.cheapest(t)
	}
	return &value{n: int64(i), items: []*value{g.value(t.Branches[i], depth+1)}}
}
