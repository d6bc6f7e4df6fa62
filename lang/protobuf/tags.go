package protobuf

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/lang"
)

// The kinds of entities that can have tags, in the registry's words, and the
// options that hold them.
const (
	recordEntity = "sr_record"
	fieldEntity  = "sr_field"

	metaFile    = "confluent/meta.proto"
	messageMeta = "confluent.message_meta"
	fieldMeta   = "confluent.field_meta"
)

// TopLevelFields returns the names of the fields of the first message, in the
// order of the text. A file without messages has none.
func (s *Schema) TopLevelFields() []string {
	if s.file.Messages().Len() == 0 {
		return nil
	}
	fields := s.file.Messages().Get(0).Fields()
	out := make([]string, fields.Len())
	for i := range out {
		out[i] = string(fields.Get(i).Name())
	}
	return out
}

// Tags returns the tags of the messages and fields of the file; see
// [lang.Tagger]. They stand in the options message_meta and field_meta of the
// file confluent/meta.proto, however these are spelled.
func (s *Schema) Tags() []lang.Tag {
	t := s.newTagger(s.tree)
	var out []lang.Tag
	for _, e := range t.entities {
		if tags := t.of(e); len(tags) > 0 {
			out = append(out, lang.Tag{Path: e.path, Type: e.kind, Tags: tags})
		}
	}
	return out
}

// WithTags returns Canonical with other tags; see [lang.Tagger]. The import that
// the options need is added if it is missing, and taken away with its last use.
func (s *Schema) WithTags(add, remove []lang.Tag) (string, error) {
	// The tree of the schema is shared, so another one is changed.
	tree, err := parseTree(s.source.Path, s.Canonical())
	if err != nil {
		return "", err
	}
	t := s.newTagger(tree)
	if hides(s.file, tree, "confluent") {
		t.prefix = "(."
	}
	removed := false
	for i, tag := range slices.Concat(add, remove) {
		kind := strings.ToLower(tag.Type)
		if kind != recordEntity && kind != fieldEntity {
			return "", fmt.Errorf("the tags of %q: the type of the entity is %q, expected %s or %s", tag.Path, tag.Type, recordEntity, fieldEntity)
		}
		at := slices.IndexFunc(t.entities, func(e entity) bool { return e.path == tag.Path && e.kind == kind })
		if at < 0 {
			return "", fmt.Errorf("the tags of %q: the schema has no such %s", tag.Path, map[string]string{recordEntity: "message", fieldEntity: "field"}[kind])
		}
		if i < len(add) {
			for _, name := range tag.Tags {
				t.add(t.entities[at], name)
			}
		} else if t.remove(t.entities[at], tag.Tags) {
			removed = true
		}
	}
	s.adjustImport(tree, removed)
	return printFile(tree), nil
}

// adjustImport gives the tree the import of the options that it uses. An import
// that nobody uses goes only if something was removed: it may have been there
// before.
func (s *Schema) adjustImport(tree *fileNode, removed bool) {
	isMeta := func(n *importNode) bool { return n.path == metaFile && n.modifier != "public" }
	used := usesMeta(printFile(normalize(tree, s.file)))
	switch {
	case used && !canName(s.file, messageMeta) && !slices.ContainsFunc(tree.imports, isMeta):
		tree.imports = append(tree.imports, &importNode{path: metaFile})
	case !used && removed:
		tree.imports = slices.DeleteFunc(tree.imports, isMeta)
	}
}

// usesMeta reports whether normalized text names anything of the file of the
// options. A string that looks like it counts as well.
func usesMeta(text string) bool {
	for _, name := range []string{"Meta", "Rule", "file_meta", "message_meta", "field_meta", "enum_meta", "enum_value_meta"} {
		if strings.Contains(text, "confluent."+name) {
			return true
		}
	}
	return false
}

// canName reports whether a file can name an extension: it declares it, or a file
// that it imports does, or one that is imported publicly by that.
func canName(file protoreflect.FileDescriptor, extension protoreflect.FullName) bool {
	if declares(file, extension) {
		return true
	}
	for i := range file.Imports().Len() {
		if seen := map[string]bool{}; reaches(file.Imports().Get(i).FileDescriptor, extension, seen) {
			return true
		}
	}
	return false
}

func reaches(file protoreflect.FileDescriptor, extension protoreflect.FullName, seen map[string]bool) bool {
	if seen[file.Path()] {
		return false
	}
	seen[file.Path()] = true
	if declares(file, extension) {
		return true
	}
	for i := range file.Imports().Len() {
		if im := file.Imports().Get(i); im.IsPublic && reaches(im.FileDescriptor, extension, seen) {
			return true
		}
	}
	return false
}

func declares(file protoreflect.FileDescriptor, extension protoreflect.FullName) bool {
	return !file.IsPlaceholder() && file.Package() == extension.Parent() && file.Extensions().ByName(extension.Name()) != nil
}

// An entity is something that can have tags.
type entity struct {
	path, kind string
	meta       string // the option that holds them
	scope      string // where the names of its options are looked up
	options    *[]*optionNode
}

// A tagger reads and changes the tags in a tree.
type tagger struct {
	names    *normalizer
	prefix   string // what a new option's name begins with
	entities []entity
}

