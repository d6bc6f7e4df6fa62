package avrorules_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	twmb "github.com/twmb/avro"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/rule"
)

// A gen writes random schemas, and variants of them that differ in a few places:
// the same seed with another chance of change. What it does not write is where
// twmb/avro follows fastavro rather than Java: decimals, aliases without a
// namespace, and unions with two types of one simple name.
type gen struct {
	shape  *rand.Rand // what the schema is; the same for both of a pair
	change *rand.Rand // where this variant differs; nil for the original
	names  int
	spaces bool // changes move types to another namespace too
	// open are the records around the place, which a recursive type may name.
	open []string
}

func (g *gen) changed(oneIn int) bool { return g.change != nil && g.change.IntN(oneIn) == 0 }

func (g *gen) pick(options ...string) string { return options[g.shape.IntN(len(options))] }

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

var primitives = []string{"null", "boolean", "int", "long", "float", "double", "bytes", "string"}

func (g *gen) primitive() string {
	p := g.pick(primitives...)
	if g.changed(8) {
		p = primitives[g.change.IntN(len(primitives))]
	}
	return `"` + p + `"`
}

func (g *gen) typ(depth int) string {
	kind := g.shape.IntN(10)
	if depth == 0 {
		kind = 0
	}
	if g.changed(30) {
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
	case 7:
		return g.union(depth)
	case 8:
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
	if g.changed(5) {
		branches = branches[1:]
	}
	if g.changed(5) {
		branches = append(branches, `"double"`)
	}
	if len(branches) == 0 {
		branches = []string{`"boolean"`}
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
		f := fmt.Sprintf(`{"name":"f%d","type":%s%s}`, i, typ, def)
		if !g.changed(8) {
			fields = append(fields, f)
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

func generate(seed uint64, variant uint64) string {
	g := &gen{shape: rand.New(rand.NewPCG(seed, 1))}
	if variant > 0 {
		g.change = rand.New(rand.NewPCG(seed, variant+1))
	}
	return g.record(3)
}

// generateMoved is generate with changes of namespaces, in which twmb/avro does
// not follow Java.
func generateMoved(seed, variant uint64) string {
	g := &gen{shape: rand.New(rand.NewPCG(seed, 1)), change: rand.New(rand.NewPCG(seed, variant+1)), spaces: true}
	return g.record(3)
}

// TestOracle: the verdict on random pairs is that of twmb/avro, whichever of the
// two is new, and the positions of every finding are known.
func TestOracle(t *testing.T) {
	t.Parallel()
	compatible, broken := 0, 0
	for seed := range uint64(1500) {
		a, b := generate(seed, 1), generate(seed, 2)
		theirs, err := twmb.Parse(a)
		if err != nil {
			continue // a name was changed where another place uses it
		}
		theirs2, err := twmb.Parse(b)
		if err != nil {
			continue
		}
		newer, older := parse(t, "new.avsc", a), parse(t, "old.avsc", b)
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			want := twmb.CheckCompatibility(theirs2, theirs)
			if dir == rule.OldReaders {
				want = twmb.CheckCompatibility(theirs, theirs2)
			}
			found := breaking(avrorules.Check(newer, older, dir))
			if (want == nil) != (len(found) == 0) {
				t.Fatalf("seed %d, direction %d: we find %d, twmb/avro says %v\nnew %s\nold %s\n%s", seed, dir, len(found), want, a, b, list(found))
			}
			for _, f := range found {
				if !f.New.IsValid() || !f.Old.IsValid() || f.New.Path != "new.avsc" || f.Old.Path != "old.avsc" || f.Breaks != dir {
					t.Errorf("seed %d: %s: %s: new %+v, old %+v", seed, f.Rule.ID, f.Message, f.New, f.Old)
				}
			}
			if want == nil {
				compatible++
			} else {
				broken++
			}
		}
	}
	if compatible < 100 || broken < 100 {
		t.Errorf("%d compatible and %d broken pairs are too few of one kind", compatible, broken)
	}
}

func list(found []*rule.Finding) string {
	var out strings.Builder
	for _, f := range found {
		fmt.Fprintf(&out, "%s %s: %s\n", f.Rule.ID, f.Path, f.Message)
	}
	return out.String()
}

// TestSelfRandom is the law again, on schemas that nobody thought of.
func TestSelfRandom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		text := generate(seed, 0)
		if _, err := twmb.Parse(text); err != nil {
			continue
		}
		for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
			if found := avrorules.Check(parse(t, "a", text), parse(t, "b", text), dir); len(found) > 0 {
				t.Errorf("seed %d breaks itself: %s\n%s", seed, text, list(found))
			}
		}
	}
}

// TestManyUnions: a type in which every branch fails deep inside would cost a
// walk that grows with the power of its depth, if failures were not remembered.
func TestManyUnions(t *testing.T) {
	t.Parallel()
	build := func(leaf string) string {
		text := `"` + leaf + `"`
		for i := range 35 {
			text = fmt.Sprintf(`{"type":"record","name":"R%d","namespace":"n%d","fields":[{"name":"f","type":["null",%s,{"type":"array","items":"n0.R0"},{"type":"map","values":"n0.R0"}]}]}`, i, i, text)
			if i == 0 {
				text = strings.ReplaceAll(text, "n0.R0", "string")
			}
		}
		return text
	}
	newer, older := parse(t, "new", build("int")), parse(t, "old", build("string"))
	if found := avrorules.Check(newer, older, rule.Readers); len(found) == 0 {
		t.Error("Check finds nothing")
	}
}
