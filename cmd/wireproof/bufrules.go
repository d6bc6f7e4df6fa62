package main

import (
	"os"
	"path"
	"path/filepath"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/config"
)

// bufRules returns the checker that a buf.yaml at or above the schemas asks for,
// and what its breaking section ignores. Without such a file, or without a
// selection of rules in it, Protobuf is checked by the category WIRE_JSON. The
// registry's own verdicts count in any case.
func bufRules(cfg *config.Config) (*compat.Checker, func(file string, r *rule.Rule) bool, error) {
	check, err := bufCheck(cfg)
	if err != nil || check == nil {
		return nil, nil, err
	}
	var set protorules.Set
	if !check.Disabled && !check.DisableBuiltin {
		if set, _, err = protorules.Select(check.Version, check.Use, check.Except); err != nil {
			return nil, nil, usagef("%s: %w", bufconfig.Name, err)
		}
	}
	ignored := func(file string, r *rule.Rule) bool { return check.Ignores(file, r.ID, r.Categories) }
	return compat.Default().With(compat.Protobuf(set)), ignored, nil
}

// bufCheck finds the breaking section that holds for the schemas; nil if nothing
// is chosen there.
func bufCheck(cfg *config.Config) (*bufconfig.Check, error) {
	root, below, err := repositoryOf(cfg.Dir)
	if err != nil {
		return nil, err
	}
	w, err := bufWorkspace(root, path.Join(below, cfg.Schemas))
	if err != nil || w == nil {
		return nil, err
	}
	for i := range w.Modules {
		if m := &w.Modules[i]; m.Target {
			if b := &m.Breaking; len(b.Use)+len(b.Except)+len(b.Ignore)+len(b.IgnoreOnly) > 0 || b.Disabled || b.DisableBuiltin {
				return b, nil
			}
		}
	}
	return nil, nil
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
			if _, err := loader.ReadFile(path.Join(at, name)); err != nil {
				continue
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
