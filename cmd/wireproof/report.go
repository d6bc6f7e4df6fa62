package main

import (
	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/internal/gate"
)

func (a *app) reportCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "report",
		Short:   "Describe the reports of check",
		Example: "  wireproof report schema > report.schema.json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of --output json",
		Long: `Schema prints the JSON Schema (2020-12) of what check, lint and diff write with
--output json. Members that it does not name may come with a later version; those
that are there keep their meaning.`,
		Example: "  wireproof report schema > report.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.stdout.Write(gate.ReportSchema())
			return err
		},
	})
	return cmd
}
