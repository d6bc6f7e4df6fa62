package witness_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A protoGen writes two versions of a random file: fields of every type, a oneof,
// an enum, a nested message, in which the second has some changes.
type protoGen struct {
	shape, change *rand.Rand
	syntax        string
	calm          int // how many times fewer changes
}

func protoPair(seed uint64) (newer, older string) {
	one := func(variant uint64) string {
		g := &protoGen{shape: rand.New(rand.NewPCG(seed, 1)), change: rand.New(rand.NewPCG(seed, variant))}
		g.calm = []int{1, 6}[seed%2]
		g.syntax = []string{"proto2", "proto3"}[g.shape.IntN(2)]
		return g.file()
	}
	return one(2), one(3)
}

var protoTypes = []string{
	"int32", "int64", "uint32", "uint64", "bool", "sint32", "sint64", "fixed32", "sfixed32", "fixed64", "sfixed64",
	"float", "double", "string", "bytes", "E", "N", "map<string, int32>", "map<int32, N>",
}

func (g *protoGen) changed(oneIn int) bool { return g.change.IntN(oneIn*g.calm) == 0 }

func (g *protoGen) file() string {
	var b strings.Builder
	fmt.Fprintf(&b, "syntax = %q;\npackage shop.v1;\n", g.syntax)
	b.WriteString("enum E {\n  E_NONE = 0;\n")
	for i := 1; i <= 3; i++ {
		name := fmt.Sprintf("E_%c", 'A'+i)
		if g.changed(12) {
			name += "X"
		}
		if !g.changed(12) {
			fmt.Fprintf(&b, "  %s = %d;\n", name, i)
		}
	}
	b.WriteString("}\n")
	g.message(&b, "N", 2)
	g.message(&b, "M", 5)
	return b.String()
}

func (g *protoGen) message(b *strings.Builder, name string, fields int) {
	fmt.Fprintf(b, "message %s {\n", name)
	var inOneof []string
	for n := 1; n <= fields; n++ {
		typ := protoTypes[g.shape.IntN(len(protoTypes))]
		label := []string{"", "", "optional ", "repeated ", "oneof", "oneof"}[g.shape.IntN(6)]
		if g.syntax == "proto2" && g.shape.IntN(8) == 0 {
			label = "required "
		}
		if name == "N" && strings.Contains(typ, "N") {
			typ = "string"
		}
		if g.changed(10) {
			typ = protoTypes[g.change.IntN(len(protoTypes)-4)]
		}
		if g.changed(16) {
			label = []string{"", "optional ", "repeated ", "oneof"}[g.change.IntN(4)]
		}
		field := fmt.Sprintf("f%d", n)
		if g.changed(12) {
			field = fmt.Sprintf("g%d", n)
		}
		number := n
		if g.changed(20) {
			number += 10
		}
		if g.changed(12) {
			continue
		}
		if strings.HasPrefix(typ, "map") {
			label = ""
		} else if label == "" && g.syntax == "proto2" {
			label = "optional "
		}
		if label == "oneof" {
			inOneof = append(inOneof, fmt.Sprintf("    %s %s = %d;\n", typ, field, number))
			continue
		}
		fmt.Fprintf(b, "  %s%s %s = %d;\n", label, typ, field, number)
	}
	if len(inOneof) > 0 {
		fmt.Fprintf(b, "  oneof choice {\n%s  }\n", strings.Join(inOneof, ""))
	}
	b.WriteString("}\n")
}
