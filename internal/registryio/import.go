package registryio

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wireproof/wireproof/registry/api"
	"github.com/wireproof/wireproof/registry/client"
)

// An Import says what an import does, or did.
type Import struct {
	Write    int // versions to register
	Delete   int // of all versions, those to delete softly
	Present  int // versions that are there already
	Contexts int // contexts that need their highest id, or their name, set
	Configs  int // scopes whose settings change
	Modes    int // scopes whose mode changes

	want, have *Dump
	write      []api.Schema
	remove     []api.Schema
	contexts   []Context
	known      map[string]bool // contexts that the registry lists
	configs    []Config
	unconfig   []string
}

// Pending reports whether there is anything to do.
func (p *Import) Pending() bool {
	return p.Write+p.Delete+p.Contexts+p.Configs+p.Modes > 0
}

// Want returns what the registry is to hold after the import.
func (p *Import) Want() *Dump { return p.want }

// A ConflictError says why a registry cannot become what is to be imported.
type ConflictError struct{ Conflicts []string }

// Error lists the first conflicts, each with both sides.
func (e *ConflictError) Error() string {
	const most = 10
	lines := e.Conflicts
	if len(lines) > most {
		lines = append(lines[:most:most], fmt.Sprintf("and %d more", len(e.Conflicts)-most))
	}
	return strings.Join(lines, "\n")
}

// heightSubject is the subject whose only version gives a context its highest id,
// and is then deleted for good. It is no name that people use.
const heightSubject = "wireproof-import-highest-id"

// PlanImport compares a dump with a registry and returns what is missing. What the
// registry has already, an import that was interrupted for one, is left as it is.
// What it has differently, or besides, is a [*ConflictError]: an import changes
// and deletes nothing. The modes of the registry become those of the dump, or with
// keepModes stay as they are.
func PlanImport(ctx context.Context, reg *client.Client, want *Dump, keepModes bool, progress Progress) (*Import, error) {
	have, err := exportFor(ctx, reg, want.names(), want.scopes(), progress)
	if err != nil {
		return nil, err
	}
	have = have.within(want)
	if keepModes {
		kept := *want
		kept.Modes = have.Modes
		want = &kept
	}
	p := &Import{want: want, have: have, known: map[string]bool{}}
	if err := p.schemas(); err != nil {
		return nil, err
	}
	listed, err := reg.Contexts(ctx)
	if err != nil && !isMissing(err) {
		return nil, fmt.Errorf("list the contexts: %w", err)
	}
	for _, name := range listed {
		p.known[name] = true
	}
	highest := map[string]int{}
	for _, s := range want.Schemas {
		name := contextOf(s.Subject)
		highest[name] = max(highest[name], s.ID)
	}
	for _, c := range want.Contexts {
		now := 0
		if i := slices.IndexFunc(have.Contexts, func(h Context) bool { return h.Name == c.Name }); i >= 0 {
			now = have.Contexts[i].MaxID
		}
		_, filled := highest[c.Name]
		if c.MaxID > max(now, highest[c.Name]) || !filled && !p.known[c.Name] && c.Name != defaultContext {
			p.contexts = append(p.contexts, c)
		}
	}
	p.settings()
	p.Write, p.Delete, p.Contexts, p.Configs = len(p.write), len(p.remove), len(p.contexts), len(p.configs)+len(p.unconfig)
	return p, nil
}

// schemas finds the versions to write and to delete.
func (p *Import) schemas() error {
	have := map[api.SubjectVersion]api.Schema{}
	for _, s := range p.have.Schemas {
		have[keyOf(s)] = s
	}
	var conflicts []string
	for _, s := range p.want.Schemas {
		h, ok := have[keyOf(s)]
		delete(have, keyOf(s))
		switch {
		case !ok:
			p.write = append(p.write, s)
		case difference(s, h) != "":
			conflicts = append(conflicts, fmt.Sprintf("%s differs in its %s: %s to import, but the registry has %s", nameOf(s), difference(s, h), describe(s), describe(h)))
		case isDeleted(h) && !isDeleted(s):
			conflicts = append(conflicts, fmt.Sprintf("%s is live where it comes from, but soft-deleted in the registry", nameOf(s)))
		default:
			p.Present++
		}
		if isDeleted(s) && (!ok || !isDeleted(h)) {
			p.remove = append(p.remove, s)
		}
	}
	for _, h := range p.have.Schemas {
		if _, foreign := have[keyOf(h)]; foreign && bare(h.Subject) != heightSubject {
			conflicts = append(conflicts, fmt.Sprintf("%s is in the registry (%s), but not in what is imported", nameOf(h), describe(h)))
		}
	}
	if conflicts != nil {
		return &ConflictError{conflicts}
	}
	return nil
}

