package registry

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/registry/api"
)

func tagsOf(list []api.SchemaTags) []lang.Tag {
	out := make([]lang.Tag, len(list))
	for i, t := range list {
		out[i] = lang.Tag{Path: t.Entity.Path, Type: t.Entity.Type, Tags: t.Tags}
	}
	return out
}

// retag returns the text of a schema with other tags.
func retag(s lang.Schema, add, remove []lang.Tag) (string, error) {
	t, ok := s.(lang.Tagger)
	if !ok {
		return "", api.InvalidSchema.With(fmt.Sprintf("schemas of type %s carry no tags", s.Source().Type))
	}
	text, err := t.WithTags(add, remove)
	if err != nil {
		return "", invalid(s.Source().Type, err)
	}
	return text, nil
}

// inherited returns the tags of the elements of old that s has too.
func inherited(old, s lang.Schema) []lang.Tag {
	from, ok1 := old.(lang.Tagger)
	to, ok2 := s.(lang.Tagger)
	if !ok1 || !ok2 {
		return nil
	}
	var out []lang.Tag
	for _, t := range from.Tags() {
		if _, err := to.WithTags([]lang.Tag{t}, nil); err == nil {
			out = append(out, t)
		}
	}
	return out
}

// Tags returns the inline tags of a version, or those of the given names; "*"
// is all.
func (r *Registry) Tags(v Version, names []string) []api.SchemaTags {
	st := r.state.Load()
	stored := st.version(v.Subject, v.Number)
	if stored == nil {
		return nil
	}
	schema, err := r.policy.parseStored(st, stored)
	if err != nil {
		return nil
	}
	t, ok := schema.(lang.Tagger)
	if !ok {
		return nil
	}
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
	}
	var out []api.SchemaTags
	for _, tag := range t.Tags() {
		kept := slices.DeleteFunc(slices.Clone(tag.Tags), func(name string) bool { return !wanted["*"] && !wanted[name] })
		if len(kept) > 0 {
			out = append(out, api.SchemaTags{Entity: api.SchemaEntity{Path: tag.Path, Type: strings.ToLower(tag.Type)}, Tags: kept})
		}
	}
	slices.SortFunc(out, func(a, b api.SchemaTags) int {
		return cmp.Or(strings.Compare(a.Entity.Path, b.Entity.Path), strings.Compare(a.Entity.Type, b.Entity.Type))
	})
	return out
}
