package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/internal/bufgen"
	"github.com/wireproof/wireproof/internal/config"
)

// bufGenerate are the flags of generate for a buf.gen.yaml. Their names are those
// of buf generate.
type bufGenerate struct {
	template                  string
	clean, imports, wellKnown bool
	timeout                   time.Duration
	options                   bufgen.Options
}

// bufGenerateFlags are the flags that choose this way of generating.
var bufGenerateFlags = []string{"template", "path", "exclude-path", "type", "exclude-type", "output", "clean", "include-imports", "include-wkt", "disable-symlinks"}

func (b *bufGenerate) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&b.template, "template", "", "buf.gen.yaml, or its text")
	f.StringSliceVar(&b.options.Paths, "path", nil, "buf.gen.yaml: generate only for these files and folders; repeatable")
	f.StringSliceVar(&b.options.ExcludePaths, "exclude-path", nil, "buf.gen.yaml: leave out these files and folders; repeatable")
	f.StringSliceVar(&b.options.Types, "type", nil, "buf.gen.yaml: generate only for these types and what they need, in place of types of its inputs; repeatable")
	f.StringSliceVar(&b.options.ExcludeTypes, "exclude-type", nil, "buf.gen.yaml: leave out these types, in place of exclude_types of its inputs; repeatable")
	f.StringVarP(&b.options.Output, "output", "o", ".", "buf.gen.yaml: the folder that its out folders are in")
	f.BoolVar(&b.clean, "clean", false, "buf.gen.yaml: remove what no plugin generates from its out folders")
	f.BoolVar(&b.imports, "include-imports", false, "buf.gen.yaml: generate for imported files too")
	f.BoolVar(&b.wellKnown, "include-wkt", false, "buf.gen.yaml: and for those of google/protobuf")
	f.BoolVar(&b.options.DisableSymlinks, "disable-symlinks", false, "buf.gen.yaml: follow no symbolic links")
	f.DurationVar(&b.timeout, "timeout", 2*time.Minute, "buf.gen.yaml: give up after this time; 0 is never")
	for _, name := range []string{"debug", "verbose"} { // of buf, without effect here
		f.Bool(name, false, "")
		f.Lookup(name).Hidden = true
	}
	f.String("log-format", "", "")
	f.String("error-format", "", "")
	f.Lookup("log-format").Hidden, f.Lookup("error-format").Hidden = true, true
}

// wanted reports whether a buf.gen.yaml says what to generate.
func (b *bufGenerate) wanted(a *app, cmd *cobra.Command, args []string) bool {
	asked := len(args) > 0
	cmd.Flags().Visit(func(f *pflag.Flag) { asked = asked || slices.Contains(bufGenerateFlags, f.Name) })
	if asked || a.config != "" {
		return asked
	}
	if _, err := config.Find(a.dir); err == nil {
		return false
	}
	_, err := os.Stat(filepath.Join(a.dir, bufconfig.GenName))
	return err == nil
}

func (a *app) generateBuf(cmd *cobra.Command, b *bufGenerate, args []string, check bool) error {
	o := b.options
	o.Dir, o.Check, o.Stderr = a.dir, check, a.stderr
	if len(args) > 0 {
		o.Input = args[0]
	}
	for name, to := range map[string]struct {
		value *bool
		into  **bool
	}{"clean": {&b.clean, &o.Clean}, "include-imports": {&b.imports, &o.IncludeImports}, "include-wkt": {&b.wellKnown, &o.IncludeWKT}} {
		if cmd.Flags().Changed(name) {
			*to.into = to.value
		}
	}
	var err error
	if o.Gen, err = b.read(a.dir); err == nil {
		o.Config, err = bufOverride(a.config, a.dir)
	}
	if err != nil {
		return exitWith(exitUsage, err)
	}
	ctx := cmd.Context()
	if b.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.timeout)
		defer cancel()
	}
	result, err := bufgen.Run(ctx, o)
	var input *bufgen.InputError
	var workspace *bufconfig.InputError
	var settings config.Errors
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return exitWith(exitIncomplete, fmt.Errorf("not done after %v; --timeout allows more", b.timeout))
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &input), errors.As(err, &workspace), errors.As(err, &settings):
		return exitWith(exitUsage, err)
	case err != nil:
		return exitWith(exitIncomplete, err)
	}
	for _, w := range result.Warnings {
		a.note("warning: %s", w)
	}
	return a.reportBuf(result, check)
}

// reportBuf tells what changed, or with --check what would.
func (a *app) reportBuf(result *bufgen.Result, check bool) error {
	for _, ch := range result.Changes {
		if check {
			fmt.Fprintf(a.stdout, "%s\t%s\n", ch.Kind, ch.Path)
			continue
		}
		verb := map[string]string{"missing": "new", "stale": "changed", "extra": "removed"}[ch.Kind]
		a.note("%-8s %s", verb, ch.Path)
	}
	switch n := len(result.Changes); {
	case check && n > 0:
		return exitWith(exitPending, fmt.Errorf("%d generated files are not current; run wireproof generate", n))
	case check:
		a.note("%d generated files are current", result.Files)
	default:
		a.note("%d generated files, %d changed", result.Files, n)
	}
	return nil
}

// read reads the template: that of --template, which may be its text, or the one
// here.
func (b *bufGenerate) read(dir string) (*bufconfig.Gen, error) {
	name := strings.TrimSpace(b.template)
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
	default:
		if name != "" {
			return bufconfig.ParseGen("--template", name)
		}
		name = bufconfig.GenName
	}
	at := name
	if !filepath.IsAbs(at) {
		at = filepath.Join(dir, at)
	}
	text, err := os.ReadFile(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no %s; --template names the file that says what to generate", at)
	}
	if err != nil {
		return nil, err
	}
	return bufconfig.ParseGen(filepath.ToSlash(name), string(text))
}

// bufOverride reads the value of --config where it is a buf.yaml, or its text.
func bufOverride(value, dir string) (*bufconfig.Workspace, error) {
	value = strings.TrimSpace(value)
	switch filepath.Ext(value) {
	case ".yaml", ".yml", ".json":
		at := value
		if !filepath.IsAbs(at) {
			at = filepath.Join(dir, at)
		}
		text, err := os.ReadFile(at)
		if err != nil {
			return nil, fmt.Errorf("--config: %w", err)
		}
		return bufconfig.Parse(value, string(text))
	}
	if value == "" {
		return nil, nil
	}
	return bufconfig.Parse("--config", value)
}
