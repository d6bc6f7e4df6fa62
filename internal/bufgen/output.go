package bufgen

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"google.golang.org/protobuf/types/pluginpb"
)

// An output is what plugins generated, until it is written.
type output struct {
	cwd  string
	dirs map[string]map[string]string // absolute folder of a plugin, name, content
}

func newOutput(dir string) *output {
	cwd, err := filepath.Abs(dir)
	if err != nil {
		cwd = dir
	}
	return &output{cwd: cwd, dirs: map[string]map[string]string{}}
}

// add takes the answer of a plugin. Insertion points are those of files that
// plugins with the same folder generated before. What another input generated
// differently is replaced, and warn is told.
func (o *output) add(base string, a *answer, warn func(format string, args ...any)) error {
	dir := absolute(o.cwd, path.Join(base, filepath.ToSlash(a.plugin.Out)))
	files := o.dirs[dir]
	if files == nil {
		files = map[string]string{}
		o.dirs[dir] = files
	}
	for _, f := range a.files {
		if f.GetInsertionPoint() == "" {
			if have, ok := files[f.GetName()]; ok && have != f.GetContent() {
				warn("plugin %s generates %s for two inputs, differently; that of the later one stays", a.plugin.Name, shown(o.cwd, filepath.Join(dir, f.GetName())))
			}
			files[f.GetName()] = f.GetContent()
			continue
		}
		text, ok := files[f.GetName()]
		if !ok {
			return fmt.Errorf("it inserts into %s, which no plugin before it generated into %s", f.GetName(), a.plugin.Out)
		}
		text, ok = insert(text, f)
		if !ok {
			return fmt.Errorf("it inserts at %q, which is not in %s", f.GetInsertionPoint(), f.GetName())
		}
		files[f.GetName()] = text
	}
	return nil
}

// insert puts the content of f in front of each line that has its insertion point,
// indented as that line. The result ends without a newline, as Buf's does.
func insert(text string, f *pluginpb.CodeGeneratorResponse_File) (string, bool) {
	mark := "@@protoc_insertion_point(" + f.GetInsertionPoint() + ")"
	var out strings.Builder
	found := false
	for i, line := range lines(text) {
		if i > 0 {
			out.WriteByte('\n')
		}
		if strings.Contains(line, mark) {
			indent := line[:len(line)-len(strings.TrimLeftFunc(line, unicode.IsSpace))]
			for _, added := range lines(f.GetContent()) {
				out.WriteString(indent + added + "\n")
			}
			found = true
		}
		out.WriteString(line)
	}
	return out.String(), found
}

// lines splits a text; a newline at its end begins no line.
func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		out = append(out, strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
	}
	return out
}

// apply makes the folders hold what was generated, and nothing else if clean. With
// check it only says what would change. Files in sources are never removed.
func (o *output) apply(clean, check bool, sources map[string]bool) (changes []Change, files int, err error) {
	kept := map[string]bool{}
	var dirs []string
	for dir, content := range o.dirs {
		dirs = append(dirs, dir)
		for name := range content {
			kept[filepath.Join(dir, filepath.FromSlash(name))] = true
		}
	}
	slices.Sort(dirs)
	var writes, removals []fileChange
	for _, dir := range dirs {
		w, err := o.stale(dir)
		if err != nil {
			return nil, 0, err
		}
		writes = append(writes, w...)
		if !clean {
			continue
		}
		extra, err := o.extra(dir, kept, sources)
		if err != nil {
			return nil, 0, err
		}
		removals = append(removals, extra...)
	}
	for _, c := range slices.Concat(writes, removals) {
		change := Change{Path: shown(o.cwd, filepath.Join(c.dir, filepath.FromSlash(c.name))), Kind: c.kind}
		if !slices.Contains(changes, change) { // folders may lie in one another
			changes = append(changes, change)
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Path, b.Path) })
	if !check {
		err = o.write(writes, removals)
	}
	if err == nil && clean && !check {
		err = removeEmpty(dirs)
	}
	return changes, len(kept), err
}

