package bufconfig_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

// Files are those of the folder and of what links lead to, each once for each path;
// a link to a folder around it ends, and a file that is not behind its link is missed.
func TestWalk(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"proto/a/x.proto", "proto/a/readme", "proto/.git/g.proto", "common/m.proto"} {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, target string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(root, "proto", name)); err != nil {
			t.Fatal(err)
		}
	}
	link("common", "../common")
	link("again", "a")
	link("around", "..")
	link("nowhere", "gone")
	link("one.proto", "a/x.proto")
	walk := func(links bool) (out []string, err error) {
		err = bufconfig.Walk(t.Context(), root, "proto", links, func(p string) error {
			out = append(out, p)
			return nil
		})
		return out, err
	}
	want := []string{"proto/a/x.proto", "proto/again/x.proto", "proto/common/m.proto", "proto/one.proto"}
	if got, err := walk(true); err != nil || !slices.Equal(got, want) {
		t.Errorf("Walk = %q, %v; want %q", got, err, want)
	}
	if got, err := walk(false); err != nil || !slices.Equal(got, want[:1]) {
		t.Errorf("Walk without links = %q, %v; want %q", got, err, want[:1])
	}
	link("gone.proto", "gone")
	if got, err := walk(true); err == nil {
		t.Errorf("Walk over a link that leads nowhere = %q", got)
	}
}
