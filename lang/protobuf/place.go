package protobuf

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wireproof/wireproof/lang"
)

// A Message is a message that can be an event: map entries and groups are none.
type Message struct {
	FullName string
	// Indexes is the path of positions among the messages of the canonical text,
	// file first, as the wire format spells it: that is the text which a registry
	// keeps. Groups count, as they do in descriptors, and stand before nested
	// messages there; entries of maps do not count, as nobody wrote them.
	Indexes []int
	Pos     lang.Pos
}

// Messages lists the messages of the file, each before those nested in it.
func (s *Schema) Messages() []Message {
	var out []Message
	var walk func(prefix string, path []int, ms []*messageNode, before int)
	walk = func(prefix string, path []int, ms []*messageNode, before int) {
		for i, m := range ms {
			full := join(prefix, m.name)
			indexes := append(append([]int(nil), path...), before+i)
			out = append(out, Message{FullName: full, Indexes: indexes, Pos: s.MessagePos(full)})
			walk(full, indexes, m.messages, len(groupsOf(m)))
		}
	}
	walk(s.tree.pkg, nil, s.tree.messages, 0)
	return out
}

// groupsOf returns the fields that declare groups in a message.
func groupsOf(m *messageNode) []*fieldNode {
	fields := slices.Clone(m.fields)
	for _, o := range m.oneofs {
		fields = append(fields, o.fields...)
	}
	for _, x := range m.extends {
		fields = append(fields, x.fields...)
	}
	return slices.DeleteFunc(fields, func(f *fieldNode) bool { return f.group == nil })
}

// The methods below find the place of an element by its full name, in the file or
// in the text of a reference. One that is in neither gives a Pos with only the
// path of the file.

// PackagePos returns the place of the package's name, or the start of the text.
func (s *Schema) PackagePos() lang.Pos {
	at := s.tree.pkgAt
	return s.places().lines.pos(at.start, at.end)
}

// MessagePos returns the place of a message's name.
func (s *Schema) MessagePos(fullName string) lang.Pos { return s.places().pos(fullName) }

// EnumPos returns the place of an enum's name.
func (s *Schema) EnumPos(fullName string) lang.Pos { return s.places().pos(fullName) }

// OneofPos returns the place of a oneof's name.
func (s *Schema) OneofPos(fullName string) lang.Pos { return s.places().pos(fullName) }

// ServicePos returns the place of a service's name.
func (s *Schema) ServicePos(fullName string) lang.Pos { return s.places().pos(fullName) }

// MethodPos returns the place of the name of an rpc.
func (s *Schema) MethodPos(fullName string) lang.Pos { return s.places().pos(fullName) }

// FieldPos returns the place of the name of a field of a message.
func (s *Schema) FieldPos(fullMessage string, number int) lang.Pos {
	return s.places().pos(numbered(fullMessage, number))
}

// FieldTypePos returns the place of a field's type.
func (s *Schema) FieldTypePos(fullMessage string, number int) lang.Pos {
	return s.places().pos(numbered(fullMessage, number) + ":type")
}

// FieldNumberPos returns the place of a field's number.
func (s *Schema) FieldNumberPos(fullMessage string, number int) lang.Pos {
	return s.places().pos(numbered(fullMessage, number) + ":number")
}

// EnumValuePos returns the place of the first constant with a number.
func (s *Schema) EnumValuePos(fullEnum string, number int) lang.Pos {
	return s.places().pos(numbered(fullEnum, number))
}

// ExtensionPos returns the place of the name of an extension field declared in
// the file.
func (s *Schema) ExtensionPos(fullName string) lang.Pos { return s.places().pos("extend " + fullName) }

func numbered(parent string, number int) string { return parent + "#" + strconv.Itoa(number) }

func join(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + "." + name
}

// places finds elements by name; it is built on the first question, because
// most schemas are never complained about.
type places struct {
	lines    *lines
	at       map[string]span
	imported func() []*places // of the references
}

func (p *places) pos(key string) lang.Pos {
	if at, ok := p.at[key]; ok {
		return p.lines.pos(at.start, at.end)
	}
	for _, other := range p.imported() {
		if at, ok := other.at[key]; ok {
			return other.lines.pos(at.start, at.end)
		}
	}
	return lang.Pos{Path: p.lines.path}
}

