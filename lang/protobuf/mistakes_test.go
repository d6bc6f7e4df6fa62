package protobuf

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/lang"
)

// A text in which everything is wrong is refused with some of its mistakes and
// without the compiler, or with the first hundred of those that it tells.
func TestMistakesAreBounded(t *testing.T) {
	t.Parallel()
	const head = `syntax = "proto3"; message M { `
	for name, c := range map[string]struct {
		text, code string
		most       int
	}{
		"closing brackets":    {strings.Repeat("}", 30_000), "PROTO_SYNTAX", 1},
		"comments":            {strings.Repeat("/*", 30_000), "PROTO_SYNTAX", 101},
		"strings":             {head + strings.Repeat(`"" `, 30_000), "PROTO_LIMIT_TOKEN", 1},
		"words":               {strings.Repeat("word ", 10_000), "PROTO_SYNTAX", 1},
		"signs":               {strings.Repeat("-", 300), "PROTO_SYNTAX", 1},
		"fields of one name":  {head + strings.Repeat("int32 a = 1; ", 5000) + "}", "PROTO_DUPLICATE", 101},
		"values of one name":  {`syntax = "proto3"; enum E { ` + strings.Repeat("A = 0; ", 5000) + "}", "PROTO_DUPLICATE", 101},
		"messages":            {`syntax = "proto3"; ` + strings.Repeat("message A {} ", 5000), "PROTO_DUPLICATE", 101},
		"types that are none": {head + numberedFields("Nope", 500) + "}", "PROTO_UNKNOWN_NAME", 101},
	} {
		_, err := Parse(sourceOf(c.text))
		var list lang.ErrorList
		if !errors.As(err, &list) || len(list) > c.most || list[0].Code != c.code {
			t.Errorf("%s: %d mistakes, want at most %d, the first %s: %.300v", name, len(list), c.most, c.code, err)
			continue
		}
		if len(list) == 101 && list[100].Code != "PROTO_LIMIT_MISTAKES" {
			t.Errorf("%s: the last one is %v", name, list[100])
		}
	}
}

func numberedFields(typ string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s f%d = %d; ", typ, i, i+1)
	}
	return b.String()
}

// What is declared twice for our own parser is so for the compiler.
func TestDuplicatesAreMistakes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"message A { int32 a = 1; string a = 2; }", "message A { int32 a = 1; string b = 1; }",
		"message A { int32 a = 1; oneof o { string a = 2; } }", "message A { oneof o { string a = 2; string b = 2; } }",
		"message A {} message A {}", "message A {} enum A { Z = 0; }", "enum E { Z = 0; Z = 1; }",
		"message A { message B {} message B {} }", "message A { enum B { Z = 0; } message B {} }",
	} {
		text = `syntax = "proto3"; ` + text
		tree, err := parseTree("", text)
		if err != nil {
			t.Fatal(err)
		}
		if bad := duplicates("", text, tree); len(bad) != 1 {
			t.Errorf("%s: %v", text, bad)
		}
		if _, err := Parse(sourceOf(text)); err == nil {
			t.Errorf("the compiler accepts %s", text)
		}
	}
	for name, files := range fixtures(t) {
		if tree, err := parseTree("", files["in.proto"]); err != nil || len(duplicates("", files["in.proto"], tree)) > 0 {
			t.Errorf("%s: %v, or duplicates", name, err)
		}
	}
}
