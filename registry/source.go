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
func (r *resolver) resolve(path, typ, text string, refs []api.Reference, which Visible) (*resolved, error) {
	out := &resolved{source: lang.Source{Type: lang.Type(typ), Path: path, Text: text}, nodes: 1, bytes: len(text)}
	for _, ref := range refs {
		target, err := r.target(ref, which)
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

func (r *resolver) target(ref api.Reference, which Visible) (*resolved, error) {
	name := api.SubjectVersion{Subject: ref.Subject, Version: ref.Version}
	v := r.st.version(ref.Subject, ref.Version)
	if v == nil || !which.shows(v.deleted) {
		return nil, api.InvalidSchema.With(fmt.Sprintf("No schema reference found for subject %q and version %d", ref.Subject, ref.Version))
	}
	if out := r.done[name]; out != nil {
		return out, nil
	}
	if r.visiting[name] {
		return nil, api.InvalidSchema.With(fmt.Sprintf("Invalid reference: subject %q version %d refers to itself", ref.Subject, ref.Version))
	}
	r.visiting[name] = true
	out, err := r.resolve(v.path(), v.typ, v.text, v.refs, All)
	if err != nil {
		return nil, err
	}
	delete(r.visiting, name)
	r.done[name] = out
	return out, nil
}

func (v *version) path() string { return fmt.Sprintf("%s v%d", v.subject, v.number) }

// pinReferences checks the references of a request and replaces "latest" by the
// number it stands for now.
func pinReferences(st *State, refs []api.Reference) ([]api.Reference, error) {
	out := slices.Clone(refs)
	for i := range out {
		r := &out[i]
		subject, ok := cutContext(r.Subject)
		if r.Name == "" || subject == "" || !ok {
			return nil, api.InvalidSchema.With(fmt.Sprintf("Invalid reference: name %q, subject %q, version %d", r.Name, r.Subject, r.Version))
		}
		r.Subject = subject
		if r.Version == Latest {
			if v := st.latest(subject); v != nil {
				r.Version = v.number
			}
		}
	}
	return out, nil
}
