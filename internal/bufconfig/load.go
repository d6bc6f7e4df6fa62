package bufconfig

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// A Loader finds the workspace of an input.
type Loader struct {
	// ReadFile returns the bytes of a configuration file, or an error that matches
	// [fs.ErrNotExist]. Paths are relative to one folder, whichever it is.
	ReadFile func(path string) ([]byte, error)
	// Show returns the name of a file for messages; nil means its path.
	Show func(path string) string
	// Override, unless nil, is used in place of the configuration that is found.
	Override *Workspace
	// Part allows a folder that is only a part of a module; every module is a target
	// then.
	Part bool
}

// An InputError says why an input is no workspace and no module.
type InputError struct{ Msg string }

func (e *InputError) Error() string { return e.Msg }

// Load returns the workspace that a folder belongs to: the one
// whose file is in the folder, or above it if that file names the folder, a folder
// around it or one inside it as a module. Modules outside of the folder are in the
// result without being targets. Without such a file, the folder is one module.
func (l Loader) Load(dir string) (*Workspace, error) {
	dir = path.Clean(dir)
	w, err := l.controlling(dir)
	if err != nil {
		return nil, err
	}
	if o := l.Override; o != nil {
		at := dir
		if w != nil && o.Version == V2 {
			at = w.Dir
		}
		copied := *o
		copied.Dir, copied.Modules = at, slices.Clone(o.Modules)
		w = &copied
	}
	if w == nil {
		m, deps, err := l.single(dir)
		if err != nil {
			return nil, err
		}
		w = &Workspace{Version: m.Breaking.Version, Dir: dir, Modules: []Module{m}, Deps: deps, Breaking: m.Breaking, Lint: m.Lint}
	}
	if err := l.locked(w); err != nil {
		return nil, err
	}
	if l.Part {
		return w, nil
	}
	return w, w.target(below(w.Dir, dir))
}

// target marks the modules that are in dir, which is relative to the workspace.
func (w *Workspace) target(dir string) error {
	any := false
	for i := range w.Modules {
		m := &w.Modules[i]
		m.Target = Contains(dir, m.Dir)
		any = any || m.Target
	}
	if any {
		return nil
	}
	var dirs []string
	for _, m := range w.Modules {
		if Contains(m.Dir, dir) {
			return &InputError{fmt.Sprintf("%q is a part of the module at %q; name the module or the workspace as the input, and the part with --path", dir, m.Dir)}
		}
		dirs = append(dirs, m.Dir)
	}
	return &InputError{fmt.Sprintf("input %q has none of the modules of its workspace: %s", dir, strings.Join(dirs, ", "))}
}

// Select marks as targets the modules that hold a folder or lie in it, and no other.
// The folder is named as the loader names folders. It reports whether there is any.
func (w *Workspace) Select(dir string) bool {
	any := false
	for i := range w.Modules {
		m := &w.Modules[i]
		at := path.Join(w.Dir, m.Dir)
		m.Target = Contains(at, dir) || Contains(dir, at)
		any = any || m.Target
	}
	return any
}

// controlling walks up from dir to the file that controls it; nil if there is
// none.
func (l Loader) controlling(dir string) (*Workspace, error) {
	for at := dir; ; at = path.Dir(at) {
		w, err := l.workspaceAt(at)
		if err != nil {
			return nil, err
		}
		if w != nil && w.controls(below(at, dir)) {
			return w, nil
		}
		if at == "." {
			return nil, nil
		}
	}
}

// controls reports whether the workspace decides about dir, which is relative to
// it.
func (w *Workspace) controls(dir string) bool {
	return dir == "." || slices.ContainsFunc(w.Modules, func(m Module) bool {
		return Contains(m.Dir, dir) || w.Version == V2 && Contains(dir, m.Dir)
	})
}

// workspaceAt reads the workspace that is defined in dir; nil if there is none.
func (l Loader) workspaceAt(dir string) (*Workspace, error) {
	work, hasWork, err := l.read(path.Join(dir, WorkName))
	if err != nil {
		return nil, err
	}
	single, hasSingle, err := l.read(path.Join(dir, Name))
	if err != nil {
		return nil, err
	}
	switch {
	case hasWork && hasSingle:
		return nil, fmt.Errorf("%s: there are both %s and %s; expected one of them", l.show(dir), WorkName, Name)
	case hasWork:
		return l.work(dir, work)
	case hasSingle:
		w, err := Parse(l.show(path.Join(dir, Name)), single)
		if err != nil || w.Version != V2 {
			return nil, err
		}
		w.Dir = dir
		return w, nil
	}
	return nil, nil
}

// work reads the modules of a buf.work.yaml.
func (l Loader) work(dir, text string) (*Workspace, error) {
	dirs, err := parseWork(l.show(path.Join(dir, WorkName)), text)
	if err != nil {
		return nil, err
	}
	w := &Workspace{Version: V1, Dir: dir, Breaking: Check{Version: V1}, Lint: Check{Version: V1}}
	for _, d := range dirs {
		m, deps, err := l.single(path.Join(dir, d))
		if err != nil {
			return nil, err
		}
		w.Modules = append(w.Modules, m.moved(d))
		w.Deps = append(w.Deps, deps...)
	}
	w.Deps = sorted(w.Deps)
	return w, nil
}

// moved returns the module, which is at ".", as seen from a folder above it.
func (m Module) moved(dir string) Module {
	in := func(paths []string) []string {
		var out []string
		for _, p := range paths {
			out = append(out, path.Join(dir, p))
		}
		return out
	}
	m.Dir, m.Roots, m.Includes, m.Excludes = dir, in(m.Roots), in(m.Includes), in(m.Excludes)
	return m
}

// single reads the module in dir, whose file has a version before v2, or which has
// no file.
func (l Loader) single(dir string) (Module, []string, error) {
	file := path.Join(dir, Name)
	text, ok, err := l.read(file)
	if err != nil {
		return Module{}, nil, err
	}
	if !ok {
		return defaultModule(), nil, nil
	}
	w, err := Parse(l.show(file), text)
	if err != nil {
		return Module{}, nil, err
	}
	if w.Version == V2 {
		return Module{}, nil, fmt.Errorf("%s: version is v2; expected v1 or v1beta1 for a module of %s", l.show(file), WorkName)
	}
	return w.Modules[0], w.Deps, nil
}

// defaultModule is a folder without a file.
func defaultModule() Module {
	return Module{Dir: ".", Roots: []string{"."}, Target: true, Breaking: Check{Version: V1}, Lint: Check{Version: V1}}
}

func (l Loader) read(file string) (text string, ok bool, err error) {
	data, err := l.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return "", false, nil
	case err != nil:
		return "", false, err
	}
	return string(data), true, nil
}

func (l Loader) show(p string) string {
	if l.Show == nil {
		return p
	}
	return l.Show(p)
}
