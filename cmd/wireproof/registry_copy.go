package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/wireproof/wireproof/internal/registryio"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// An exported is the answer of export.
type exported struct {
	File     string `json:"file"`
	Contexts int    `json:"contexts"`
	Versions int    `json:"versions"`
	Configs  int    `json:"configs"`
	Modes    int    `json:"modes"`
	// EveryScope is false if there may be settings of subjects without a version.
	EveryScope bool `json:"everyScope"`
}

func (g *registryGroup) exportCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write everything that a registry holds to a file",
		Long: `Export writes all contexts, or the one of --context: every version, soft-deleted ones
too, with its id, references, metadata and rules; settings and modes; and the highest
id of each context, so that none is given twice after an import.

The file is JSON lines: first what it is; then contexts, schemas, each after those that
it refers to, settings and modes; last a checksum, without which the file is not whole.
The same registry gives the same file, byte for byte, so two of them can be compared. A
file appears under its name only when it is whole; - or nothing is the standard output.

The protocol does not show, so the file lacks: times of registration and what was
deleted for good. Which settings there are of subjects without a version only this
project's server tells; where another one does not, a note says so, and the file too. A
registry that changes while it is read is read again, and after three times it is an error.`,
		Example: `  wireproof registry export backup.jsonl
  wireproof registry export --context .team team.jsonl
  wireproof registry export | zstd > backup.jsonl.zst`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			reg, err := g.openPlain(g.url)
			if err != nil {
				return err
			}
			progress, done := g.a.progress()
			d, err := registryio.Export(cmd.Context(), reg, g.contexts(), progress)
			done()
			if err != nil {
				return asked(err)
			}
			out := exported{strings.Join(args, ""), len(d.Contexts), len(d.Schemas), len(d.Configs), len(d.Modes), d.EveryScope}
			if !d.EveryScope {
				g.a.note("the registry does not list settings of subjects without a version; if there are any, they are not in the export")
			}
			if out.File == "" || out.File == "-" {
				if err := registryio.Write(g.a.stdout, d); err != nil {
					return exitWith(exitIncomplete, err)
				}
				g.a.note("%s", out)
				return nil
			}
			if !filepath.IsAbs(out.File) {
				out.File = filepath.Join(g.a.dir, out.File)
			}
			if err := writeWhole(out.File, func(w io.Writer) error { return registryio.Write(w, d) }); err != nil {
				return exitWith(exitIncomplete, err)
			}
			return g.print(out, func(w *tabwriter.Writer) { fmt.Fprintln(w, out) })
		},
	}
}

func (e exported) String() string {
	return fmt.Sprintf("%d versions in %d contexts, %d settings, %d modes", e.Versions, e.Contexts, e.Configs, e.Modes)
}

// contexts returns which contexts a copy is of; none means all.
func (g *registryGroup) contexts() []string {
	if g.context == "" {
		return nil
	}
	return []string{contextName(g.context)}
}

// contextName spells a context as the registry lists it.
func contextName(name string) string { return "." + strings.TrimPrefix(name, ".") }

// openPlain returns a client for copies: it works in every context, and remembers
// nothing, for what it compares must be what is there now.
func (g *registryGroup) openPlain(url string) (*client.Client, error) {
	if g.output != "text" && g.output != "json" {
		return nil, usagef("--output is %q; expected text or json", g.output)
	}
	reg, _, err := g.a.openRegistry(url, fresh()...)
	return reg, err
}

func fresh() []client.Option { return []client.Option{client.Cache(0, 0), client.Refusals(0)} }

