package registry

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/lang"
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
	if err := r.CatchUp(ctx); err != nil {
		return out, storeReadError(err)
	}
	if fresh := r.state.Load(); fresh != st {
		return f(fresh)
	}
	return out, err
}

func storeReadError(cause error) error {
	return api.StoreFailure.Because(cause, cause.Error())
}

// Types returns the names of the languages.
func (r *Registry) Types() []string { return r.policy.types() }

// MaxID returns the highest id that was ever given.
func (r *Registry) MaxID() int { return r.state.Load().maxID }

// Stats counts what the registry holds now.
func (r *Registry) Stats() Stats {
	st := r.state.Load()
	out := Stats{Contexts: 1, MaxID: st.maxID, Offset: st.next}
	for _, versions := range st.subjects.all() {
		out.Subjects++
		out.Versions += len(versions)
	}
	for range st.byID.all() {
		out.Schemas++
	}
	return out
}

// Subjects returns the names of subjects in order. A nil prefix selects all.
func (r *Registry) Subjects(prefix *string, which Visible) []string {
	match := matcher(prefix, anyContext)
	out := []string{}
	st := r.state.Load()
	for name, versions := range st.subjects.all() {
		if !match(name) {
			continue
		}
		live := st.latest(name) != nil
		if which == All || live == (which == Live) && len(versions) > 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// A Listing selects what [Registry.Schemas] returns.
type Listing struct {
	Prefix     *string // nil selects the default context
	Visible    Visible
	LatestOnly bool // of each subject, among what is visible
}

// Schemas returns versions ordered by subject and number.
func (r *Registry) Schemas(l Listing) []Version {
	match := matcher(l.Prefix, "")
	st := r.state.Load()
	var out []Version
	for name := range st.subjects.all() {
		if !match(name) {
			continue
		}
		versions := st.visible(name, l.Visible)
		if l.LatestOnly && len(versions) > 1 {
			versions = versions[len(versions)-1:]
		}
		for _, v := range versions {
			out = append(out, v.describe())
		}
	}
	slices.SortFunc(out, func(a, b Version) int {
		return cmp.Or(strings.Compare(a.Subject, b.Subject), cmp.Compare(a.Number, b.Number))
	})
	return out
}

// Versions returns the numbers of a subject's versions in ascending order.
func (r *Registry) Versions(ctx context.Context, subject string, which Visible) ([]Version, error) {
	return read(ctx, r, func(st *State) ([]Version, error) {
		name, _ := cutContext(subject)
		found := st.visible(name, which)
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
// says.
func (r *Registry) Version(ctx context.Context, subject string, number int, which Visible) (Version, error) {
	return read(ctx, r, func(st *State) (Version, error) {
		v, err := st.findVersion(subject, number, which)
		if err != nil {
			return Version{}, err
		}
		return v.describe(), nil
	})
}

func (s *State) findVersion(subject string, number int, which Visible) (*version, error) {
	name, _ := cutContext(subject)
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
		for _, user := range st.referrers(v.name(), which) {
			out = append(out, user.id)
		}
		slices.Sort(out)
		return slices.Compact(out), nil
	})
}

// ByID returns the schema with an id, soft-deleted ones too: the newest version
// that has it, of the given subject if there is one there, and rather a live one.
func (r *Registry) ByID(ctx context.Context, id int, subject string) (Version, error) {
	return read(ctx, r, func(st *State) (Version, error) {
		return st.byUse(id, subject, api.SchemaNotFound.With(" "+strconv.Itoa(id)))
	})
}

// ByGUID is ByID for a GUID, with or without hyphens.
func (r *Registry) ByGUID(ctx context.Context, guid string) (Version, error) {
	return read(ctx, r, func(st *State) (Version, error) {
		missing := api.SchemaNotFound.With(" " + guid)
		sum, ok := parseGUID(guid)
		if !ok {
			return Version{}, missing
		}
		return st.byUse(st.byHash.get(sum), "", missing)
	})
}

func (s *State) byUse(id int, subject string, missing *api.Error) (Version, error) {
	name, here := cutContext(subject)
	if !here {
		return Version{}, missing
	}
	var found *version
	for _, use := range s.uses.get(id) {
		v := s.version(use.Subject, use.Version)
		if found == nil || cmp.Or(
			compareBool(v.subject == name, found.subject == name),
			compareBool(found.deleted, v.deleted),
			cmp.Compare(v.time, found.time),
			cmp.Compare(v.number, found.number),
			strings.Compare(found.subject, v.subject),
		) > 0 {
			found = v
		}
	}
	if found == nil {
		return Version{}, missing
	}
	return found.describe(), nil
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Uses returns the versions that have an id, ordered by subject and number.
func (r *Registry) Uses(ctx context.Context, id int, which Visible) ([]api.SubjectVersion, error) {
	return read(ctx, r, func(st *State) ([]api.SubjectVersion, error) {
		uses, ok := st.uses.find(id)
		if !ok {
			return nil, api.SchemaNotFound.With("")
		}
		out := []api.SubjectVersion{}
		for _, use := range uses {
			if v := st.version(use.Subject, use.Version); v != nil && which.shows(v.deleted) {
				out = append(out, use)
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
		name, _ := cutContext(subject)
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

// Lookup returns the version that holds the schema of a request.
func (r *Registry) Lookup(ctx context.Context, l Lookup) (Version, error) {
	return read(ctx, r, func(st *State) (Version, error) {
		name, _ := cutContext(l.Subject)
		if len(st.visible(name, l.Visible)) == 0 {
			return Version{}, api.SubjectNotFound.With(l.Subject)
		}
		p := r.policy
		cand, err := p.candidate(st, name, l.Request, l.Normalize || p.normalize(st, name), All)
		if err != nil {
			return Version{}, err
		}
		v := p.findFilled(st, name, cand, l.Visible, l.Request.Version == Latest)
		if v == nil {
			return Version{}, api.SchemaNotFound.With("")
		}
		return v.describe(), nil
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
		name, _ := cutContext(c.Subject)
		history, err := st.history(name, c.Version)
		if err != nil {
			return nil, err
		}
		cand, err := p.candidate(st, name, c.Request, c.Normalize || p.normalize(st, name), Live)
		if err != nil {
			return nil, err
		}
		q := check{level: p.level(st, name), typ: lang.Type(cand.typ), newer: cand.schema, history: history}
		return p.messages(st, q), nil
	})
}

// history returns live versions, newest first: all, or only the given one.
func (s *State) history(subject string, number int) ([]*version, error) {
	if number == 0 {
		all := s.visible(subject, Live)
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

// Config returns the settings of a subject, or with inherit those in effect for
// it. The name "" is the server.
func (r *Registry) Config(ctx context.Context, subject string, inherit bool) (api.Config, error) {
	return read(ctx, r, func(st *State) (api.Config, error) {
		name := subject
		if subject != "" {
			name, _ = cutContext(subject)
		}
		own, ok := st.configs.find(name)
		switch {
		case ok && inherit && name != "" && own.Normalize == nil:
			own.Normalize = st.configs.get("").Normalize
		case !ok && name != "" && !inherit:
			return api.Config{}, api.SubjectLevelNotSet.With(name)
		case !ok:
			own = st.configs.get("")
		}
		return r.policy.withLevel(own), nil
	})
}
