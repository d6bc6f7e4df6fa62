package witness_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// An avroGen writes random schemas, and variants of them that differ in a few
// places: the same seed with another chance of change. It leaves out what
// twmb/avro takes otherwise than the specification.
type avroGen struct {
	shape  *rand.Rand // what the schema is, the same for both of a pair
	change *rand.Rand // where this variant differs
	names  int
	open   []string // the records around the place, which a recursive type may name
}

// avroPair returns the two texts of a seed.
func avroPair(seed uint64) (newer, older string) {
	one := func(variant uint64) string {
		g := &avroGen{shape: rand.New(rand.NewPCG(seed, 1)), change: rand.New(rand.NewPCG(seed, variant))}
		return g.record(3)
	}
	return one(2), one(3)
}

func (g *avroGen) changed(oneIn int) bool { return g.change.IntN(oneIn) == 0 }

func (g *avroGen) name(prefix string) string {
	g.names++
	if g.changed(40) {
		return fmt.Sprintf("%s%dx", prefix, g.names)
	}
	return fmt.Sprintf("%s%d", prefix, g.names)
}

var avroScalars = []string{
	`"null"`, `"boolean"`, `"int"`, `"long"`, `"float"`, `"double"`, `"bytes"`, `"string"`,
}

func (g *avroGen) scalar() string {
	s := avroScalars[g.shape.IntN(len(avroScalars))]
	if g.changed(8) {
		s = avroScalars[g.change.IntN(len(avroScalars))]
	}
	return s
}

func (g *avroGen) typ(depth int) string {
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
	return g.scalar()
}

func (g *avroGen) union(depth int) string {
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

func (g *avroGen) enum() string {
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

func (g *avroGen) record(depth int) string {
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
