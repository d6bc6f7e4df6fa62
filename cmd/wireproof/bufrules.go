package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

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
	below := path.Join(cfg.Rel(), cfg.Schemas)
	root, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	root = strings.TrimSuffix(filepath.ToSlash(root), "/"+cfg.Rel())
	found := false
	loader := bufconfig.Loader{ReadFile: func(name string) ([]byte, error) {
		if strings.HasPrefix(path.Clean(name), "..") {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist} // outside of the repository
		}
		text, err := os.ReadFile(filepath.Join(filepath.FromSlash(root), filepath.FromSlash(name)))
		found = found || err == nil
		return text, err
	}}
	w, err := loader.Load(below)
	if err != nil {
		return nil, usagef("%w", err)
	}
	if !found {
		return nil, nil
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