// writeWhole writes a file that appears only once it is complete and on disk.
func writeWhole(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := errors.Join(write(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// progress returns what shows how far a stage is, on a terminal only, and what
// ends that.
func (a *app) progress() (registryio.Progress, func()) {
	if a.quiet || !isTerminal(a.stderr) {
		return nil, func() {}
	}
	return bars(mpb.New(mpb.WithOutput(a.stderr), mpb.WithWidth(80)))
}

// bars shows a bar for each stage.
func bars(p *mpb.Progress) (registryio.Progress, func()) {
	var mu sync.Mutex
	shown := map[string]*mpb.Bar{}
	tell := func(stage string, done, total int) {
		mu.Lock()
		defer mu.Unlock()
		bar := shown[stage]
		if bar == nil {
			bar = p.AddBar(int64(total), mpb.PrependDecorators(decor.Name(fmt.Sprintf("%-14s", stage))),
				mpb.AppendDecorators(decor.CountersNoUnit("%d / %d")))
			shown[stage] = bar
		}
		if int64(done) > bar.Current() { // several goroutines count
			bar.SetCurrent(int64(done))
		}
	}
	return tell, func() {
		mu.Lock()
		defer mu.Unlock()
		for _, bar := range shown {
			bar.Abort(false) // one that is complete stays so
		}
		p.Wait()
	}
}

// An imported is the answer of import.
type imported struct {
	DryRun      bool     `json:"dryRun"`
	Registered  int      `json:"registered"`
	Deleted     int      `json:"deleted"` // of all versions, those soft-deleted
	Present     int      `json:"present"` // there already
	Contexts    int      `json:"contexts"`
	Configs     int      `json:"configs"`
	Modes       int      `json:"modes"`
	Compared    int      `json:"compared"` // answers
	Differences []string `json:"differences"`
	Unknown     []string `json:"unknown,omitempty"` // what could not be compared
}

type importFlags struct {
	from, fromEnv, fromContext string
	dry, keepModes             bool
}

func (g *registryGroup) importCmd() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import [FILE]",
		Short: "Fill a registry from an export or from another registry",
		Long: `Import brings everything that an export holds, with its ids and version numbers, into a
registry that has nothing of it, and compares both afterwards. With --from it copies a
running registry, ours or any that speaks the protocol. - is the standard input.

What is there and equal is skipped, so an import that was cut off is run again and goes
on. What differs, or is there besides, stops it before anything is written, with both
sides named. It overwrites and deletes no schema. --context moves an export of one
context into another one.

While it writes, the contexts concerned are in mode IMPORT, in which nobody else can
register. When it ends they have the modes that are imported, so a copy of a registry in
READONLY is read-only too; with --keep-modes those that they had. When it fails or is
interrupted they have those that they had before, and what was written stays.

With --registry and --from, credentials for the latter are WIREPROOF_FROM_TOKEN, or
WIREPROOF_FROM_USER and WIREPROOF_FROM_PASSWORD.

Exit codes: 0 identical · 1 something differs, or the registry refuses · 4 not allowed ·
5 could not ask · 6 some of it is written: run it again · 130 interrupted.`,
		Example: `  wireproof registry import backup.jsonl --registry http://127.0.0.1:8081
  wireproof registry import --from https://old.example.com --env prod --dry-run
  wireproof registry import team.jsonl --context .copy`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args)+b2i(f.from != "")+b2i(f.fromEnv != "") != 1 {
				return usagef("give one of FILE, --from and --from-env")
			}
			return g.importAll(cmd.Context(), strings.Join(args, ""), f)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.from, "from", "", "URL of a registry to copy")
	fl.StringVar(&f.fromEnv, "from-env", "", "environment whose registry to copy")
	fl.StringVar(&f.fromContext, "from-context", "", "copy this context alone")
	fl.BoolVar(&f.dry, "dry-run", false, "say what is missing, write nothing")
	fl.BoolVar(&f.keepModes, "keep-modes", false, "leave the modes of the registry as they are")
	return cmd
}

// source returns what to import and, if that is a registry, its client.
func (g *registryGroup) source(ctx context.Context, file string, f importFlags, progress registryio.Progress) (*registryio.Dump, *client.Client, error) {
	var reg *client.Client
	switch {
	case file == "-":
		d, err := registryio.Read(g.a.stdin)
		return d, nil, exportProblem(err)
	case file != "":
		if !filepath.IsAbs(file) {
			file = filepath.Join(g.a.dir, file)
		}
		in, err := os.Open(file)
		if err != nil {
			return nil, nil, exitWith(exitUsage, err)
		}
		defer in.Close()
		d, err := registryio.Read(in)
		return d, nil, exportProblem(err)
	case f.from != "":
		reg = client.New(f.from, append(credentials("WIREPROOF_FROM"), fresh()...)...)
	default:
		cfg, err := g.a.settings()
		if err != nil {
			return nil, nil, err
		}
		if reg, _, err = g.a.registry(cfg, f.fromEnv, "", fresh()...); err != nil {
			return nil, nil, err
		}
	}
	var contexts []string
	if f.fromContext != "" {
		contexts = []string{contextName(f.fromContext)}
	}
	d, err := registryio.Export(ctx, reg, contexts, progress)
	return d, reg, err
}

func exportProblem(err error) error {
	if err == nil {
		return nil
	}
	return exitWith(exitIncomplete, err)
}

