package protobuf

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// normalize returns a copy of the tree in which everything that has no meaning
// is in a fixed order and every type is named in full.
func normalize(f *fileNode, file protoreflect.FileDescriptor) *fileNode {
	n := normalizer{extensions: map[string]protoreflect.FieldDescriptor{}}
	n.collect(file, map[string]bool{})
	out := *f
	if f.keyword == "syntax" && f.version != "proto3" {
		out.keyword = ""
	}
	out.imports = slices.Clone(f.imports)
	slices.SortStableFunc(out.imports, func(a, b *importNode) int { return strings.Compare(a.path, b.path) })
	out.imports = slices.CompactFunc(out.imports, func(a, b *importNode) bool {
		return a.path == b.path && a.modifier == b.modifier
	})
	out.options = n.options(f.options, f.pkg)
	out.messages = n.messages(f.messages, f.pkg, file.Messages())
	out.enums = n.enums(f.enums, f.pkg)
	out.extends = n.extends(f.extends, f.pkg, file.Extensions())
	out.services = n.services(f.services, f.pkg, file.Services())
	return &out
}

type normalizer struct {
	extensions map[string]protoreflect.FieldDescriptor // in reach, by full name
}

func (n *normalizer) collect(file protoreflect.FileDescriptor, seen map[string]bool) {
	if file.IsPlaceholder() || seen[file.Path()] {
		return
	}
	seen[file.Path()] = true
	n.collectTypes(file)
	for i := range file.Imports().Len() {
		n.collect(file.Imports().Get(i), seen)
	}
}

func (n *normalizer) collectTypes(d interface {
	Extensions() protoreflect.ExtensionDescriptors
	Messages() protoreflect.MessageDescriptors
}) {
	for i := range d.Extensions().Len() {
		n.extensions[string(d.Extensions().Get(i).FullName())] = d.Extensions().Get(i)
	}
	for i := range d.Messages().Len() {
		n.collectTypes(d.Messages().Get(i))
	}
}

// optionName makes the first name in parentheses absolute, looking from the
// innermost scope outwards.
func (n *normalizer) optionName(name, scope string) string {
	rest, ok := strings.CutPrefix(name, "(")
	if !ok || strings.HasPrefix(rest, ".") {
		return name
	}
	ext, _, _ := strings.Cut(rest, ")")
	for {
		if _, ok := n.extensions[join(scope, ext)]; ok {
			return "(." + join(scope, ext) + rest[len(ext):]
		}
		if scope == "" {
			return name
		}
		scope = scope[:max(strings.LastIndexByte(scope, '.'), 0)]
	}
}

func (n *normalizer) options(in []*optionNode, scope string) []*optionNode {
	out := make([]*optionNode, 0, len(in))
	for _, o := range in {
		c := *o
		c.name = n.optionName(o.name, scope)
		out = append(out, &c)
	}
	// Settings of one repeated option keep their order: it is their meaning.
	slices.SortStableFunc(out, func(a, b *optionNode) int { return strings.Compare(a.name, b.name) })
	out = n.merged(out)
	for _, o := range out {
		o.value = normalValue(o.value)
	}
	return out
}

// merged makes one setting of several settings of parts of one option.
func (n *normalizer) merged(sorted []*optionNode) []*optionNode {
	var out []*optionNode
	for i := 0; i < len(sorted); {
		base, ok := n.messageOption(sorted[i].name)
		j := i + 1
		for ok && j < len(sorted) && (sorted[j].name == base || strings.HasPrefix(sorted[j].name, base+".")) {
			j++
		}
		if j == i+1 || slices.ContainsFunc(sorted[i:j], func(o *optionNode) bool { return strings.Contains(o.name[len(base):], "(") }) {
			out = append(out, sorted[i:j]...)
		} else {
			whole := &optionNode{name: base, value: valueNode{kind: valueMessage}}
			for _, o := range sorted[i:j] {
				whole.value.entries = merge(whole.value.entries, o.name[len(base):], o.value)
			}
			out = append(out, whole)
		}
		i = j
	}
	return out
}

// messageOption returns the part of an absolute name that is a custom option which
// holds one message.
func (n *normalizer) messageOption(name string) (string, bool) {
	ext, _, ok := strings.Cut(strings.TrimPrefix(name, "(."), ")")
	d := n.extensions[ext]
	if !ok || !strings.HasPrefix(name, "(.") || d == nil || d.Message() == nil || d.IsList() {
		return "", false
	}
	return "(." + ext + ")", true
}

