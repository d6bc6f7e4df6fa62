package registry

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// read answers from memory. What is not found there may have been written by
// another node, so the log is asked before the answer is no.
func read[T any](ctx context.Context, r *Registry, f func(*State) (T, error)) (T, error) {
	st := r.state.Load()
	out, err := f(st)
	var e *api.Error
	if !errors.As(err, &e) || e.Code.Status() != http.StatusNotFound {
		return out, err
	}
	look, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if err := r.CatchUp(look); err != nil {
		return out, storeError(err)
	}
	if fresh := r.state.Load(); fresh != st {
		return f(fresh)
	}
	return out, err
}

// Types returns the names of the languages.
func (r *Registry) Types() []string { return r.policy.types() }

// MaxID returns the highest id that was ever given in the context of a subject,
// or of a context spelled :.context:.
func (r *Registry) MaxID(subject string) int {
	context, _ := splitName(subject)
	return r.state.Load().space(context).maxID
}

// Offset returns the offset behind the last record that reads answer from: as long
// as it is the same, so are their answers.
func (r *Registry) Offset() Offset { return r.state.Load().next }

// Stats counts what the registry holds now.
func (r *Registry) Stats() Stats {
	st := r.state.Load()
	out := Stats{MaxID: st.space("").maxID, Offset: st.next}
	st.spaces.Scan(func(context string, sp *space) bool {
		if context == "" || sp.listed {
			out.Contexts++
		}
		out.Subjects += sp.subjects.Len()
		out.Versions += sp.versions
		out.Schemas += sp.byID.Len()
		return true
	})
	return out
}

// Contexts returns the names of contexts in order, the default one as ".".
func (r *Registry) Contexts() []string {
	out := []string{"."}
	r.state.Load().spaces.Scan(func(context string, sp *space) bool {
		if context != "" && sp.listed {
			out = append(out, context)
		}
		return true
	})
	return out
}

// Subjects returns the names of subjects in order. A nil prefix selects all, in
// every context.
func (r *Registry) Subjects(prefix *string, which Visible) []string {
	out := []string{}
	r.state.Load().selected(selectionOf(prefix, anyContext), func(name string, versions []*version) {
		if live := latestOf(versions) != nil; which == All || live == (which == Live) {
			out = append(out, name)
		}
	})
	return out
}

// A Listing selects what [Registry.Schemas] returns.
type Listing struct {
	Prefix     *string // nil selects the default context
	Visible    Visible
	LatestOnly bool   // of each subject, among what is visible
	RuleType   string // only with a rule of this type; empty means any
	Aliases    bool   // the prefix may also be that of an alias
}

// Schemas returns versions ordered by subject and number.
func (r *Registry) Schemas(l Listing) []Version {
	st := r.state.Load()
	var out []Version
	seen := map[string]bool{}
	add := func(name string, versions []*version) {
		if seen[name] {
			return
		}
		seen[name] = true
		versions = visibleOf(versions, l.Visible)
		if l.LatestOnly && len(versions) > 1 {
			versions = versions[len(versions)-1:]
		}
		for _, v := range versions {
			if l.RuleType == "" || hasRuleType(v.rules, l.RuleType) {
				out = append(out, v.describe())
			}
		}
	}
	sel := selectionOf(l.Prefix, "")
	st.selected(sel, add)
	if l.Aliases {
		for alias, target := range st.aliases() {
			if context, name := splitName(alias); (sel.all || context == sel.context) && strings.HasPrefix(name, sel.prefix) {
				add(target, st.versions(target))
			}
		}
		slices.SortFunc(out, func(a, b Version) int {
			return cmp.Or(strings.Compare(a.Subject, b.Subject), cmp.Compare(a.Number, b.Number))
		})
	}
	return out
}

func hasRuleType(rules *api.RuleSet, typ string) bool {
	if rules == nil {
		return false
	}
	for rule := range allRules(rules) {
		if rule.Type == typ {
			return true
		}
	}
	return false
}

// aliases returns what each alias stands for.
func (s *State) aliases() map[string]string {
	out := map[string]string{}
	s.configs.Scan(func(scope string, cfg *api.Config) bool {
		if _, name := splitName(scope); name != "" && cfg.Alias != nil && *cfg.Alias != "" {
			out[scope] = aliasTarget(scope, *cfg.Alias)
		}
		return true
	})
	return out
}

// aliasTarget reads an alias: a bare name means the context of the subject that
// has it.
func aliasTarget(subject, alias string) string {
	context, _ := splitName(subject)
	return refersTo(context, api.Reference{Subject: alias})
}

