package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
)

type diffFlags struct {
	checkFlags
	raw, json bool
}

func (a *app) diffCmd() *cobra.Command {
	var f diffFlags
	cmd := &cobra.Command{
		Use:   "diff [OLD NEW]",
		Short: "Explain a change, whether it breaks somebody or not",
		Long: `Diff tells what was added, removed and changed in each schema, whom that would break
under FULL, and in which order to deploy. With two files it compares these; without, the
schemas of the settings with a baseline, as check does.`,
		Example: `  wireproof diff
  wireproof diff --against registry:prod
  wireproof diff old.avsc new.avsc
  wireproof diff --raw old.proto new.proto`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != 2 {
				return usagef("diff takes no files, or two: the old one and the new one")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return a.diffFiles(cmd.Context(), args[0], args[1], f)
			}
			return a.diffAgainst(cmd.Context(), f)
		},
	}
	f.baselineFlags(cmd)
	cmd.Flags().BoolVar(&f.raw, "raw", false, "print the texts' unified diff instead")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// diffAgainst tells the changes of every subject that changed.
func (a *app) diffAgainst(ctx context.Context, f diffFlags) error {
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	base, err := a.baselines(ctx, cfg, f.checkFlags)
	if err != nil {
		return registryFailure(err)
	}
	current, err := catalog.Load(os.DirFS(cfg.SchemaDir()), cfg)
	if err != nil {
		return exitWith(exitIncomplete, err)
	}
	subjects, err := gateSubjects(ctx, current, base, gate.FormerSubjects(base.events, gateEvents(current)))
	if err != nil {
		return registryFailure(err)
	}
	var out []gate.Difference
	for _, s := range subjects {
		newer := gate.Version{Label: "work tree", Source: s.New}
		var older gate.Version
		if len(s.History) > 0 {
			older = s.History[len(s.History)-1]
		}
		if older.Label != "" && older.Source.Text == s.New.Text {
			continue
		}
		if f.raw {
			a.rawDiff(older.Label+" "+older.Source.Path, older.Source.Text, s.New.Path, s.New.Text)
			continue
		}
		d, err := gate.Diff(ctx, s.Name, older, newer)
		if err != nil {
			return exitWith(exitIncomplete, err)
		}
		out = append(out, d)
	}
	if f.raw {
		return nil
	}
	if err := a.showDiff(out, f); err != nil {
		return err
	}
	a.note("%s", gate.DiffSummary(out, base.label))
	return nil
}

func (a *app) diffFiles(ctx context.Context, oldPath, newPath string, f diffFlags) error {
	older, err := a.schemaFile(oldPath)
	if err != nil {
		return err
	}
	newer, err := a.schemaFile(newPath)
	if err != nil {
		return err
	}
	if f.raw {
		a.rawDiff(oldPath, older.Text, newPath, newer.Text)
		return nil
	}
	d, err := gate.Diff(ctx, filepath.Base(newPath), gate.Version{Label: oldPath, Source: older}, gate.Version{Label: newPath, Source: newer})
	if err != nil {
		return exitWith(exitIncomplete, err)
	}
	return a.showDiff([]gate.Difference{d}, f)
}

// schemaFile reads a schema by itself. What it refers to is looked for in the
// settings' schemas, if the file is one of them.
func (a *app) schemaFile(path string) (lang.Source, error) {
	full := a.path(path)
	text, err := os.ReadFile(full)
	if err != nil {
		return lang.Source{}, usagef("%w", err)
	}
	typ := catalog.LanguageOf(path)
	if typ == "" {
		return lang.Source{}, usagef("%s: expected a file that ends in .avsc, .proto, .schema.json or .jsonschema", path)
	}
	src := lang.Source{Type: typ, Path: path, Text: string(text)}
	if cfg, err := a.settings(); err == nil {
		if c, err := catalog.Load(os.DirFS(cfg.SchemaDir()), cfg); err == nil {
			if rel, err := filepath.Rel(cfg.SchemaDir(), full); err == nil && c.Files[filepath.ToSlash(rel)] != nil {
				src.References = c.Files[filepath.ToSlash(rel)].Source.References
			}
		}
	}
	return src, nil
}