func (g *registryGroup) importAll(ctx context.Context, file string, f importFlags) error {
	to, err := g.openPlain(g.url)
	if err != nil {
		return err
	}
	progress, done := g.a.progress()
	defer func() { done() }()
	d, from, err := g.source(ctx, file, f, progress)
	if err != nil {
		return asked(err)
	}
	if g.context != "" {
		if d, err = registryio.Rebase(d, contextName(g.context)); err != nil {
			return exitWith(exitUsage, err)
		}
		from = nil // its names differ, so its answers do
	}
	plan, err := registryio.PlanImport(ctx, to, d, f.keepModes, progress)
	var conflict *registryio.ConflictError
	if errors.As(err, &conflict) {
		return exitWith(exitFindings, err)
	} else if err != nil {
		return asked(err)
	}
	out := imported{
		DryRun: f.dry, Registered: plan.Write, Deleted: plan.Delete, Present: plan.Present,
		Contexts: plan.Contexts, Configs: plan.Configs, Modes: plan.Modes, Differences: []string{},
	}
	if !f.dry {
		if err := plan.Apply(ctx, to, progress); err != nil {
			return importFailure(ctx, err)
		}
		v, err := verify(ctx, from, to, plan.Want(), !f.keepModes, progress)
		if err != nil {
			return asked(fmt.Errorf("everything is written, but could not be compared: %w", err))
		}
		out.Compared, out.Unknown = v.Compared, v.Unknown
		for _, diff := range v.Differences {
			out.Differences = append(out.Differences, diff.String())
		}
	}
	done()
	done = func() {}
	if err := g.print(out, func(w *tabwriter.Writer) { out.print(w) }); err != nil {
		return err
	}
	g.noteReadOnly(plan.Want())
	if len(out.Differences) > 0 {
		return exitWith(exitFindings, fmt.Errorf("%d of %d answers differ", len(out.Differences), out.Compared))
	}
	return nil
}

// importFailure says in which state an import that failed has left the registry.
func importFailure(ctx context.Context, err error) error {
	err = fmt.Errorf("%w\nthe import is not complete; run it again to go on", err)
	if ctx.Err() != nil {
		return exitWith(exitInterrupted, err)
	}
	var denied *exit
	if errors.As(asked(err), &denied) && denied.code == exitDenied {
		return denied
	}
	return exitWith(exitPartly, err)
}

// verify compares with the registry that was copied, or with the file.
func verify(ctx context.Context, from, to *client.Client, want *registryio.Dump, modes bool, progress registryio.Progress) (registryio.Verification, error) {
	v, err := registryio.VerifyDump(ctx, to, want, progress)
	if from == nil || err != nil {
		return v, err
	}
	live, err := registryio.VerifyLive(ctx, from, to, want, modes, progress)
	live.Compared += v.Compared
	live.Differences = append(v.Differences, live.Differences...)
	live.Unknown = v.Unknown
	return live, err
}

func (o imported) print(w *tabwriter.Writer) {
	verb := ""
	if o.DryRun {
		verb = "to do: "
	}
	fmt.Fprintf(w, "%s%d versions registered, %d of all soft-deleted, %d there already; %d contexts, %d settings, %d modes\n",
		verb, o.Registered, o.Deleted, o.Present, o.Contexts, o.Configs, o.Modes)
	for _, d := range o.Differences {
		fmt.Fprintf(w, "differs: %s\n", strings.ReplaceAll(d, "\t", " "))
	}
	if !o.DryRun && len(o.Differences) == 0 {
		fmt.Fprintf(w, "identical: %d answers compared\n", o.Compared)
	}
	for _, u := range o.Unknown {
		fmt.Fprintf(w, "not known: %s\n", u)
	}
}

// noteReadOnly reminds of a mode that came along, as clients stumble over it first.
func (g *registryGroup) noteReadOnly(d *registryio.Dump) {
	for _, m := range d.Modes {
		if m.Mode != api.ModeReadWrite && (m.Scope == "" || strings.HasSuffix(m.Scope, ":")) {
			g.a.note("note: the mode of %s is %s, as it is where it comes from; wireproof registry mode set%s READWRITE changes that",
				scopeName(m.Scope), m.Mode, strings.TrimRight(" "+m.Scope, " "))
		}
	}
}

func scopeName(scope string) string {
	if scope == "" {
		return "the registry"
	}
	return scope
}