// Alias returns the subject that a request for subject means: the one that its
// own settings name, or itself. The settings of a context or of the server name
// none.
func (r *Registry) Alias(subject string) string {
	name := normalName(subject)
	cfg, ok := r.state.Load().configs.Get(name)
	if _, bare := splitName(name); bare == "" || !ok || cfg.Alias == nil || *cfg.Alias == "" {
		return subject
	}
	return aliasTarget(name, *cfg.Alias)
}

// AliasesOf returns the subjects whose settings name another one, by that one.
func (r *Registry) AliasesOf() map[string][]string {
	out := map[string][]string{}
	for alias, target := range r.state.Load().aliases() {
		out[target] = append(out[target], alias)
	}
	for _, names := range out {
		slices.Sort(names)
	}
	return out
}

type sightKey struct{}

// WithSight returns a context whose reads look for a bare name only in those
// other contexts where visible holds for the qualified name. What is not visible
// is answered as if it were not there.
func WithSight(ctx context.Context, visible func(qualified string) bool) context.Context {
	return context.WithValue(ctx, sightKey{}, visible)
}

func sees(ctx context.Context, qualified string) bool {
	visible, ok := ctx.Value(sightKey{}).(func(string) bool)
	return !ok || visible(qualified)
}

// somewhere returns the qualified name of a subject that f accepts: the name
// itself, or, for a bare name, the same one in another context.
func (s *State) somewhere(ctx context.Context, subject string, f func(qualified string) bool) (string, bool) {
	name := normalName(subject)
	if f(name) {
		return name, true
	}
	if context, _ := splitName(name); context != "" {
		return name, false
	}
	for _, context := range at(s.names, name) {
		if qualified := joinName(context, name); sees(ctx, qualified) && f(qualified) {
			return qualified, true
		}
	}
	return name, false
}

// Versions returns the versions of a subject in ascending order.
func (r *Registry) Versions(ctx context.Context, subject string, which Visible) ([]Version, error) {
	return read(ctx, r, func(st *State) ([]Version, error) {
		found := st.visible(normalName(subject), which)
		if len(found) == 0 {
			return nil, api.SubjectNotFound.With(subject)
		}
		out := make([]Version, len(found))
		for i, v := range found {
			out[i] = v.describe()
		}
		return out, nil
	})
}

// Version returns one version. [Latest] is the highest live one, whatever which
// says. A bare name that is not in the default context is looked for in others.
func (r *Registry) Version(ctx context.Context, subject string, number int, which Visible) (Version, error) {
	return read(ctx, r, func(st *State) (Version, error) {
		name, _ := st.somewhere(ctx, subject, func(q string) bool { return len(st.visible(q, which)) > 0 })
		v, err := st.findVersion(name, number, which)
		if err != nil {
			return Version{}, err
		}
		return v.describe(), nil
	})
}

func (s *State) findVersion(subject string, number int, which Visible) (*version, error) {
	name := normalName(subject)
	v := s.version(name, number)
	if number == Latest {
		v = s.latest(name)
	}
	if v != nil && which.shows(v.deleted) {
		return v, nil
	}
	if len(s.visible(name, which)) == 0 {
		return nil, api.SubjectNotFound.With(subject)
	}
	return nil, api.VersionNotFound.With(number)
}

// ReferencedBy returns the ids of the schemas that refer to a version, in order.
func (r *Registry) ReferencedBy(ctx context.Context, subject string, number int, which Visible) ([]int, error) {
	return read(ctx, r, func(st *State) ([]int, error) {
		v, err := st.findVersion(subject, number, All)
		if err != nil {
			return nil, err
		}
		out := []int{}
		for user := range st.referrers(v.name(), which) {
			out = append(out, user.id)
		}
		slices.Sort(out)
		return slices.Compact(out), nil
	})
}

// ByID returns the schema with an id, soft-deleted ones too: the newest version
// of the given subject that has it, or else one of those that have it, always the
// same; either rather a live one.
// An id belongs to a context: that of the subject, or for a bare name the first
// where the subject has the id.
func (r *Registry) ByID(ctx context.Context, id int, subject string) (Version, error) {
	return read(ctx, r, func(st *State) (Version, error) {
		sp, name := st.spaceOf(ctx, id, subject)
		v := newest(under(sp.uses, keyOfUse(id)+keyOfSubject(name)))
		if v == nil {
			v = speaker(sp.usesOf(id))
		}
		if v == nil {
			return Version{}, api.SchemaNotFound.With(" " + strconv.Itoa(id))
		}
		return v.describe(), nil
	})
}

