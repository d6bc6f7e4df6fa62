package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/mod/modfile"

	"github.com/wireproof/wireproof/internal/generate"
	"github.com/wireproof/wireproof/lang"
)

func (a *app) generateCmd() *cobra.Command {
	var check bool
	var buf bufGenerate
	cmd := &cobra.Command{
		Use:   "generate [INPUT]",
		Short: "Generate Go from the schemas, or what a buf.gen.yaml asks for",
		Long: `Generate writes, below the folder generate.out of the settings:

  orders/v1/order_placed.avro.go   a type and its codec for each Avro file
  payments/v1/payment.pb.go        what protoc-gen-go prints for each Protobuf file
  payments/v1/payment.fast.go      the codec beside it
  orders/orders.event.go           publisher, handler, Subscribe and fake of each topic

Files that would not change are left untouched. Generated files that no event
needs any more are removed; a file without the header of a generated file never is.

With an INPUT or --template, or where there is a buf.gen.yaml and no wireproof.yaml
here or above, it does what buf generate does instead: the plugins of the template
(version v2) run over the Protobuf files of INPUT, a folder, by default the inputs of
the template or this folder. Managed mode, strategies, imports, clean and insertion
points are Buf's, and --config is a buf.yaml. protoc-gen-go is a part of this program;
written as a list, [protoc-gen-go], that in PATH runs. Every other plugin with local or
protoc_builtin is a program of this machine. Modules of a registry are read from buf's
cache. Remote plugins and types are not supported.`,
		Example: `  wireproof generate
  wireproof generate --check     # exits 3 and names stale, missing and extra files
  //go:generate go tool wireproof generate
  wireproof generate --template buf.gen.yaml proto --path proto/orders`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if buf.wanted(a, cmd, args) {
				return a.generateBuf(cmd, &buf, args, check)
			}
			return a.generate(check)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 3 if something would change")
	buf.bind(cmd)
	return cmd
}

func (a *app) generate(check bool) error {
	c, err := a.catalog()
	if err != nil {
		return err
	}
	out := c.Config.OutDir()
	importPath, err := importPathOf(out)
	if err != nil {
		return exitWith(exitUsage, err)
	}
	for _, ev := range c.Events {
		if ev.File.Source.Type == lang.JSON {
			a.note("%s: no Go is generated for JSON Schema; check and push work on it", ev.Schema)
		}
	}
	files, err := generate.All(c, importPath)
	if err != nil {
		return exitWith(exitUsage, err)
	}
	if check {
		changes, err := generate.Compare(out, files)
		if err != nil {
			return exitWith(exitIncomplete, err)
		}
		for _, ch := range changes {
			fmt.Fprintf(a.stdout, "%s\t%s\n", ch.Kind, filepath.ToSlash(filepath.Join(c.Config.Generate.Out, ch.Path)))
		}
		if len(changes) > 0 {
			return exitWith(exitPending, fmt.Errorf("%d generated files are not current; run wireproof generate", len(changes)))
		}
		a.note("%d generated files are current", len(files))
		return nil
	}
	changes, err := generate.Write(out, files)
	if err != nil {
		return exitWith(exitIncomplete, err)
	}
	for _, ch := range changes {
		verb := map[string]string{"missing": "new", "stale": "changed", "extra": "removed"}[ch.Kind]
		a.note("%-8s %s", verb, filepath.ToSlash(filepath.Join(c.Config.Generate.Out, ch.Path)))
	}
	a.note("%d files for %d events on %d topics, %d changed", len(files), len(c.Events), len(c.Topics()), len(changes))
	return nil
}

// importPathOf returns the Go import path of a folder, from the go.mod above it.
func importPathOf(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for d := abs; ; d = filepath.Dir(d) {
		text, err := os.ReadFile(filepath.Join(d, "go.mod"))
		if err == nil {
			module := modfile.ModulePath(text)
			if module == "" {
				return "", fmt.Errorf("%s names no module", filepath.Join(d, "go.mod"))
			}
			rel, err := filepath.Rel(d, abs)
			if err != nil {
				return "", err
			}
			return path.Join(module, filepath.ToSlash(rel)), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if d == filepath.Dir(d) {
			return "", fmt.Errorf("no go.mod in %s or above it: generated Go needs a module; make one with go mod init", abs)
		}
	}
}
