package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
)

// Exit codes. They are an interface: scripts and CI depend on them.
const (
	exitOK          = 0
	exitFindings    = 1   // findings at or above check.fail_on
	exitUsage       = 2   // the command line or the settings are wrong
	exitPending     = 3   // --check found changes to make
	exitDenied      = 4   // not signed in, or not allowed
	exitIncomplete  = 5   // could not check: never clean, never broken
	exitPartly      = 6   // some of it was done
	exitInterrupted = 130 // Ctrl-C
)

// An exit ends the command with a code. Its error, if any, is printed.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

func exitWith(code int, err error) error { return &exit{code, err} }

func usagef(format string, args ...any) error {
	return &exit{exitUsage, fmt.Errorf(format, args...)}
}

// An app is one run of the command: its streams and global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	dir    string
	config string
	env    string
	color  string
	quiet  bool
}

// run runs the command and returns its exit code. Data goes to stdout, everything
// else to stderr.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	interrupted := ctx.Err() != nil && errors.Is(err, context.Canceled)
	var e *exit
	if errors.As(err, &e) && !(interrupted && e.code == exitIncomplete) {
		if e.err != nil {
			a.complain(e.err)
		}
		return e.code
	}
	if interrupted {
		a.complain(errors.New("interrupted"))
		return exitInterrupted
	}
	a.complain(err)
	return exitUsage
}

// complain prints an error, each line of a list as one of its own.
func (a *app) complain(err error) {
	for line := range strings.SplitSeq(strings.TrimRight(err.Error(), "\n"), "\n") {
		if strings.HasPrefix(line, "    ") {
			fmt.Fprintln(a.stderr, line)
			continue
		}
		fmt.Fprintln(a.stderr, "error:", line)
	}
}

// note prints what is neither data nor an error.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "wireproof",
		Short: "Events that are proof against poison",
		Long: `Wireproof compiles event schemas (Avro, Protobuf) into typed Go publishers and
consumers, refuses breaking changes before they are produced, and serves a schema
registry that any Confluent client can use.

Settings are in wireproof.yaml, found by walking up to the root of the repository.

Exit codes: 0 clean · 1 findings · 2 usage or settings · 3 changes pending ·
4 not allowed · 5 could not check · 6 partly done · 130 interrupted`,
		Example: `  wireproof init avro          # settings, one schema, a CI file
  wireproof generate           # Go from the schemas
  wireproof check              # what would break, and whom
  wireproof serve --data DIR   # a schema registry
  wireproof demo               # the whole story, on embedded parts`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f := root.PersistentFlags()
	f.StringVarP(&a.dir, "directory", "C", "", "run as if started in this folder")
	f.StringVar(&a.config, "config", "", "settings file (default: wireproof.yaml here or above)")
	f.StringVar(&a.env, "env", "", "environment of the settings (default: $WIREPROOF_ENV, the only one, or dev)")
	f.StringVar(&a.color, "color", "auto", "colours: auto, always or never")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "say nothing but data and errors")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.prepare() }
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(a.initCmd(), a.generateCmd(), a.buildCmd(), a.checkCmd(), a.lintCmd(), a.breakingCmd(), a.diffCmd(), a.gitDiffDriverCmd(), a.waiveCmd(), a.reportCmd(), a.explainCmd(), a.rulesCmd())
	root.AddCommand(a.pushCmd(), a.pullCmd(), a.planCmd(), a.applyCmd(), a.registryCmd(), a.serveCmd(), a.passwdCmd(), a.topicsCmd(), a.replayCmd(), a.dlqCmd())
	root.AddCommand(a.demoCmd(), a.configCmd(), a.docsCmd(), a.versionCmd())
	return root
}

func (a *app) prepare() error {
	switch a.color {
	case "auto", "always", "never":
	default:
		return usagef("--color is %q; expected auto, always or never", a.color)
	}
	if a.dir == "" {
		a.dir = "."
		return nil
	}
	if info, err := os.Stat(a.dir); err != nil || !info.IsDir() {
		return usagef("-C %s: there is no such folder", a.dir)
	}
	return nil
}

// settings finds and reads the settings file.
func (a *app) settings() (*config.Config, error) {
	path := a.config
	if path == "" {
		found, err := config.Find(a.dir)
		if err != nil {
			return nil, exitWith(exitUsage, err)
		}
		path = found
	} else if !filepath.IsAbs(path) {
		path = filepath.Join(a.dir, path)
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, exitWith(exitUsage, err)
	}
	return c, nil
}

// catalog reads the settings and the schemas.
func (a *app) catalog() (*catalog.Catalog, error) {
	cfg, err := a.settings()
	if err != nil {
		return nil, err
	}
	c, err := catalog.Load(os.DirFS(cfg.SchemaDir()), cfg)
	if err != nil {
		return nil, exitWith(exitIncomplete, err)
	}
	return c, nil
}

// isTerminal reports whether w is a terminal.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// useColor decides on colours for w: the flag, then NO_COLOR, CLICOLOR_FORCE,
// CLICOLOR and TERM, then whether it is a terminal.
func (a *app) useColor(w io.Writer) bool {
	switch {
	case a.color == "always":
		return true
	case a.color == "never", os.Getenv("NO_COLOR") != "":
		return false
	case os.Getenv("CLICOLOR_FORCE") != "" && os.Getenv("CLICOLOR_FORCE") != "0":
		return true
	case os.Getenv("CLICOLOR") == "0", os.Getenv("TERM") == "dumb":
		return false
	}
	return isTerminal(w)
}
