package jsonschema_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

// repeat joins what f returns for 0 to n-1 with commas.
func repeat(n int, f func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = f(i)
	}
	return strings.Join(parts, ",")
}

func nested(n int, open, inner, end string) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

// Texts that ask for work beyond their size are answered in time; the test's own
// limit is what fails here.
func TestHostile(t *testing.T) {
	t.Parallel()
	chain := func(n int) string {
		return `{"definitions":{` + repeat(n, func(i int) string {
			return fmt.Sprintf(`"d%d":{"properties":{"p":{"$ref":"#/definitions/d%d"}}}`, i, (i+1)%n)
		}) + `},"$ref":"#/definitions/d0"}`
	}
	for _, tt := range []struct{ name, text, want string }{
		{"deep arrays", strings.Repeat("[", 100_000), lang.CodeJSONDepth},
		{"deep objects", nested(100_000, `{"not":`, `{}`, `}`), lang.CodeJSONDepth},
		{"braces", strings.Repeat("{", 400_000), lang.CodeJSONSyntax},
		{"as deep as allowed", nested(lang.MaxDepth-1, `{"not":`, `{}`, `}`), ""},
		{"too long", `{"title":"` + strings.Repeat("x", lang.MaxText) + `"}`, lang.CodeJSONSize},
		{"long name", `{"properties":{"` + strings.Repeat("x", 900_000) + `":{}}}`, ""},
		{"many keys", `{` + repeat(90_000, func(i int) string { return fmt.Sprintf(`"%x":1`, i) }) + `}`, ""},
		{"the same key", `{"type":"string"` + strings.Repeat(`,"type":"string"`, 50_000) + `}`, ""},
		{"too many schemas", `{"properties":{` + repeat(60_000, func(i int) string { return fmt.Sprintf(`"%x":{}`, i) }) + `}}`, jsonschema.CodeTooMany},
		{"many schemas", `{"properties":{` + repeat(40_000, func(i int) string { return fmt.Sprintf(`"%x":{}`, i) }) + `}}`, ""},
		{"too many addresses", `{"definitions":{` + repeat(6_000, func(i int) string { return fmt.Sprintf(`"%x":{"$id":"http://x/%x"}`, i, i) }) + `}}`, jsonschema.CodeTooMany},
		{"growing addresses", nested(190, `{"$id":"`+strings.Repeat("a", 1000)+`/","not":`, `{}`, `}`), jsonschema.CodeID},
		{"climbing addresses", nested(190, `{"$id":"?`+strings.Repeat("a", 1500)+`","not":`, `{}`, `}`), ""},
		{"long address", `{"$ref":"http://x/` + strings.Repeat("a", 100_000) + `"}`, jsonschema.CodeRef},
		{"long pointer", `{"$ref":"#` + strings.Repeat("/not", 400) + `"}`, jsonschema.CodeRef},
		{"a long ring", `{"definitions":{` + repeat(20_000, func(i int) string {
			return fmt.Sprintf(`"%d":{"$ref":"#/definitions/%d"}`, i, (i+1)%20_000)
		}) + `}}`, jsonschema.CodeRefLoop},
		{"a long chain", chain(12_000), ""},
		{"everybody leads to everybody", `{"anyOf":[` + repeat(10_000, func(int) string { return `{"$ref":"#"}` }) + `]}`, ""},
		{"values alike", `{"enum":[` + repeat(50_000, func(int) string { return `{"a":[1,-1]}` }) + `]}`, ""},
		{"values that hash alike", `{"enum":[` + repeat(40_000, func(i int) string { return fmt.Sprintf("%d,-%d", i, i) }) + `]}`, ""},
		{"long numbers", `{"enum":[` + repeat(100_000, func(int) string { return `1e999` }) + `]}`, ""},
		{"long limits", `{"properties":{` + repeat(20_000, func(i int) string { return fmt.Sprintf(`"%x":{"maximum":1e999}`, i) }) + `}}`, ""},
		{"vast expressions", `{"properties":{` + repeat(20_000, func(i int) string { return fmt.Sprintf(`"%x":{"pattern":"a{1000}"}`, i) }) + `}}`, ""},
		{"long expression", `{"pattern":"` + strings.Repeat("a", 100_000) + `"}`, jsonschema.CodePattern},
		{"deep expression", `{"pattern":"` + nested(8_000, "(", "a", ")") + `"}`, jsonschema.CodePattern},
		{"wrong all over", `{"properties":{` + repeat(40_000, func(i int) string { return fmt.Sprintf(`"%x":{"type":5}`, i) }) + `}}`, jsonschema.CodeInvalid},
		{"no UTF-8", "{\"title\":\"\xff\"}", lang.CodeJSONString},
		{"a zero byte", "{\"title\":\"\x00\"}", lang.CodeJSONString},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := jsonschema.Parse(source(tt.text))
			if tt.want == "" && err != nil || tt.want != "" && !slices.Contains(codes(err), tt.want) {
				t.Errorf("Parse of %d bytes: %.300v, want %q", len(tt.text), err, tt.want)
			}
			if err != nil {
				if n := len(err.Error()); n > 20_000 {
					t.Errorf("the error has %d bytes", n)
				}
				return
			}
			s.Root()
			s.Tags()
			if err := s.Validate([]byte(`{"p":{"p":{}},"a":1}`)); err != nil && len(err.Error()) > 20_000 {
				t.Errorf("the error of Validate has %d bytes", len(err.Error()))
			}
		})
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 64<<20 {
		t.Errorf("%d bytes are kept after the last text", m.HeapAlloc)
	}
}

// References that share texts are read once, however often they are named.
func TestHostileReferences(t *testing.T) {
	t.Parallel()
	below := ref("0.json", `{"type":"string"}`)
	for i := 1; i < 40; i++ {
		name := fmt.Sprintf("%d.json", i)
		text := fmt.Sprintf(`{"anyOf":[{"$ref":"%d.json"},{"$ref":"%d.json"}]}`, i-1, i-1)
		below = ref(name, text, below, below)
	}
	parse(t, `{"$ref":"39.json"}`, below).Root()

	var many []lang.Reference
	for i := range lang.MaxReferences + 1 {
		many = append(many, ref(fmt.Sprintf("%d.json", i), `{}`))
	}
	if _, err := jsonschema.Parse(source(`{}`, many...)); !slices.Contains(codes(err), jsonschema.CodeTooMany) {
		t.Errorf("Parse with %d references: %v", len(many), err)
	}
}