// settings finds the scopes whose settings and modes differ.
func (p *Import) settings() {
	for _, c := range p.want.Configs {
		i := slices.IndexFunc(p.have.Configs, func(h Config) bool { return h.Scope == c.Scope })
		if i < 0 || !sameConfig(c, p.have.Configs[i]) {
			p.configs = append(p.configs, c)
		}
	}
	for _, h := range p.have.Configs {
		if h.Scope != "" && !slices.ContainsFunc(p.want.Configs, func(c Config) bool { return c.Scope == h.Scope }) {
			p.unconfig = append(p.unconfig, h.Scope)
		}
	}
	for _, m := range p.want.Modes {
		if modeOf(p.have, m.Scope) != m.Mode {
			p.Modes++
		}
	}
	for _, h := range p.have.Modes {
		if modeOf(p.want, h.Scope) == "" && h.Scope != "" {
			p.Modes++
		}
	}
}

func modeOf(d *Dump, scope string) string {
	if i := slices.IndexFunc(d.Modes, func(m Mode) bool { return m.Scope == scope }); i >= 0 {
		return d.Modes[i].Mode
	}
	return ""
}

func configOf(d *Dump, scope string) (api.Config, bool) {
	if i := slices.IndexFunc(d.Configs, func(c Config) bool { return c.Scope == scope }); i >= 0 {
		return d.Configs[i].Config, true
	}
	return api.Config{}, false
}

// Apply does what is pending. While it runs, the contexts concerned are in mode
// IMPORT, in which nobody else can register, and what is written is no alias. When
// it ends they have the modes that are imported; when it fails, or ctx ends, those
// that they had before, and what was written stays: the next import goes on from
// there. The error says so if a mode or an alias could not be set back.
func (p *Import) Apply(ctx context.Context, reg *client.Client, progress Progress) (err error) {
	if p.Write+p.Delete+p.Contexts > 0 {
		open := &opened{reg: reg, have: p.have}
		defer func() {
			if err != nil {
				// Whatever ended the import, nobody must be left unable to register.
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
				defer cancel()
				err = errors.Join(err, open.restore(ctx))
			}
		}()
		if err := p.open(ctx, open); err != nil {
			return err
		}
		if err := p.register(ctx, reg, progress); err != nil {
			return err
		}
		if err := p.heights(ctx, reg); err != nil {
			return err
		}
		if err := p.delete(ctx, reg, progress); err != nil {
			return err
		}
		if err := open.realias(ctx); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = p.modes(ctx, reg, open.scopes)
			}
		}()
	} else {
		defer func() {
			if err == nil {
				err = p.modes(ctx, reg, nil)
			}
		}()
	}
	return p.configure(ctx, reg)
}

// An opened registry has scopes in mode IMPORT, and lacks aliases that it had.
type opened struct {
	reg     *client.Client
	have    *Dump
	scopes  []string
	aliases []Config // of the subjects that had one
}

// open puts every scope into mode IMPORT whose mode decides about what is written.
func (p *Import) open(ctx context.Context, o *opened) error {
	scopes, subjects := map[string]bool{}, map[string]bool{}
	for _, c := range p.contexts {
		scopes[scopeOf(c.Name)] = true
	}
	for _, s := range slices.Concat(p.write, p.remove) {
		scopes[scopeOf(contextOf(s.Subject))] = true
		if modeOf(p.have, s.Subject) != "" {
			scopes[s.Subject] = true
		}
		subjects[s.Subject] = true
	}
	for scope := range scopes {
		// It was looked at already that nothing is there that the import does not
		// bring.
		if err := o.reg.SetMode(ctx, scope, api.ModeImport, client.Force()); err != nil {
			return fmt.Errorf("put %s into mode IMPORT: %w", scopeText(scope), err)
		}
		o.scopes = append(o.scopes, scope)
	}
	for _, c := range p.have.Configs {
		if !subjects[c.Scope] || c.Config.Alias == nil {
			continue
		}
		// An alias would lead the write to another subject.
		o.aliases = append(o.aliases, c)
		if _, err := o.reg.SetConfig(ctx, c.Scope, api.ConfigUpdate{Alias: api.Field[string]{Present: true}}); err != nil {
			return fmt.Errorf("take away the alias of %s: %w", c.Scope, err)
		}
	}
	return nil
}

