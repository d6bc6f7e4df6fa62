package gate_test

import (
	"bytes"
	"path"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/internal/golden"
	"github.com/wireproof/wireproof/lang"
)

// typeOf is the language of a file by its name.
func typeOf(name string) lang.Type {
	switch path.Ext(name) {
	case ".proto":
		return lang.Protobuf
	case ".json":
		return lang.JSON
	}
	return lang.Avro
}

// TestDiff holds how a change is told: old.X and new.X, X being the extension of
// a language.
func TestDiff(t *testing.T) {
	t.Parallel()
	golden.Run(t, "testdata/diff/*.txtar", func(t *testing.T, c *golden.Case) {
		var older, newer gate.Version
		for _, name := range c.Files() {
			v := gate.Version{Label: name, Number: 1, Source: lang.Source{Type: typeOf(name), Path: name, Text: c.File(t, name)}}
			switch {
			case strings.HasPrefix(name, "old."):
				older = v
			case strings.HasPrefix(name, "new."):
				newer = v
			}
		}
		d, err := gate.Diff(t.Context(), "orders-value", older, newer)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := gate.DiffText(&out, []gate.Difference{d}, false); err != nil {
			t.Fatal(err)
		}
		c.Golden(t, "want", out.String())
		// A law: nothing changes between a schema and itself.
		same, err := gate.Diff(t.Context(), "orders-value", newer, newer)
		if err != nil || len(same.Edits) > 0 {
			t.Errorf("%d edits between a schema and itself, %v", len(same.Edits), err)
		}
		// Another: what is added one way is removed the other way.
		back, err := gate.Diff(t.Context(), "orders-value", newer, older)
		if err != nil || len(back.Edits) != len(d.Edits) {
			t.Errorf("%d edits one way and %d the other, %v", len(d.Edits), len(back.Edits), err)
		}
	})
}
