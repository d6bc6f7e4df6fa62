package protobuf

import (
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/lang"
)

// Schemas with tags are common, and plain but for the options that hold the tags.
// So these few options are known here by their numbers, in the spellings that leave
// no doubt.

// The fields of the message confluent.Meta, and the number of the options.
const (
	metaOption protowire.Number = 1088
	metaDoc    protowire.Number = 1
	metaParams protowire.Number = 2
	metaTags   protowire.Number = 3
)

// metaOptions are the names of the options by the message that they extend.
var metaOptions = map[protoreflect.Name]string{
	"FileOptions": "file_meta", "MessageOptions": "message_meta", "FieldOptions": "field_meta",
	"EnumOptions": "enum_meta", "EnumValueOptions": "enum_value_meta",
}

// linkedMeta is the file that declares the options, compiled once; nil if that
// fails, which leaves everything to the compiler.
var linkedMeta = sync.OnceValue(func() protoreflect.FileDescriptor {
	text, _ := builtin(metaFile)
	in, err := gather(lang.Source{Path: metaFile, Text: text})
	if err != nil {
		return nil
	}
	set, err := in.compile(false)
	if err != nil {
		return nil
	}
	file, err := in.link(set)
	if err != nil {
		return nil
	}
	return file
})

// isPlainMeta reports whether an option is one that is known here, spelled without
// doubt, wherever it stands.
func isPlainMeta(o *optionNode) bool {
	_, ok := metaBytes(o)
	return ok
}

// metaBytes returns the value of an option as a message, as the compiler has it: in
// the order of the text.
func metaBytes(o *optionNode) ([]byte, bool) {
	name, part, _ := strings.Cut(o.name, ")")
	if !strings.HasPrefix(name, "(confluent.") || !strings.HasSuffix(name, "_meta") {
		return nil, false
	}
	switch part {
	case ".doc", ".tags":
		if o.value.kind != valueString { // a list has no place here
			return nil, false
		}
		return appendMeta(nil, entryNode{part[1:], o.value})
	case "":
		if o.value.kind != valueMessage || len(o.value.entries) == 0 {
			return nil, false
		}
		var out []byte
		for _, e := range o.value.entries {
			next, ok := appendMeta(out, e)
			if !ok {
				return nil, false
			}
			out = next
		}
		return out, true
	}
	return nil, false
}

func appendMeta(dst []byte, e entryNode) ([]byte, bool) {
	items := []valueNode{e.value}
	if e.value.kind == valueList {
		items = e.value.items
	}
	switch e.key {
	case "doc":
		return appendText(dst, metaDoc, e.value)
	case "tags":
		for _, item := range items {
			next, ok := appendText(dst, metaTags, item)
			if !ok {
				return nil, false
			}
			dst = next
		}
		return dst, len(items) > 0
	case "params":
		seen := map[string]bool{}
		for _, item := range items {
			entry, key, ok := paramBytes(item)
			if !ok || seen[key] {
				return nil, false
			}
			seen[key] = true
			dst = protowire.AppendBytes(protowire.AppendTag(dst, metaParams, protowire.BytesType), entry)
		}
		return dst, len(items) > 0
	}
	return nil, false
}

// paramBytes returns an entry of the map of parameters, and its key.
func paramBytes(v valueNode) (entry []byte, key string, ok bool) {
	if v.kind != valueMessage || len(v.entries) != 2 || v.entries[0].key != "key" || v.entries[1].key != "value" {
		return nil, "", false
	}
	entry, ok = appendText(nil, 1, v.entries[0].value)
	if !ok {
		return nil, "", false
	}
	entry, ok = appendText(entry, 2, v.entries[1].value)
	return entry, v.entries[0].value.text, ok
}

// appendText appends a string that is there: whether an empty one is set is a
// matter of opinion.
func appendText(dst []byte, n protowire.Number, v valueNode) ([]byte, bool) {
	if v.kind != valueString || v.text == "" {
		return nil, false
	}
	return protowire.AppendString(protowire.AppendTag(dst, n, protowire.BytesType), v.text), true
}

// meta sets an option that is known here. It must be the only one of its kind.
func (b *plainBuilder) meta(m proto.Message, o *optionNode) {
	value, ok := metaBytes(o)
	name, _, _ := strings.Cut(strings.TrimPrefix(o.name, "(confluent."), ")")
	r := m.ProtoReflect()
	want := metaOptions[r.Descriptor().Name()]
	if !ok || want == "" || name != want || len(r.GetUnknown()) > 0 || !b.symbols.seesMeta() {
		b.odd = true
		return
	}
	r.SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, metaOption, protowire.BytesType), value))
}

// seesMeta reports whether the file may name the options, and the name of their
// package means nothing else anywhere in it.
func (s *symbols) seesMeta() bool {
	if s.meta != nil {
		return *s.meta
	}
	const name = "confluent"
	file, err := s.files.FindFileByPath(metaFile)
	ok := err == nil && s.visible[metaFile] && file == linkedMeta() // none that was given
	for full := range s.local {
		ok = ok && full[strings.LastIndexByte(full, '.')+1:] != name
	}
	for pkg := range s.packages {
		ok = ok && !slices.Contains(strings.Split(pkg, ".")[1:], name)
	}
	for scope := s.pkg; scope != "" && ok; scope = scope[:max(strings.LastIndexByte(scope, '.'), 0)] {
		_, taken := s.find(join(scope, name))
		ok = !taken
	}
	s.meta = &ok
	return ok
}