// realias sets the aliases that were there before.
func (o *opened) realias(ctx context.Context) error {
	var errs []error
	for _, c := range o.aliases {
		if _, err := o.reg.SetConfig(ctx, c.Scope, api.ConfigUpdate{Alias: api.Set(*c.Config.Alias)}); err != nil {
			errs = append(errs, fmt.Errorf("%s is no longer an alias of %s: %w", c.Scope, *c.Config.Alias, err))
		}
	}
	if errs == nil {
		o.aliases = nil
	}
	return errors.Join(errs...)
}

// restore sets the aliases and the modes that were there before.
func (o *opened) restore(ctx context.Context) error {
	errs := []error{o.realias(ctx)}
	for _, scope := range o.scopes {
		if err := setMode(ctx, o.reg, scope, modeOf(o.have, scope)); err != nil {
			errs = append(errs, fmt.Errorf("%s is still in mode IMPORT: %w", scopeText(scope), err))
		}
	}
	return errors.Join(errs...)
}

// setMode sets the mode of a scope, or takes it away if there is to be none. The
// server's own mode always shows; READWRITE is what it is without one.
func setMode(ctx context.Context, reg *client.Client, scope, mode string) error {
	if mode == "" || mode == api.ModeReadWrite && scope == "" {
		_, err := reg.DeleteMode(ctx, scope)
		if !isMissing(err) {
			if errors.Is(err, api.SubjectNotFound) {
				return nil
			}
			return err
		}
		mode = api.ModeReadWrite // servers before 8.2 can only set
	}
	return reg.SetMode(ctx, scope, mode, client.Force())
}

