package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/internal/gate"
)

// An output is a format and where it goes; an empty path is stdout.
type output struct {
	format gate.Format
	path   string
}

func outputUsage() string {
	var names []string
	for _, f := range gate.Formats() {
		names = append(names, f.Name)
	}
	return "FORMAT[=PATH]: " + strings.Join(names, ", ") + "; repeatable"
}

func completeFormats(cmd *cobra.Command) {
	complete := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var out []string
		for _, f := range gate.Formats() {
			out = append(out, f.Name+"\t"+f.Doc)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc("output", complete); err != nil {
		panic(err) // the flag is defined beside the call
	}
}

// outputs decides on the formats: as asked, else GitHub's annotations in its
// actions, snippets in a terminal, and one line for each finding in a pipe.
func (a *app) outputs(flags []string) ([]output, error) {
	if len(flags) == 0 {
		name := "lines"
		if isTerminal(a.stdout) {
			name = "text"
		}
		flags = []string{name}
		if os.Getenv("GITHUB_ACTIONS") == "true" {
			flags = append(flags, "github")
		}
	}
	var out []output
	for _, f := range flags {
		name, path, _ := strings.Cut(f, "=")
		format, err := gate.FormatNamed(name)
		if err != nil {
			return nil, usagef("--output %s: %w", f, err)
		}
		out = append(out, output{format, path})
	}
	return out, nil
}

func (o output) write(a *app, r gate.Result) (err error) {
	w := a.stdout
	if o.path != "" {
		f, err := os.Create(a.path(o.path))
		if err != nil {
			return err
		}
		defer closing(&err, f.Close)
		w = f
	}
	return o.format.Write(w, r, o.path == "" && a.useColor(a.stdout))
}

// path is a path of the command line as seen from here: -C moves relative ones.
func (a *app) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(a.dir, p)
}

// githubFiles appends to the files of a GitHub step: every finding as a table to
// its summary, where annotations are limited in number, and counts to its
// outputs.
func githubFiles(r gate.Result) error {
	if os.Getenv("GITHUB_ACTIONS") != "true" {
		return nil
	}
	if err := appendTo(os.Getenv("GITHUB_STEP_SUMMARY"), func(w io.Writer) error { return gate.Markdown(w, r) }); err != nil {
		return err
	}
	return appendTo(os.Getenv("GITHUB_OUTPUT"), func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "errors=%d\nwarnings=%d\nwaived=%d\nproblems=%d\ndeploy=%s\n",
			r.Count(rule.Error), r.Count(rule.Warning), len(r.Waived), len(r.Problems), gate.DeployFirst(r.Changes))
		return err
	})
}

func appendTo(path string, write func(io.Writer) error) (err error) {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	defer closing(&err, f.Close)
	return write(f)
}

// replaceFile writes a file beside path and puts it in its place, so that nobody
// sees half of it. A symbolic link stays one: what it leads to is replaced.
func replaceFile(path, text string) (err error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Chmod(mode); err != nil {
		_ = f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
