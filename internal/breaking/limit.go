package breaking

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/gate"
)

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, name, nil)
}

// limit applies the flags that narrow the comparison to some files. Paths are of
// the newer side; they stand for import paths, and by these they limit the other.
func (o *Options) limit(newer, older *side) error {
	if len(o.Paths)+len(o.ExcludePaths) > 0 {
		in, err := newer.importPaths(o.Paths, "--path")
		if err != nil {
			return err
		}
		out, err := newer.importPaths(o.ExcludePaths, "--exclude-path")
		if err != nil {
			return err
		}
		keep := func(name string) bool {
			return (len(o.Paths) == 0 || containsAny(in, name)) && !containsAny(out, name)
		}
		newer.only, older.only = both(newer.only, keep), both(older.only, keep)
	}
	if o.LimitToInputFiles {
		older.only = both(older.only, both(newer.only, newer.has))
	}
	if len(filesOf(newer))+len(filesOf(older)) == 0 {
		return &InputError{Input: o.Input.Path, Msg: "there is no .proto file to compare; the input has none, --path names none, or --exclude-path leaves none"}
	}
	return nil
}

// whole returns an error if a sparse checkout leaves out files that are to be compared:
// they would seem to be deleted.
func (o *Options) whole(ctx context.Context, s *side) error {
	d, ok := s.source.(*dirSource)
	if !ok || o.LimitToInputFiles {
		return nil
	}
	names, err := gate.SparseFiles(ctx, filepath.Join(d.root, filepath.FromSlash(d.dir)), "*.proto")
	if err != nil {
		return err
	}
	for _, n := range names {
		p := path.Join(d.dir, n)
		for i := range s.modules {
			m := &s.modules[i]
			name, ok := m.ImportPath(below(s.space.Dir, p))
			if ok && m.Target && !m.Breaking.Disabled && (s.only == nil || s.only(name)) {
				return fmt.Errorf("the sparse checkout leaves out files of the input, such as %s; git sparse-checkout add, with its folder, brings it back", d.show(p))
			}
		}
	}
	return nil
}

func filesOf(s *side) (out []string) {
	for _, p := range s.parts() {
		out = append(out, p.files...)
	}
	return out
}

// both returns the files that two limits leave; nil is no limit.
func both(a, b func(string) bool) func(string) bool {
	if a == nil {
		return b
	}
	return func(name string) bool { return a(name) && b(name) }
}

// has reports whether the side has a file.
func (s *side) has(name string) bool {
	if s.image != nil {
		for _, f := range s.image.set.GetFile() {
			if f.GetName() == name {
				return true
			}
		}
		return false
	}
	return s.files[name] != nil
}

// importPaths turns paths, as reports print them, into the import paths of the
// files or folders that they name.
func (s *side) importPaths(paths []string, flag string) ([]string, error) {
	var out []string
	for _, p := range paths {
		found := false
		p = path.Clean(filepath.ToSlash(p))
		if s.image != nil {
			out = append(out, p)
			continue
		}
		for _, m := range s.modules {
			for _, root := range m.Roots {
				shown := s.source.show(path.Join(s.space.Dir, root))
				switch {
				case bufconfig.Contains(shown, p):
					out = append(out, path.Clean(below(shown, p)))
					found = true
				case bufconfig.Contains(p, shown):
					out = append(out, ".")
					found = true
				}
			}
		}
		if !found {
			return nil, fmt.Errorf("%s %q is in no module of the input", flag, p)
		}
	}
	return out, nil
}
