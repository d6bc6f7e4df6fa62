package avrorules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/rule"
)

// TestLongChain: a chain of records as long as a text may hold is compared
// without a stack or a path that grows out of hand.
func TestLongChain(t *testing.T) {
	t.Parallel()
	build := func(leaf string) string {
		var b strings.Builder
		const n = 10000
		b.WriteString("[")
		for i := range n {
			next := fmt.Sprintf(`"R%d"`, i+1)
			if i == n-1 {
				next = `"` + leaf + `"`
			}
			fmt.Fprintf(&b, `{"type":"record","name":"R%d","fields":[{"name":"f","type":["null",%s],"default":null}]},`, i, next)
		}
		b.WriteString(`"null"]`)
		return b.String()
	}
	newer, older := parse(t, "new", build("int")), parse(t, "old", build("string"))
	if found := avrorules.Check(newer, older, rule.Readers); len(found) == 0 {
		t.Error("Check finds nothing")
	}
}

// TestWide: fields, branches and symbols in great numbers cost no scan for each.
func TestWide(t *testing.T) {
	t.Parallel()
	list := func(n int, format string) string {
		parts := make([]string, n)
		for i := range parts {
			parts[i] = fmt.Sprintf(format, i)
		}
		return strings.Join(parts, ",")
	}
	for _, tt := range []struct {
		name, newer, older string
		want               int
	}{
		{
			"fields", `{"type":"record","name":"R","fields":[` + list(15000, `{"name":"a%d","type":"int"}`) + `]}`,
			`{"type":"record","name":"R","fields":[` + list(15000, `{"name":"b%d","type":"int"}`) + `]}`, 15000,
		},
		{
			"branches", `[` + list(10000, `{"type":"fixed","name":"a%d","size":1}`) + `]`,
			`[` + list(10000, `{"type":"fixed","name":"b%d","size":1}`) + `]`, 10000,
		},
		{
			"symbols", `{"type":"enum","name":"E","symbols":[` + list(50000, `"a%d"`) + `]}`,
			`{"type":"enum","name":"E","symbols":[` + list(50000, `"b%d"`) + `]}`, 50000,
		},
		{
			"a long name", `{"type":"record","name":"` + strings.Repeat("n", 400000) + `","fields":[` + list(10000, `{"name":"a%d","type":"int"}`) + `]}`,
			`{"type":"record","name":"` + strings.Repeat("n", 400000) + `","fields":[]}`, 10000,
		},
	} {
		found := avrorules.Check(parse(t, "new", tt.newer), parse(t, "old", tt.older), rule.Readers)
		if len(found) != tt.want {
			t.Errorf("%s: %d findings, want %d", tt.name, len(found), tt.want)
		}
		size := 0
		for _, f := range found {
			size += len(f.Message) + len(f.Path) + len(f.Pointer) + len(f.NewNote) + len(f.OldNote) + len(f.Fix)
		}
		if size > 1000*len(found) {
			t.Errorf("%s: the findings hold %d bytes", tt.name, size)
		}
	}
}
