package codec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shape prints messages as name, path and, in parentheses, the path with the
// messages of map fields counted.
func shape(messages []message) []string {
	var out []string
	for _, m := range messages {
		s := fmt.Sprint(m.name, " ", m.path)
		if m.withEntries != nil {
			s += fmt.Sprint(" (", m.withEntries, ")")
		}
		out = append(out, s)
	}
	return out
}

func TestOutline(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":   {"", nil},
		"proto2":  {`syntax = "proto2"; package p; message A { required int32 message = 1; }`, []string{"p.A [0]"}},
		"edition": {`edition = "2023"; package p.q; option features.field_presence = EXPLICIT; message A {}`, []string{"p.q.A [0]"}},
		"edition 2024": {`edition = "2024"; package p; export message A { local message B {} local enum E { X = 0; } } local message C {}`,
			[]string{"p.A [0]", "p.A.B [0 0]", "p.C [1]"}},
		"no package":        {`message A{}message B{}`, []string{"A [0]", "B [1]"}},
		"package after":     {`message A {} package p;`, []string{"p.A [0]"}},
		"package in pieces": {"package p /* x */ . q\n. r;message A{}", []string{"p.q.r.A [0]"}},
		"not only messages": {`enum E { option allow_alias = true; message = 0; } service S { rpc message (A) returns (A) { option (o) = { message { } }; } }
			extend google.protobuf.FieldOptions { optional string message = 50; } import "message M {"; message A {}`, []string{"A [0]"}},
		"nested": {`message A { message B { message C {} } enum E { X = 0; } message D {} } message F { message G {} }`,
			[]string{"A [0]", "A.B [0 0]", "A.B.C [0 0 0]", "A.D [0 1]", "F [1]", "F.G [1 0]"}},
		"map fields": {`message A { map<string, B> b = 1; message B {} map < int32 , int32 > c = 2; message C { message D {} } }`,
			[]string{"A [0]", "A.B [0 0] ([0 1])", "A.C [0 1] ([0 3])", "A.C.D [0 1 0] ([0 3 0])"}},
		"groups": {`message A { optional group G = 1 [deprecated = true] { message H {} } repeated group I = 2 {} oneof o { group J = 3 {} int32 group = 4; } message K {} }`,
			[]string{"A [0]", "A.G [0 0]", "A.G.H [0 0 0]", "A.I [0 1]", "A.J [0 2]", "A.K [0 3]"}},
		"groups of extensions": {`extend X { optional group G = 1 {} } message A { extend X { optional group H = 2 {} } }`,
			[]string{"G [0]", "A [1]", "A.H [1 0]"}},
		"comments and strings": {"/* message X {} */ // message Y {}\nmessage A { // }\n option (o) = \"message Z { \\\" \"; option (p) = 'it\"s {'; }",
			[]string{"A [0]"}},
		"aggregate options": {`option (o) = { message: { a: [ { b: 1 } ] } message { c: "}" } }; message A { int32 x = 1 [(o) = { message: { } }, (p) = { a: [1, 2] }]; message B {} }`,
			[]string{"A [0]", "A.B [0 0]"}},
		"reserved and extensions": {`message A { reserved 1 to 5, 9; reserved "message"; extensions 100 to max [declaration = { number: 1, full_name: ".a" }]; message B {} }`,
			[]string{"A [0]", "A.B [0 0]"}},
		"byte order mark":  {"\xef\xbb\xbfpackage p; message A {}", []string{"p.A [0]"}},
		"empty statements": {`;;message A {;;};`, []string{"A [0]"}},
	} {
		got, err := outline(c.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, shape(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOutlineRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"open message":    "message A {",
		"open option":     "option o = {",
		"open statement":  "package p",
		"open string":     `import "a`,
		"string in lines": "import \"a\n\";",
		"open comment":    "/* ",
		"closed twice":    "message A {}}",
		"too deep":        strings.Repeat("message A {", 100) + strings.Repeat("}", 100),
		"deep oneofs":     strings.Repeat("oneof o {", 1<<20),
		"too many":        strings.Repeat("message A{}", maxOutlineMessages+1),
		"too long":        strings.Repeat(" ", maxOutlineText+1),
	} {
		if got, err := outline(text); err == nil {
			t.Errorf("%s: outline = %d messages, want an error", name, len(got))
		}
	}
	if _, err := outline("message A {\n\n}}"); err == nil || !strings.HasPrefix(err.Error(), "line 3: ") {
		t.Errorf("outline = %v, want an error that names line 3", err)
	}
}

// A tree of messages, printed among everything that may stand beside them, has
// that tree as its outline.
func TestOutlineOfRandomFiles(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		p := printer{random: rand.New(rand.NewPCG(seed, 1))}
		p.scope(nil, "", 0)
		got, err := outline(p.text.String())
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, p.text.String())
		}
		if diff := cmp.Diff(p.want, shape(got)); diff != "" {
			t.Fatalf("seed %d (-want +got):\n%s\n%s", seed, diff, p.text.String())
		}
	}
}

type printer struct {
	random *rand.Rand
	text   strings.Builder
	want   []string
}

// noise is what an outline passes over, in a file and in a message.
var noise = []string{
	"// message X {\n", "/* } */", "enum E { A = 0 [(o) = { m: 1 }]; message = 1; }", ";",
	`option (o).p = "message Y {";`, "option (o) = { message { a: '}' } };", "reserved 4;",
	"extend Z { optional int32 e = 1; }", ".p.message f = 1 [json_name = \"{\"];", "oneof o { string s = 1; option (x) = {}; }",
}

func (p *printer) scope(path []int, name string, depth int) {
	count := p.random.IntN(4)
	for i := range count {
		for range p.random.IntN(3) {
			p.text.WriteString(noise[p.random.IntN(len(noise))])
		}
		at := append(slices.Clone(path), i)
		own := fmt.Sprintf("M%d", i)
		if name != "" {
			own = name + "." + own
		}
		p.want = append(p.want, fmt.Sprint(own, " ", at))
		head, tail := "message M%d {", "}"
		switch p.random.IntN(5) {
		case 0:
			head = "repeated group M%d = 7 {"
		case 1:
			head, tail = "oneof o { group M%d = 8 [(a) = {}] {", "} }"
		}
		fmt.Fprintf(&p.text, head, i)
		if depth < 4 {
			p.scope(at, own, depth+1)
		}
		p.text.WriteString(tail)
	}
}

// Whatever the text is, paths are those of a tree: each message comes after the
// one that it is nested in and the one beside it.
func FuzzOutline(f *testing.F) {
	f.Add("package p; message A { map<string, B> b = 1; message B {} oneof o { group C = 1 {} } }")
	f.Add("option (o) = { a: '\\'' }; extend X { optional group G = 1 {} }")
	f.Add("message A { /* } // */ } }")
	f.Fuzz(func(t *testing.T, text string) {
		messages, err := outline(text)
		if err != nil {
			return
		}
		seen := map[string]bool{"[]": true}
		for _, m := range messages {
			last := len(m.path) - 1
			if !seen[fmt.Sprint(m.path[:last])] {
				t.Fatalf("message %s %v is nested in nothing", m.name, m.path)
			}
			if m.path[last] > 0 {
				before := slices.Clone(m.path)
				before[last]--
				if !seen[fmt.Sprint(before)] {
					t.Fatalf("message %s %v has nothing before it", m.name, m.path)
				}
			}
			if seen[fmt.Sprint(m.path)] {
				t.Fatalf("path %v is given twice", m.path)
			}
			seen[fmt.Sprint(m.path)] = true
		}
	})
}
