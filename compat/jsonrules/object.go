package jsonrules

import (
	"github.com/wireproof/wireproof/lang/jsonschema"
)

func (w *walker) object(r *result, o, u *jsonschema.Node) {
	if !w.spend(len(o.Properties) + len(u.Properties) + len(o.RequiredOrder) + len(u.RequiredOrder)) {
		return
	}
	w.required(r, o, u)
	w.properties(r, o, u)
	w.dependencies(r, o, u)
	w.additional(r, "ADDITIONAL_PROPERTIES", "additionalProperties", o, u)
	w.unevaluated(r, "UNEVALUATED_PROPERTIES", "unevaluatedProperties", o, u)
	w.limit(r, "MAX_PROPERTIES", "maxProperties", o, u)
	w.limit(r, "MIN_PROPERTIES", "minProperties", o, u)
	w.ignored(r, "JSON_PATTERN_PROPERTIES_CHANGED", o, u, "patternProperties")
	w.ignored(r, "JSON_PROPERTY_NAMES_CHANGED", o, u, "propertyNames")
}

// required compares which properties must be there, of those that both sides
// have.
func (w *walker) required(r *result, o, u *jsonschema.Node) {
	for _, p := range o.Properties {
		is := u.Property(p.Name)
		if is == nil || o.Required[p.Name] == u.Required[p.Name] {
			continue
		}
		name := "REQUIRED_ATTRIBUTE_ADDED"
		switch {
		case o.Required[p.Name]:
			name = "REQUIRED_ATTRIBUTE_REMOVED"
		case is.Default != nil:
			name = "REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED"
		}
		w.add(r, name, step("required", p.Name), p.Node.Pos, is.Pos, said{name: p.Name})
	}
	// The protocol looks at declared properties only. A name that is required and
	// never declared, or declared as anything, slips through.
	for _, name := range u.RequiredOrder {
		is := u.Property(name)
		declared := is != nil && (o.Property(name) != nil || !isAnything(is) || !openObject(o))
		if !o.Required[name] && !declared {
			w.add(r, "JSON_REQUIRED_UNDECLARED", step("required", name), keyword(o, "required"), keyword(u, "required"), said{name: name})
		}
	}
}

func isAnything(n *jsonschema.Node) bool {
	k := n.Resolved().Kind
	return k == jsonschema.Empty || k == jsonschema.True
}

func (w *walker) properties(r *result, o, u *jsonschema.Node) {
	for _, p := range o.Properties {
		if is := u.Property(p.Name); is != nil {
			w.under(r, step("properties", p.Name), p.Node, is)
		} else {
			w.propertyRemoved(r, p, u)
		}
	}
	for _, p := range u.Properties {
		if o.Property(p.Name) == nil {
			w.propertyAdded(r, p, o, u)
		}
	}
}

