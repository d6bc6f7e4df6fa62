package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/internal/config"
	"github.com/wireproof/wireproof/internal/gate"
)

func (a *app) buildCmd() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Parse and resolve every schema; -o writes a portable baseline",
		Long: `Build reads the settings and every schema that events use, and says what is wrong with
them. With -o it writes them into one file, a bundle, which check takes as --against
bundle:FILE where there is neither git nor a registry. The same schemas give the same
bytes.`,
		Example: `  wireproof build
  wireproof build -o baseline.wireproof
  wireproof check --against bundle:baseline.wireproof`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.build(out) },
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write; - is stdout")
	return cmd
}

func (a *app) build(out string) error {
	c, err := a.catalog()
	if err != nil {
		return err
	}
	settings, err := os.ReadFile(c.Config.Path)
	if err != nil {
		return err
	}
	files := map[string]string{config.Name: string(settings)}
	for _, f := range c.UsedFiles() {
		files[path.Join(c.Config.Schemas, f.Path)] = f.Source.Text
	}
	if out == "" {
		a.note("%d schemas of %d events are in order", len(files)-1, len(c.Events))
		return nil
	}
	var data bytes.Buffer
	if err := gate.WriteBundle(&data, files); err != nil {
		return err
	}
	if out == "-" {
		_, err := a.stdout.Write(data.Bytes())
		return err
	}
	if err := replaceFile(a.path(out), data.String()); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	a.note("%d schemas of %d events in %s", len(files)-1, len(c.Events), out)
	return nil
}

// bundleBaseline reads a bundle or a set of descriptors; - is stdin.
func (a *app) bundleBaseline(file string, cfg *config.Config) (_ baseline, err error) {
	var in io.Reader = a.stdin
	if file != "-" {
		f, err := os.Open(a.path(file))
		if err != nil {
			return baseline{}, fmt.Errorf("the baseline: %w", err)
		}
		defer closing(&err, f.Close)
		in = f
	}
	label := "bundle:" + filepath.Base(file)
	b, err := gate.ReadBundle(in)
	if err != nil {
		return baseline{}, fmt.Errorf("the baseline %s: %w", file, err)
	}
	if b.Tree != nil {
		inside := *cfg
		inside.Path = config.Name // whatever the settings are called here
		return treeBaseline(label, b.Tree, ".", &inside, true)
	}
	held := func(f *catalog.File) bool { return b.Files[f.Path].Text != "" }
	if c, err := catalog.Load(os.DirFS(cfg.SchemaDir()), cfg); err == nil && !slices.ContainsFunc(slices.Collect(maps.Values(c.Files)), held) {
		return baseline{}, fmt.Errorf("the baseline %s holds none of the files below %s, by their paths from there: there is nothing to compare with", file, cfg.Schemas)
	}
	return baseline{label: label, history: func(_ context.Context, _, file string) ([]gate.Version, error) {
		src, ok := b.Files[file]
		if !ok {
			return nil, nil
		}
		return []gate.Version{{Label: label, Number: 1, Source: src}}, nil
	}}, nil
}