func (a *app) rawDiff(oldName, oldText, newName, newText string) {
	fmt.Fprintf(a.stdout, "%s", diff.Diff(strings.TrimSpace(oldName), []byte(oldText), newName, []byte(newText)))
}

// A shownDifference is a difference as JSON.
type shownDifference struct {
	Subject  string                 `json:"subject"`
	Old      string                 `json:"old"`
	New      string                 `json:"new"`
	Deploy   string                 `json:"deploy"`
	Changes  []shownEdit            `json:"changes"`
	Findings []gate.ReportedFinding `json:"findings"`
}

type shownEdit struct {
	Kind string `json:"kind"` // added, removed or changed
	Path string `json:"path"`
	What string `json:"what"`
}

func (a *app) showDiff(differences []gate.Difference, f diffFlags) error {
	if !f.json {
		return gate.DiffText(a.stdout, differences, a.useColor(a.stdout))
	}
	kinds := map[string]string{"+": "added", "-": "removed", "~": "changed"}
	out := []shownDifference{}
	for _, d := range differences {
		s := shownDifference{d.Subject, d.Old, d.New, string(d.Deploy), []shownEdit{}, gate.ReportFindings(d.Findings)}
		for _, e := range d.Edits {
			s.Changes = append(s.Changes, shownEdit{kinds[e.Kind], e.Path, e.What})
		}
		out = append(out, s)
	}
	enc := json.NewEncoder(a.stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func (a *app) gitDiffDriverCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "git-diff-driver PATH OLD-FILE OLD-HEX OLD-MODE NEW-FILE NEW-HEX NEW-MODE",
		Short: "Show schema changes in git diff and git log -p",
		Long: `Git-diff-driver is called by git with what it compares. It prints what changed in the
schema instead of its lines; a file that it cannot read is compared as text. To use it:

  git config diff.wireproof.command "wireproof git-diff-driver"
  printf '%s\n' '*.avsc diff=wireproof' '*.proto diff=wireproof' '*.schema.json diff=wireproof' >> .gitattributes

git log -p needs --ext-diff.`,
		Example: `  git config diff.wireproof.command "wireproof git-diff-driver"
  git log -p --ext-diff -- schemas`,
		Args: cobra.MinimumNArgs(7),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.driveDiff(cmd.Context(), args[0], args[1], args[4])
			return nil
		},
	}
}

// driveDiff never fails: git would stop in the middle of its output.
func (a *app) driveDiff(ctx context.Context, name, oldFile, newFile string) {
	var sides [2]gate.Version
	for i, file := range []string{oldFile, newFile} {
		if file == "/dev/null" || file == "nul" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			fmt.Fprintf(a.stdout, "%s: %v\n", name, err)
			return
		}
		sides[i] = gate.Version{Label: []string{"a/", "b/"}[i] + name, Source: lang.Source{Type: catalog.LanguageOf(name), Path: name, Text: string(text)}}
	}
	if src, err := a.schemaFile(name); err == nil {
		// What is referred to is that of the work tree: git says nothing of it.
		sides[0].Source.References, sides[1].Source.References = src.References, src.References
	}
	d, err := gate.Diff(ctx, name, sides[0], sides[1])
	if err == nil {
		err = gate.DiffText(a.stdout, []gate.Difference{d}, a.color == "always")
	}
	if err != nil {
		fmt.Fprintf(a.stdout, "# not told as a schema: %s\n", strings.ReplaceAll(err.Error(), "\n", "\n# "))
		a.rawDiff("a/"+name, sides[0].Source.Text, "b/"+name, sides[1].Source.Text)
	}
}