func (p *Import) register(ctx context.Context, reg *client.Client, progress Progress) error {
	count := &counter{progress: progress, stage: "register", total: len(p.write)}
	for _, wave := range waves(p.write) {
		// The versions of one subject go one after the other.
		subjects := bySubject(wave)
		err := each(ctx, len(subjects), func(ctx context.Context, i int) error {
			for _, s := range subjects[i] {
				if err := importVersion(ctx, reg, s); err != nil {
					return fmt.Errorf("%s: %w", nameOf(s), err)
				}
				count.add()
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("register, after %d of %d versions: %w", count.now(), len(p.write), err)
		}
	}
	return nil
}

func importVersion(ctx context.Context, reg *client.Client, s api.Schema) error {
	got, err := reg.Add(ctx, s.Subject, api.RegisterRequest{
		Version: s.Version, ID: &s.ID, SchemaType: s.SchemaType, Schema: s.Schema,
		References: s.References, Metadata: s.Metadata, RuleSet: s.RuleSet,
	})
	if err != nil {
		return err
	}
	if got.ID != s.ID || got.Version != 0 && got.Version != s.Version {
		return fmt.Errorf("the registry made it version %d with id %d, expected version %d with id %d", got.Version, got.ID, s.Version, s.ID)
	}
	return nil
}

func bySubject(schemas []api.Schema) [][]api.Schema {
	index := map[string]int{}
	var out [][]api.Schema
	for _, s := range schemas {
		i, ok := index[s.Subject]
		if !ok {
			i = len(out)
			index[s.Subject] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], s)
	}
	for _, versions := range out {
		slices.SortFunc(versions, func(a, b api.Schema) int { return a.Version - b.Version })
	}
	return out
}

// heights makes contexts listed and remember their highest id, so that an id that
// was deleted for good is not given again.
func (p *Import) heights(ctx context.Context, reg *client.Client) error {
	for _, c := range p.contexts {
		id := max(c.MaxID, 1)
		subject := scopeOf(c.Name) + heightSubject
		err := importVersion(ctx, reg, api.Schema{
			Subject: subject, Version: 1, ID: id,
			Schema: fmt.Sprintf(`{"type":"fixed","name":"HighestID%d","namespace":"wireproof.registry","size":1}`, id),
		})
		if err != nil {
			return fmt.Errorf("make %d the highest id of context %s: %w", id, c.Name, err)
		}
	}
	return p.cleanUp(ctx, reg)
}

// cleanUp deletes the subjects of the highest ids, also those of an import that was interrupted.
func (p *Import) cleanUp(ctx context.Context, reg *client.Client) error {
	subjects := map[string]bool{}
	for _, c := range p.contexts {
		subjects[scopeOf(c.Name)+heightSubject] = true
	}
	for _, s := range p.have.Schemas {
		if bare(s.Subject) == heightSubject {
			subjects[s.Subject] = true
		}
	}
	for s := range subjects {
		if _, err := reg.Delete(ctx, s, false); err != nil && !errors.Is(err, api.SubjectSoftDeleted) {
			return fmt.Errorf("delete %s, which was for the highest id: %w", s, err)
		}
		if _, err := reg.Delete(ctx, s, true); err != nil {
			return fmt.Errorf("delete %s, which was for the highest id: %w", s, err)
		}
	}
	return nil
}

// delete deletes softly, what refers before what is referred to.
func (p *Import) delete(ctx context.Context, reg *client.Client, progress Progress) error {
	count := &counter{progress: progress, stage: "delete", total: len(p.remove)}
	for _, wave := range slices.Backward(waves(p.remove)) {
		err := each(ctx, len(wave), func(ctx context.Context, i int) error {
			err := reg.DeleteVersion(ctx, wave[i].Subject, wave[i].Version, false)
			if err != nil && !errors.Is(err, api.VersionSoftDeleted) {
				return fmt.Errorf("delete %s: %w", nameOf(wave[i]), err)
			}
			count.add()
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// configure sets every scope to what it is set to where it comes from.
func (p *Import) configure(ctx context.Context, reg *client.Client) error {
	for _, scope := range p.unconfig {
		if _, err := reg.DeleteConfig(ctx, scope); err != nil && !unset(err) {
			return fmt.Errorf("take away the settings of %s: %w", scopeText(scope), err)
		}
	}
	for _, c := range p.configs {
		had, _ := configOf(p.have, c.Scope)
		if _, err := reg.SetConfig(ctx, c.Scope, replace(had, c.Config)); err != nil {
			return fmt.Errorf("settings of %s: %w", scopeText(c.Scope), err)
		}
	}
	return nil
}

// replace returns the update that leaves nothing of had.
func replace(had, want api.Config) api.ConfigUpdate {
	u := want.Echo()
	u.Alias.Present = u.Alias.Present || had.Alias != nil
	u.AliasForDeks.Present = u.AliasForDeks.Present || had.AliasForDeks != nil
	u.Normalize.Present = u.Normalize.Present || had.Normalize != nil
	u.ValidateFields.Present = u.ValidateFields.Present || had.ValidateFields != nil
	u.ValidateNewSchemas.Present = u.ValidateNewSchemas.Present || had.ValidateNewSchemas != nil
	u.ValidateRules.Present = u.ValidateRules.Present || had.ValidateRules != nil
	u.Compatibility.Present = u.Compatibility.Present || had.CompatibilityLevel != nil
	u.CompatibilityPolicy.Present = u.CompatibilityPolicy.Present || had.CompatibilityPolicy != nil
	u.CompatibilityGroup.Present = u.CompatibilityGroup.Present || had.CompatibilityGroup != nil
	u.DefaultMetadata.Present = u.DefaultMetadata.Present || had.DefaultMetadata != nil
	u.OverrideMetadata.Present = u.OverrideMetadata.Present || had.OverrideMetadata != nil
	u.DefaultRuleSet.Present = u.DefaultRuleSet.Present || had.DefaultRuleSet != nil
	u.OverrideRuleSet.Present = u.OverrideRuleSet.Present || had.OverrideRuleSet != nil
	return u
}

// modes sets the modes that are imported, those of subjects first, so that a
// context that becomes read-only is the last to change.
func (p *Import) modes(ctx context.Context, reg *client.Client, opened []string) error {
	scopes := slices.Clone(opened)
	for _, m := range slices.Concat(p.want.Modes, p.have.Modes) {
		scopes = append(scopes, m.Scope)
	}
	slices.SortFunc(scopes, func(a, b string) int { return strings.Compare(bare(b), bare(a)) })
	done := map[string]bool{}
	for _, scope := range scopes {
		want := modeOf(p.want, scope)
		if done[scope] || !slices.Contains(opened, scope) && modeOf(p.have, scope) == want {
			continue
		}
		done[scope] = true
		if err := setMode(ctx, reg, scope, want); err != nil {
			return fmt.Errorf("mode of %s: %w", scopeText(scope), err)
		}
	}
	return nil
}

// A counter counts what several goroutines do.
type counter struct {
	progress Progress
	stage    string
	total    int

	mu sync.Mutex // guards the field below
	n  int
}

func (c *counter) add() {
	c.mu.Lock()
	c.n++
	n := c.n
	c.mu.Unlock()
	c.progress.tell(c.stage, n, c.total)
}

func (c *counter) now() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}
