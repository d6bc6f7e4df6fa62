package bufconfig

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/internal/config"
)

// LockName is the name of the file that pins what a workspace depends on.
const LockName = "buf.lock"

// A Locked is a module of a registry at a commit.
type Locked struct {
	Name   string // host/owner/module
	Commit string // in hexadecimal
	Digest string // of its files, after the name of the algorithm and a colon
}

type lockFile struct {
	Version string `yaml:"version"`
	Deps    []struct {
		Name       string `yaml:"name"` // of version v2; else the three that follow
		Remote     string `yaml:"remote"`
		Owner      string `yaml:"owner"`
		Repository string `yaml:"repository"`
		Branch     string `yaml:"branch"`
		Commit     string `yaml:"commit"`
		Digest     string `yaml:"digest"`
		CreateTime any    `yaml:"create_time"`
	} `yaml:"deps"`
	Plugins  any `yaml:"plugins"`
	Policies any `yaml:"policies"`
}

// ParseLock reads the text of a buf.lock of any version. The name is for messages.
func ParseLock(name, text string) ([]Locked, error) {
	if _, err := versionOf(name, text); err != nil {
		return nil, err
	}
	var f lockFile
	doc, err := config.Read(name, text, &f)
	if err != nil {
		return nil, err
	}
	r := &reader{doc: doc}
	var out []Locked
	for i, d := range f.Deps {
		at := fmt.Sprintf("deps[%d]", i)
		full := cmp.Or(d.Name, strings.Join([]string{d.Remote, d.Owner, d.Repository}, "/"))
		r.moduleName(at, full)
		if d.Commit == "" || strings.Trim(d.Commit, "0123456789abcdef") != "" {
			r.bad(at+".commit", "%s.commit is %q; expected one in hexadecimal", at, d.Commit)
		}
		out = append(out, Locked{full, d.Commit, d.Digest})
	}
	slices.SortFunc(out, func(a, b Locked) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Commit, b.Commit))
	})
	return slices.Compact(out), r.errs.Sorted()
}

// locked reads the lock files of a workspace.
func (l Loader) locked(w *Workspace) error {
	dirs := []string{w.Dir}
	if w.Version != V2 {
		for _, m := range w.Modules {
			dirs = append(dirs, path.Join(w.Dir, m.Dir))
		}
	}
	for _, dir := range sorted(dirs) {
		file := path.Join(dir, LockName)
		text, ok, err := l.read(file)
		if err != nil || !ok {
			if err != nil {
				return err
			}
			continue
		}
		list, err := ParseLock(l.show(file), text)
		if err != nil {
			return err
		}
		w.Locked = append(w.Locked, list...)
	}
	return nil
}

// A Cache is the folder in which buf keeps the modules that it has fetched. It is
// only read. The zero Cache has none.
type Cache struct{ Dir string }

// UserCache returns the cache of whoever runs this program, where buf has it:
// $BUF_CACHE_DIR, or the folder buf of the user's cache.
func UserCache() Cache {
	if dir := os.Getenv("BUF_CACHE_DIR"); dir != "" {
		return Cache{dir}
	}
	base := os.Getenv("XDG_CACHE_HOME")
	if runtime.GOOS == "windows" {
		base = os.Getenv("LOCALAPPDATA")
	}
	if home, err := os.UserHomeDir(); base == "" && err == nil {
		base = filepath.Join(home, ".cache")
	}
	if base == "" {
		return Cache{}
	}
	return Cache{filepath.Join(base, "buf")}
}

// Versions of the cache's layout and of its description of a module. Others are not
// read: they mean what nobody here knows.
const (
	cacheLayout  = "v3"
	cacheVersion = "v1"
)

// folder returns the folder with the files of a module.
func (c Cache) folder(m Locked) (string, bool) {
	kind, _, ok := strings.Cut(m.Digest, ":")
	if c.Dir == "" || !ok || !fs.ValidPath(kind) || !fs.ValidPath(m.Name) || !fs.ValidPath(m.Commit) {
		return "", false
	}
	dir := filepath.Join(c.Dir, cacheLayout, "modules", kind, filepath.FromSlash(m.Name), m.Commit)
	about, err := os.ReadFile(filepath.Join(dir, "module.yaml")) // which buf writes last
	if err != nil {
		return "", false
	}
	version, _, err := config.Peek("module.yaml", string(about), "version")
	if err != nil || version != cacheVersion {
		return "", false
	}
	files, ok, err := config.Peek("module.yaml", string(about), "files_dir")
	if err != nil || !ok || !fs.ValidPath(files) {
		return "", false
	}
	return filepath.Join(dir, filepath.FromSlash(files)), true
}

// Deps are the modules of a registry that a workspace depends on, as far as a cache
// has them. It is immutable.
type Deps struct {
	folders []string // of files, and the names of their modules
	names   []string
	missing []string
}

// Deps finds what a workspace depends on. Nothing is fetched.
func (c Cache) Deps(w *Workspace) *Deps {
	out := &Deps{}
	have := map[string]bool{}
	for _, m := range w.Locked {
		have[m.Name] = true
		if dir, ok := c.folder(m); ok {
			out.folders, out.names = append(out.folders, dir), append(out.names, m.Name)
		} else {
			out.missing = append(out.missing, m.Name+" at "+m.Commit)
		}
	}
	for _, d := range w.Deps {
		if name, _, _ := strings.Cut(d, ":"); !have[name] {
			out.missing = append(out.missing, name+" (no "+LockName+" pins it)")
		}
	}
	return out
}

// maxDep bounds a file of a module.
const maxDep = 32 << 20

// ReadFile returns the text of a file by its import path. The error matches
// [fs.ErrNotExist] if no module has it.
func (d *Deps) ReadFile(name string) (string, error) {
	for _, dir := range d.folders {
		if !fs.ValidPath(name) {
			break
		}
		f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxDep))
		return string(text), err
	}
	return "", &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ModuleOf returns the name of the module that has a file, by its import path, or
// nothing.
func (d *Deps) ModuleOf(name string) string {
	for i, dir := range d.folders {
		if !fs.ValidPath(name) {
			break
		}
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil {
			return d.names[i]
		}
	}
	return ""
}

// Missing returns an error that says which modules are not at hand, and what to do;
// nil if all are.
func (d *Deps) Missing() error {
	if len(d.missing) == 0 {
		return nil
	}
	return fmt.Errorf("modules of a registry are not fetched, and buf's cache does not have %s: let buf fetch them here once (buf build), or vendor them (buf export NAME -o FOLDER) and name the folder as a module",
		strings.Join(d.missing, ", "))
}