// spaceOf returns the space where an id is looked for that comes with a subject,
// and the qualified subject.
func (s *State) spaceOf(ctx context.Context, id int, subject string) (*space, string) {
	qualified, ok := s.somewhere(ctx, subject, func(q string) bool {
		context, name := splitName(q)
		sp := s.space(context)
		return at(sp.byID, id).content != nil && (name == "" || sp.usedBy(id, q))
	})
	if !ok {
		qualified = normalName(subject)
	}
	context, _ := splitName(qualified)
	return s.space(context), qualified
}

// speaker returns the version that speaks for an id: the first that is live, or
// else the first, or nil if there are none. Tens of thousands may have the id.
func speaker(uses iter.Seq[*version]) *version {
	var first *version
	for v := range uses {
		if !v.deleted {
			return v
		}
		first = cmp.Or(first, v)
	}
	return first
}

// newest returns the last version of a subject's own that is live, or else the
// last.
func newest(uses iter.Seq[*version]) *version {
	var found *version
	for v := range uses {
		if found == nil || found.deleted || !v.deleted {
			found = v
		}
	}
	return found
}

// ByGUID is ByID for a GUID, with or without hyphens, in the first context that
// has it.
func (r *Registry) ByGUID(ctx context.Context, guid string) (Version, error) {
	return read(ctx, r, func(st *State) (Version, error) {
		if sum, ok := parseGUID(guid); ok {
			for _, h := range at(st.byHash, sum.key()) {
				return speaker(having(st.space(h.context).usesOf(h.id), sum)).describe(), nil
			}
		}
		return Version{}, api.SchemaNotFound.With(" " + guid)
	})
}

// having yields those versions that have a hash. Others' logs may have an id that
// stands for several.
func having(uses iter.Seq[*version], h hash) iter.Seq[*version] {
	return func(yield func(*version) bool) {
		for v := range uses {
			if v.hash == h && !yield(v) {
				return
			}
		}
	}
}

// IDsOfGUID returns the ids of a schema, the default context first.
func (r *Registry) IDsOfGUID(ctx context.Context, guid string) ([]api.ContextID, error) {
	out, err := read(ctx, r, func(st *State) ([]api.ContextID, error) {
		out := []api.ContextID{}
		if sum, ok := parseGUID(guid); ok {
			for _, h := range at(st.byHash, sum.key()) {
				out = append(out, api.ContextID{Context: cmp.Or(h.context, "."), ID: h.id})
			}
		}
		if len(out) == 0 {
			return nil, api.SchemaNotFound.With(" " + guid)
		}
		return out, nil
	})
	if errors.Is(err, api.SchemaNotFound) {
		return []api.ContextID{}, nil
	}
	return out, err
}

