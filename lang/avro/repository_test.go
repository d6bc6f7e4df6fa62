package avro_test

import (
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// ownSchemas returns the Avro files of this repository, each with references to
// the files that define what it uses.
func ownSchemas(t testing.TB) []fixture {
	t.Helper()
	root := os.DirFS("../../schemas")
	sources, definedIn := []*lang.Source{}, map[string]*lang.Source{}
	err := fs.WalkDir(root, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".avsc" {
			return err
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		src := &lang.Source{Type: lang.Avro, Path: name, Text: string(text)}
		defined, _, err := avro.Names(*src)
		for _, full := range defined {
			definedIn[full] = src
		}
		sources = append(sources, src)
		return err
	})
	if err != nil || len(sources) == 0 {
		t.Fatalf("%d schemas, %v", len(sources), err)
	}
	for _, src := range sources {
		_, used, err := avro.Names(*src)
		if err != nil {
			t.Fatal(err)
		}
		for _, full := range used {
			src.References = append(src.References, lang.Reference{Name: full, Source: definedIn[full]})
		}
	}
	var out []fixture
	for _, src := range sources {
		out = append(out, fixture{name: "schemas/" + strings.TrimSuffix(src.Path, ".avsc"), src: *src})
	}
	return out
}

// What Wireproof's own events are defined by obeys the laws, and gives no lint a
// reason.
func TestOwnSchemas(t *testing.T) {
	t.Parallel()
	for _, f := range ownSchemas(t) {
		s, err := avro.Parse(f.src)
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			continue
		}
		for _, e := range s.Lint {
			t.Errorf("lint %v", e)
		}
		laws(t, f.src, s)
	}
}
