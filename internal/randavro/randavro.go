// Package randavro writes random Avro schemas in pairs that differ in a few places,
// for the tests that hold our verdicts against those of others. It is for tests
// only, and knows nothing of what a difference means.
package randavro

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Schema returns the text of a seed: variant 0 is the original, and each other one
// differs from it in a few places, of its own. Some variants are no schemas: a name
// was changed that another place uses. What is not written is where twmb/avro takes
// a schema otherwise than the specification: decimals, aliases without a namespace,
// unions with two types of one simple name.
func Schema(seed, variant uint64) string { return newGen(seed, variant).record(3) }

// Moved is Schema, with changes of namespaces too, in which twmb/avro does not follow
// Java.
func Moved(seed, variant uint64) string {
	g := newGen(seed, variant)
	g.spaces = true
	return g.record(3)
}

type gen struct {
	shape  *rand.Rand // what the schema is, the same for all variants
	change *rand.Rand // where this variant differs; nil for the original
	names  int
	spaces bool     // changes move types to another namespace too
	open   []string // the records around the place, which a recursive type may name
}

func newGen(seed, variant uint64) *gen {
	g := &gen{shape: rand.New(rand.NewPCG(seed, 1))}
	if variant > 0 {
		g.change = rand.New(rand.NewPCG(seed, variant+1))
	}
	return g
}

func (g *gen) changed(oneIn int) bool { return g.change != nil && g.change.IntN(oneIn) == 0 }

func (g *gen) name(prefix string) string {
	g.names++
	name := fmt.Sprintf("%s%d", prefix, g.names)
	if g.changed(40) {
		name += "x"
	}
	if g.spaces && g.changed(12) {
		name = "moved." + name
	}
	return name
}

var primitives = []string{
	`"null"`, `"boolean"`, `"int"`, `"long"`, `"float"`, `"double"`, `"bytes"`, `"string"`,
}

func (g *gen) primitive() string {
	s := primitives[g.shape.IntN(len(primitives))]
	if g.changed(8) {
		s = primitives[g.change.IntN(len(primitives))]
	}
	return s
}

func (g *gen) typ(depth int) string {
	kind := g.shape.IntN(11)
	if depth == 0 || g.changed(30) {
		kind = 0
	}
	switch kind {
	case 1, 2:
		return g.record(depth - 1)
	case 3:
		return g.enum()
	case 4:
		return `{"type":"array","items":` + g.typ(depth-1) + `}`
	case 5:
		return `{"type":"map","values":` + g.typ(depth-1) + `}`
	case 6:
		size := 4 + g.shape.IntN(4)
		if g.changed(6) {
			size++
		}
		return fmt.Sprintf(`{"type":"fixed","name":"%s","size":%d}`, g.name("F"), size)
	case 7, 8:
		return g.union(depth)
	case 9:
		if len(g.open) > 0 {
			return `["null","` + g.open[g.shape.IntN(len(g.open))] + `"]`
		}
	}
	return g.primitive()
}

func (g *gen) union(depth int) string {
	branches := []string{`"null"`, `"string"`, `"int"`}[:1+g.shape.IntN(3)]
	if g.shape.IntN(2) == 0 {
		branches = append(branches, g.record(depth-1))
	}
	if g.shape.IntN(3) == 0 {
		branches = append(branches, g.enum())
	}
	if g.shape.IntN(4) == 0 {
		branches = append(branches, `{"type":"array","items":`+g.typ(depth-1)+`}`)
	}
	if g.changed(5) {
		branches = branches[1:]
	}
	if g.changed(5) {
		branches = append(branches, `"double"`)
	}
	if len(branches) == 0 {
		branches = []string{`"boolean"`}
	}
	if len(branches) == 1 && g.changed(4) {
		return branches[0]
	}
	return "[" + strings.Join(branches, ",") + "]"
}

func (g *gen) enum() string {
	symbols := []string{`"A"`, `"B"`, `"C"`, `"D"`}[:2+g.shape.IntN(3)]
	if g.changed(4) {
		symbols = symbols[1:]
	}
	def := ""
	if g.shape.IntN(3) == 0 || g.changed(4) {
		def = `,"default":` + symbols[len(symbols)-1]
	}
	return fmt.Sprintf(`{"type":"enum","name":"%s","symbols":[%s]%s}`, g.name("E"), strings.Join(symbols, ","), def)
}

func (g *gen) record(depth int) string {
	name := g.name("R")
	outer := g.open
	g.open = append(g.open[:len(g.open):len(g.open)], name)
	defer func() { g.open = outer }()
	var fields []string
	for i := range g.shape.IntN(5) {
		typ := g.typ(max(depth, 0))
		def := ""
		if strings.HasPrefix(typ, `["null"`) {
			def = `,"default":null` // which twmb/avro takes for granted
		}
		if !g.changed(8) {
			fields = append(fields, fmt.Sprintf(`{"name":"f%d","type":%s%s}`, i, typ, def))
		}
		switch {
		case g.changed(16):
			fields = append(fields, fmt.Sprintf(`{"name":"g%d","type":"int"}`, i))
		case g.changed(16):
			fields = append(fields, fmt.Sprintf(`{"name":"g%d","type":"int","default":1}`, i))
		case g.changed(16):
			fields = append(fields, fmt.Sprintf(`{"name":"h%d","type":"long","aliases":["g%d"]}`, i, i))
		}
	}
	return fmt.Sprintf(`{"type":"record","name":"%s","fields":[%s]}`, name, strings.Join(fields, ","))
}
