package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// protobuf lints the named files with the modules that they are in.
func (l *linting) protobuf(names []string) error {
	workspaces := map[string]*bufconfig.Workspace{}
	for _, folder := range l.folders() {
		w, err := l.workspace(folder)
		if err != nil {
			return err
		}
		if have := workspaces[w.Dir]; have != nil { // the targets of both
			for i := range have.Modules {
				have.Modules[i].Target = have.Modules[i].Target || w.Modules[i].Target
			}
			continue
		}
		workspaces[w.Dir] = w
	}
	held := map[string]bool{}
	for _, at := range slices.Sorted(maps.Keys(workspaces)) {
		if err := l.modules(workspaces[at], held); err != nil {
			return err
		}
	}
	for _, name := range names {
		if slices.Contains(l.only, name) && !held[name] {
			l.problems = append(l.problems, gate.Problem{Subject: l.show(name), Err: errors.New("no module of its workspace holds this file")})
		}
	}
	return nil
}

// workspace returns that of a file or folder. Without a file of Buf's, the schemas
// are one module, or the folder itself outside of them.
func (l *linting) workspace(name string) (*bufconfig.Workspace, error) {
	folder := name
	if strings.HasSuffix(name, ".proto") {
		folder = path.Dir(name)
	}
	w, err := bufWorkspace(l.root, folder)
	if err != nil || w != nil {
		return w, err
	}
	if bufconfig.Contains(l.schemas, folder) {
		folder = l.schemas
	}
	nothing := func(string) ([]byte, error) { return nil, fs.ErrNotExist }
	return bufconfig.Loader{ReadFile: nothing}.Load(folder)
}

// modules lints the targets of a workspace. The files of all its modules are added
// to held.
func (l *linting) modules(w *bufconfig.Workspace, held map[string]bool) error {
	for _, p := range w.Plugins {
		l.warnings = append(l.warnings, fmt.Sprintf("plugin %s is not run: only the built-in rules are", p))
	}
	for _, p := range w.Policies {
		l.warnings = append(l.warnings, fmt.Sprintf("policy %s is not applied: only the built-in rules are", p))
	}
	where := map[string]string{} // files by import path
	targets := make([][]string, len(w.Modules))
	for i := range w.Modules {
		m := &w.Modules[i]
		for _, root := range m.Roots {
			err := l.walk(path.Join(w.Dir, root), func(p string) error {
				name, ok := m.ImportPath(inside(w.Dir, p))
				if have := where[name]; ok && have != "" && have != p {
					return fmt.Errorf("import path %q means two files: %s and %s", name, l.show(have), l.show(p))
				}
				if ok && where[name] == "" {
					targets[i] = append(targets[i], name)
					where[name], held[p] = p, true
				}
				return nil
			})
			if err != nil {
				return exitWith(exitIncomplete, err)
			}
		}
	}
	deps := bufconfig.UserCache().Deps(w)
	for i, m := range w.Modules {
		if m.Target && !m.Lint.Disabled && !m.Lint.DisableBuiltin && len(targets[i]) > 0 {
			if err := l.module(m.Lint, targets[i], where, deps); err != nil {
				return err
			}
		}
	}
	return nil
}

// walk visits the Protobuf files in and below a folder. One that is not there has
// none.
func (l *linting) walk(folder string, visit func(name string) error) error {
	if _, err := os.Stat(filepath.Join(l.root, filepath.FromSlash(folder))); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return bufconfig.Walk(l.ctx, l.root, folder, true, visit)
}

// inside returns a path relative to dir, which contains it.
func inside(dir, name string) string {
	if dir == "." {
		return name
	}
	return strings.TrimPrefix(name, dir+"/")
}

// module lints one module. Its targets are import paths.
func (l *linting) module(check bufconfig.Check, targets []string, where map[string]string, deps *bufconfig.Deps) error {
	set, only, err := lintRules(check)
	if err != nil {
		return err
	}
	image, err := protobuf.CompileImage(l.ctx, targets, func(name string) (string, error) {
		if where[name] == "" {
			return deps.ReadFile(name)
		}
		return l.read(where[name])
	}, protobuf.ImageOptions{})
	var mistakes lang.ErrorList
	if errors.As(err, &mistakes) {
		l.mistakes(mistakes, where)
		isImport := func(m *lang.Error) bool { return m.Code == "PROTO_IMPORT" }
		if missing := deps.Missing(); missing != nil && slices.ContainsFunc(mistakes, isImport) {
			l.problems = append(l.problems, gate.Problem{Err: missing})
		}
		return nil
	}
	if err != nil {
		return exitWith(exitIncomplete, fmt.Errorf("lint: %w", err))
	}
	check.IgnoreOnly = only
	found := map[string][]*rule.Finding{}
	for _, f := range protorules.Lint(image, set, protorules.LintOptions(check.Lint)) {
		if !check.Ignores(f.New.Path, f.Rule.ID, nil) {
			found[f.New.Path] = append(found[f.New.Path], f)
		}
	}
	for _, name := range targets {
		if at := where[name]; l.wanted(at) {
			source := lang.Source{Type: lang.Protobuf, Path: l.show(at), Text: image.File(name).Text}
			l.files = append(l.files, gate.LintFile{Source: source, Findings: found[name]})
		}
	}
	return nil
}

func (l *linting) wanted(name string) bool {
	return slices.ContainsFunc(l.folders(), func(o string) bool { return bufconfig.Contains(o, name) })
}

// lintRules returns the rules of a check, and the paths that single rules ignore.
func lintRules(check bufconfig.Check) (set protorules.LintSet, only map[string][]string, err error) {
	if set, err = protorules.SelectLint(check.Version, check.Use, check.Except); err != nil {
		return nil, nil, usagef("%s: lint: %w", bufconfig.Name, err)
	}
	only = map[string][]string{}
	for id, paths := range check.IgnoreOnly {
		ids, err := protorules.ExpandLint(check.Version, id)
		if err != nil {
			return nil, nil, usagef("%s: lint.ignore_only: %w", bufconfig.Name, err)
		}
		for _, one := range ids {
			only[one] = append(only[one], paths...)
		}
	}
	return set, only, nil
}

// mistakes adds what keeps a module from being compiled, file by file.
func (l *linting) mistakes(list lang.ErrorList, where map[string]string) {
	byFile := map[string]lang.ErrorList{}
	for _, m := range list {
		byFile[m.Pos.Path] = append(byFile[m.Pos.Path], m)
	}
	for _, name := range slices.Sorted(maps.Keys(byFile)) {
		src := lang.Source{Type: lang.Protobuf, Path: name}
		if at, ok := where[name]; ok {
			src.Path = l.show(at)
			src.Text, _ = l.read(at) // it was read before; without it, the lines are not shown
		}
		for _, m := range byFile[name] {
			m.Pos.Path = src.Path
		}
		l.problems = append(l.problems, gate.LintProblem(src, byFile[name]))
	}
}
