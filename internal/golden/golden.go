// Package golden is for tests only: fixtures in txtar archives, expected output
// beside the input, and markers that state a finding where it happens.
//
// Each archive is one case; its comment says what the case is about. With the
// flag -update, [Case.Golden] rewrites the expected output in place, and the diff
// is reviewed as code.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected output of fixtures")

// A Case is one archive. It belongs to the test that it was given to.
type Case struct {
	Name    string // the file name without its extension
	Path    string
	Comment string // the text before the first file

	archive *txtar.Archive
	changed bool
}

// Run runs test once for each archive that glob matches, as a parallel subtest
// named for the file. A glob that matches nothing fails t.
func Run(t *testing.T, glob string, test func(t *testing.T, c *Case)) {
	t.Helper()
	paths, err := filepath.Glob(glob)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no fixture matches %s", glob)
	}
	for _, p := range paths {
		c := Load(t, p)
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			test(t, c)
			c.save(t)
		})
	}
}

// Load reads one archive.
func Load(t testing.TB, path string) *Case {
	t.Helper()
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return &Case{Name: name, Path: path, Comment: string(archive.Comment), archive: archive}
}

// Files returns the names of the files, in the order of the archive.
func (c *Case) Files() []string {
	names := make([]string, len(c.archive.Files))
	for i, f := range c.archive.Files {
		names[i] = f.Name
	}
	return names
}

// Lookup returns the text of a file and whether the archive has it.
func (c *Case) Lookup(name string) (string, bool) {
	for _, f := range c.archive.Files {
		if f.Name == name {
			return string(f.Data), true
		}
	}
	return "", false
}

// File returns the text of a file that the case must have.
func (c *Case) File(t testing.TB, name string) string {
	t.Helper()
	text, ok := c.Lookup(name)
	if !ok {
		t.Fatalf("%s: no file %s in the archive", c.Path, name)
	}
	return text
}

// Setting returns the value of a "key: value" line of the comment, or empty.
func (c *Case) Setting(key string) string {
	for line := range strings.Lines(c.Comment) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Golden compares got with the file of that name; a file that does not exist is
// empty. With -update it becomes the file instead. Text in an archive ends with
// a line feed, so got is compared as if it did.
func (c *Case) Golden(t testing.TB, name, got string) {
	t.Helper()
	if got != "" && !strings.HasSuffix(got, "\n") {
		got += "\n"
	}
	want, ok := c.Lookup(name)
	if want == got {
		return
	}
	if !*update {
		t.Errorf("%s: %s differs (-want +got); go test -update accepts it:\n%s", c.Path, name, cmp.Diff(want, got))
		return
	}
	c.changed = true
	if !ok {
		c.archive.Files = append(c.archive.Files, txtar.File{Name: name, Data: []byte(got)})
		return
	}
	for i := range c.archive.Files {
		if c.archive.Files[i].Name == name {
			c.archive.Files[i].Data = []byte(got)
		}
	}
}

func (c *Case) save(t testing.TB) {
	if !c.changed {
		return
	}
	if err := os.WriteFile(c.Path, txtar.Format(c.archive), 0o644); err != nil {
		t.Error(err)
	}
}
