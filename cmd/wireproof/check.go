package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/gate"
	"github.com/wireproof/wireproof/lang"
)

type checkFlags struct {
	against  []string
	registry string
	outputs  []string
	fix      bool
	fetch    bool
	samples  []string
	subject  string

	sampleLimit int
	prove       int
	seed        uint64
}

// baselineFlags adds the flags that say what is compared with.
func (f *checkFlags) baselineFlags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.against, "against", nil, "git:REF, dir:PATH, bundle:PATH or registry[:ENV]; repeatable, oldest first")
	cmd.Flags().StringVar(&f.registry, "registry", "", "URL of the registry, in place of the environment's")
	cmd.Flags().BoolVar(&f.fetch, "fetch", false, "in a shallow clone, run the git fetch that the baseline needs")
}

func (a *app) checkCmd() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Refuse changes that break readers or writers",
		Long: `Check compares the schemas with a baseline under the compatibility level of each
subject, and prints every finding with its place on both sides, whom it breaks and
what to do.

The baseline is --against:
` + againstHelp + `
Given more than once, the first is the oldest version, and a level that is transitive
compares with all of them. By default it is what check.against in the settings says,
else git's merge base with the default branch, and the registry where there is no git
repository.

For Protobuf, Buf's rules count beside the registry's verdicts: those that the breaking
section of a buf.yaml above the schemas chooses, else the category WIRE_JSON.

Each finding that claims unreadable data shows a witness: a message that one side
writes, and what the other side makes of it. With --prove N, N generated messages of
each side are read by the other where no rule speaks against the change. With --sample,
real messages are read with the new schemas: of a topic, of an Avro container file
(.avro), of lines of JSON (.jsonl; a member "payload" holds a framed message in base64),
or one message that is the file.

With --fix, edits that are certain are made in the schema files: an alias for a
renamed type, a default of null, a reserved number. What is left is reported.

Exit codes: 0 clean · 1 findings at or above check.fail_on · 5 something could not
be checked, whatever else was found.`,
		Example: `  wireproof check
  wireproof check --against git:main
  wireproof check --against git:v1.0 --against git:v1.1
  wireproof check --against registry:prod --output json
  wireproof check --output text --output json=findings.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.check(cmd.Context(), f) },
	}
	f.baselineFlags(cmd)
	cmd.Flags().StringArrayVarP(&f.outputs, "output", "o", nil, outputUsage())
	cmd.Flags().BoolVar(&f.fix, "fix", false, "make the edits that mend findings for certain, then check again")
	cmd.Flags().IntVar(&f.prove, "prove", 0, "try to refute each verdict with this many generated messages")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "the messages of --prove follow from it")
	cmd.Flags().StringArrayVar(&f.samples, "sample", nil, "FILE or kafka:TOPIC whose messages the new schemas must read; repeatable")
	cmd.Flags().IntVar(&f.sampleLimit, "sample-limit", 10_000, "at most so many messages of each sample; 0 means all")
	cmd.Flags().StringVar(&f.subject, "subject", "", "the subject that the messages of --sample belong to, where they do not say")
	completeFormats(cmd)
	return cmd
}

// maxProve is how many messages are tried at most for each version and direction.
const maxProve = 1_000_000

func (a *app) check(ctx context.Context, f checkFlags) error {
	start := time.Now()
	if f.prove < 0 || f.prove > maxProve {
		return usagef("--prove is %d; expected 0 to %d messages", f.prove, maxProve)
	}
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	outputs, err := a.outputs(f.outputs)
	if err != nil {
		return err
	}
	result, err := a.compare(ctx, cfg, f)
	if err == nil && f.fix {
		result, err = a.fixed(ctx, cfg, f, result)
	}
	if err != nil {
		return registryFailure(err)
	}
	result.Elapsed = time.Since(start)
	return a.show(result, outputs)
}

// show writes a result in every format asked for and turns it into the exit code.
func (a *app) show(result gate.Result, outputs []output) error {
	for _, o := range outputs {
		if err := o.write(a, result); err != nil {
			return exitWith(exitIncomplete, err)
		}
	}
	if !slices.ContainsFunc(outputs, func(o output) bool { return o.format.Name == "text" && o.path == "" }) {
		a.note("%s", gate.Summary(result))
	}
	if err := githubFiles(result); err != nil {
		return exitWith(exitIncomplete, err)
	}
	if code := gate.ExitCode(result); code != exitOK {
		return exitWith(code, nil)
	}
	return nil
}

// fixed makes the certain edits of a result and checks again.
func (a *app) fixed(ctx context.Context, cfg *config.Config, f checkFlags, result gate.Result) (gate.Result, error) {
	edits := gate.Edits(result.Findings)
	for _, name := range slices.Sorted(maps.Keys(edits)) {
		if err := a.mend(filepath.Join(cfg.Dir, filepath.FromSlash(name)), name, edits[name]); err != nil {
			return result, exitWith(exitIncomplete, err)
		}
	}
	if len(edits) == 0 {
		return result, nil
	}
	return a.compare(ctx, cfg, f)
}

// mend makes edits in a file, in one step.
func (a *app) mend(path, name string, edits []rule.Edit) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("fix: %w", err)
	}
	mended, n, err := gate.Apply(string(text), edits)
	if err != nil {
		return fmt.Errorf("fix: %w", err)
	}
	if err := replaceFile(path, mended); err != nil {
		return fmt.Errorf("fix: %w", err)
	}
	a.note("fixed %s: %d edits", name, n)
	return nil
}

// compare finds the baseline and runs the rules.
func (a *app) compare(ctx context.Context, cfg *config.Config, f checkFlags) (gate.Result, error) {
	base, err := a.baselines(ctx, cfg, f)
	if err != nil {
		return gate.Result{}, err
	}
	if left, err := gate.SparseFiles(ctx, cfg.Dir, cfg.Schemas); err != nil || len(left) > 0 {
		return gate.Result{}, exitWith(exitIncomplete, cmp.Or(err, fmt.Errorf("the sparse checkout leaves out %d files below %s: git sparse-checkout add %s", len(left), cfg.Schemas, path.Join(cfg.Rel(), cfg.Schemas))))
	}
	current, err := catalog.Load(os.DirFS(cfg.SchemaDir()), cfg)
	if err != nil {
		return gate.Result{Against: base.label, Now: time.Now(), Base: cfg.Rel(), Tool: buildVersion().Version, FailOn: rule.Severity(cfg.Check.FailOn), Problems: problems(cfg, err)}, nil
	}
	in := gate.Input{Against: base.label, FailOn: rule.Severity(cfg.Check.FailOn), Now: time.Now(), SchemaRoot: cfg.Schemas, Settings: filepath.Base(cfg.Path), Base: cfg.Rel(), Tool: buildVersion().Version, Prove: f.prove, Seed: f.seed}
	if in.Checker, in.Ignored, err = bufRules(cfg); err != nil {
		return gate.Result{}, err
	}
	if in.Severities, err = severities(cfg); err != nil {
		return gate.Result{}, err
	}
	for i, w := range cfg.Check.Waivers {
		at := cfg.Place(fmt.Sprintf("check.waivers[%d]", i))
		in.Waivers = append(in.Waivers, gate.Waiver{ID: w.ID, Reason: w.Reason, Owner: w.Owner, Until: w.Until, Expired: w.Expired(in.Now), Line: at.Line, Col: at.Col})
	}
	if in.Samples, err = a.samples(ctx, cfg, current, f); err != nil {
		return gate.Result{}, err
	}
	in.Events = gateEvents(current)
	in.OldEvents = base.events
	if in.Subjects, err = gateSubjects(ctx, current, base, gate.FormerSubjects(in.OldEvents, in.Events)); err != nil {
		return gate.Result{}, err
	}
	return gate.Check(ctx, in), nil
}

// severities reads what the settings make of rules.
func severities(cfg *config.Config) (map[string]rule.Severity, error) {
	out := map[string]rule.Severity{}
	for id, severity := range cfg.Check.Rules {
		if !slices.ContainsFunc(allRules(), func(r *rule.Rule) bool { return r.ID == id }) {
			at := cfg.Place("check.rules." + id)
			return nil, usagef("%s:%d:%d: there is no rule %q; wireproof rules ls lists them", cfg.Path, at.Line, at.Col, id)
		}
		out[id] = rule.Severity(severity)
	}
	return out, nil
}

// histories is how many subjects are asked for at a time: a registry is a round
// trip away.
const histories = 16

// gateSubjects joins the subjects of a catalog with their history and level. The
// history of a subject that has none may be that of its former name.
func gateSubjects(ctx context.Context, current *catalog.Catalog, base baseline, former map[string]string) ([]gate.Subject, error) {
	subjects := current.Subjects()
	for _, name := range base.named {
		if !slices.ContainsFunc(subjects, func(s catalog.Subject) bool { return s.Name == name }) {
			return nil, usagef("there is no subject %q in the settings, which %s is to be compared with", name, base.label)
		}
	}
	if base.only != "" {
		subjects = slices.DeleteFunc(subjects, func(s catalog.Subject) bool { return s.Name != base.only })
	}
	out := make([]gate.Subject, len(subjects))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(histories)
	for i, s := range subjects {
		group.Go(func() error {
			history, err := base.history(ctx, s.Name, s.File.Path)
			if was := former[s.Name]; err == nil && len(history) == 0 && was != "" {
				history, err = base.history(ctx, was, s.File.Path)
			}
			if err != nil {
				return err
			}
			level := s.Level
			if base.level != nil {
				if level, err = base.level(ctx, s.Name); err != nil {
					return err
				}
			}
			parsed, err := compat.ParseLevel(level)
			out[i] = gate.Subject{Name: s.Name, Level: parsed, New: s.File.Source, History: history}
			return err
		})
	}
	return out, group.Wait()
}

func gateEvents(c *catalog.Catalog) []gate.Event {
	var out []gate.Event
	for _, ev := range c.Events {
		at := c.Config.Place(fmt.Sprintf("events[%d]", ev.Index))
		out = append(out, gate.Event{Name: ev.Name, Schema: ev.Schema, Topic: ev.Topic, Key: ev.Key, Subject: ev.Subject, Line: at.Line, Col: at.Col})
	}
	return out
}

// problems turns what is wrong with the schemas into what a report shows: each
// mistake with its place, as seen from the folder of the settings.
func problems(cfg *config.Config, err error) []gate.Problem {
	var out []gate.Problem
	var visit func(err error)
	visit = func(err error) {
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range many.Unwrap() {
				visit(e)
			}
			return
		}
		p := gate.Problem{Err: err}
		var at *lang.Error
		if errors.As(err, &at) && at.Pos.IsValid() {
			moved := *at
			moved.Pos.Path = cfg.Schemas + "/" + at.Pos.Path
			p.Err = &moved
			p.Places = []gate.Place{{
				Path: moved.Pos.Path, Line: at.Pos.Line, Col: at.Pos.Col, EndLine: at.Pos.Line, EndCol: at.Pos.Col + max(1, at.Pos.End-at.Pos.Start),
				Text: lineOf(filepath.Join(cfg.SchemaDir(), filepath.FromSlash(at.Pos.Path)), at.Pos.Line), Note: at.Msg,
			}}
		}
		out = append(out, p)
	}
	visit(err)
	return out
}

// lineOf returns a line of a file, or nothing if it cannot be read.
func lineOf(path string, line int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	lines := strings.Split(string(text), "\n")
	if line < 1 || line > len(lines) {
		return ""
	}
	return strings.TrimRight(lines[line-1], "\r")
}
