package main

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
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/compat/avrorules"
	"github.com/wireproof/wireproof/compat/jsonrules"
	"github.com/wireproof/wireproof/compat/protorules"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/jsonschema"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func (a *app) lintCmd() *cobra.Command {
	var outputs []string
	cmd := &cobra.Command{
		Use:   "lint [PATH...]",
		Short: "Find what is bad style in schemas, or will hurt later",
		Long: `Lint looks at the schemas as they are: names, documentation, defaults, values of
enums. Without paths it looks at all files below the schemas of the settings; without
settings, at the Protobuf files of the Buf workspace here. Paths are files or folders.

Rules of Protobuf are Buf's, and the lint section of buf.yaml chooses among them.
check.rules in the settings changes the severity of a rule, or switches it off.

Exit codes: 0 clean · 1 findings at or above check.fail_on · 5 something could not
be checked, whatever else was found.`,
		Example: `  wireproof lint
  wireproof lint schemas/orders --output json`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.lint(cmd.Context(), args, outputs) },
	}
	cmd.Flags().StringArrayVarP(&outputs, "output", "o", nil, outputUsage())
	completeFormats(cmd)
	return cmd
}

func (a *app) lint(ctx context.Context, paths, outputFlags []string) error {
	start := time.Now()
	outputs, err := a.outputs(outputFlags)
	if err != nil {
		return err
	}
	in := gate.LintInput{Now: start, Tool: buildVersion().Version}
	l := &linting{ctx: ctx, root: a.dir, schemas: "."}
	if _, missing := config.Find(a.dir); a.config != "" || missing == nil {
		cfg, err := a.settings()
		if err != nil {
			return err
		}
		if in.Severities, err = severities(cfg); err != nil {
			return err
		}
		in.Base, in.FailOn = cfg.Rel(), rule.Severity(cfg.Check.FailOn)
		l.cfg, l.root, l.schemas = cfg, cfg.Dir, cfg.Schemas
	}
	if err := l.choose(a.dir, paths); err != nil {
		return err
	}
	if err := l.run(); err != nil {
		return err
	}
	in.Files, in.Problems = l.files, l.problems
	result := gate.Lint(in)
	result.Elapsed = time.Since(start)
	return a.show(result, outputs)
}

// A linting is one run over a tree. Paths are relative to root.
type linting struct {
	ctx           context.Context
	cfg           *config.Config
	root, schemas string
	only          []string // the files and folders asked for; none means all
	files         []gate.LintFile
	problems      []gate.Problem
}

// choose finds the files and folders that the command line names.
func (l *linting) choose(dir string, paths []string) error {
	root, err := filepath.Abs(l.root)
	if err != nil {
		return err
	}
	for _, p := range paths {
		full, err := filepath.Abs(filepath.Join(dir, p))
		if filepath.IsAbs(p) {
			full, err = p, nil
		}
		if err != nil {
			return err
		}
		if _, err := os.Stat(full); err != nil {
			return usagef("%s: there is no such file or folder", p)
		}
		rel, err := filepath.Rel(root, full)
		if err != nil || strings.HasPrefix(rel, "..") {
			return usagef("%s is not below %s; run lint there, with -C", p, root)
		}
		l.only = append(l.only, filepath.ToSlash(rel))
	}
	return nil
}

func (l *linting) wanted(name string) bool {
	return len(l.only) == 0 || slices.ContainsFunc(l.only, func(o string) bool { return bufconfig.Contains(o, name) })
}

func (l *linting) read(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(l.root, filepath.FromSlash(name)))
	return string(text), err
}

func (l *linting) run() error {
	names := map[lang.Type][]string{}
	folders := []string{l.schemas}
	if len(l.only) > 0 {
		folders = l.only
	}
	for _, folder := range folders {
		err := fs.WalkDir(os.DirFS(l.root), folder, func(p string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && p != folder && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			if kind := catalog.LanguageOf(p); err == nil && !d.IsDir() && kind != "" && (l.cfg != nil || len(l.only) > 0 || kind == lang.Protobuf) {
				names[kind] = append(names[kind], p)
			}
			return err
		})
		if err != nil {
			return exitWith(exitIncomplete, err)
		}
	}
	if len(names[lang.Protobuf]) > 0 {
		if err := l.protobuf(); err != nil {
			return err
		}
	}
	sources := l.sources()
	for _, kind := range []lang.Type{lang.Avro, lang.JSON} {
		for _, name := range names[kind] {
			src, ok := sources[name]
			if !ok {
				text, err := l.read(name)
				if err != nil {
					return exitWith(exitIncomplete, err)
				}
				src = lang.Source{Type: kind, Path: name, Text: text}
			}
			l.one(name, src)
		}
	}
	return nil
}