// Uses returns the versions that have an id, ordered by subject and number.
func (r *Registry) Uses(ctx context.Context, id int, subject string, which Visible) ([]api.SubjectVersion, error) {
	return read(ctx, r, func(st *State) ([]api.SubjectVersion, error) {
		sp, _ := st.spaceOf(ctx, id, subject)
		if at(sp.byID, id).content == nil {
			return nil, api.SchemaNotFound.With("")
		}
		out := []api.SubjectVersion{}
		for v := range sp.usesOf(id) {
			if which.shows(v.deleted) {
				out = append(out, v.name())
			}
		}
		slices.SortFunc(out, func(a, b api.SubjectVersion) int {
			return cmp.Or(strings.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
		})
		return out, nil
	})
}

// WithProperties returns the newest visible version whose metadata has all the
// given properties; with none given, the newest that has any.
func (r *Registry) WithProperties(ctx context.Context, subject string, want map[string]string, which Visible) (Version, error) {
	return read(ctx, r, func(st *State) (Version, error) {
		name, _ := st.somewhere(ctx, subject, func(q string) bool { return len(st.visible(q, which)) > 0 })
		visible := st.visible(name, which)
		if len(visible) == 0 {
			return Version{}, api.SubjectNotFound.With(subject)
		}
		for _, v := range slices.Backward(visible) {
			if has := plain(v.metadata).Properties; len(has) > 0 && contains(has, want) {
				return v.describe(), nil
			}
		}
		return Version{}, api.SchemaNotFound.With("")
	})
}

func contains(has, want map[string]string) bool {
	for k, v := range want {
		if got, ok := has[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// A Lookup asks whether a subject holds a schema.
type Lookup struct {
	Subject   string
	Request   api.RegisterRequest
	Normalize bool
	Visible   Visible
}

// Lookup returns the version that holds the schema of a request. A bare name
// whose subject in the default context does not hold it is looked for in others.
func (r *Registry) Lookup(ctx context.Context, l Lookup) (Version, error) {
	return read(ctx, r, func(st *State) (Version, error) {
		var found *version
		var invalid error
		exists := false
		_, _ = st.somewhere(ctx, l.Subject, func(q string) bool {
			if len(st.visible(q, l.Visible)) == 0 {
				return false
			}
			exists = true
			p := r.policy
			cand, err := p.candidate(st, q, l.Request, l.Normalize || p.normalize(st, q), All)
			if err != nil {
				invalid = cmp.Or(invalid, err) // what is wrong for the subject itself
				return false
			}
			found = p.findFilled(st, q, cand, l.Visible, l.Request.Version == Latest)
			return found != nil
		})
		switch {
		case found != nil:
			return found.describe(), nil
		case invalid != nil:
			return Version{}, invalid
		case exists:
			return Version{}, api.SchemaNotFound.With("")
		}
		return Version{}, api.SubjectNotFound.With(l.Subject)
	})
}

// Format returns a version's text in one of the forms of the format parameter,
// or as it is stored where its language has no such form.
func (r *Registry) Format(v Version, name string) string {
	if name == "" {
		return v.Text
	}
	st := r.state.Load()
	stored := st.version(v.Subject, v.Number)
	if stored == nil {
		return v.Text
	}
	schema, err := r.policy.parseStored(st, stored)
	if err != nil {
		return v.Text
	}
	if text, ok := formatted(schema, name); ok {
		return text
	}
	return v.Text
}

// QualifiedReferences returns the references of a version with the context that
// a bare name in them means.
func QualifiedReferences(v Version) []api.Reference {
	context, _ := splitName(v.Subject)
	out := slices.Clone(v.References)
	for i := range out {
		out[i].Subject = refersTo(context, out[i])
	}
	return out
}

// A Check asks whether a schema may follow what a subject holds.
type Check struct {
	Subject   string
	Version   int // that version, or Latest; 0 means all that the level asks for
	Request   api.RegisterRequest
	Normalize bool
}

// Check returns why the schema may not follow: nothing if it may. A text that
// does not parse is an error that matches [api.InvalidSchema].
func (r *Registry) Check(ctx context.Context, c Check) ([]string, error) {
	return read(ctx, r, func(st *State) ([]string, error) {
		p := r.policy
		name := normalName(c.Subject)
		history, err := st.history(name, c.Version)
		if err != nil {
			return nil, err
		}
		cand, err := p.candidate(st, name, c.Request, c.Normalize || p.normalize(st, name), p.referable(st, name))
		if err != nil {
			return nil, err
		}
		if p.validateNew(st, name) {
			if err := checkNew(cand.schema); err != nil {
				return nil, err
			}
		}
		return p.messages(st, p.question(st, name, cand, history)), nil
	})
}

// history returns live versions, newest first: all, or only the given one.
func (s *State) history(subject string, number int) ([]*version, error) {
	if number == 0 {
		all := slices.Clone(s.visible(subject, Live))
		slices.Reverse(all)
		return all, nil
	}
	v := s.version(subject, number)
	if number == Latest {
		v = s.latest(subject)
	}
	switch {
	case v != nil && !v.deleted:
		return []*version{v}, nil
	case number == Latest:
		return nil, nil
	}
	return nil, api.VersionNotFound.With(number)
}

// Config returns the settings of a scope, or with inherit those in effect for
// it. The scope "" is the server.
func (r *Registry) Config(ctx context.Context, scope string, inherit bool) (api.Config, error) {
	return read(ctx, r, func(st *State) (api.Config, error) {
		name := normalName(scope)
		own, ok := st.configs.Get(name)
		switch {
		case name == "" || inherit:
			return r.policy.config(st, name), nil
		case !ok:
			return api.Config{}, api.SubjectLevelNotSet.With(name)
		}
		return r.policy.withLevel(*own), nil
	})
}

// Mode returns the mode of a scope, or with inherit the one in effect for it.
// The scope "" is the server.
func (r *Registry) Mode(ctx context.Context, scope string, inherit bool) (string, error) {
	return read(ctx, r, func(st *State) (string, error) {
		name := normalName(scope)
		own, ok := st.modes.Get(name)
		switch {
		case name == "" || inherit:
			return r.policy.mode(st, name), nil
		case !ok:
			return "", api.SubjectModeNotSet.With(name)
		}
		return own, nil
	})
}
