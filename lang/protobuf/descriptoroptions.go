package protobuf

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/wireproof/wireproof/lang"
)

// text is the text of the file, with references to what it imports. Custom options
// are bytes without a name in a descriptor: the file is compiled without them, so
// that the extensions in its reach are known, and then read again. Options that
// nothing in reach declares are left out, as the protocol's own server does. If
// the file does not compile, its text is returned as it is, for Parse to say why.
// The path and the references are those of src.
func (g given) text(src lang.Source) string {
	plain := g.plainText()
	if !hasUnknown(g.file.ProtoReflect()) {
		return plain
	}
	src.Text = plain
	in, err := gather(src)
	if err != nil {
		return plain
	}
	set, err := in.compile(false)
	if err != nil {
		return plain
	}
	file, err := in.link(set)
	if err != nil {
		return plain
	}
	types, heads := nameable(file)
	known, err := unmarshalFile(g.wire, types)
	if err != nil {
		return plain // bytes that are not what the extension says
	}
	tree := treeOf(known, "(")
	text := printFile(tree)
	if slices.ContainsFunc(heads, func(head string) bool { return strings.Contains(text, "("+head) && hides(file, tree, head) }) {
		return printFile(treeOf(known, "(."))
	}
	return text
}

// countValues takes the messages and the items of lists in a message off a number
// that may be spent; what is left is negative if that was too small, or if they are
// nested deeper than depth. A few bytes of
// a descriptor can stand for much text.
func countValues(m protoreflect.Message, depth, left int) int {
	if depth == 0 {
		return -1
	}
	left--
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			if left -= v.Map().Len(); f.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
					left = countValues(v.Message(), depth-1, left)
					return left >= 0
				})
			}
		case f.IsList() && f.Message() == nil:
			left -= v.List().Len()
		case f.IsList():
			for i := 0; i < v.List().Len() && left >= 0; i++ {
				left = countValues(v.List().Get(i).Message(), depth-1, left)
			}
		case f.Message() != nil:
			left = countValues(v.Message(), depth-1, left)
		}
		return left >= 0
	})
	return left
}

// hasUnknown reports whether a message or one in it has fields without a name.
func hasUnknown(m protoreflect.Message) bool {
	found := len(m.GetUnknown()) > 0
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.Message() == nil || f.IsMap():
		case f.IsList():
			for i := 0; i < v.List().Len() && !found; i++ {
				found = hasUnknown(v.List().Get(i).Message())
			}
		default:
			found = found || hasUnknown(v.Message())
		}
		return !found
	})
	return found
}

// nameable returns the extensions that a file can name: its own, and those of its
// imports and what these import publicly. Heads are the first parts of the names.
func nameable(file protoreflect.FileDescriptor) (types *protoregistry.Types, heads []string) {
	types = new(protoregistry.Types)
	n := normalizer{extensions: map[string]protoreflect.FieldDescriptor{}}
	n.collectTypes(file)
	seen := map[string]bool{}
	var see func(file protoreflect.FileDescriptor)
	see = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] || file.IsPlaceholder() {
			return
		}
		seen[file.Path()] = true
		n.collectTypes(file)
		for i := range file.Imports().Len() {
			if im := file.Imports().Get(i); im.IsPublic {
				see(im.FileDescriptor)
			}
		}
	}
	for i := range file.Imports().Len() {
		see(file.Imports().Get(i).FileDescriptor)
	}
	for name, d := range n.extensions {
		// One that clashes with another would not have compiled.
		if err := types.RegisterExtension(dynamicpb.NewExtensionType(d)); err == nil {
			head, _, _ := strings.Cut(name, ".")
			heads = append(heads, head)
		}
	}
	slices.Sort(heads)
	return types, slices.Compact(heads)
}

// options spells the options that are set: those of the language, then custom
// ones, those of the registry first.
func (d describer) options(m proto.Message) []*optionNode {
	var out []*optionNode
	for _, f := range fieldsOf(m.ProtoReflect()) {
		name := string(f.Name())
		switch {
		case f.IsExtension():
			name = d.prefix + string(f.FullName()) + ")"
		case name == "map_entry" || name == "uninterpreted_option":
			continue
		}
		value := nodeOf(f, m.ProtoReflect().Get(f))
		if value.kind != valueList || f.IsMap() {
			out = append(out, &optionNode{name: name, value: value})
			continue
		}
		for _, item := range value.items {
			out = append(out, &optionNode{name: name, value: item})
		}
	}
	return out
}

