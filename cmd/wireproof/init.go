package main

import (
	"bufio"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// initFiles holds what init writes: a folder for each language and one for both.
//
//go:embed all:initfiles
var initFiles embed.FS

func (a *app) initCmd() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "init [avro|proto]",
		Short: "Start a project: settings, one schema, the go:generate line, a CI file",
		Long: `Init writes wireproof.yaml, one schema below schemas/, gen/generate.go with the
go:generate line, and a CI workflow. It never overwrites a file.`,
		Example: `  wireproof init
  wireproof init proto --yes`,
		Args:      cobra.MatchAll(cobra.MaximumNArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"avro", "proto"},
		RunE: func(_ *cobra.Command, args []string) error {
			language := "avro"
			if len(args) == 1 {
				language = args[0]
			}
			return a.init(language, yes)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (a *app) init(language string, yes bool) error {
	files := map[string][]byte{}
	for _, dir := range []string{"initfiles/common", "initfiles/" + language} {
		err := fs.WalkDir(initFiles, dir, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := initFiles.ReadFile(p)
			files[strings.TrimSuffix(strings.TrimPrefix(p, dir+"/"), ".txt")] = text
			return err
		})
		if err != nil {
			return err
		}
	}
	var write []string
	for p := range files {
		_, err := os.Lstat(filepath.Join(a.dir, filepath.FromSlash(p)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			write = append(write, p)
		case err != nil:
			return exitWith(exitUsage, err)
		default:
			a.note("kept     %s (it is there already)", p)
		}
	}
	slices.Sort(write)
	if len(write) > 0 && !yes && isTerminal(a.stdin) && isTerminal(a.stderr) {
		fmt.Fprintf(a.stderr, "Write %s? [Y/n] ", strings.Join(write, ", "))
		answer, err := bufio.NewReader(a.stdin).ReadString('\n')
		if answer = strings.ToLower(strings.TrimSpace(answer)); err != nil || answer != "" && answer != "y" && answer != "yes" {
			a.note("nothing written")
			return nil
		}
	}
	for _, p := range write {
		target := filepath.Join(a.dir, filepath.FromSlash(p))
		if err := writeNew(target, files[p]); err != nil {
			return exitWith(exitUsage, err)
		}
		a.note("new      %s", p)
	}
	a.note(`
Next:
  go generate ./...            write Go for the events
  wireproof serve              start a registry on 127.0.0.1:8081
  wireproof push               register the schemas in it
  wireproof check              see whether a change breaks anybody`)
	return nil
}

// writeNew writes a file that does not exist yet.
func writeNew(target string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
