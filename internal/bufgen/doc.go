// Package bufgen generates what a buf.gen.yaml describes: it compiles the files of
// a folder, sets the options that managed mode sets, runs the plugins, and writes
// what they answer. protoc-gen-go runs in process, every other plugin as a process
// of this machine.
//
// Requests are those that Buf would send, byte for byte; a test holds the released
// program against it. Nothing is fetched and nothing is sent away: modules of a
// registry are read from buf's cache; remote plugins are errors.
//
// Files are written once every plugin has answered, and only those that change.
package bufgen

import (
	"context"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

// Options are one run.
type Options struct {
	Gen *bufconfig.Gen
	// Dir is the folder that paths are relative to, and in which plugins run.
	Dir string
	// Input is a folder, in place of the inputs of the template.
	Input string
	// Paths, unless empty, are the files and folders to generate for, and
	// ExcludePaths those to leave out; both in place of those of the template.
	Paths, ExcludePaths []string
	// Types and ExcludeTypes, unless empty, are in place of those of the inputs.
	Types, ExcludeTypes []string
	// Output is put in front of the folders of the plugins.
	Output string
	// Config is in place of the buf.yaml that is found.
	Config *bufconfig.Workspace
	// Clean, IncludeImports and IncludeWKT, unless nil, are in place of what the
	// template says.
	Clean, IncludeImports, IncludeWKT *bool
	// DisableSymlinks follows no symbolic links to files and folders.
	DisableSymlinks bool
	// Check compares and writes nothing.
	Check bool
	// Stderr gets what plugins write there; nil drops it.
	Stderr io.Writer
}

// A Result is what a run did, or with Check would do.
type Result struct {
	Changes  []Change // sorted by path
	Files    int      // that plugins generated
	Warnings []string
}

// A Change is a file that is not what the plugins generate.
type Change struct {
	Path string // relative to Options.Dir where it lies below it
	Kind string // missing, stale or extra
}

// A PluginError says that a plugin failed, with the place in the template.
type PluginError struct {
	At, Name string
	Err      error
}

func (e *PluginError) Error() string { return fmt.Sprintf("%s: plugin %s: %v", e.At, e.Name, e.Err) }
func (e *PluginError) Unwrap() error { return e.Err }

// Run generates. An error of the input is a [lang.ErrorList], or of package
// bufconfig; one of a plugin is a [*PluginError]. If there is an error, nothing was
// written, unless it comes from the disk while writing.
func Run(ctx context.Context, o Options) (*Result, error) {
	r := &run{Options: o, out: newOutput(o.Dir), sources: map[string]bool{}}
	r.sources[absolute(r.out.cwd, o.Gen.Name)] = true
	if o.Clean != nil {
		r.clean = *o.Clean
	} else {
		r.clean = o.Gen.Clean
	}
	if err := r.checkFlags(); err != nil {
		return nil, err
	}
	if m := o.Gen.Managed; !m.Enabled && len(m.Disable)+len(m.Override) > 0 {
		r.warnf("%s: managed has rules and is not enabled; they have no effect", o.Gen.Name)
	}
	for _, in := range r.inputs() {
		if err := r.generate(ctx, in); err != nil {
			return nil, err
		}
	}
	changes, files, err := r.out.apply(r.clean, r.Check, r.sources)
	if err != nil {
		return nil, err
	}
	return &Result{Changes: changes, Files: files, Warnings: r.warnings}, nil
}

// A run is the state of [Run].
type run struct {
	Options
	clean    bool
	out      *output
	sources  map[string]bool // what was read, as absolute paths: it must not be removed
	warnings []string
}

func (r *run) warnf(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(r.warnings, s) {
		r.warnings = append(r.warnings, s)
	}
}

// checkFlags refuses what cannot be meant together.
func (r *run) checkFlags() error {
	if r.IncludeWKT != nil && *r.IncludeWKT && (r.IncludeImports == nil || !*r.IncludeImports) {
		return fmt.Errorf("--include-wkt needs --include-imports")
	}
	return nil
}

// inputs returns the folders to generate for.
func (r *run) inputs() []bufconfig.GenInput {
	ins := slices.Clone(r.Gen.Inputs)
	if r.Input != "" || len(ins) == 0 {
		ins = []bufconfig.GenInput{{Directory: r.Input}}
		if r.Input == "" {
			ins[0].Directory = "."
		}
	}
	for i := range ins {
		if len(r.Paths) > 0 {
			ins[i].Paths = r.Paths
		}
		if len(r.ExcludePaths) > 0 {
			ins[i].ExcludePaths = r.ExcludePaths
		}
		if len(r.Types) > 0 {
			ins[i].Types.Include = r.Types
		}
		if len(r.ExcludeTypes) > 0 {
			ins[i].Types.Exclude = r.ExcludeTypes
		}
	}
	return ins
}

// generate runs every plugin over one input.
func (r *run) generate(ctx context.Context, in bufconfig.GenInput) error {
	src, err := r.load(ctx, in)
	if err != nil {
		return err
	}
	set, err := src.compile(ctx)
	if err != nil {
		return err
	}
	im := &image{files: set.GetFile(), target: src.isTarget, runtime: map[string]*descriptorpb.FileDescriptorProto{}}
	if im, err = im.only(in.Types); err != nil {
		return &InputError{At: in.At, Input: in.Directory, Msg: err.Error()}
	}
	if r.Gen.Managed.Enabled {
		manage(im.files, &r.Gen.Managed, src.moduleOf)
	}
	answers, err := r.runPlugins(ctx, im)
	if err == nil {
		err = r.checkAnswers(im, answers)
	}
	if err != nil {
		return err
	}
	for _, a := range answers {
		if err := r.out.add(r.Output, a, r.warnf); err != nil {
			return &PluginError{At: a.plugin.At, Name: a.plugin.Name, Err: err}
		}
	}
	return nil
}

// An image is compiled files, each after what it imports.
type image struct {
	files  []*descriptorpb.FileDescriptorProto
	target func(path string) bool // false for imports
	// runtime holds files as they are at runtime, for those that somebody asked for.
	runtime map[string]*descriptorpb.FileDescriptorProto
}
