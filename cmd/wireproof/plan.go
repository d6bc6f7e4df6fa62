package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/internal/registryio"
	"github.com/wireproof/wireproof/registry/client"
)

// planFlags are what plan and apply have in common.
type planFlags struct {
	url, context string
	deletes      bool
	output       string
	out          string // of plan: where to save it
	detailed     bool
	saved        string // of apply: a saved plan
	yes          bool
}

func (f *planFlags) common(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.url, "registry", "", "URL of the registry, in place of the environment's")
	fl.StringVar(&f.context, "context", "", "context to work in; without it the default one")
	fl.BoolVar(&f.deletes, "delete", false, "delete, softly, subjects that the repository does not have")
	fl.StringVarP(&f.output, "output", "o", "text", "text or json")
}

func (a *app) planCmd() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Say what apply would change in the registry",
		Long: `Plan compares the schemas of the repository with the registry, by canonical form and
by references, and prints what apply would do: levels to set, versions to register with
the verdict of the level that will hold, and with --delete subjects to delete. Subjects
that only the registry has are named and kept otherwise. It changes nothing.

Exit codes: 0 planned, whether or not anything is to do · 3 with --detailed-exitcode, if
something is · 1 a level forbids a change, so apply would refuse · 4 not allowed · 5 the
registry could not be asked.`,
		Example: `  wireproof plan --env prod
  wireproof plan --env prod --detailed-exitcode --out prod.plan`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.plan(cmd.Context(), f) },
	}
	f.common(cmd)
	cmd.Flags().StringVar(&f.out, "out", "", "file to save the plan in, for apply --plan")
	cmd.Flags().BoolVar(&f.detailed, "detailed-exitcode", false, "exit with 3 if there is anything to do")
	return cmd
}

// makePlan reads the repository and asks the registry.
func (a *app) makePlan(ctx context.Context, f planFlags) (*registryio.Plan, *client.Client, error) {
	if f.output != "text" && f.output != "json" {
		return nil, nil, usagef("--output is %q; expected text or json", f.output)
	}
	c, err := a.catalog()
	if err != nil {
		return nil, nil, err
	}
	reg, where, err := a.registry(c.Config, a.env, f.url, append(fresh(), client.Context(f.context))...)
	if err != nil {
		return nil, nil, err
	}
	p, err := registryio.MakePlan(ctx, reg, f.context, c.Subjects(), f.deletes)
	if err != nil {
		return nil, nil, registryFailure(fmt.Errorf("plan for %s: %w", where, err))
	}
	return p, reg, nil
}

func (a *app) plan(ctx context.Context, f planFlags) error {
	p, _, err := a.makePlan(ctx, f)
	if err != nil {
		return err
	}
	if f.output == "json" {
		err = a.printJSON(p)
	} else {
		err = a.printPlan(p)
	}
	if err != nil {
		return err
	}
	if refused := p.Refused(); len(refused) > 0 {
		return exitWith(exitFindings, fmt.Errorf("%d of %d changes are incompatible; apply would refuse the plan", len(refused), len(p.Registers)))
	}
	if f.out != "" {
		if err := a.savePlan(p, f.out); err != nil {
			return exitWith(exitIncomplete, err)
		}
		a.note("saved; apply it with: wireproof apply --plan %s", f.out)
	}
	if f.detailed && p.Pending() {
		return exitWith(exitPending, nil)
	}
	return nil
}

func (a *app) at(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(a.dir, name)
}

func (a *app) savePlan(p *registryio.Plan, name string) error {
	return writeWhole(a.at(name), func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return enc.Encode(p)
	})
}

// printPlan prints one line for each change, with what it does to readers.
func (a *app) printPlan(p *registryio.Plan) error {
	var b strings.Builder
	added := 0
	for _, l := range p.Levels {
		fmt.Fprintf(&b, "  ~ %s  level %s → %s\n", l.Subject, l.From, l.To)
	}
	for _, r := range p.Registers {
		verdict := "compatible under " + r.Level
		if len(r.Against) > 0 {
			verdict = "incompatible under " + r.Level + ": " + strings.Join(r.Against, "; ")
		}
		switch {
		case r.After == 0:
			added++
			fmt.Fprintf(&b, "  + %s  %s  new subject (%s)\n", r.Subject, r.File, r.Type)
		case r.ReferencesOnly:
			fmt.Fprintf(&b, "  ~ %s  %s  after v%d, references only, %s\n", r.Subject, r.File, r.After, verdict)
		default:
			fmt.Fprintf(&b, "  ~ %s  %s  after v%d, %s\n", r.Subject, r.File, r.After, verdict)
		}
	}
	for _, s := range p.Deletes {
		fmt.Fprintf(&b, "  - %s\n", s)
	}
	for _, s := range p.Kept {
		fmt.Fprintf(&b, "  ! %s  in the registry, not in the repository (kept; --delete deletes it)\n", s)
	}
	fmt.Fprintf(&b, "plan: %d subjects to add, %d to change, %d levels to set, %d to delete; %d unchanged\n",
		added, len(p.Registers)-added, len(p.Levels), len(p.Deletes), p.Unchanged)
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

func (a *app) applyCmd() *cobra.Command {
	var f planFlags
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make the registry what the repository says",
		Long: `Apply does what plan prints: it sets the levels of wireproof.yaml, registers what is new
or changed, each after what it refers to, and with --delete deletes softly what the
repository does not have. Nothing is done if a level forbids one of the changes. A second
apply has nothing to do.

With --plan it does exactly what the saved plan says, or nothing: if the repository or
the registry has changed since, so that a plan made now would be another one, it refuses.

It prints a line for each step. If one fails it stops there; what was done stays, and
apply goes on with the rest when it is run again.

Exit codes: 0 applied, or nothing to do · 1 a level forbids a change, the plan is stale,
or the registry refuses the first step · 4 not allowed · 5 the registry could not be
asked · 6 some steps are done, another failed.`,
		Example: `  wireproof apply --env dev
  wireproof apply --env prod --plan prod.plan
  wireproof apply --delete --yes`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.apply(cmd.Context(), f) },
	}
	f.common(cmd)
	cmd.Flags().StringVar(&f.saved, "plan", "", "saved plan; apply it or refuse")
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do not ask before deleting")
	return cmd
}

