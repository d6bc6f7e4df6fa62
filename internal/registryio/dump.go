// Package registryio moves whole registries and whole repositories: it exports a
// registry to a file, imports such a file or another registry with all ids, checks
// that both are the same afterwards, and plans what a repository changes in a
// registry.
//
// Everything goes through the protocol, so either side may be any registry that
// speaks it. What the protocol does not show cannot be copied: times of
// registration and versions that were deleted for good. What is set for subjects
// that have no version and are no alias only this project's server shows; of
// others it is not known, and that it is not is said.
package registryio

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/registry/api"
)

// A Dump is the state of a registry, or of some of its contexts. Subjects outside
// of the default context are qualified, as :.context:name.
type Dump struct {
	// Whole is whether it holds every context, and with them what is set for all
	// contexts.
	Whole bool
	// EveryScope is whether Configs and Modes hold what is set for subjects that
	// have no version and are no alias, and for contexts that are not listed.
	// Otherwise it is not known whether there is anything.
	EveryScope bool
	Contexts   []Context
	Schemas    []api.Schema // each after those that it refers to
	Configs    []Config     // by scope
	Modes      []Mode       // by scope
}

// scopes returns what has settings or a mode.
func (d *Dump) scopes() []string {
	var out []string
	for _, c := range d.Configs {
		out = append(out, c.Scope)
	}
	for _, m := range d.Modes {
		out = append(out, m.Scope)
	}
	return out
}

// within returns d without the settings and modes of which want does not know
// whether they are there: those of scopes that only a list of scopes names.
func (d *Dump) within(want *Dump) *Dump {
	if want.EveryScope {
		return d
	}
	known := map[string]bool{"": true, allContexts: true}
	for _, one := range []*Dump{d, want} {
		for _, c := range one.Contexts {
			known[scopeOf(c.Name)] = true
		}
		for _, s := range one.Schemas {
			known[s.Subject] = true
		}
	}
	for _, scope := range want.scopes() {
		known[scope] = true
	}
	for _, c := range d.Configs {
		known[c.Scope] = known[c.Scope] || c.Config.Alias != nil
	}
	out := *d
	out.Configs = slices.DeleteFunc(slices.Clone(d.Configs), func(c Config) bool { return !known[c.Scope] })
	out.Modes = slices.DeleteFunc(slices.Clone(d.Modes), func(m Mode) bool { return !known[m.Scope] })
	return &out
}

// names returns which contexts to ask for to get the same part of a registry; none
// means all.
func (d *Dump) names() []string {
	if d.Whole {
		return nil
	}
	var out []string
	for _, c := range d.Contexts {
		out = append(out, c.Name)
	}
	return out
}

// A Context is a context of a registry.
type Context struct {
	Name string `json:"name"` // "." is the default one
	// MaxID is the highest id that was ever given there, or 0 if the registry
	// does not tell.
	MaxID int `json:"maxId,omitempty"`
}

// A Config is what a scope itself is set to: a subject, a context spelled
// :.context:, or "" for the server.
type Config struct {
	Scope  string     `json:"scope"`
	Config api.Config `json:"config"`
}

// A Mode is the mode of a scope itself.
type Mode struct {
	Scope string `json:"scope"`
	Mode  string `json:"mode"`
}

// allContexts is the scope of what is set for every context.
const allContexts = ":.__GLOBAL:"

// defaultContext is how the protocol lists the default context.
const defaultContext = "."

// scopeOf returns the scope of a context.
func scopeOf(context string) string {
	if context == defaultContext {
		return ""
	}
	return ":" + context + ":"
}

// contextOf returns the context of a subject or scope.
func contextOf(name string) string {
	if rest, ok := strings.CutPrefix(name, ":."); ok {
		if context, _, ok := strings.Cut(rest, ":"); ok {
			return "." + context
		}
	}
	return defaultContext
}