// sources are the files of the settings with their references; without settings,
// or with mistakes in them, a file stands for itself.
func (l *linting) sources() map[string]lang.Source {
	out := map[string]lang.Source{}
	if l.cfg == nil {
		return out
	}
	if c, err := catalog.Load(os.DirFS(l.cfg.SchemaDir()), l.cfg); err == nil {
		for p, f := range c.Files {
			out[path.Join(l.schemas, p)] = f.Source
		}
	}
	return out
}

// one lints an Avro or JSON schema.
func (l *linting) one(name string, src lang.Source) {
	var found []*rule.Finding
	var err error
	if src.Type == lang.Avro {
		var s *avro.Schema
		if s, err = avro.Parse(src); err == nil {
			found = avrorules.Lint(s)
		}
	} else {
		var s *jsonschema.Schema
		if s, err = jsonschema.Parse(src); err == nil {
			found = jsonrules.Lint(s)
		}
	}
	if err != nil {
		l.problem(name, err)
		return
	}
	src.Path = name
	l.files = append(l.files, gate.LintFile{Source: src, Findings: found})
}

func (l *linting) problem(name string, err error) {
	l.problems = append(l.problems, gate.Problem{Subject: name, Err: err})
}

// protobuf lints the modules of the workspace that the schemas are in.
func (l *linting) protobuf() error {
	loader := bufconfig.Loader{ReadFile: func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(l.root, filepath.FromSlash(name)))
	}}
	w, err := loader.Load(l.schemas)
	if err != nil {
		return usagef("%w", err)
	}
	where := map[string]string{} // files by import path
	targets := make([][]string, len(w.Modules))
	err = fs.WalkDir(os.DirFS(l.root), w.Dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".proto") {
			return err
		}
		inside := p
		if w.Dir != "." {
			inside = strings.TrimPrefix(p, w.Dir+"/")
		}
		for i := range w.Modules {
			if name, ok := w.Modules[i].ImportPath(inside); ok && where[name] == "" {
				where[name] = p
				targets[i] = append(targets[i], name)
			}
		}
		return nil
	})
	if err != nil {
		return exitWith(exitIncomplete, err)
	}
	for i, m := range w.Modules {
		if m.Target && !m.Lint.Disabled && !m.Lint.DisableBuiltin && len(targets[i]) > 0 {
			if err := l.module(m.Lint, targets[i], where); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *linting) module(check bufconfig.Check, targets []string, where map[string]string) error {
	set, err := protorules.SelectLint(check.Version, check.Use, check.Except)
	if err != nil {
		return usagef("%s: lint: %w", bufconfig.Name, err)
	}
	only := map[string][]string{}
	for id, paths := range check.IgnoreOnly {
		ids, err := protorules.ExpandLint(check.Version, id)
		if err != nil {
			return usagef("%s: lint.ignore_only: %w", bufconfig.Name, err)
		}
		for _, one := range ids {
			only[one] = append(only[one], paths...)
		}
	}
	check.IgnoreOnly = only
	image, err := protobuf.CompileImage(l.ctx, targets, func(name string) (string, error) {
		if where[name] == "" {
			return "", fs.ErrNotExist
		}
		return l.read(where[name])
	}, protobuf.ImageOptions{})
	var mistakes lang.ErrorList
	if errors.As(err, &mistakes) {
		for _, m := range mistakes {
			if at, ok := where[m.Pos.Path]; ok {
				m.Pos.Path = at
			}
			l.problem(m.Pos.Path, m)
		}
		return nil
	}
	if err != nil {
		return exitWith(exitIncomplete, fmt.Errorf("lint: %w", err))
	}
	found := map[string][]*rule.Finding{}
	for _, f := range protorules.Lint(image, set, protorules.LintOptions(check.Lint)) {
		if !check.Ignores(f.New.Path, f.Rule.ID, nil) {
			found[f.New.Path] = append(found[f.New.Path], f)
		}
	}
	for _, name := range targets {
		at := where[name]
		if !l.wanted(at) {
			continue
		}
		l.files = append(l.files, gate.LintFile{Source: lang.Source{Type: lang.Protobuf, Path: at, Text: image.File(name).Text}, Findings: found[name]})
	}
	return nil
}

// whom says whom a rule protects; rules of style protect those who read.
func whom(r *rule.Rule) string {
	if slices.Contains(gate.LintRules(), r) {
		return "nobody; it is about style and what will hurt later"
	}
	return breaks(r.Breaks)
}
