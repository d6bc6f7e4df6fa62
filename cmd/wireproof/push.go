package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

func (a *app) pushCmd() *cobra.Command {
	var url string
	var dry bool
	cmd := &cobra.Command{
		Use:   "push",
		Short: "Register the schemas of every event",
		Long: `Push registers each event's schema under its subject, after the schemas that it
refers to. Pushing again changes nothing. It prints a line for each subject: what
is new, unchanged, or refused, and why.

Exit codes: 0 all registered · 1 all refused · 6 some refused, or some registered before
the registry failed · 4 not allowed · 5 the registry could not be asked.`,
		Example: `  wireproof push
  wireproof push --env prod
  wireproof push --registry http://127.0.0.1:8081 --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.push(cmd.Context(), url, dry) },
	}
	cmd.Flags().StringVar(&url, "registry", "", "URL of the registry, in place of the environment's")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would happen, register nothing")
	return cmd
}

func (a *app) push(ctx context.Context, url string, dry bool) error {
	c, err := a.catalog()
	if err != nil {
		return err
	}
	reg, where, err := a.registry(c.Config, a.env, url)
	if err != nil {
		return err
	}
	p := &pusher{a: a, reg: reg, dry: dry, versions: map[string]int{}, refused: map[string]bool{}, levels: map[string][]string{}}
	subjects := c.Subjects()
	for _, s := range subjects {
		if err := p.push(ctx, s); err != nil {
			return p.failure(fmt.Errorf("push %s to %s: %w", s.Name, where, err))
		}
	}
	p.summary()
	switch {
	case len(p.refused) == 0:
		a.note("%d subjects: %d new versions, %d unchanged", len(subjects), p.added, len(subjects)-p.added)
		return nil
	case len(p.refused) == len(subjects):
		return exitWith(exitFindings, fmt.Errorf("all %d subjects were refused", len(subjects)))
	}
	others := "are registered"
	if dry {
		others = "would be registered"
	}
	return exitWith(exitPartly, fmt.Errorf("%d of %d subjects were refused; the others %s", len(p.refused), len(subjects), others))
}

type pusher struct {
	a        *app
	reg      *client.Client
	dry      bool
	versions map[string]int // of each subject pushed in this run
	refused  map[string]bool
	added    int
	levels   map[string][]string // subjects by how their level differs
}

// failure gives an error of the registry its exit code, and says if something was
// registered before it.
func (p *pusher) failure(err error) error {
	switch {
	case p.added == 0 || p.dry:
		return registryFailure(err)
	case errors.Is(err, context.Canceled):
		return exitWith(exitInterrupted, fmt.Errorf("interrupted after %d new versions; run push again to go on", p.added))
	}
	return exitWith(exitPartly, fmt.Errorf("%d new versions are registered, then: %w; run push again to go on", p.added, err))
}

// push registers one subject and prints what came of it. An error means that the
// registry could not be asked.
func (p *pusher) push(ctx context.Context, s catalog.Subject) error {
	src := p.withVersions(s.File.Source)
	for _, ref := range src.References {
		if p.refused[ref.Subject] {
			p.refuse(s, fmt.Sprintf("it refers to %s, which was refused", ref.Subject))
			return nil
		}
	}
	found, err := p.reg.LookupVersion(ctx, s.Name, src)
	switch {
	case err == nil:
		p.versions[s.Name] = found.Version
		p.line("unchanged", s, fmt.Sprintf("v%d, id %d", found.Version, found.ID))
		return p.level(ctx, s)
	case !errors.Is(err, codec.ErrNotRegistered):
		return err
	}
	if p.dry {
		return p.preview(ctx, s, src)
	}
	found, err = p.reg.RegisterVersion(ctx, s.Name, src)
	if err != nil {
		var e *api.Error
		if errors.As(err, &e) && (e.Code.Status() == http.StatusConflict || e.Code.Status() == http.StatusUnprocessableEntity) {
			p.refuse(s, reasons(e.Message))
			return nil
		}
		return err
	}
	p.versions[s.Name] = found.Version
	p.added++
	p.line("new", s, fmt.Sprintf("v%d, id %d", found.Version, found.ID))
	return p.level(ctx, s)
}

// withVersions gives each reference the version that this run has registered.
func (p *pusher) withVersions(src lang.Source) lang.Source {
	src.References = slices.Clone(src.References)
	for i := range src.References {
		src.References[i].Version = p.versions[src.References[i].Subject]
	}
	return src
}

func (p *pusher) preview(ctx context.Context, s catalog.Subject, src lang.Source) error {
	for _, ref := range src.References {
		if ref.Version == 0 {
			p.added++
			p.line("would add", s, "after "+ref.Subject)
			return nil
		}
	}
	request, err := p.reg.Request(ctx, src)
	if err != nil {
		return err
	}
	ok, messages, err := p.reg.CheckCompatibility(ctx, s.Name, request)
	if err != nil {
		return err
	}
	if !ok {
		p.refuse(s, reasons("details: ["+strings.Join(messages, ", ")))
		return nil
	}
	p.added++
	p.line("would add", s, "")
	return nil
}

// level reports a compatibility level that differs from the settings.
func (p *pusher) level(ctx context.Context, s catalog.Subject) error {
	got, err := p.reg.Level(ctx, s.Name)
	if err != nil {
		return err
	}
	if got != s.Level {
		differ := fmt.Sprintf("level %s in the registry, %s in the settings", got, s.Level)
		p.levels[differ] = append(p.levels[differ], s.Name)
	}
	return nil
}

// summary prints what is worth a note after all subjects.
func (p *pusher) summary() {
	for _, differ := range slices.Sorted(maps.Keys(p.levels)) {
		names := p.levels[differ]
		if len(names) > 3 {
			names = append(names[:3:3], fmt.Sprintf("%d more", len(names)-3))
		}
		p.a.note("note: %s: %s", differ, strings.Join(names, ", "))
	}
}

// reasons picks what speaks against a schema out of the registry's message, which
// goes on to quote the whole old schema.
func reasons(message string) string {
	_, details, ok := strings.Cut(message, "details: [")
	if !ok {
		return message
	}
	details, _, _ = strings.Cut(details, ", {oldSchemaVersion:")
	var out []string
	for part := range strings.SplitSeq(details, "}, {") {
		_, text, found := strings.Cut(part, "description:")
		if !found {
			return message
		}
		text, _, _ = strings.Cut(text, ", additionalInfo:")
		out = append(out, strings.Trim(text, `'"}`))
	}
	return strings.Join(out, "; ")
}

func (p *pusher) refuse(s catalog.Subject, why string) {
	p.refused[s.Name] = true
	p.line("refused", s, why)
}

func (p *pusher) line(what string, s catalog.Subject, detail string) {
	fmt.Fprintf(p.a.stdout, "%-9s  %s  %s  %s\n", what, s.Name, s.File.Path, detail)
}