// A fileChange is a change of one file in the folder of a plugin.
type fileChange struct {
	dir, name, kind string
}

// stale compares the files of a folder with what was generated.
func (o *output) stale(dir string) ([]fileChange, error) {
	var out []fileChange
	for name, content := range o.dirs[dir] {
		have, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			out = append(out, fileChange{dir, name, "missing"})
		case err != nil:
			return nil, err
		case !bytes.Equal(have, []byte(content)):
			out = append(out, fileChange{dir, name, "stale"})
		}
	}
	slices.SortFunc(out, func(a, b fileChange) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// extra finds the files of a folder that nothing generated. Links to folders are
// not followed.
func (o *output) extra(dir string, kept, sources map[string]bool) ([]fileChange, error) {
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	cwd, err := filepath.EvalSymlinks(o.cwd)
	if err != nil {
		return nil, err
	}
	if rel, err := filepath.Rel(real, cwd); err != nil || filepath.IsLocal(rel) {
		return nil, fmt.Errorf("clean would empty %s, in which this folder is; give the plugins a folder of their own", shown(o.cwd, dir))
	}
	var out []fileChange
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		at := filepath.Join(dir, filepath.FromSlash(name))
		switch {
		case err != nil:
			return err
		case d.Name() == ".git" || sources[at]:
			return fmt.Errorf("clean would remove %s; give the plugins a folder of their own", shown(o.cwd, at))
		case d.IsDir() || kept[at]:
			return nil
		}
		if info, err := os.Stat(at); err == nil && info.IsDir() {
			return nil
		}
		out = append(out, fileChange{dir, name, "extra"})
		return nil
	})
	return out, err
}

// write makes the changes. A folder is opened as a root, so that no link in it
// leads a file out of it.
func (o *output) write(writes, removals []fileChange) error {
	roots := map[string]*os.Root{}
	defer func() {
		for _, r := range roots {
			if r != nil {
				r.Close()
			}
		}
	}()
	open := func(dir string) (*os.Root, error) {
		if roots[dir] != nil {
			return roots[dir], nil
		}
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		root, err := os.OpenRoot(dir)
		roots[dir] = root
		return root, err
	}
	for _, c := range slices.Concat(writes, removals) {
		root, err := open(c.dir)
		if err != nil {
			return err
		}
		if c.kind == "extra" {
			err = root.Remove(c.name)
			if errors.Is(err, fs.ErrNotExist) {
				err = nil // folders may lie in one another
			}
		} else {
			err = replace(root, c.name, o.dirs[c.dir][c.name])
		}
		if err != nil {
			return fmt.Errorf("%s: %w", shown(o.cwd, c.dir), err)
		}
	}
	return nil
}

// replace writes a file as a whole, so that an interrupted run leaves no half of
// it. A file that is there keeps its mode.
func replace(root *os.Root, name, content string) error {
	mode := fs.FileMode(0o644)
	if info, err := root.Stat(name); err == nil {
		mode = info.Mode().Perm()
	}
	if err := root.MkdirAll(path.Dir(name), 0o777); err != nil {
		return err
	}
	tmp := path.Join(path.Dir(name), ".wireproof-"+path.Base(name))
	if err := root.WriteFile(tmp, []byte(content), mode); err != nil {
		return err
	}
	err := root.Rename(tmp, name)
	if err != nil {
		err = errors.Join(err, root.Remove(tmp))
	}
	return err
}

// removeEmpty removes the empty folders in dirs, and not those themselves.
func removeEmpty(dirs []string) error {
	for _, dir := range dirs {
		var inside []string
		err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && name != "." {
				inside = append(inside, name)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, name := range slices.Backward(inside) { // what is deeper comes later
			at := filepath.Join(dir, filepath.FromSlash(name))
			if children, err := os.ReadDir(at); err == nil && len(children) == 0 {
				if err := os.Remove(at); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
