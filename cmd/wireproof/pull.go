package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/client"
)

type pullFlags struct {
	url, context, dir string
	dry               bool
}

func (a *app) pullCmd() *cobra.Command {
	var f pullFlags
	cmd := &cobra.Command{
		Use:   "pull [SUBJECT…]",
		Short: "Write the registry's schemas into files",
		Long: `Pull writes the latest version of each subject of the repository, or of those that are
named, into its file, where that says something else. Files that the registry has in
another layout only are left alone.

With --dir it needs no settings: it writes the named subjects, or all, and what they
refer to, into a folder: an import of Protobuf under its own path, everything else under
the name of its subject.

Exit codes: 0 done · 1 the registry has no such subject · 2 usage · 4 not allowed · 5 the
registry could not be asked.`,
		Example: `  wireproof pull --env prod
  wireproof pull orders-value --registry http://127.0.0.1:8081 --dir vendor/schemas`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.dir != "" {
				return a.pullInto(cmd.Context(), f, args)
			}
			return a.pull(cmd.Context(), f, args)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.url, "registry", "", "URL of the registry, in place of the environment's")
	fl.StringVar(&f.context, "context", "", "context to work in; without it the default one")
	fl.StringVar(&f.dir, "dir", "", "folder to write to, in place of the repository's files")
	fl.BoolVar(&f.dry, "dry-run", false, "say what would be written, write nothing")
	return cmd
}

// pull brings the files of the repository up to what the registry has.
func (a *app) pull(ctx context.Context, f pullFlags, names []string) error {
	c, err := a.catalog()
	if err != nil {
		return err
	}
	reg, _, err := a.registry(c.Config, a.env, f.url, client.Context(f.context))
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, n := range names {
		wanted[n] = true
	}
	for _, s := range c.Subjects() {
		if len(names) > 0 && !wanted[s.Name] {
			continue
		}
		delete(wanted, s.Name)
		latest, err := reg.Latest(ctx, s.Name)
		if isNotFound(err) || err == nil && f.context == "" && strings.HasPrefix(latest.Subject, ":.") {
			// Registries look for a bare name in other contexts too.
			a.note("%s is not in the registry; %s stays", s.Name, s.File.Path)
			continue
		} else if err != nil {
			return asked(err)
		}
		// The registry's own idea of equality, but for references, whose versions a
		// file does not know.
		found, err := reg.LookupVersion(ctx, s.Name, s.File.Source)
		if err != nil && !errors.Is(err, codec.ErrNotRegistered) {
			return asked(err)
		}
		if err == nil && found.Version == latest.Version || sameText(s.File.Source.Text, latest.Schema) {
			continue
		}
		if err := a.writePulled(filepath.Join(c.Config.SchemaDir(), filepath.FromSlash(s.File.Path)), s.File.Path, latest.Schema, f.dry); err != nil {
			return err
		}
	}
	for n := range wanted {
		return usagef("the repository has no subject %s; --dir pulls any", n)
	}
	return nil
}

// sameText reports whether two texts differ in layout only.
func sameText(a, b string) bool {
	return strings.Join(strings.Fields(a), "") == strings.Join(strings.Fields(b), "")
}

func (a *app) writePulled(target, shown, text string, dry bool) error {
	if dry {
		fmt.Fprintf(a.stdout, "would write  %s\n", shown)
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return exitWith(exitIncomplete, err)
	}
	if err := writeWhole(target, func(w io.Writer) error { _, err := io.WriteString(w, laidOut(text)); return err }); err != nil {
		return exitWith(exitIncomplete, err)
	}
	fmt.Fprintf(a.stdout, "written      %s\n", shown)
	return nil
}

// laidOut lays out JSON, which a registry keeps on one line, for people.
func laidOut(text string) string {
	var out bytes.Buffer
	if json.Indent(&out, []byte(text), "", "  ") != nil {
		return strings.TrimRight(text, "\n") + "\n"
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// pullInto writes subjects and what they refer to into a folder.
func (a *app) pullInto(ctx context.Context, f pullFlags, names []string) error {
	reg, _, err := a.openRegistry(f.url, client.Context(f.context))
	if err != nil {
		return err
	}
	if len(names) == 0 {
		if names, err = reg.SubjectsWith(ctx, ""); err != nil {
			return asked(err)
		}
	}
	p := &puller{a: a, dir: a.at(f.dir), dry: f.dry, texts: map[string]string{}}
	for _, n := range names {
		latest, err := reg.Latest(ctx, n)
		if err != nil {
			return asked(err)
		}
		src, err := reg.SourceOf(ctx, latest)
		if err != nil {
			return asked(err)
		}
		if err := p.references(src); err != nil {
			return err
		}
		if err := p.write(fileOf(n, "", src.Type), src.Text); err != nil {
			return err
		}
	}
	return nil
}

type puller struct {
	a     *app
	dir   string
	dry   bool
	texts map[string]string // of each file that was written
}

func (p *puller) references(src lang.Source) error {
	for _, ref := range src.References {
		if err := p.references(*ref.Source); err != nil {
			return err
		}
		if err := p.write(fileOf(ref.Subject, ref.Name, ref.Source.Type), ref.Source.Text); err != nil {
			return err
		}
	}
	return nil
}

// fileOf names the file of a subject. An import of Protobuf is found by its path
// alone, so that is its file.
func fileOf(subject, name string, typ lang.Type) string {
	switch {
	case typ == lang.Protobuf && name != "":
		return name
	case typ == lang.Protobuf && strings.HasSuffix(subject, ".proto"):
		return subject
	case typ == lang.Protobuf:
		return flat(subject) + ".proto"
	case typ == lang.Avro:
		return flat(subject) + ".avsc"
	}
	return flat(subject) + ".schema.json"
}

// flat makes one name of a subject that may hold slashes and a context.
func flat(subject string) string {
	return strings.NewReplacer("/", "_", `\`, "_", ":", "_").Replace(subject)
}

// write writes a file once. A name that leads out of the folder is the registry's
// mistake or somebody's malice.
func (p *puller) write(name, text string) error {
	local := filepath.FromSlash(name)
	if !filepath.IsLocal(local) || strings.HasPrefix(local, ".") {
		return exitWith(exitFindings, fmt.Errorf("the registry names a file %q, which is not below the folder", name))
	}
	if have, ok := p.texts[name]; ok {
		if have != text {
			return exitWith(exitFindings, fmt.Errorf("two versions of %s are used, and one folder holds one; pull the subjects one at a time", name))
		}
		return nil
	}
	p.texts[name] = text
	return p.a.writePulled(filepath.Join(p.dir, local), name, text, p.dry)
}
