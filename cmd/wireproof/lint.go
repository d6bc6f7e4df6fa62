package main

import (
	"context"
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
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/jsonschema"
)

func (a *app) lintCmd() *cobra.Command {
	var outputs []string
	cmd := &cobra.Command{
		Use:   "lint [PATH...]",
		Short: "Find what is bad style in schemas, or will hurt later",
		Long: `Lint looks at the schemas as they are: names, documentation, defaults, values of
enums. Without paths it looks at all files below the schemas of the settings; without
settings, at the Protobuf files of the Buf workspace here. Paths are files or folders.

Rules of Protobuf are Buf's, and the lint section of the buf.yaml at or above the
schemas chooses among them. check.rules in the settings changes the severity of a
rule, or switches it off.

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
	l := &linting{ctx: ctx, schemas: "."}
	dir := a.dir
	if _, missing := config.Find(a.dir); a.config != "" || missing == nil {
		cfg, err := a.settings()
		if err != nil {
			return err
		}
		if in.Severities, err = severities(cfg); err != nil {
			return err
		}
		in.FailOn = rule.Severity(cfg.Check.FailOn)
		l.cfg, l.schemas, dir = cfg, cfg.Schemas, cfg.Dir
	}
	if l.root, l.base, err = repositoryOf(dir); err != nil {
		return err
	}
	l.schemas = path.Join(l.base, l.schemas)
	if err := l.choose(a.dir, paths); err != nil {
		return err
	}
	if err := l.run(); err != nil {
		return err
	}
	for _, w := range l.warnings {
		a.note("warning: %s", w)
	}
	in.Files, in.Problems = l.files, l.problems
	if l.base != "." {
		in.Base = l.base
	}
	result := gate.Lint(in)
	result.Elapsed = time.Since(start)
	return a.show(result, outputs)
}

// A linting is one run over a tree. Paths are relative to root, and to base in what
// it finds.
type linting struct {
	ctx      context.Context
	cfg      *config.Config
	root     string // of the repository
	base     string // the folder of the settings, or else of the command
	schemas  string
	only     []string // the files and folders asked for; none means all
	files    []gate.LintFile
	problems []gate.Problem
	warnings []string
}

// choose finds the files and folders that the command line names.
func (l *linting) choose(dir string, paths []string) error {
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
		rel, err := filepath.Rel(l.root, full)
		if rel = filepath.ToSlash(rel); err != nil || !bufconfig.Contains(l.base, rel) || strings.HasPrefix(rel, "../") || rel == ".." {
			return usagef("%s is not below %s; run lint there, with -C", p, filepath.Join(l.root, filepath.FromSlash(l.base)))
		}
		l.only = append(l.only, rel)
	}
	return nil
}

// folders are what is linted: what was asked for, or all schemas.
func (l *linting) folders() []string {
	if len(l.only) > 0 {
		return l.only
	}
	return []string{l.schemas}
}

func (l *linting) read(name string) (string, error) {
	text, err := os.ReadFile(filepath.Join(l.root, filepath.FromSlash(name)))
	return string(text), err
}

// show returns a path as reports print it.
func (l *linting) show(name string) string {
	rel, err := filepath.Rel(filepath.FromSlash(l.base), filepath.FromSlash(name))
	if err != nil {
		return name
	}
	return filepath.ToSlash(rel)
}

func (l *linting) shown(names []string) []string {
	var out []string
	for _, n := range names {
		out = append(out, l.show(n))
	}
	return out
}

func (l *linting) run() error {
	names := map[lang.Type][]string{}
	for _, folder := range l.folders() {
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
	if len(names) == 0 {
		return exitWith(exitIncomplete, fmt.Errorf("there is no schema in %s", strings.Join(l.shown(l.folders()), ", ")))
	}
	if len(names[lang.Protobuf]) > 0 {
		if err := l.protobuf(names[lang.Protobuf]); err != nil {
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
	src.Path = l.show(name)
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
		l.problems = append(l.problems, gate.LintProblem(src, err))
		return
	}
	l.files = append(l.files, gate.LintFile{Source: src, Findings: found})
}

// whom says whom a rule protects; rules of style protect those who read.
func whom(r *rule.Rule) string {
	if slices.Contains(gate.LintRules(), r) {
		return "nobody; it is about style and what will hurt later"
	}
	return breaks(r.Breaks)
}
