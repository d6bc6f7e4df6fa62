package main

import (
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/internal/config"
)

var findingID = regexp.MustCompile(`^[0-9a-f]{12}$`)

func (a *app) waiveCmd() *cobra.Command {
	var w config.Waiver
	cmd := &cobra.Command{
		Use:   "waive ID --reason TEXT --owner NAME --until DAY",
		Short: "Accept one finding until a day",
		Long: `Waive adds a waiver to check.waivers in the settings. It accepts the finding with
that id, as check prints it, and no other: the id stays the same while lines move and
changes when the schemas do. After its day the waiver is a finding itself, and so is
one that accepts nothing.`,
		Example: `  wireproof waive 91c04e5d7ab2 --reason "agreed with billing" --owner team-orders --until 2027-01-31`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			w.ID = args[0]
			return a.waive(w)
		},
	}
	cmd.Flags().StringVar(&w.Reason, "reason", "", "why it is accepted")
	cmd.Flags().StringVar(&w.Owner, "owner", "", "who answers for it")
	cmd.Flags().StringVar(&w.Until, "until", "", "last day on which it holds, YYYY-MM-DD")
	for _, name := range []string{"reason", "owner", "until"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flags are defined beside the call
		}
	}
	return cmd
}

func (a *app) waive(w config.Waiver) error {
	if !findingID.MatchString(w.ID) {
		return usagef("%q is no id of a finding; expected twelve hexadecimal digits, as check prints them", w.ID)
	}
	if _, err := time.Parse(time.DateOnly, w.Until); err != nil {
		return usagef("--until is %q; expected a day such as 2027-01-31", w.Until)
	}
	if w.Expired(time.Now()) {
		return usagef("--until is %s, which is past", w.Until)
	}
	cfg, err := a.settings()
	if err != nil {
		return err
	}
	text, err := os.ReadFile(cfg.Path)
	if err != nil {
		return err
	}
	out, err := config.AddWaiver(string(text), w)
	if err != nil {
		return usagef("%s: %w", cfg.Path, err)
	}
	if err := replaceFile(cfg.Path, out); err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	a.note("%s accepts %s until %s", cfg.Path, w.ID, w.Until)
	return nil
}