func (s *Schema) newTagger(tree *fileNode) *tagger {
	t := &tagger{names: &normalizer{extensions: map[string]protoreflect.FieldDescriptor{messageMeta: nil, fieldMeta: nil}}, prefix: "("}
	t.names.collect(s.file, map[string]bool{})
	t.messages(tree.messages, tree.pkg)
	return t
}

// hides reports whether a name may mean something else inside of the file than
// it does at the top. It looks at names, not at scopes.
func hides(file protoreflect.FileDescriptor, tree *fileNode, name string) bool {
	below := func(pkg string) bool { return slices.Contains(strings.Split("."+pkg, ".")[2:], name) }
	if tree.pkg != "" && below(tree.pkg) {
		return true
	}
	for i := range file.Imports().Len() {
		if pkg := string(file.Imports().Get(i).Package()); pkg != "" && below(pkg) {
			return true
		}
	}
	// A declaration is a word of its own in the canonical text.
	return strings.Contains(printFile(tree), " "+name+" ")
}

// messages lists the entities in the order of the text, fields of oneofs behind
// the others.
func (t *tagger) messages(messages []*messageNode, scope string) {
	for _, m := range messages {
		full := join(scope, m.name)
		t.entities = append(t.entities, entity{full, recordEntity, messageMeta, full, &m.options})
		var groups []*messageNode
		field := func(f *fieldNode) {
			name := f.name
			if f.group != nil {
				name = strings.ToLower(name)
				groups = append(groups, f.group)
			}
			t.entities = append(t.entities, entity{join(full, name), fieldEntity, fieldMeta, full, &f.options})
		}
		for _, f := range m.fields {
			field(f)
		}
		for _, o := range m.oneofs {
			for _, f := range o.fields {
				field(f)
			}
		}
		t.messages(groups, full)
		t.messages(m.messages, full)
	}
}

// part returns what an option sets of the entity's meta: "" for all of it, or a
// path such as ".tags".
func (t *tagger) part(e entity, o *optionNode) (string, bool) {
	if !strings.Contains(o.name, "_meta)") {
		return "", false
	}
	return strings.CutPrefix(t.names.optionName(o.name, e.scope), "(."+e.meta+")")
}

// of returns the tags of an entity.
func (t *tagger) of(e entity) []string {
	var out []string
	for _, o := range *e.options {
		part, isMeta := t.part(e, o)
		switch {
		case isMeta && part == ".tags":
			out = append(out, stringsIn(o.value)...)
		case isMeta && part == "" && o.value.kind == valueMessage:
			for _, entry := range o.value.entries {
				if entry.key == "tags" {
					out = append(out, stringsIn(entry.value)...)
				}
			}
		}
	}
	return out
}

func stringsIn(v valueNode) []string {
	if v.kind == valueString {
		return []string{v.text}
	}
	var out []string
	for _, item := range v.items {
		out = append(out, stringsIn(item)...)
	}
	return out
}

// add adds a tag in the manner in which the options are written so far, so that
// its removal leaves them as they were, but for a value that has become a list.
func (t *tagger) add(e entity, tag string) {
	if slices.Contains(t.of(e), tag) {
		return
	}
	word := valueNode{kind: valueString, text: tag}
	list := valueNode{kind: valueList, items: []valueNode{word}}
	for i := len(*e.options) - 1; i >= 0; i-- {
		o := (*e.options)[i]
		part, isMeta := t.part(e, o)
		switch {
		case !isMeta || o.value.kind == valueMessage && part != "":
		case part == ".tags" && o.value.kind == valueList:
			o.value.items = append(o.value.items, word)
			return
		case part == ".tags":
			*e.options = slices.Insert(*e.options, i+1, &optionNode{name: o.name, value: word})
			return
		case part == "":
			o.value.entries = gathered(o.value.entries, entryNode{key: "tags", value: list})
			return
		}
	}
	for _, o := range *e.options {
		if part, isMeta := t.part(e, o); isMeta { // one of its other parts; all of it cannot be set beside
			name := strings.TrimSuffix(o.name, part) + ".tags"
			*e.options = append(*e.options, &optionNode{name: name, value: word})
			return
		}
	}
	*e.options = append(*e.options, &optionNode{name: t.prefix + e.meta + ")",
		value: valueNode{kind: valueMessage, entries: []entryNode{{key: "tags", value: list}}}})
}

// remove takes tags away, and options that are empty without them. It reports
// whether there was anything to take.
func (t *tagger) remove(e entity, tags []string) bool {
	before := len(t.of(e))
	*e.options = slices.DeleteFunc(*e.options, func(o *optionNode) bool {
		part, isMeta := t.part(e, o)
		switch {
		case isMeta && part == ".tags":
			return without(&o.value, tags)
		case isMeta && part == "" && len(o.value.entries) > 0:
			var rest []entryNode
			for _, entry := range o.value.entries {
				if entry.key != "tags" || !without(&entry.value, tags) {
					rest = append(rest, entry)
				}
			}
			o.value.entries = rest
			return len(rest) == 0
		}
		return false
	})
	return len(t.of(e)) < before
}

// without takes tags out of a value and reports whether that leaves nothing.
func without(v *valueNode, tags []string) bool {
	if v.kind == valueString {
		return slices.Contains(tags, v.text)
	}
	before := len(v.items)
	v.items = slices.DeleteFunc(v.items, func(item valueNode) bool { return item.kind == valueString && slices.Contains(tags, item.text) })
	return before > 0 && len(v.items) == 0
}
