package watermillbus_test

import (
	"os"
	"strings"
	"testing"
)

// The code of the guide is that of the examples.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/watermill.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(guide), "```go\n")[1:]
	if len(blocks) < 3 {
		t.Fatalf("the guide has %d pieces of Go, want 3 at least", len(blocks))
	}
	flat := func(s string) string { // without what indentation adds
		var lines []string
		for line := range strings.Lines(s) {
			lines = append(lines, strings.TrimSpace(line))
		}
		return strings.Join(lines, "\n")
	}
	for _, b := range blocks {
		b, _, _ = strings.Cut(b, "```")
		if !strings.Contains(flat(string(code)), strings.TrimSpace(flat(b))) {
			t.Errorf("no example has this code:\n%s", b)
		}
	}
}