func (p *places) add(key string, at span) {
	if _, ok := p.at[key]; !ok {
		p.at[key] = at
	}
}

func newPlaces(src lang.Source, f *fileNode) *places {
	p := &places{lines: newLines(src.Path, src.Text), at: map[string]span{}}
	p.imported = sync.OnceValue(func() []*places { return importedPlaces(src) })
	p.types(f.pkg, f.messages, f.enums, f.extends)
	for _, s := range f.services {
		full := join(f.pkg, s.name)
		p.add(full, s.at)
		for _, r := range s.rpcs {
			p.add(join(full, r.name), r.at)
		}
	}
	return p
}

// importedPlaces reads the texts that src refers to, each once.
func importedPlaces(src lang.Source) []*places {
	var out []*places
	eachReference(src, func(r lang.Reference) {
		named := *r.Source
		named.Path = r.Name
		if tree, err := parseTree(r.Name, named.Text); err == nil {
			named.References = nil
			out = append(out, newPlaces(named, tree))
		}
	})
	return out
}

// eachReference calls do once for each import path that src reaches and that has
// a text.
func eachReference(src lang.Source, do func(lang.Reference)) {
	seen := map[string]bool{}
	var walk func(refs []lang.Reference)
	walk = func(refs []lang.Reference) {
		for _, r := range refs {
			if r.Source != nil && !seen[r.Name] {
				seen[r.Name] = true
				do(r)
				walk(r.Source.References)
			}
		}
	}
	walk(src.References)
}

// Reference returns the reference that provides an import path, however far
// away. Bundled files have none.
func (s *Schema) Reference(importPath string) (lang.Reference, bool) {
	var found lang.Reference
	var ok bool
	eachReference(s.source, func(r lang.Reference) {
		if r.Name == importPath {
			found, ok = r, true
		}
	})
	return found, ok
}

func (p *places) types(prefix string, ms []*messageNode, es []*enumNode, xs []*extendNode) {
	for _, m := range ms {
		p.message(join(prefix, m.name), m)
	}
	for _, e := range es {
		full := join(prefix, e.name)
		p.add(full, e.at)
		for _, v := range e.values {
			p.add(full+"#"+v.number, v.nameAt)
		}
	}
	for _, x := range xs {
		for _, f := range x.fields {
			p.add("extend "+join(prefix, f.name), f.nameAt)
			p.group(prefix, f)
		}
	}
}

func (p *places) message(full string, m *messageNode) {
	p.add(full, m.at)
	p.fields(full, m.fields)
	for _, o := range m.oneofs {
		p.add(join(full, o.name), o.at)
		p.fields(full, o.fields)
	}
	p.types(full, m.messages, m.enums, m.extends)
}

func (p *places) fields(message string, fs []*fieldNode) {
	for _, f := range fs {
		key := message + "#" + f.number
		p.add(key, f.nameAt)
		p.add(key+":type", f.typeAt)
		p.add(key+":number", f.numberAt)
		p.group(message, f)
	}
}

func (p *places) group(prefix string, f *fieldNode) {
	if f.group != nil {
		p.message(join(prefix, f.group.name), f.group)
	}
}

// MessageDoc returns the comment that stands directly above a message of the
// file, without its markers, or "".
func (s *Schema) MessageDoc(fullName string) string {
	at := s.MessagePos(fullName)
	if !at.IsValid() || at.Path != s.source.Path {
		return ""
	}
	above := strings.Split(s.source.Text[:at.Start], "\n")
	above = above[:len(above)-1] // the line of the message itself
	var doc []string
	block := false
	for i := len(above) - 1; i >= 0; i-- {
		line := strings.TrimSpace(above[i])
		if body, ok := strings.CutSuffix(line, "*/"); ok && len(doc) == 0 {
			block, line = true, body
		}
		if block {
			body, first := strings.CutPrefix(line, "/*")
			doc = append(doc, strings.TrimSpace(strings.TrimPrefix(strings.TrimLeft(body, "*"), " ")))
			if first {
				break
			}
			continue
		}
		body, ok := strings.CutPrefix(line, "//")
		if !ok {
			break
		}
		doc = append(doc, strings.TrimPrefix(body, " "))
	}
	slices.Reverse(doc)
	return strings.TrimSpace(strings.Join(doc, "\n"))
}
