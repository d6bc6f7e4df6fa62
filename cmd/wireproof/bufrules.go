package main

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// bufRules returns what the buf.yaml at or above the schemas asks for: the checker of
// a schema file, and what is ignored. Each module has its own breaking section. A
// file in no module, or in one without such a section, is checked by the category
// WIRE_JSON. The registry's own verdicts count in any case.
func bufRules(cfg *config.Config) (checker func(file string) *compat.Checker, ignored func(file string, r *rule.Rule) bool, err error) {
	root, below, err := repositoryOf(cfg.Dir)
	if err != nil {
		return nil, nil, err
	}
	folder := path.Join(below, cfg.Schemas)
	w, err := bufWorkspace(root, folder)
	if err != nil || w == nil {
		return nil, nil, err
	}
	at, err := filepath.Rel(filepath.FromSlash(w.Dir), filepath.FromSlash(folder))
	if err != nil {
		return nil, nil, err
	}
	j := bufJudges{dir: cfg.SchemaDir(), at: filepath.ToSlash(at), other: compat.Default()}
	for i := range w.Modules {
		if m := &w.Modules[i]; m.Target {
			if err := j.add(m); err != nil {
				return nil, nil, err
			}
		}
	}
	return j.checker, j.ignored, nil
}

// bufJudges are the modules that schemas are in, each with its rules.
type bufJudges struct {
	dir      string // of the schemas, in the file system
	at       string // the same, in the workspace
	modules  []*bufconfig.Module
	checkers []*compat.Checker
	other    *compat.Checker // of files in no module
}

func (j *bufJudges) add(m *bufconfig.Module) (err error) {
	b, checker := &m.Breaking, j.other
	if len(b.Use)+len(b.Except)+len(b.Ignore)+len(b.IgnoreOnly) > 0 || b.IgnoreUnstable || b.Disabled || b.DisableBuiltin {
		var set protorules.Set
		if !b.Disabled && !b.DisableBuiltin {
			if set, _, err = protorules.Select(b.Version, b.Use, b.Except); err != nil {
				return usagef("%s: %w", bufconfig.Name, err)
			}
		}
		checker = compat.Default().With(compat.Protobuf(set))
	}
	j.modules, j.checkers = append(j.modules, m), append(j.checkers, checker)
	return nil
}

// module returns which module holds a schema file, and its import path there; -1 if
// none does.
func (j *bufJudges) module(file string) (int, string) {
	for i, m := range j.modules {
		if name, ok := m.ImportPath(path.Join(j.at, file)); ok {
			return i, name
		}
	}
	return -1, ""
}

func (j *bufJudges) checker(file string) *compat.Checker {
	if i, _ := j.module(file); i >= 0 {
		return j.checkers[i]
	}
	return j.other
}

func (j *bufJudges) ignored(file string, r *rule.Rule) bool {
	i, name := j.module(file)
	if i < 0 {
		return false
	}
	b := &j.modules[i].Breaking
	if (b.Disabled || b.DisableBuiltin) && len(r.Categories) > 0 || b.Ignores(name, r.ID, r.Categories) {
		return true
	}
	if !b.IgnoreUnstable {
		return false
	}
	text, err := os.ReadFile(filepath.Join(j.dir, filepath.FromSlash(file)))
	return err == nil && bufconfig.Unstable(protobuf.Package(string(text)))
}

// repositoryOf returns the root of the repository that holds a folder, and the
// folder as seen from there. Without a repository, the folder is its own root.
func repositoryOf(dir string) (root, below string, err error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", "", err
	}
	for root = abs; ; root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, ".git")); err == nil {
			break
		}
		if root == filepath.Dir(root) {
			return abs, ".", nil
		}
	}
	below, err = filepath.Rel(root, abs)
	return root, filepath.ToSlash(below), err
}

// bufWorkspace returns the workspace of Buf that a folder of a repository belongs
// to: that of the nearest buf.yaml or buf.work.yaml at or above it. The targets are
// the modules that hold the folder or lie in it. It is nil if there is no such file,
// or none of its modules is about the folder.
func bufWorkspace(root, folder string) (*bufconfig.Workspace, error) {
	loader := bufconfig.Loader{Part: true, ReadFile: func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	}}
	folder = path.Clean(folder)
	for at := folder; ; at = path.Dir(at) {
		for _, name := range []string{bufconfig.Name, bufconfig.WorkName} {
			_, err := loader.ReadFile(path.Join(at, name))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, usagef("%w", err)
			}
			w, err := loader.Load(at)
			if err != nil {
				return nil, usagef("%w", err)
			}
			if w.Select(folder) {
				return w, nil
			}
			return nil, nil
		}
		if at == "." {
			return nil, nil
		}
	}
}
