package registryio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/compat"
	"github.com/wireproof/wireproof/internal/catalog"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/all"
	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// A Plan is what a repository changes in a registry. Two plans that are equal do
// the same to the same state.
type Plan struct {
	Format    string     `json:"format"` // PlanFormat
	Registry  string     `json:"registry"`
	Context   string     `json:"context,omitempty"`
	Levels    []Level    `json:"levels"`    // done first
	Registers []Register `json:"registers"` // in this order
	Deletes   []string   `json:"deletes"`   // soft, in this order
	Kept      []string   `json:"kept"`      // in the registry, not in the repository
	Unchanged int        `json:"unchanged"`
}

// PlanFormat is the format of plans that this program makes and reads.
const PlanFormat = "wireproof plan 1"

// A Level is a compatibility level to set.
type Level struct {
	Subject string `json:"subject"`
	From    string `json:"from"` // in effect now, inherited or not
	To      string `json:"to"`
}

// A Register is a version to register.
type Register struct {
	Subject string `json:"subject"`
	File    string `json:"file"`
	Type    string `json:"type"`
	Text    string `json:"text"`
	// References have version 0 where this plan registers the version.
	References []api.Reference `json:"references,omitempty"`
	After      int             `json:"after"` // the latest version now; 0 for a new subject
	// ReferencesOnly is whether the text stays and only what it refers to changes.
	ReferencesOnly bool   `json:"referencesOnly,omitempty"`
	Level          string `json:"level"` // that it is held against
	// Against is why the level forbids it; none means that it is compatible.
	Against []string `json:"against,omitempty"`
}

// Pending reports whether there is anything to do.
func (p *Plan) Pending() bool { return len(p.Levels)+len(p.Registers)+len(p.Deletes) > 0 }

// Refused returns the registrations that the levels forbid.
func (p *Plan) Refused() []Register {
	var out []Register
	for _, r := range p.Registers {
		if len(r.Against) > 0 {
			out = append(out, r)
		}
	}
	return out
}

type planner struct {
	reg      *client.Client
	plan     *Plan
	versions map[string]int // of each subject; 0 if this plan registers it
	checker  *compat.Checker
}

