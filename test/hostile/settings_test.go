package hostile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/internal/config"
)

// A settings file is read by its owner's programs only, and still must not cost
// more than it says: anchors are refused before anybody follows them.
func TestSettings(t *testing.T) {
	bomb := "a0: &a0 [x]\n"
	for i := 1; i < 40; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, many(9, func(int) string { return fmt.Sprintf("*a%d", i-1) }))
	}
	texts := map[string]string{
		"alias bomb":     bomb,
		"merge bomb":     strings.ReplaceAll(strings.ReplaceAll(bomb, "[", "{<<: ["), "]", "]}"),
		"alias of self":  "auth: &a {basic: *a}\n",
		"deep flow":      nest(5000, "[", "", "]"),
		"deep maps":      nest(5000, "{a: ", "1", "}"),
		"braces":         strings.Repeat("{", 20_000),
		"long line":      "listen: " + strings.Repeat("x", 1_000_000),
		"long key":       strings.Repeat("x", 1_000_000) + ": 1",
		"same key":       strings.Repeat("listen: a\n", 10_000),
		"zero bytes":     strings.Repeat("\x00", 1000),
		"no UTF-8":       "listen: \xff\xfe\n",
		"tag":            "listen: !!python/object/apply:os.system [x]\n",
		"many documents": strings.Repeat("---\n", 10_000) + "listen: a\n",
	}
	before, stop := heap(), peak()
	for name, text := range texts {
		path := filepath.Join(t.TempDir(), "settings.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, serverErr := config.LoadServer(config.ServerSource{Path: path})
		_, err := config.Parse(path, text)
		for who, err := range map[string]error{"serve": serverErr, "the tools": err} {
			if err == nil || len(err.Error()) > 64<<10+4*len(text) { // it may quote the line
				t.Errorf("%s, for %s: error %.300v, want a clear one", name, who, err)
			}
		}
	}
	if most := stop(); most > before+256<<20 {
		t.Errorf("the heap grew by %d MiB meanwhile, want at most 256", (most-before)>>20)
	}
	if after := heap(); after > before+16<<20 {
		t.Errorf("the heap is %d MiB larger than before, want at most 16", (after-before)>>20)
	}
}
