package codec

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// descriptorShape lists the messages that a compiler finds in a file, in the
// order of the text, with the positions that they have in the descriptor.
func descriptorShape(t *testing.T, resolver protocompile.Resolver, name string) []string {
	t.Helper()
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(resolver)}
	files, err := c.Compile(t.Context(), name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var out []string
	var walk func(ms protoreflect.MessageDescriptors, path []int)
	walk = func(ms protoreflect.MessageDescriptors, path []int) {
		for i := range ms.Len() {
			if m := ms.Get(i); !m.IsMapEntry() {
				at := append(slices.Clone(path), m.Index())
				out = append(out, fmt.Sprint(m.FullName(), " ", at))
				walk(m.Messages(), at)
			}
		}
	}
	walk(files[0].Messages(), nil)
	return out
}

// outlineShape lists the same of an outline.
func outlineShape(t *testing.T, text string) []string {
	t.Helper()
	messages, err := outline(text)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range messages {
		path := m.path
		if m.withEntries != nil {
			path = m.withEntries
		}
		out = append(out, fmt.Sprint(m.name, " ", path))
	}
	return out
}

// A compiler finds the same messages in our own definitions.
func TestOutlineAgreesWithACompiler(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "schemas")
	resolver := &protocompile.SourceResolver{ImportPaths: []string{root}}
	files, err := filepath.Glob(filepath.Join(root, "*", "*", "*.proto"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no .proto files below %s: %v", root, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			t.Fatal(err)
		}
		want := descriptorShape(t, resolver, filepath.ToSlash(name))
		if diff := cmp.Diff(want, outlineShape(t, string(text))); diff != "" {
			t.Errorf("%s (-compiler +outline):\n%s", name, diff)
		}
	}
}

// And in files that are made of everything that may stand beside a message.
func TestOutlineAgreesWithACompilerOnRandomFiles(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		p := protoPrinter{random: rand.New(rand.NewPCG(seed, 2))}
		p.text.WriteString("syntax = \"proto2\"; package p.q; message Ext { extensions 100 to max; }\n")
		p.scope(0)
		text := p.text.String()
		resolver := &protocompile.SourceResolver{Accessor: protocompile.SourceAccessorFromMap(map[string]string{"x.proto": text})}
		want := descriptorShape(t, resolver, "x.proto")
		if diff := cmp.Diff(want, outlineShape(t, text)); diff != "" {
			t.Fatalf("seed %d (-compiler +outline):\n%s\n%s", seed, diff, text)
		}
	}
}

// A protoPrinter writes a valid proto2 file. Every name and number is new.
type protoPrinter struct {
	random *rand.Rand
	text   strings.Builder
	next   int
}

func (p *protoPrinter) printf(format string) {
	p.next++
	p.text.WriteString(strings.ReplaceAll(format, "#", fmt.Sprint(p.next)))
}

// scope writes what may stand in a file (depth 0) or in a message.
func (p *protoPrinter) scope(depth int) {
	for range p.random.IntN(5) {
		switch kind := p.random.IntN(9); {
		case kind < 3 && depth < 4:
			p.printf("message M# { ")
			p.scope(depth + 1)
			p.text.WriteString("}\n")
		case kind == 3:
			p.printf("enum E# { option deprecated = true; A# = 0 [deprecated = true]; }\n")
		case kind == 4:
			p.printf("extend Ext { optional group G# = #00 { ")
			p.scope(depth + 1)
			p.text.WriteString("} }\n")
		case kind == 5 && depth > 0:
			p.printf("map<string, Ext> f# = #;\n")
		case kind == 6 && depth > 0 && depth < 4:
			p.printf("optional group G# = # [deprecated = true] { ")
			p.scope(depth + 1)
			p.text.WriteString("}\n")
		case kind == 7 && depth > 0:
			p.printf("oneof o# { string s# = #; ")
			p.printf("group G# = # { } }\n")
		case kind == 8 && depth > 0:
			p.printf("optional string f# = # [default = \"message X {\"]; // message Y {\n")
		default:
			p.printf("/* message Z# { */ ;\n")
		}
	}
}
