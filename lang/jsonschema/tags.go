package jsonschema

import (
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang"
)

// CodeTag is the code of a mistake in a change of tags.
const CodeTag = "JSON_SCHEMA_TAG"

const (
	tagsKey = "confluent:tags"
	record  = "sr_record"
	field   = "sr_field"
	// maxEntityPath is how long the path of an entity may become, in bytes;
	// what lies deeper has none.
	maxEntityPath = 2000
)

// entities calls f for everything that can have tags, in the order of the text:
// objects, and properties of objects. Paths are those of the registry protocol,
// which names the kinds of nodes on the way: a property is "object.name", one of
// an object within it "object.name.object.inner", one of an array of objects
// "object.name.array.object.inner", of a member of a combination
// "object.name.oneof.0.object.inner". References are not followed; what they lead
// to has a path of its own, such as "object.definitions.Name.object.inner".
func (s *Schema) entities(f func(path, typ string, v *lang.Value)) {
	w := &entityWalker{f: f, b: &builder{u: s.universe, nodes: map[*lang.Value]*Node{}, to: map[*Node]*lang.Value{}}}
	w.schema(s.universe.docs[0].root, "")
}

type entityWalker struct {
	f func(path, typ string, v *lang.Value)
	b *builder
}

func dotted(scope string, steps ...string) string {
	return strings.TrimPrefix(scope+"."+strings.Join(steps, "."), ".")
}

func (w *entityWalker) schema(v *lang.Value, scope string) {
	n := w.b.node(v)
	w.node(n, scope)
	if n.Kind == Object {
		scope = dotted(scope, "object")
	}
	for _, key := range []string{"definitions", "$defs"} {
		if held := v.Get(key); held != nil {
			for _, m := range distinct1(held) {
				if _, ok := w.b.u.places[m.Value]; ok {
					w.schema(m.Value, dotted(scope, key, m.Key))
				}
			}
		}
	}
}

func (w *entityWalker) node(n *Node, scope string) {
	if len(scope) > maxEntityPath {
		return
	}
	switch n.Kind {
	case Object:
		at := dotted(scope, "object")
		w.f(at, record, n.Value)
		for _, p := range n.Properties {
			path := dotted(at, p.Name)
			w.f(path, field, p.Node.Value)
			w.schema(p.Node.Value, path)
		}
	case Array:
		if n.Items != nil {
			w.schema(n.Items.Value, dotted(scope, "array"))
		}
		for i, item := range n.Tuple {
			w.schema(item.Value, dotted(scope, "array", itoa(i)))
		}
	case Combined:
		for i, m := range n.Members {
			at := dotted(scope, strings.ToLower(string(n.Criterion)), itoa(i))
			if m.Value == n.Value {
				w.node(m, at) // a part of the same schema
			} else {
				w.schema(m.Value, at)
			}
		}
	case Not:
		w.schema(n.Negated.Value, dotted(scope, "not"))
	case Conditional:
		for _, key := range []string{"if", "then", "else"} {
			if held := n.Value.Get(key); isSchema(held) {
				w.schema(held, dotted(scope, "conditional", key))
			}
		}
	}
}

// Tags returns the entities that have tags, as [lang.Tagger] says. An object that
// is a property is two entities with the same tags.
func (s *Schema) Tags() []lang.Tag {
	var out []lang.Tag
	s.entities(func(path, typ string, v *lang.Value) {
		if tags := tagsOf(v); len(tags) > 0 {
			out = append(out, lang.Tag{Path: path, Type: typ, Tags: tags})
		}
	})
	return out
}

func tagsOf(v *lang.Value) []string { return names(v.Get(tagsKey)) }

// WithTags returns the canonical text with other tags, as [lang.Tagger] says. A
// path may number the members of a combination in another order than the text
// does: if nothing has exactly that path, numbers of members are not compared.
func (s *Schema) WithTags(add, remove []lang.Tag) (string, error) {
	changed := map[*lang.Value][]string{}
	change := func(tag lang.Tag, apply func(have []string, tag string) []string) error {
		v := s.entity(tag)
		if v == nil || v.Kind != lang.Object {
			return mistake(s.universe.docs[0].root.Pos, CodeTag, "there is no %s %s to tag", short(tag.Type), quote(tag.Path))
		}
		have, ok := changed[v]
		if !ok {
			have = tagsOf(v)
		}
		for _, t := range tag.Tags {
			have = apply(have, t)
		}
		changed[v] = have
		return nil
	}
	for _, tag := range add {
		if err := change(tag, func(have []string, t string) []string {
			if slices.Contains(have, t) {
				return have
			}
			return append(have, t)
		}); err != nil {
			return "", err
		}
	}
	for _, tag := range remove {
		if err := change(tag, func(have []string, t string) []string {
			return slices.DeleteFunc(have, func(h string) bool { return h == t })
		}); err != nil {
			return "", err
		}
	}
	text := distinct(retagged(s.universe.docs[0].root, changed), false)
	return string(text.AppendJSON(nil)), nil
}

// entity finds what a tag is about.
func (s *Schema) entity(tag lang.Tag) *lang.Value {
	var exact, near *lang.Value
	loose := unnumbered(tag.Path)
	s.entities(func(path, typ string, v *lang.Value) {
		if tag.Type != "" && !strings.EqualFold(tag.Type, typ) {
			return
		}
		if exact == nil && path == tag.Path {
			exact = v
		}
		if near == nil && unnumbered(path) == loose {
			near = v
		}
	})
	if exact != nil {
		return exact
	}
	return near
}

// unnumbered takes the numbers of members out of a path.
func unnumbered(path string) string {
	steps := strings.Split(path, ".")
	for i, s := range steps {
		if (s == "allof" || s == "anyof" || s == "oneof") && i+1 < len(steps) && strings.Trim(steps[i+1], "0123456789") == "" {
			steps[i+1] = ""
		}
	}
	return strings.Join(steps, ".")
}

// retagged returns v with the tags of some objects replaced. New ones stand last.
func retagged(v *lang.Value, changed map[*lang.Value][]string) *lang.Value {
	out := *v
	switch v.Kind {
	case lang.Array:
		out.Items = make([]*lang.Value, len(v.Items))
		for i, item := range v.Items {
			out.Items[i] = retagged(item, changed)
		}
	case lang.Object:
		tags, change := changed[v]
		out.Members = make([]lang.Member, 0, len(v.Members)+1)
		done := false
		for _, m := range v.Members {
			if change && m.Key == tagsKey {
				if done || len(tags) == 0 {
					continue
				}
				done = true
				m.Value = tagList(tags)
			} else {
				m.Value = retagged(m.Value, changed)
			}
			out.Members = append(out.Members, m)
		}
		if change && !done && len(tags) > 0 {
			out.Members = append(out.Members, lang.Member{Key: tagsKey, Value: tagList(tags)})
		}
	}
	return &out
}

func tagList(tags []string) *lang.Value {
	out := &lang.Value{Kind: lang.Array}
	for _, t := range tags {
		out.Items = append(out.Items, &lang.Value{Kind: lang.String, Str: t})
	}
	return out
}
