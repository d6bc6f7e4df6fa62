package registry

import (
	"fmt"
	"slices"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

// Limits bound what one schema may cost. Parsers are started only within them.
type Limits struct {
	Text       int // bytes of one text; 0 means 1 MiB
	References int // texts that a schema reaches, each as often as it is reached; 0 means 1000
	Closure    int // bytes of them in all; 0 means 8 MiB
}

func (l Limits) orDefault() Limits {
	if l.Text == 0 {
		l.Text = 1 << 20
	}
	if l.References == 0 {
		l.References = 1000
	}
	if l.Closure == 0 {
		l.Closure = 8 << 20
	}
	return l
}

// A resolver turns references into the texts of a state.
type resolver struct {
	st       *State
	limits   Limits
	done     map[api.SubjectVersion]*resolved
	visiting map[api.SubjectVersion]bool
}

// A resolved source knows how much a parser will meet that walks into every
// reference: sharing makes the tree far larger than the texts in it.
type resolved struct {
	source       lang.Source
	nodes, bytes int
}

func newResolver(st *State, limits Limits) *resolver {
	return &resolver{st, limits, map[api.SubjectVersion]*resolved{}, map[api.SubjectVersion]bool{}}
}

// resolve returns the source with all its references. Only the schema itself
// may be told to use live versions alone; what is stored keeps what it has.
func (r *resolver) resolve(subject, typ, text string, refs []api.Reference, which Visible) (*resolved, error) {
	out := &resolved{source: lang.Source{Type: lang.Type(typ), Path: subject, Text: text}, nodes: 1, bytes: len(text)}
	context, _ := splitName(subject)
	for _, ref := range refs {
		target, err := r.target(api.SubjectVersion{Subject: refersTo(context, ref), Version: ref.Version}, which)
		if err != nil {
			return nil, err
		}
		if string(target.source.Type) != typ {
			return nil, api.InvalidSchema.With(fmt.Sprintf("Invalid reference: subject %q version %d is %s, but the schema is %s",
				ref.Subject, ref.Version, target.source.Type, typ))
		}
		out.nodes += target.nodes
		out.bytes += target.bytes
		if out.nodes > r.limits.References || out.bytes > r.limits.Closure {
			return nil, api.InvalidSchema.With(fmt.Sprintf(
				"Invalid reference: with %q the schema reaches %d texts of %d bytes; at most %d of %d bytes are accepted",
				ref.Name, out.nodes, out.bytes, r.limits.References, r.limits.Closure))
		}
		out.source.References = append(out.source.References, lang.Reference{
			Name: ref.Name, Subject: ref.Subject, Version: ref.Version, Source: &target.source,
		})
	}
	return out, nil
}

func (r *resolver) target(name api.SubjectVersion, which Visible) (*resolved, error) {
	v := r.st.version(name.Subject, name.Version)
	if v == nil || !which.shows(v.deleted) {
		return nil, api.InvalidSchema.With(fmt.Sprintf("No schema reference found for subject %q and version %d", name.Subject, name.Version))
	}
	if out := r.done[name]; out != nil {
		return out, nil
	}
	if r.visiting[name] {
		return nil, api.InvalidSchema.With(fmt.Sprintf("Invalid reference: subject %q version %d refers to itself", name.Subject, name.Version))
	}
	r.visiting[name] = true
	out, err := r.resolve(v.subject, v.typ, v.text, v.refs, All)
	if err != nil {
		return nil, err
	}
	out.source.Path = v.path()
	delete(r.visiting, name)
	r.done[name] = out
	return out, nil
}

func (v *version) path() string { return fmt.Sprintf("%s v%d", v.subject, v.number) }

// pinReferences checks the references of a request and replaces "latest" by the
// number it stands for now. Subjects stay as they are spelled.
func pinReferences(st *State, context string, refs []api.Reference) ([]api.Reference, error) {
	out := slices.Clone(refs)
	for i := range out {
		r := &out[i]
		if _, name := splitName(r.Subject); r.Name == "" || name == "" || r.Version < 1 && r.Version != Latest {
			return nil, api.InvalidSchema.With(fmt.Sprintf("Invalid reference: name %q, subject %q, version %d", r.Name, r.Subject, r.Version))
		}
		if r.Version == Latest {
			if v := st.latest(refersTo(context, *r)); v != nil {
				r.Version = v.number
			}
		}
	}
	return out, nil
}