// merge sets the part of a message at a path such as ".a.b", or all of it.
func merge(entries []entryNode, path string, v valueNode) []entryNode {
	if path == "" {
		for _, e := range v.entries {
			entries = gathered(entries, e)
		}
		return entries
	}
	key, rest, _ := strings.Cut(path[1:], ".")
	if rest == "" {
		return gathered(entries, entryNode{key: key, value: v})
	}
	i := slices.IndexFunc(entries, func(e entryNode) bool { return e.key == key && e.value.kind == valueMessage })
	if i < 0 {
		i = len(entries)
		entries = append(entries, entryNode{key: key, value: valueNode{kind: valueMessage}})
	}
	// The entries of the tree are shared, so another list is changed.
	entries[i].value.entries = merge(slices.Clone(entries[i].value.entries), "."+rest, v)
	return entries
}

// normalValue sorts the keys of aggregates; values of one repeated key keep
// their order.
func normalValue(v valueNode) valueNode {
	out := v
	out.items, out.entries = nil, nil
	for _, it := range v.items {
		out.items = append(out.items, normalValue(it))
	}
	for _, e := range v.entries {
		val := normalValue(e.value)
		if val.kind == valueList && len(val.items) == 0 {
			continue
		}
		if val.kind == valueList && len(val.items) == 1 {
			val = val.items[0]
		}
		out.entries = append(out.entries, entryNode{key: e.key, value: val})
	}
	slices.SortStableFunc(out.entries, func(a, b entryNode) int { return strings.Compare(a.key, b.key) })
	return out
}

func (n *normalizer) messages(in []*messageNode, scope string, ds protoreflect.MessageDescriptors) []*messageNode {
	out := make([]*messageNode, 0, len(in))
	for _, m := range in {
		out = append(out, n.message(m, join(scope, m.name), ds.ByName(protoreflect.Name(m.name))))
	}
	return out
}

func (n *normalizer) message(m *messageNode, full string, d protoreflect.MessageDescriptor) *messageNode {
	if d == nil {
		return m
	}
	out := *m
	out.reserved = splitRanges(m.reserved)
	out.extensions = splitRanges(m.extensions)
	out.options = n.options(m.options, full)
	field := func(f *fieldNode) protoreflect.FieldDescriptor {
		return d.Fields().ByNumber(protoreflect.FieldNumber(toInt(f.number)))
	}
	out.fields = n.fields(m.fields, full, field)
	out.oneofs = nil
	for _, o := range m.oneofs {
		if len(o.fields) == 0 {
			continue
		}
		c := *o
		c.options = n.options(o.options, full)
		c.fields = n.fields(o.fields, full, field)
		out.oneofs = append(out.oneofs, &c)
	}
	slices.SortStableFunc(out.oneofs, func(a, b *oneofNode) int {
		return byNumber(a.fields[0].number, b.fields[0].number)
	})
	out.extends = n.extends(m.extends, full, d.Extensions())
	out.messages = n.messages(m.messages, full, d.Messages())
	out.enums = n.enums(m.enums, full)
	return &out
}

func (n *normalizer) fields(in []*fieldNode, scope string, find func(*fieldNode) protoreflect.FieldDescriptor) []*fieldNode {
	out := make([]*fieldNode, 0, len(in))
	for _, f := range in {
		c := *f
		c.options, c.sorted = n.options(f.options, scope), true
		if d := find(f); d != nil {
			c.typ = fullType(f, d)
			if f.group != nil {
				c.group = n.message(f.group, string(d.Message().FullName()), d.Message())
			}
		}
		out = append(out, &c)
	}
	slices.SortStableFunc(out, func(a, b *fieldNode) int { return byNumber(a.number, b.number) })
	return out
}

func fullType(f *fieldNode, d protoreflect.FieldDescriptor) string {
	if d.IsMap() {
		d = d.MapValue()
	}
	switch {
	case f.group != nil:
		return f.typ
	case d.Message() != nil:
		return "." + string(d.Message().FullName())
	case d.Enum() != nil:
		return "." + string(d.Enum().FullName())
	}
	return f.typ
}

