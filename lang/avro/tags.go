package avro

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang"
)

// tagsProperty is the property of records and fields that lists their tags.
const tagsProperty = "confluent:tags"

// The kinds of entities that can have tags, in the registry's words.
const (
	recordEntity = "sr_record"
	fieldEntity  = "sr_field"
)

// TopLevelFields returns the names of the fields of the root record, in the order
// of the text. Another root has none.
func (s *Schema) TopLevelFields() []string {
	var out []string
	for _, f := range s.Root.Fields {
		out = append(out, f.Name)
	}
	return out
}

// An entity is something that can have tags.
type entity struct {
	path, kind string
	props      []lang.Member
	pos        lang.Pos
	node       any // *Type or *Field
}

// entities returns the records of the text, wherever they are defined, and their
// fields, in the order of the text.
func (s *Schema) entities() []entity {
	var out []entity
	for _, t := range s.Named {
		if t.Kind != Record {
			continue
		}
		out = append(out, entity{t.Name, recordEntity, t.Props, t.Pos, t})
		for _, f := range t.Fields {
			out = append(out, entity{t.Name + "." + f.Name, fieldEntity, f.Props, f.Pos, f})
		}
	}
	slices.SortStableFunc(out, func(a, b entity) int { return cmp.Compare(a.pos.Start, b.pos.Start) })
	return out
}

// Tags returns the tags of the records that the text defines and of their fields;
// see [lang.Tagger].
func (s *Schema) Tags() []lang.Tag {
	var out []lang.Tag
	for _, e := range s.entities() {
		if tags := tagsIn(e.props); len(tags) > 0 {
			out = append(out, lang.Tag{Path: e.path, Type: e.kind, Tags: tags})
		}
	}
	return out
}

// tagsIn returns the strings of the list of tags among props. A list that is
// none, or holds something else, is somebody's property and no tags.
func tagsIn(props []lang.Member) []string {
	var out []string
	for _, m := range props {
		if m.Key != tagsProperty || m.Value.Kind != lang.Array {
			continue
		}
		for _, item := range m.Value.Items {
			if item.Kind == lang.String {
				out = append(out, item.Str)
			}
		}
	}
	return out
}

// WithTags returns Canonical with other tags; see [lang.Tagger]. A record or
// field that loses its last tag loses the property.
func (s *Schema) WithTags(add, remove []lang.Tag) (string, error) {
	entities := s.entities()
	changed := map[any][]lang.Member{}
	for i, tag := range slices.Concat(add, remove) {
		kind := strings.ToLower(tag.Type)
		if kind != recordEntity && kind != fieldEntity {
			return "", fmt.Errorf("the tags of %q: the type of the entity is %q, expected %s or %s", tag.Path, tag.Type, recordEntity, fieldEntity)
		}
		at := slices.IndexFunc(entities, func(e entity) bool { return e.path == tag.Path && e.kind == kind })
		if at < 0 {
			return "", fmt.Errorf("the tags of %q: the schema has no such %s", tag.Path, strings.TrimPrefix(kind, "sr_"))
		}
		e := &entities[at]
		if i < len(add) {
			e.props = addTags(e.props, tag.Tags)
		} else {
			e.props = dropTags(e.props, tag.Tags)
		}
		changed[e.node] = e.props
	}
	return s.printWith(changed), nil
}

// addTags returns a copy of props with tags added to the list, which is made at
// the end if there is none.
func addTags(props []lang.Member, tags []string) []lang.Member {
	out := slices.Clone(props)
	have := tagsIn(props)
	for _, tag := range tags {
		if slices.Contains(have, tag) {
			continue
		}
		have = append(have, tag)
		at := slices.IndexFunc(out, func(m lang.Member) bool { return m.Key == tagsProperty })
		if at < 0 {
			at = len(out)
			out = append(out, lang.Member{Key: tagsProperty})
		}
		list := &lang.Value{Kind: lang.Array}
		if old := out[at].Value; old != nil && old.Kind == lang.Array {
			list.Items = slices.Clone(old.Items)
		}
		list.Items = append(list.Items, &lang.Value{Kind: lang.String, Str: tag})
		out[at].Value = list
	}
	return out
}

// dropTags returns a copy of props without the tags, and without the property if
// nothing is left in it.
func dropTags(props []lang.Member, tags []string) []lang.Member {
	var out []lang.Member
	for _, m := range props {
		if m.Key == tagsProperty && m.Value.Kind == lang.Array {
			list := &lang.Value{Kind: lang.Array}
			for _, item := range m.Value.Items {
				if item.Kind != lang.String || !slices.Contains(tags, item.Str) {
					list.Items = append(list.Items, item)
				}
			}
			if len(list.Items) == 0 && len(m.Value.Items) > 0 {
				continue
			}
			m.Value = list
		}
		out = append(out, m)
	}
	return out
}