func (a *app) apply(ctx context.Context, f planFlags) error {
	var saved *registryio.Plan
	if f.saved != "" {
		var err error
		if saved, err = a.readPlan(f.saved); err != nil {
			return err
		}
		f.context, f.deletes = cmp.Or(f.context, saved.Context), f.deletes || len(saved.Deletes) > 0
	}
	p, reg, err := a.makePlan(ctx, f)
	if err != nil {
		return err
	}
	if saved != nil && !reflect.DeepEqual(saved, p) {
		return exitWith(exitFindings, fmt.Errorf("%s is stale: %s; make a new plan", f.saved, staleness(saved, p)))
	}
	if refused := p.Refused(); len(refused) > 0 {
		if err := a.printPlan(p); err != nil {
			return err
		}
		return exitWith(exitFindings, fmt.Errorf("%d changes are incompatible; nothing was done", len(refused)))
	}
	if len(p.Deletes) > 0 {
		if err := a.confirm(f.yes || saved != nil, fmt.Sprintf("Delete %s?", strings.Join(p.Deletes, ", ")), "yes"); err != nil {
			return err
		}
	}
	return a.doSteps(ctx, p, reg, f.output == "json")
}

// doSteps applies a plan and prints what came of each step.
func (a *app) doSteps(ctx context.Context, p *registryio.Plan, reg *client.Client, asJSON bool) error {
	steps := []registryio.Step{}
	total := len(p.Levels) + len(p.Registers) + len(p.Deletes)
	done := 0
	err := p.Apply(ctx, reg, func(s registryio.Step) {
		steps = append(steps, s)
		what := "failed"
		if s.Done {
			done++
			what = "done"
		}
		if !asJSON {
			fmt.Fprintf(a.stdout, "%-6s  %-8s  %s\n", what, s.Action, strings.TrimRight(s.Subject+"  "+s.Detail, " "))
		}
	})
	if asJSON {
		if printed := a.printJSON(steps); printed != nil {
			return printed
		}
	}
	switch {
	case err == nil:
		a.note("%d of %d steps done, %d subjects unchanged", done, total, p.Unchanged)
		return nil
	case done == 0:
		return asked(err)
	case errors.Is(err, context.Canceled):
		return exitWith(exitInterrupted, fmt.Errorf("interrupted after %d of %d steps; run apply again to go on", done, total))
	}
	return exitWith(exitPartly, fmt.Errorf("%d of %d steps are done, then: %w", done, total, err))
}

func (a *app) readPlan(name string) (*registryio.Plan, error) {
	data, err := os.ReadFile(a.at(name))
	if err != nil {
		return nil, usagef("read the plan: %w", err)
	}
	var p registryio.Plan
	if err := strictJSON(data, &p); err != nil {
		return nil, usagef("%s is no plan: %w", name, err)
	}
	if p.Format != registryio.PlanFormat {
		return nil, usagef("%s: the format is %q, expected %q", name, p.Format, registryio.PlanFormat)
	}
	return &p, nil
}

// staleness says in which part two plans differ first.
func staleness(saved, now *registryio.Plan) string {
	switch {
	case saved.Registry != now.Registry:
		return fmt.Sprintf("it is for %s, not for %s", saved.Registry, now.Registry)
	case saved.Context != now.Context:
		return fmt.Sprintf("it is for context %q, not for %q", saved.Context, now.Context)
	case !reflect.DeepEqual(saved.Registers, now.Registers):
		return "what is to be registered has changed"
	case !reflect.DeepEqual(saved.Levels, now.Levels):
		return "levels have changed"
	}
	return "what the registry holds has changed"
}