// propertyRemoved asks what the update makes of a property that it does not
// name any more.
func (w *walker) propertyRemoved(r *result, p jsonschema.Property, u *jsonschema.Node) {
	path, s := step("properties", p.Name), said{name: p.Name}
	add := func(name string) { w.add(r, name, path, p.Node.Pos, u.Pos, s) }
	if openObject(u) {
		add("PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL")
		return
	}
	cover := w.covering(u, p.Name)
	switch {
	case cover != nil:
		part := w.pair(p.Node, cover)
		w.take(r, path, part)
		if part.incompatible {
			add("PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
		} else {
			add("PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
		}
	case p.Node.Resolved().Kind == jsonschema.False:
		add("PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL")
	default:
		add("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL")
	}
}

// propertyAdded asks what the original let data hold under the name of a
// property that it did not have.
func (w *walker) propertyAdded(r *result, p jsonschema.Property, o, u *jsonschema.Node) {
	path, s := step("properties", p.Name), said{name: p.Name}
	add := func(name string) { w.add(r, name, path, o.Pos, p.Node.Pos, s) }
	how := "OPTIONAL_PROPERTY_ADDED_TO_"
	switch {
	case u.Required[p.Name] && p.Node.Default != nil:
		how = "REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_"
	case u.Required[p.Name]:
		how = "REQUIRED_PROPERTY_ADDED_TO_"
	}
	if openObject(o) {
		if isAnything(p.Node) {
			add("PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL")
		} else {
			add(how + "OPEN_CONTENT_MODEL")
		}
		return
	}
	if cover := w.covering(o, p.Name); cover != nil {
		part := w.pair(cover, p.Node)
		w.take(r, path, part)
		if part.incompatible {
			add("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
		} else {
			add("PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL")
		}
	}
	add(how + "UNOPEN_CONTENT_MODEL")
}

// openObject reports whether properties that are not named may be anything.
func openObject(n *jsonschema.Node) bool {
	return len(n.PatternProperties) == 0 && openRest(n)
}

func openRest(n *jsonschema.Node) bool {
	return !n.Additional.Forbidden && n.Additional.Schema == nil && !n.Unevaluated.Forbidden && n.Unevaluated.Schema == nil
}

// covering returns the schema that properties of that name must meet although
// the object does not name them, or nil.
func (w *walker) covering(n *jsonschema.Node, name string) *jsonschema.Node {
	for _, p := range n.PatternProperties {
		if w.finds(p.Name, name) {
			return p.Node
		}
	}
	return coveringRest(n)
}

func coveringRest(n *jsonschema.Node) *jsonschema.Node {
	if n.Additional.Value == nil {
		return n.Unevaluated.Schema
	}
	return n.Additional.Schema
}

func (w *walker) dependencies(r *result, o, u *jsonschema.Node) {
	for _, name := range union(o.DependentOrder, u.DependentOrder) {
		path, s := step("dependencies", name), said{name: name}
		add := func(kind string) { w.add(r, kind, path, o.Pos, u.Pos, s) }
		was, had := o.DependentNames[name]
		is, has := u.DependentNames[name]
		switch {
		case had && !has:
			add("DEPENDENCY_ARRAY_REMOVED")
		case has && !had:
			add("DEPENDENCY_ARRAY_ADDED")
		case has:
			w.dependentNames(was, is, add)
		}
		before, after := o.DependentSchemas[name], u.DependentSchemas[name]
		switch {
		case before != nil && after == nil:
			add("DEPENDENCY_SCHEMA_REMOVED")
		case before == nil && after != nil:
			add("DEPENDENCY_SCHEMA_ADDED")
		case before != nil:
			w.under(r, path, before, after)
		}
	}
}

func (w *walker) dependentNames(was, is []string, add func(string)) {
	before, after := set(was), set(is)
	common := 0
	for name := range before {
		if after[name] {
			common++
		}
	}
	w.spend(len(before) + len(after))
	switch {
	case common == len(before) && common == len(after):
	case common == len(before):
		add("DEPENDENCY_ARRAY_EXTENDED")
	case common == len(after):
		add("DEPENDENCY_ARRAY_NARROWED")
	default:
		add("DEPENDENCY_ARRAY_CHANGED")
	}
}

func set(names []string) map[string]bool {
	out := make(map[string]bool, len(names))
	for _, n := range names {
		out[n] = true
	}
	return out
}

// union returns the names of both, those of the first before the others.
func union(a, b []string) []string {
	seen := make(map[string]bool, len(a)+len(b))
	var out []string
	for _, names := range [][]string{a, b} {
		for _, n := range names {
			if !seen[n] {
				seen[n] = true
				out = append(out, n)
			}
		}
	}
	return out
}

// additional compares what may stand beyond what is named.
func (w *walker) additional(r *result, name, key string, o, u *jsonschema.Node) {
	was, is := o.Additional, u.Additional
	s := said{name: key}
	switch {
	case was.Forbidden && !is.Forbidden:
		w.at(r, name+"_ADDED", key, o, u, s)
	case !was.Forbidden && is.Forbidden:
		w.at(r, name+"_REMOVED", key, o, u, s)
	case was.Schema == nil && is.Schema != nil:
		w.at(r, name+"_NARROWED", key, o, u, s)
	case was.Schema != nil && is.Schema == nil:
		w.at(r, name+"_EXTENDED", key, o, u, s)
	case was.Schema != nil:
		w.under(r, "/"+key, was.Schema, is.Schema)
	}
}

// unevaluated compares the same for what no keyword at all has looked at. True
// and absent are the same.
func (w *walker) unevaluated(r *result, name, key string, o, u *jsonschema.Node) {
	was, is := o.Unevaluated, u.Unevaluated
	s := said{name: key}
	switch {
	case was.Forbidden == is.Forbidden && was.Schema == nil && is.Schema == nil:
	case is.Forbidden:
		w.at(r, name+"_REMOVED", key, o, u, s)
	case was.Forbidden:
		w.at(r, name+"_ADDED", key, o, u, s)
	case was.Schema == nil:
		w.at(r, name+"_NARROWED", key, o, u, s)
	case is.Schema == nil:
		w.at(r, name+"_EXTENDED", key, o, u, s)
	default:
		w.under(r, "/"+key, was.Schema, is.Schema)
	}
}