// bare returns a subject without its context.
func bare(name string) string {
	if strings.HasPrefix(name, ":.") {
		if _, subject, ok := strings.Cut(name[2:], ":"); ok {
			return subject
		}
	}
	return name
}

// target returns the full name of what a schema of a context refers to.
func target(context string, r api.Reference) api.SubjectVersion {
	if strings.HasPrefix(r.Subject, ":.:") {
		return api.SubjectVersion{Subject: bare(r.Subject), Version: r.Version}
	}
	if strings.HasPrefix(r.Subject, ":.") {
		return api.SubjectVersion{Subject: r.Subject, Version: r.Version}
	}
	return api.SubjectVersion{Subject: scopeOf(context) + r.Subject, Version: r.Version}
}

func keyOf(s api.Schema) api.SubjectVersion {
	return api.SubjectVersion{Subject: s.Subject, Version: s.Version}
}

func isDeleted(s api.Schema) bool { return s.Deleted != nil && *s.Deleted }

// plain reduces a schema to what an import can restore, spelled in one way.
func plain(s api.Schema, deleted bool) api.Schema {
	s.SchemaType = cmp.Or(s.SchemaType, "AVRO")
	s.Tags, s.Time, s.Aliases, s.Deleted = nil, nil, nil, nil
	if deleted {
		s.Deleted = &deleted
	}
	if len(s.References) == 0 {
		s.References = nil
	}
	return s
}

// sortDump brings a dump into the order of files: contexts, configs and modes by
// name, schemas by context and id, but each after those it refers to.
func sortDump(d *Dump) {
	slices.SortFunc(d.Contexts, func(a, b Context) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(d.Configs, func(a, b Config) int { return cmp.Compare(a.Scope, b.Scope) })
	slices.SortFunc(d.Modes, func(a, b Mode) int { return cmp.Compare(a.Scope, b.Scope) })
	slices.SortFunc(d.Schemas, func(a, b api.Schema) int {
		return cmp.Or(cmp.Compare(contextOf(a.Subject), contextOf(b.Subject)), cmp.Compare(a.ID, b.ID),
			cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Version, b.Version))
	})
	sorted := make([]api.Schema, 0, len(d.Schemas))
	for _, wave := range waves(d.Schemas) {
		sorted = append(sorted, wave...)
	}
	d.Schemas = sorted
}

// waves sorts schemas by how deep their references go: each wave refers to
// earlier ones only. Inside a wave the order is kept. What refers to itself over
// others, which a registry does not hold, comes last.
func waves(schemas []api.Schema) [][]api.Schema {
	index := map[api.SubjectVersion]int{}
	for i, s := range schemas {
		index[keyOf(s)] = i
	}
	users := make([][]int, len(schemas))
	open := make([]int, len(schemas)) // references that no wave holds yet
	for i, s := range schemas {
		for _, r := range s.References {
			if j, ok := index[target(contextOf(s.Subject), r)]; ok {
				users[j] = append(users[j], i)
				open[i]++
			}
		}
	}
	var ready []int
	for i := range schemas {
		if open[i] == 0 {
			ready = append(ready, i)
		}
	}
	var out [][]api.Schema
	placed := make([]bool, len(schemas))
	for len(ready) > 0 {
		slices.Sort(ready)
		wave := make([]api.Schema, 0, len(ready))
		var next []int
		for _, i := range ready {
			wave = append(wave, schemas[i])
			placed[i] = true
			for _, j := range users[i] {
				if open[j]--; open[j] == 0 {
					next = append(next, j)
				}
			}
		}
		out = append(out, wave)
		ready = next
	}
	var rest []api.Schema
	for i, done := range placed {
		if !done {
			rest = append(rest, schemas[i])
		}
	}
	if rest != nil {
		out = append(out, rest)
	}
	return out
}