func (n *normalizer) enums(in []*enumNode, scope string) []*enumNode {
	out := make([]*enumNode, 0, len(in))
	for _, e := range in {
		c := *e
		// The full name of an enum is the scope of its options, and of those
		// of its constants.
		full := join(scope, e.name)
		c.reserved = splitRanges(e.reserved)
		c.options = n.options(e.options, full)
		c.values = nil
		for _, v := range e.values {
			cv := *v
			cv.options = n.options(v.options, full)
			c.values = append(c.values, &cv)
		}
		sortValues(c.values, len(e.values) > 0, e)
		out = append(out, &c)
	}
	return out
}

// sortValues sorts constants by number, then name. The first constant is the
// default of an enum that need not begin at zero, so it may not move: the text
// must compile to an enum of the same meaning.
func sortValues(values []*enumValueNode, nonEmpty bool, e *enumNode) {
	if !nonEmpty {
		return
	}
	rest := values
	if !smallest(e.values) {
		rest = values[1:]
	}
	slices.SortStableFunc(rest, func(a, b *enumValueNode) int {
		return cmp.Or(byNumber(a.number, b.number), strings.Compare(a.name, b.name))
	})
}

// smallest reports whether the first constant stays first when all are sorted.
func smallest(values []*enumValueNode) bool {
	for _, v := range values[1:] {
		if cmp.Or(byNumber(v.number, values[0].number), strings.Compare(v.name, values[0].name)) < 0 {
			return false
		}
	}
	return true
}

func (n *normalizer) extends(in []*extendNode, scope string, ds protoreflect.ExtensionDescriptors) []*extendNode {
	merged := map[string]*extendNode{}
	var out []*extendNode
	for _, x := range in {
		c := extendNode{target: x.target}
		find := func(f *fieldNode) protoreflect.FieldDescriptor { return extensionOf(ds, f) }
		c.fields = n.fields(x.fields, scope, find)
		if len(x.fields) > 0 {
			if d := find(x.fields[0]); d != nil {
				c.target = "." + string(d.ContainingMessage().FullName())
			}
		}
		if have := merged[c.target]; have != nil {
			have.fields = append(have.fields, c.fields...)
			slices.SortStableFunc(have.fields, func(a, b *fieldNode) int { return byNumber(a.number, b.number) })
			continue
		}
		merged[c.target] = &c
		out = append(out, &c)
	}
	return out
}

func extensionOf(ds protoreflect.ExtensionDescriptors, f *fieldNode) protoreflect.FieldDescriptor {
	name := f.name
	if f.group != nil {
		name = strings.ToLower(name)
	}
	if d := ds.ByName(protoreflect.Name(name)); d != nil {
		return d
	}
	return nil
}

func (n *normalizer) services(in []*serviceNode, scope string, ds protoreflect.ServiceDescriptors) []*serviceNode {
	out := make([]*serviceNode, 0, len(in))
	for _, s := range in {
		c := *s
		full := join(scope, s.name)
		c.options = n.options(s.options, full)
		c.rpcs = nil
		for _, r := range s.rpcs {
			cr := *r
			cr.options = n.options(r.options, join(full, r.name))
			if d := ds.ByName(protoreflect.Name(s.name)); d != nil {
				if m := d.Methods().ByName(protoreflect.Name(r.name)); m != nil {
					cr.input = "." + string(m.Input().FullName())
					cr.output = "." + string(m.Output().FullName())
				}
			}
			c.rpcs = append(c.rpcs, &cr)
		}
		out = append(out, &c)
	}
	return out
}

// splitRanges gives each number, range and name a statement of its own: numbers
// by their start, then names by their text.
func splitRanges(in []*rangesNode) []*rangesNode {
	var out []*rangesNode
	for _, r := range in {
		for _, it := range r.items {
			if lo, hi, ok := strings.Cut(it, " to "); ok && !r.names && lo == hi {
				it = lo
			}
			out = append(out, &rangesNode{items: []string{it}, names: r.names, quoted: r.quoted, options: r.options})
		}
	}
	slices.SortStableFunc(out, func(a, b *rangesNode) int {
		if a.names != b.names {
			if a.names {
				return 1
			}
			return -1
		}
		if a.names {
			return strings.Compare(a.items[0], b.items[0])
		}
		lo, _, _ := strings.Cut(a.items[0], " ")
		hi, _, _ := strings.Cut(b.items[0], " ")
		return byNumber(lo, hi)
	})
	return out
}

func byNumber(a, b string) int { return cmp.Compare(toInt(a), toInt(b)) }

func toInt(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