// fieldsOf returns the fields that are set by their numbers, those of the language
// as they are declared; extensions last.
func fieldsOf(m protoreflect.Message) []protoreflect.FieldDescriptor {
	var out []protoreflect.FieldDescriptor
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		out = append(out, f)
		return true
	})
	group := func(f protoreflect.FieldDescriptor) int {
		switch {
		case !f.IsExtension():
			return 0
		case strings.HasPrefix(string(f.FullName()), "confluent."):
			return 1
		}
		return 2
	}
	slices.SortFunc(out, func(a, b protoreflect.FieldDescriptor) int {
		if group(a) == 0 && group(b) == 0 && a.FullName().Parent().Parent() == "google.protobuf" {
			return cmp.Compare(a.Index(), b.Index())
		}
		return cmp.Or(cmp.Compare(group(a), group(b)), cmp.Compare(a.Number(), b.Number()))
	})
	return out
}

func entriesOf(m protoreflect.Message) []entryNode {
	var out []entryNode
	for _, f := range fieldsOf(m) {
		name := string(f.Name()) // of a group too: the compiler knows no other
		if f.IsExtension() {
			name = "[" + string(f.FullName()) + "]"
		}
		out = append(out, entryNode{name, nodeOf(f, m.Get(f))})
	}
	return out
}

// nodeOf spells a value; a list is one, and so is a map.
func nodeOf(f protoreflect.FieldDescriptor, v protoreflect.Value) valueNode {
	list := valueNode{kind: valueList}
	switch {
	case f.IsMap():
		list.items = mapItems(f, v.Map())
		return list
	case f.IsList():
		for i := range v.List().Len() {
			list.items = append(list.items, single(f, v.List().Get(i)))
		}
		return list
	}
	return single(f, v)
}

// mapItems spells the entries of a map in the order of their keys: a descriptor
// need not have an order.
func mapItems(f protoreflect.FieldDescriptor, m protoreflect.Map) []valueNode {
	var out []valueNode
	m.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		key := entryNode{"key", single(f.MapKey(), k.Value())}
		entries := []entryNode{key, {"value", single(f.MapValue(), v)}}
		if f.FullName() == "confluent.Meta.params" && (k.String() == "precision" || k.String() == "scale") {
			slices.Reverse(entries) // the protocol's own server does so, and ids depend on it
		}
		out = append(out, valueNode{kind: valueMessage, entries: entries})
		return true
	})
	keyOf := func(v valueNode) string {
		i := slices.IndexFunc(v.entries, func(e entryNode) bool { return e.key == "key" })
		return v.entries[i].value.text
	}
	slices.SortFunc(out, func(a, b valueNode) int {
		if f.MapKey().Kind() == protoreflect.StringKind {
			return strings.Compare(keyOf(a), keyOf(b))
		}
		return cmp.Or(byNumber(keyOf(a), keyOf(b)), strings.Compare(keyOf(a), keyOf(b)))
	})
	return out
}

// single spells a value that is no list.
func single(f protoreflect.FieldDescriptor, v protoreflect.Value) valueNode {
	switch f.Kind() {
	case protoreflect.StringKind:
		return valueNode{kind: valueString, text: v.String()}
	case protoreflect.BytesKind:
		return valueNode{kind: valueString, text: string(v.Bytes())}
	case protoreflect.EnumKind:
		if e := f.Enum().Values().ByNumber(v.Enum()); e != nil {
			return valueNode{text: string(e.Name())}
		}
		return valueNode{text: strconv.Itoa(int(v.Enum()))}
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return valueNode{kind: valueMessage, entries: entriesOf(v.Message())}
	case protoreflect.FloatKind:
		return valueNode{text: floatText(v.Float(), 32)}
	case protoreflect.DoubleKind:
		return valueNode{text: floatText(v.Float(), 64)}
	}
	return valueNode{text: v.String()}
}

// floatText spells a number so that it is seen to be none of the integers.
func floatText(v float64, bits int) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, bits), "+"))
	}
	text := strconv.FormatFloat(v, 'g', -1, bits)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}