// A Difference is one thing that two registries do not agree on.
type Difference struct {
	What string // such as orders-value@3, or "mode of :.team:"
	Left string // what the first has; empty if it has nothing
	Then string // what the second has
}

// String names both sides.
func (d Difference) String() string {
	return fmt.Sprintf("%s: %s on one side, %s on the other", d.What, cmp.Or(d.Left, "nothing"), cmp.Or(d.Then, "nothing"))
}

// Compare returns what differs between two dumps.
func Compare(a, b *Dump) []Difference {
	var out []Difference
	out = append(out, differ(a.Contexts, b.Contexts, func(c Context) string { return "context " + c.Name }, sameContext, func(c Context) string { return fmt.Sprintf("highest id %d", c.MaxID) })...)
	out = append(out, differ(a.Schemas, b.Schemas, nameOf, func(x, y api.Schema) bool { return difference(x, y) == "" && isDeleted(x) == isDeleted(y) }, describe)...)
	out = append(out, differ(a.Configs, b.Configs, func(c Config) string { return "settings of " + scopeText(c.Scope) }, sameConfig, func(c Config) string { return text(c.Config) })...)
	out = append(out, differ(a.Modes, b.Modes, func(m Mode) string { return "mode of " + scopeText(m.Scope) }, func(x, y Mode) bool { return x.Mode == y.Mode }, func(m Mode) string { return m.Mode })...)
	return out
}

func sameContext(a, b Context) bool { return a.MaxID == b.MaxID || a.MaxID == 0 || b.MaxID == 0 }

func sameConfig(a, b Config) bool { return reflect.DeepEqual(a.Config, b.Config) }

func nameOf(s api.Schema) string { return fmt.Sprintf("%s@%d", s.Subject, s.Version) }

func scopeText(scope string) string {
	switch scope {
	case "":
		return "the default context"
	case allContexts:
		return "all contexts"
	}
	return scope
}

// text is a value as JSON, which every value here is.
func text(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func differ[T any](a, b []T, name func(T) string, same func(x, y T) bool, show func(T) string) []Difference {
	var out []Difference
	other := make(map[string]T, len(b))
	for _, v := range b {
		other[name(v)] = v
	}
	for _, v := range a {
		w, ok := other[name(v)]
		switch {
		case !ok:
			out = append(out, Difference{What: name(v), Left: show(v)})
		case !same(v, w):
			out = append(out, Difference{name(v), show(v), show(w)})
		}
		delete(other, name(v))
	}
	for _, v := range b {
		if _, left := other[name(v)]; left {
			out = append(out, Difference{What: name(v), Then: show(v)})
		}
	}
	return out
}

// describe tells a version apart from another with the same name.
func describe(s api.Schema) string {
	out := fmt.Sprintf("id %d, %s, %s", s.ID, cmp.Or(s.SchemaType, "AVRO"), short(s.Schema))
	if len(s.References) > 0 {
		out += ", references " + text(s.References)
	}
	if s.Metadata != nil {
		out += ", metadata " + text(s.Metadata)
	}
	if s.RuleSet != nil {
		out += ", rules " + text(s.RuleSet)
	}
	if isDeleted(s) {
		out += ", soft-deleted"
	}
	return out
}

func short(text string) string {
	const most = 120
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// difference returns the first field in which two versions differ, or "".
func difference(a, b api.Schema) string {
	switch {
	case a.ID != b.ID:
		return "id"
	case cmp.Or(a.SchemaType, "AVRO") != cmp.Or(b.SchemaType, "AVRO"):
		return "type"
	case a.Schema != b.Schema:
		return "text"
	case !slices.Equal(a.References, b.References):
		return "references"
	case !reflect.DeepEqual(a.Metadata, b.Metadata):
		return "metadata"
	case !reflect.DeepEqual(a.RuleSet, b.RuleSet):
		return "rules"
	case a.GUID != "" && b.GUID != "" && a.GUID != b.GUID:
		return "guid"
	}
	return ""
}
