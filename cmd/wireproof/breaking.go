package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/internal/breaking"
)

// Exit codes of breaking are those of buf breaking, and not those of the other
// commands: trying it is replacing one word in CI.
const (
	exitBufError    = 1
	exitBufFindings = 100
)

type breakingFlags struct {
	against        string
	format         string
	imports        bool
	excludeImports bool
	registry       bool
	timeout        time.Duration
	options        breaking.Options
}

func (a *app) breakingCmd() *cobra.Command {
	var f breakingFlags
	cmd := &cobra.Command{
		Use:   "breaking [INPUT]",
		Short: "Find breaking changes of Protobuf files as buf breaking does",
		Long: `Breaking compares the Protobuf files of an input, by default those of this folder,
with those of --against under the rules that buf.yaml chooses. Its flags, inputs,
output and exit codes are those of buf breaking; it compiles only what changed.

An input is a folder, .git#branch=B (or tag, commit, ref, subdir), a tar or zip
archive, an image (.binpb, .json, .txtpb or .yaml, with .gz or .zst behind it), - for
an image on standard input, or one .proto file.

Other than in buf breaking, findings in imported files are left out unless
--include-imports asks for them, and modules that were added, moved or removed are
compared and not refused.

Exit codes: 0 clean · 100 findings, or a side does not compile · 1 anything else.`,
		Example: `  wireproof breaking --against .git#branch=main
  wireproof breaking proto --against .git#tag=v1.2.0,subdir=proto
  wireproof breaking --against image.binpb.gz --error-format json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return a.bufFailure(fmt.Errorf("there are %d inputs; expected at most one", len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.breaking(cmd.Context(), f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.against, "against", "", "the input to compare with; required")
	flags.StringVar(&f.options.AgainstConfig, "against-config", "", "buf.yaml, or its text, for --against")
	flags.StringVar(&f.options.Config, "config", "", "buf.yaml, or its text, for the input")
	flags.StringSliceVar(&f.options.Paths, "path", nil, "compare only these files and folders; repeatable")
	flags.StringSliceVar(&f.options.ExcludePaths, "exclude-path", nil, "leave out these files and folders; repeatable")
	flags.BoolVar(&f.options.LimitToInputFiles, "limit-to-input-files", false, "compare only files that the input has")
	flags.BoolVar(&f.imports, "include-imports", false, "report findings in imported files too")
	flags.BoolVar(&f.excludeImports, "exclude-imports", false, "leave out findings in imported files, as is the default")
	flags.BoolVar(&f.options.DisableSymlinks, "disable-symlinks", false, "follow no symbolic links")
	flags.BoolVar(&f.registry, "against-registry", false, "not supported: name the repository of the module with --against")
	flags.StringVar(&f.format, "error-format", "text", "format of findings: "+strings.Join(breaking.Formats(), ", "))
	flags.DurationVar(&f.timeout, "timeout", 2*time.Minute, "give up after this time; 0 is never")
	for _, name := range []string{"debug", "verbose"} { // of buf, without effect here
		flags.Bool(name, false, "")
		flags.Lookup(name).Hidden = true
	}
	flags.String("log-format", "", "")
	flags.Lookup("log-format").Hidden = true
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return a.bufFailure(err) })
	return cmd
}

// bufFailure prints an error as buf does and ends with its exit code.
func (a *app) bufFailure(err error) error {
	fmt.Fprintf(a.stderr, "Failure: %v\n", err)
	return exitWith(exitBufError, nil)
}

func (a *app) breaking(ctx context.Context, f breakingFlags, args []string) error {
	if err := f.check(); err != nil {
		return a.bufFailure(err)
	}
	input := "."
	if len(args) > 0 {
		input = args[0]
	}
	f.options.Dir, f.options.Stdin, f.options.Imports = a.dir, a.stdin, f.imports
	var err error
	if f.options.Input, err = breaking.ParseInput(input, a.dir); err != nil {
		return a.bufFailure(err)
	}
	if f.options.Against, err = breaking.ParseInput(f.against, a.dir); err != nil {
		return a.bufFailure(fmt.Errorf("--against: %w", err))
	}
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	result, err := breaking.Run(ctx, f.options)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return a.bufFailure(fmt.Errorf("not done after %v; --timeout allows more", f.timeout))
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		return a.bufFailure(err)
	}
	for _, w := range result.Warnings {
		a.note("warning: %s", w)
	}
	if err := breaking.Write(a.stdout, f.format, result.Annotations); err != nil {
		return a.bufFailure(err)
	}
	if len(result.Annotations) > 0 {
		return exitWith(exitBufFindings, nil)
	}
	return nil
}

// check tells what is wrong with the flags.
func (f *breakingFlags) check() error {
	switch {
	case f.registry:
		return errors.New("--against-registry is not supported; name the repository or an image of the module with --against")
	case f.against == "":
		return errors.New("--against is required; expected an input, such as .git#branch=main")
	case f.imports && f.excludeImports:
		return errors.New("both --include-imports and --exclude-imports are set; expected one of them")
	case !slices.Contains(breaking.Formats(), f.format):
		return fmt.Errorf("--error-format is %q; expected %s", f.format, strings.Join(breaking.Formats(), ", "))
	}
	return nil
}
