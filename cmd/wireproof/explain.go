package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/gate"
)

// allRules returns every rule, sorted by id.
func allRules() []*rule.Rule {
	rules := append(slices.Clone(compat.Default().Rules()), slices.Concat(gate.Rules(), gate.LintRules())...)
	slices.SortFunc(rules, func(a, b *rule.Rule) int { return strings.Compare(a.ID, b.ID) })
	return rules
}

func (a *app) explainCmd() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "explain RULE|ID",
		Short: "Say what a rule means, whom it protects, and what to do",
		Long: `Explain prints the documentation of a rule: what it means, whom it protects under which
level, before and after, and what to do. With the id of a finding, as check prints it, it
checks again and shows that finding with its witness in full, as JSON and as bytes.`,
		Example: `  wireproof explain AVRO_FIELD_ADDED_NO_DEFAULT
  wireproof explain 91c04e5d7ab2 --against registry:prod`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, r := range allRules() {
				ids = append(ids, r.ID+"\t"+r.Title())
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if findingID.MatchString(args[0]) {
				return a.explainFinding(cmd.Context(), args[0], f)
			}
			for _, r := range allRules() {
				if strings.EqualFold(r.ID, args[0]) {
					a.explain(r)
					return nil
				}
			}
			return usagef("there is no rule %q; wireproof rules ls lists them", args[0])
		},
	}
	f.baselineFlags(cmd)
	return cmd
}

// explainFinding checks again and shows one finding with all that is known of it.
func (a *app) explainFinding(ctx context.Context, id string, f checkFlags) error {
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	result, err := a.compare(ctx, cfg, f)
	if err != nil {
		return registryFailure(err)
	}
	for _, found := range append(result.Findings, result.Waived...) {
		if found.ID == id {
			if err := gate.Explain(a.stdout, found, a.useColor(a.stdout)); err != nil {
				return err
			}
			a.explain(found.Rule)
			return nil
		}
	}
	if len(result.Problems) > 0 {
		return exitWith(exitIncomplete, fmt.Errorf("not everything could be checked against %s: %w", result.Against, result.Problems[0].Err))
	}
	return usagef("no finding has the id %s, against %s", id, result.Against)
}

func (a *app) explain(r *rule.Rule) {
	fmt.Fprintf(a.stdout, "%s (%s)\n\n%s\n\nBreaks: %s\n", r.ID, r.Severity, strings.TrimSpace(r.Doc), whom(r))
	if r.Fix != "" {
		fmt.Fprintf(a.stdout, "Fix: %s\n", r.Fix)
	}
	if len(r.Categories) > 0 {
		fmt.Fprintf(a.stdout, "Categories: %s\n", strings.Join(r.Categories, ", "))
	}
	if r.ErrorType != "" {
		fmt.Fprintf(a.stdout, "In the registry: %s\n", r.ErrorType)
	}
}

// breaks says in words whom a rule protects, and under which levels it counts.
func breaks(b rule.Breaks) string {
	var out []string
	for _, who := range []struct {
		bit  rule.Breaks
		text string
	}{
		{rule.Readers, "readers on the new schema, of data written with the old one (BACKWARD, FULL)"},
		{rule.OldReaders, "readers on the old schema, of data written with the new one (FORWARD, FULL)"},
		{rule.JSONReaders, "those who exchange the event as JSON"},
		{rule.SourceCode, "source code that uses the generated types"},
	} {
		if b&who.bit != 0 {
			out = append(out, who.text)
		}
	}
	if len(out) == 0 {
		return "consumers of the topic"
	}
	return strings.Join(out, "; ")
}

func (a *app) rulesCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rules",
		Short:   "List the compatibility rules",
		Example: "  wireproof rules ls",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:     "ls",
		Short:   "List every rule: id, severity, title",
		Example: "  wireproof rules ls | grep AVRO",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			for _, r := range allRules() {
				fmt.Fprintf(a.stdout, "%s\t%s\t%s\n", r.ID, r.Severity, r.Title())
			}
			return nil
		},
	})
	return cmd
}
