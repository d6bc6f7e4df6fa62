package bufgen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// An InputError says why there is nothing to generate from.
type InputError struct {
	At    string // of the template; empty if the input is of the command line
	Input string
	Msg   string
}

func (e *InputError) Error() string {
	s := fmt.Sprintf("input %q: %s", e.Input, e.Msg)
	if e.At != "" {
		s = e.At + ": " + s
	}
	return s
}

// maxSource bounds one file that is read into memory.
const maxSource = 64 << 20

// A folder is an input: the files of a workspace by import path.
type folder struct {
	root  string // of the volume, to which paths are relative
	cwd   string // absolute
	space *bufconfig.Workspace
	deps  *bufconfig.Deps
	links bool // symbolic links are followed
	files map[string]*source
}

// A source is a Protobuf file.
type source struct {
	path   string // relative to the root of the volume, with forward slashes
	module *bufconfig.Module
	target bool
}

// load finds the files of an input.
func (r *run) load(ctx context.Context, in bufconfig.GenInput) (*folder, error) {
	bad := func(format string, args ...any) error {
		return &InputError{At: in.At, Input: in.Directory, Msg: fmt.Sprintf(format, args...)}
	}
	cwd, err := filepath.Abs(r.Dir)
	if err != nil {
		return nil, err
	}
	abs := absolute(cwd, in.Directory)
	switch info, err := os.Stat(abs); {
	case err != nil && strings.ContainsAny(in.Directory, "#:"):
		return nil, bad("only folders are read here; clone, unpack or export the input, and name that folder")
	case err != nil:
		return nil, bad("there is no such folder")
	case !info.IsDir():
		return nil, bad("this is a file; expected a folder, and files of it with --path")
	}
	root := filepath.VolumeName(abs) + string(filepath.Separator)
	f := &folder{root: root, cwd: cwd, links: !r.DisableSymlinks, files: map[string]*source{}}
	loader := bufconfig.Loader{ReadFile: f.read, Show: f.show, Override: r.Config}
	if f.space, err = loader.Load(f.rel(abs)); err != nil {
		return nil, err
	}
	f.deps = bufconfig.UserCache().Deps(f.space)
	for i := range f.space.Modules {
		if err := f.list(ctx, &f.space.Modules[i]); err != nil {
			return nil, err
		}
	}
	if err := f.narrow(in.Paths, in.ExcludePaths); err != nil {
		return nil, bad("%v", err)
	}
	if len(f.targets()) == 0 {
		return nil, bad("there are no .proto files to generate for")
	}
	for _, s := range f.files {
		r.sources[filepath.Join(root, filepath.FromSlash(s.path))] = true
	}
	return f, nil
}

func absolute(cwd, name string) string {
	name = filepath.FromSlash(name)
	if !filepath.IsAbs(name) {
		name = filepath.Join(cwd, name)
	}
	return filepath.Clean(name)
}

// rel returns an absolute path relative to the root of the volume.
func (f *folder) rel(abs string) string {
	return path.Clean(filepath.ToSlash(strings.TrimPrefix(abs, f.root)))
}

// show returns a file as messages name it.
func (f *folder) show(p string) string {
	return shown(f.cwd, filepath.Join(f.root, filepath.FromSlash(p)))
}

// shown returns an absolute path relative to cwd.
func shown(cwd, abs string) string {
	if rel, err := filepath.Rel(cwd, abs); err == nil {
		return filepath.ToSlash(rel)
	}
	return abs
}

func (f *folder) read(p string) ([]byte, error) {
	name := filepath.Join(f.root, filepath.FromSlash(p))
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w", f.show(p), fs.ErrNotExist)
	case info.Size() > maxSource:
		return nil, fmt.Errorf("%s: %d bytes are more than the %d that a file may have", f.show(p), info.Size(), maxSource)
	}
	return os.ReadFile(name)
}

// list finds the files of a module.
func (f *folder) list(ctx context.Context, m *bufconfig.Module) error {
	for _, root := range m.Roots {
		dir := path.Join(f.space.Dir, root)
		if _, err := os.Stat(filepath.Join(f.root, filepath.FromSlash(dir))); errors.Is(err, fs.ErrNotExist) {
			continue // a module whose folder is not there has no files
		}
		if err := bufconfig.Walk(ctx, f.root, dir, f.links, func(p string) error { return f.add(p, m) }); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) add(p string, m *bufconfig.Module) error {
	inSpace := p
	if f.space.Dir != "." {
		inSpace = strings.TrimPrefix(p, f.space.Dir+"/")
	}
	name, ok := m.ImportPath(inSpace)
	if !ok {
		return nil
	}
	if have := f.files[name]; have != nil {
		if have.path == p {
			return nil
		}
		return fmt.Errorf("import path %q means two files: %s and %s", name, f.show(have.path), f.show(p))
	}
	f.files[name] = &source{path: p, module: m, target: m.Target}
	return nil
}

// narrow leaves only the targets that are in paths and not in excludes, which are
// relative to the working folder.
func (f *folder) narrow(paths, excludes []string) error {
	in := func(list []string) ([]string, error) {
		var out []string
		for _, p := range list {
			abs := absolute(f.cwd, p)
			if _, err := os.Stat(abs); err != nil {
				return nil, fmt.Errorf("path %q: there is no such file or folder", p)
			}
			out = append(out, f.rel(abs))
		}
		return out, nil
	}
	only, err := in(paths)
	if err != nil {
		return err
	}
	not, err := in(excludes)
	if err != nil {
		return err
	}
	contains := func(dirs []string, p string) bool {
		return slices.ContainsFunc(dirs, func(dir string) bool { return bufconfig.Contains(dir, p) })
	}
	for i, dir := range only {
		if slices.Contains(not, dir) {
			return fmt.Errorf("path %q is both asked for and excluded", paths[i])
		}
	}
	for _, s := range f.files {
		s.target = s.target && (len(only) == 0 || contains(only, s.path)) && !contains(not, s.path)
	}
	return nil
}

// targets returns the import paths to generate for, sorted.
func (f *folder) targets() []string {
	var out []string
	for name, s := range f.files {
		if s.target {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (f *folder) isTarget(name string) bool {
	s := f.files[name]
	return s != nil && s.target
}

// moduleOf returns the name of the module that a file is of, or nothing.
func (f *folder) moduleOf(name string) string {
	if s := f.files[name]; s != nil {
		return s.module.Name
	}
	if module := f.deps.ModuleOf(name); module != "" {
		return module
	}
	if strings.HasPrefix(name, "google/type/") { // is built in
		return "buf.build/googleapis/googleapis"
	}
	return ""
}

// compile compiles the targets and what they import.
func (f *folder) compile(ctx context.Context) (*descriptorpb.FileDescriptorSet, error) {
	open := func(name string) (string, error) {
		s := f.files[name]
		if s == nil {
			return f.deps.ReadFile(name)
		}
		data, err := f.read(s.path)
		return string(data), err
	}
	set, err := protobuf.CompileSources(ctx, f.targets(), open, protobuf.ImageOptions{})
	var list lang.ErrorList
	if !errors.As(err, &list) {
		return set, err
	}
	for _, e := range list {
		if s := f.files[e.Pos.Path]; s != nil {
			e.Pos.Path = f.show(s.path)
		}
	}
	if missing := f.deps.Missing(); missing != nil {
		return nil, fmt.Errorf("%w\n%w", list, missing)
	}
	return nil, list
}
