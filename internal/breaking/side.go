package breaking

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

// A file is a Protobuf file of one side. It is immutable once both sides are read.
type file struct {
	entry
	name   string // the import path
	module int    // index of its module
	header header
	read   bool // the header is there
}

// A side is one of the two trees that are compared.
type side struct {
	source  source
	space   *bufconfig.Workspace
	modules []bufconfig.Module
	// files holds the files of all modules by import path, those that are no
	// target too, since others may import them.
	files map[string]*file
	// deps are the modules of a registry that files import.
	deps *bufconfig.Deps
	// image holds the side instead, if the input is an image.
	image *imageInput
	// published says that the side was accepted before: custom options are not looked
	// at.
	published bool
	// only, unless nil, says which import paths are compared.
	only func(name string) bool
}

// A DuplicateError says that an import means two files.
type DuplicateError struct {
	Name          string
	First, Second string
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("import path %q means two files: %s and %s", e.Name, e.First, e.Second)
}

// openSide opens an input and lists its files.
func (o *Options) openSide(ctx context.Context, in Input, override string) (*side, error) {
	if in.Format.isImage() {
		image, err := readImage(in, o.Dir, o.Stdin)
		if err != nil {
			return nil, err
		}
		return &side{image: image}, nil
	}
	src, dir, err := o.openSource(ctx, in)
	if err != nil {
		return nil, err
	}
	s := &side{source: src, files: map[string]*file{}}
	loader := bufconfig.Loader{ReadFile: src.ReadFile, Show: src.show, Part: in.Format == ProtoFile}
	if loader.Override, err = readOverride(override, o.Dir); err == nil {
		s.space, err = loader.Load(dir)
	}
	if err == nil {
		s.modules, s.deps = s.space.Modules, bufconfig.UserCache().Deps(s.space)
		err = s.list(ctx)
	}
	if err == nil && len(filesOf(s)) == 0 {
		err = &InputError{Input: in.Path, Msg: "there is no .proto file in " + src.show(dir)}
	}
	if err == nil && in.Format == ProtoFile {
		err = s.single(in, o.Dir)
	}
	if err != nil {
		src.close()
		return nil, err
	}
	return s, nil
}

// openSource opens what is not an image; dir is the folder of the input in it.
func (o *Options) openSource(ctx context.Context, in Input) (src source, dir string, err error) {
	dir = "."
	if in.Subdir != "" {
		dir = in.Subdir
	}
	switch in.Format {
	case Dir:
		d, err := newDirSource(in, o.Dir, !o.DisableSymlinks)
		if err != nil {
			return nil, "", err
		}
		return d, d.dir, nil
	case ProtoFile:
		around := in
		around.Path = filepath.ToSlash(filepath.Dir(filepath.FromSlash(in.Path)))
		d, err := newDirSource(around, o.Dir, !o.DisableSymlinks)
		if err != nil {
			return nil, "", err
		}
		return d, d.dir, nil
	case Git:
		g, err := newGitSource(ctx, in, o.Dir, !o.DisableSymlinks)
		if err != nil {
			return nil, "", err
		}
		return g, dir, nil
	case Tar, Zip:
		a, err := newArchiveSource(in, o.Dir, o.Stdin, !o.DisableSymlinks)
		if err != nil {
			return nil, "", err
		}
		return a, dir, nil
	}
	return nil, "", &InputError{Input: in.Path, Msg: "modules of a registry cannot be read; export the module (buf export), or name its git repository"}
}

// readOverride reads the value of --config: configuration itself, or the path of a
// file that has it.
func readOverride(value, dir string) (*bufconfig.Workspace, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return nil, nil
	}
	switch filepath.Ext(value) {
	case ".json", ".yaml", ".yml":
		name := value
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		data, err := readFile(name)
		if err != nil {
			return nil, fmt.Errorf("configuration: %w", err)
		}
		return bufconfig.Parse(value, string(data))
	}
	return bufconfig.Parse("--config", value)
}

// list finds the files of all modules.
func (s *side) list(ctx context.Context) error {
	seen := map[string]bool{}
	for i := range s.modules {
		m := &s.modules[i]
		for _, root := range m.Roots {
			dir := path.Join(s.space.Dir, root)
			entries, err := s.source.list(ctx, dir)
			if isMissing(err, dir) {
				continue // a module whose folder a revision does not have has no files there
			}
			if err != nil {
				return err
			}
			for _, e := range entries {
				name, ok := m.ImportPath(below(s.space.Dir, e.path))
				if !ok || seen[fmt.Sprint(i, e.path)] {
					continue
				}
				if have, ok := s.files[name]; ok {
					return &DuplicateError{Name: name, First: s.source.show(have.path), Second: s.source.show(e.path)}
				}
				s.files[name] = &file{entry: e, name: name, module: i}
			}
		}
	}
	return nil
}

// isMissing reports whether an error says that a folder of a source is not there, and
// not something in it.
func isMissing(err error, dir string) bool {
	at := new(fs.PathError)
	return errors.As(err, &at) && at.Path == dir && errors.Is(err, fs.ErrNotExist)
}

// below returns p relative to dir, which contains it.
func below(dir, p string) string {
	if dir == "." {
		return p
	}
	return strings.TrimPrefix(strings.TrimPrefix(p, dir), "/")
}

// single leaves only one file, or its package, as the target. The folder around it
// may be any part of a workspace.
func (s *side) single(in Input, cwd string) error {
	want := path.Clean(filepath.ToSlash(in.Path))
	for name, f := range s.files {
		if s.source.show(f.path) != want {
			continue
		}
		s.only = func(n string) bool { return n == name }
		if in.PackageFiles {
			pkg := s.packageOf(f)
			s.only = func(n string) bool { return s.files[n] == nil || s.packageOf(s.files[n]) == pkg }
		}
		return nil
	}
	return &InputError{Input: in.Path, Msg: "there is no such file in its workspace"}
}

// packageOf returns the package of a file, which is read if it was not.
func (s *side) packageOf(f *file) string {
	if !f.read {
		data, err := s.source.read(f.path, nil)
		if err != nil {
			return ""
		}
		f.header, f.read = scanHeader(data), true
	}
	return f.header.pkg
}

// targets returns the import paths of a module that are compared, sorted.
func (s *side) targets(module int) []string {
	var out []string
	for name, f := range s.files {
		if f.module == module && (s.only == nil || s.only(name)) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// open returns the text of a file by its import path, as the compiler asks for it.
func (s *side) open(name string) (string, error) {
	f, ok := s.files[name]
	if !ok {
		return s.deps.ReadFile(name)
	}
	data, err := s.source.read(f.path, nil)
	if err != nil {
		return "", err
	}
	blankComments(data)
	return string(data), nil
}

// show returns a file as reports print it.
func (s *side) show(name string) string {
	if f, ok := s.files[name]; ok {
		return s.source.show(f.path)
	}
	return name
}

func (s *side) close() error {
	if s == nil || s.source == nil {
		return nil
	}
	return s.source.close()
}
