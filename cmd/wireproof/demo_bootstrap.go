//go:build bootstrap

package main

import "github.com/spf13/cobra"

// demoCmd is hidden in a bootstrap build: that build generates gen/, so it must
// compile without it.
func (a *app) demoCmd() *cobra.Command {
	return &cobra.Command{Use: "demo", Hidden: true, RunE: func(*cobra.Command, []string) error {
		return usagef("this binary was built to generate code only; build it without the tag bootstrap")
	}}
}