// MakePlan compares the subjects of a repository, each after what it refers to,
// with a registry, by canonical form and references as the registry does. Subjects
// that only the registry has are deleted if deletes is set.
func MakePlan(ctx context.Context, reg *client.Client, scope string, subjects []catalog.Subject, deletes bool) (*Plan, error) {
	p := &planner{reg: reg, versions: map[string]int{}, checker: compat.Default(), plan: &Plan{
		Format: PlanFormat, Registry: strings.Join(reg.URLs(), ","), Context: scope,
		Levels: []Level{}, Registers: []Register{}, Deletes: []string{}, Kept: []string{},
	}}
	for _, s := range subjects {
		if err := p.subject(ctx, s); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	if err := p.others(ctx, subjects, deletes); err != nil {
		return nil, err
	}
	return p.plan, nil
}

func (p *planner) subject(ctx context.Context, s catalog.Subject) error {
	level, err := p.reg.Level(ctx, s.Name)
	if err != nil {
		return err
	}
	if level != s.Level {
		p.plan.Levels = append(p.plan.Levels, Level{s.Name, level, s.Level})
	}
	src, pinned := p.pin(s.File.Source)
	if pinned {
		found, err := p.reg.LookupVersion(ctx, s.Name, src)
		if err == nil {
			p.versions[s.Name] = found.Version
			p.plan.Unchanged++
			return nil
		}
		if !errors.Is(err, codec.ErrNotRegistered) {
			return err
		}
	}
	p.versions[s.Name] = 0
	r := Register{Subject: s.Name, File: s.File.Path, Type: string(src.Type), Text: src.Text, Level: s.Level}
	for _, ref := range src.References {
		r.References = append(r.References, api.Reference{Name: ref.Name, Subject: ref.Subject, Version: ref.Version})
	}
	if err := p.judge(ctx, &r, s.File.Source); err != nil {
		return err
	}
	p.plan.Registers = append(p.plan.Registers, r)
	return nil
}

// pin gives each reference the version that holds it, and reports whether all have
// one already.
func (p *planner) pin(src lang.Source) (lang.Source, bool) {
	src.References = slices.Clone(src.References)
	all := true
	for i := range src.References {
		src.References[i].Version = p.versions[src.References[i].Subject]
		all = all && src.References[i].Version > 0
	}
	return src, all
}

// judge compares a schema with the live versions of its subject.
func (p *planner) judge(ctx context.Context, r *Register, src lang.Source) error {
	numbers, err := p.reg.Versions(ctx, r.Subject)
	if errors.Is(err, api.SubjectNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	newer, err := parse(src)
	if err != nil {
		return err
	}
	level := compat.Level(r.Level)
	if !level.Transitive() && len(numbers) > 0 {
		numbers = numbers[len(numbers)-1:]
	}
	var history []compat.Version
	for _, n := range numbers {
		found, err := p.reg.Version(ctx, r.Subject, n)
		if err != nil {
			return err
		}
		old, err := p.reg.SourceOf(ctx, found)
		if err != nil {
			return err
		}
		r.After = n
		if old.Type != src.Type {
			r.Against = append(r.Against, fmt.Sprintf("v%d is %s, this is %s", n, old.Type, src.Type))
			continue
		}
		schema, err := parse(old)
		if err != nil {
			r.Against = append(r.Against, fmt.Sprintf("v%d does not parse: %v", n, err))
			continue
		}
		r.ReferencesOnly = schema.Canonical() == newer.Canonical()
		history = append(history, compat.Version{Number: n, Schema: schema})
	}
	for _, f := range p.checker.Check(level, newer, history).Findings {
		if f.Rule.Severity == "error" {
			r.Against = append(r.Against, f.Message)
		}
	}
	return nil
}

func parse(src lang.Source) (lang.Schema, error) {
	for _, l := range all.Languages() {
		if l.Type() == src.Type {
			return l.Parse(src)
		}
	}
	return nil, fmt.Errorf("%s: no schema language %q", src.Path, src.Type)
}

// others finds the subjects that only the registry has.
func (p *planner) others(ctx context.Context, subjects []catalog.Subject, deletes bool) error {
	var query []client.Query
	if !deletes {
		query = append(query, client.LatestOnly()) // which is enough to know the names
	}
	found, err := p.reg.Schemas(ctx, "", query...)
	if err != nil {
		return fmt.Errorf("list what the registry has: %w", err)
	}
	ours := map[string]bool{}
	for _, s := range subjects {
		ours[s.Name] = true
	}
	found = slices.DeleteFunc(found, func(s api.Schema) bool { return ours[s.Subject] || ours[bare(s.Subject)] })
	if !deletes {
		for _, s := range found {
			p.plan.Kept = append(p.plan.Kept, s.Subject)
		}
		return nil
	}
	// What refers goes before what is referred to.
	for _, wave := range slices.Backward(waves(whole(found))) {
		for _, s := range wave {
			p.plan.Deletes = append(p.plan.Deletes, s.Subject)
		}
	}
	return nil
}

// whole returns one schema for each subject, which refers to all that the versions
// of the subject refer to, whatever the version.
func whole(versions []api.Schema) []api.Schema {
	var out []api.Schema
	index := map[string]int{}
	for _, v := range versions {
		i, ok := index[v.Subject]
		if !ok {
			i = len(out)
			index[v.Subject] = i
			out = append(out, api.Schema{Subject: v.Subject, Version: 1})
		}
		for _, r := range v.References {
			if target(contextOf(v.Subject), r).Subject != v.Subject {
				out[i].References = append(out[i].References, api.Reference{Subject: r.Subject, Version: 1})
			}
		}
	}
	return out
}

// A Step is what came of one step of a plan.
type Step struct {
	Action  string `json:"action"` // level, register or delete
	Subject string `json:"subject"`
	Done    bool   `json:"done"`
	Detail  string `json:"detail,omitempty"` // what it is now, or why it failed
}

// Apply does what the plan says, step by step, and tells about each. Levels come
// first, so that registrations are held against those of the repository. It stops
// at the first step that fails and returns its error; what was done stays, and
// another plan has the rest.
func (p *Plan) Apply(ctx context.Context, reg *client.Client, tell func(Step)) error {
	for _, l := range p.Levels {
		err := reg.SetLevel(ctx, l.Subject, l.To)
		if err := step(tell, Step{Action: "level", Subject: l.Subject, Detail: l.From + " → " + l.To}, err); err != nil {
			return err
		}
	}
	versions := map[string]int{}
	for _, r := range p.Registers {
		req := api.RegisterRequest{SchemaType: r.Type, Schema: r.Text, References: slices.Clone(r.References)}
		for i := range req.References {
			if req.References[i].Version == 0 {
				req.References[i].Version = versions[req.References[i].Subject]
			}
		}
		got, err := reg.Add(ctx, r.Subject, req)
		if err == nil && got.Version == 0 { // servers before 7.5 tell only the id
			var found api.Schema
			found, err = reg.Find(ctx, r.Subject, req)
			got.Version = found.Version
		}
		versions[r.Subject] = got.Version
		if err := step(tell, Step{Action: "register", Subject: r.Subject, Detail: fmt.Sprintf("v%d, id %d", got.Version, got.ID)}, err); err != nil {
			return err
		}
	}
	for _, s := range p.Deletes {
		_, err := reg.Delete(ctx, s, false)
		if err := step(tell, Step{Action: "delete", Subject: s}, err); err != nil {
			return err
		}
	}
	return nil
}

func step(tell func(Step), s Step, err error) error {
	if s.Done = err == nil; err != nil {
		s.Detail = err.Error()
		err = fmt.Errorf("%s %s: %w", s.Action, s.Subject, err)
	}
	tell(s)
	return err
}
