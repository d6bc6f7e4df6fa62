package protorules

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// Breaking returns what the rules of set find when newer takes the place of
// older: in Buf's words and places, and in the order in which Buf prints. The
// differences from the released command are listed at [LastOfPackage] and [RequiredByEdition]. New.Path is
// empty where Buf prints no path.
//
// Findings in files that are only imported are left out unless set.Imports says
// otherwise.
func Breaking(newer, older *protobuf.Image, set Set) []*rule.Finding {
	w := &bufWalk{newer: newer, older: older, unchanged: map[*protobuf.ImageFile]bool{}}
	for i := range bufRows {
		if set.on[i] {
			w.active.add(&bufRows[i])
		}
	}
	for _, f := range older.Files() {
		if !w.same(f) {
			w.file(f)
		}
	}
	return w.findings(set.Imports)
}

// A bufWalk goes once over the elements of the older side and pairs each with the
// one of the newer side that Buf pairs it with.
type bufWalk struct {
	newer, older *protobuf.Image
	active       checks
	found        []pending
	unchanged    map[*protobuf.ImageFile]bool // files of the older side
}

// A pending finding has no positions yet: they are computed for all at once.
type pending struct {
	finding  *rule.Finding
	new, old protobuf.Anchor
	insert   string // the statement that mends it, in the block at new; may be empty
}

// A pair is an element on both sides.
type pair[D any] struct{ new, old D }

type (
	filePair    = pair[*protobuf.ImageFile]
	messagePair = pair[protoreflect.MessageDescriptor]
	fieldPair   = pair[protoreflect.FieldDescriptor]
	enumPair    = pair[protoreflect.EnumDescriptor]
	servicePair = pair[protoreflect.ServiceDescriptor]
	methodPair  = pair[protoreflect.MethodDescriptor]
)

// A row is a rule of Buf with the comparison behind it: exactly one of the
// functions is set.
type row struct {
	rule *rule.Rule

	// For every element of the older side, whether the newer has it or not.
	oldFile   func(*bufWalk, *rule.Rule, *protobuf.ImageFile)
	oldGone   func(*bufWalk, *rule.Rule, protoreflect.Descriptor)
	goneKind  kind // of the elements for oldGone
	file      func(*bufWalk, *rule.Rule, filePair)
	message   func(*bufWalk, *rule.Rule, messagePair)
	field     func(*bufWalk, *rule.Rule, fieldPair)
	enum      func(*bufWalk, *rule.Rule, enumPair)
	service   func(*bufWalk, *rule.Rule, servicePair)
	method    func(*bufWalk, *rule.Rule, methodPair)
	notBefore version // the first version of the configuration that knows it
}

// A kind is what is declared under a name of its own.
type kind string

const (
	kindMessage   kind = "message"
	kindEnum      kind = "enum"
	kindExtension kind = "extension"
	kindService   kind = "service"
)

func kindOf(d protoreflect.Descriptor) kind {
	switch d.(type) {
	case protoreflect.MessageDescriptor:
		return kindMessage
	case protoreflect.EnumDescriptor:
		return kindEnum
	case protoreflect.FieldDescriptor:
		return kindExtension
	case protoreflect.ServiceDescriptor:
		return kindService
	}
	return ""
}

// checks are the rules that are on, by what they compare.
type checks struct {
	oldFiles, gone, files, messages, fields, enums, services, methods []*row
}

func (c *checks) add(r *row) {
	for list, yes := range map[*[]*row]bool{
		&c.oldFiles: r.oldFile != nil, &c.gone: r.oldGone != nil, &c.files: r.file != nil, &c.messages: r.message != nil,
		&c.fields: r.field != nil, &c.enums: r.enum != nil, &c.services: r.service != nil, &c.methods: r.method != nil,
	} {
		if yes {
			*list = append(*list, r)
		}
	}
}

// same reports whether the newer side has a file with the same text and all its
// imports are the same. Names are unique in an image, so whatever the file declares
// is paired with itself, and no rule can find anything.
func (w *bufWalk) same(old *protobuf.ImageFile) bool {
	if same, ok := w.unchanged[old]; ok {
		return same
	}
	w.unchanged[old] = true // if a broken image has a cycle, it ends here
	now := w.newer.File(old.Path)
	same := now != nil && old.Text != "" && old.Text == now.Text
	imports := old.Descriptor.Imports()
	for i := 0; same && i < imports.Len(); i++ {
		f := w.older.FileOf(imports.Get(i))
		same = f != nil && w.same(f)
	}
	w.unchanged[old] = same
	return same
}

func (w *bufWalk) file(old *protobuf.ImageFile) {
	for _, r := range w.active.oldFiles {
		r.oldFile(w, r.rule, old)
	}
	if now := w.newer.File(old.Path); now != nil {
		for _, r := range w.active.files {
			r.file(w, r.rule, filePair{now, old})
		}
	}
	d := old.Descriptor
	w.container(d)
	for i := range d.Services().Len() {
		w.service(d.Services().Get(i))
	}
}

// A container is a file or a message.
type container interface {
	Messages() protoreflect.MessageDescriptors
	Enums() protoreflect.EnumDescriptors
	Extensions() protoreflect.ExtensionDescriptors
}

func (w *bufWalk) container(c container) {
	for i := range c.Enums().Len() {
		old := c.Enums().Get(i)
		w.gone(old, kindEnum)
		if now, ok := w.newer.Find(old.FullName()).(protoreflect.EnumDescriptor); ok {
			for _, r := range w.active.enums {
				r.enum(w, r.rule, enumPair{now, old})
			}
		}
	}
	for i := range c.Extensions().Len() {
		old := c.Extensions().Get(i)
		w.gone(old, kindExtension)
		if now := w.newer.Extension(old.ContainingMessage().FullName(), old.Number()); now != nil {
			w.field(fieldPair{now, old})
		}
	}
	for i := range c.Messages().Len() {
		old := c.Messages().Get(i)
		w.gone(old, kindMessage)
		if now, ok := w.newer.Find(old.FullName()).(protoreflect.MessageDescriptor); ok {
			w.message(messagePair{now, old})
		}
		w.container(old)
	}
}

func (w *bufWalk) gone(old protoreflect.Descriptor, k kind) {
	for _, r := range w.active.gone {
		if r.goneKind == k {
			r.oldGone(w, r.rule, old)
		}
	}
}

func (w *bufWalk) message(p messagePair) {
	for _, r := range w.active.messages {
		r.message(w, r.rule, p)
	}
	if len(w.active.fields) == 0 {
		return
	}
	eachOld(p, func(old, now protoreflect.FieldDescriptor) {
		if now != nil {
			w.field(fieldPair{now, old})
		}
	})
}

func (w *bufWalk) field(p fieldPair) {
	for _, r := range w.active.fields {
		r.field(w, r.rule, p)
	}
}

func (w *bufWalk) service(old protoreflect.ServiceDescriptor) {
	w.gone(old, kindService)
	now, ok := w.newer.Find(old.FullName()).(protoreflect.ServiceDescriptor)
	if !ok {
		return
	}
	for _, r := range w.active.services {
		r.service(w, r.rule, servicePair{now, old})
	}
	for i := range old.Methods().Len() {
		m := old.Methods().Get(i)
		if n := now.Methods().ByName(m.Name()); n != nil {
			for _, r := range w.active.methods {
				r.method(w, r.rule, methodPair{n, m})
			}
		}
	}
}

// eachOld calls do with every field of the older message and the one of that
// number in the newer, or nil. Most messages hardly change, so a field is looked
// for where the last one was found; the descriptor's own index costs four maps a
// message.
func eachOld(p messagePair, do func(old, now protoreflect.FieldDescriptor)) {
	news := p.new.Fields()
	next := 0
	for i := range p.old.Fields().Len() {
		old := p.old.Fields().Get(i)
		var now protoreflect.FieldDescriptor
		switch {
		case next < news.Len() && news.Get(next).Number() == old.Number():
			now = news.Get(next)
		case news.Len() > 0:
			now = news.ByNumber(old.Number())
		}
		if now != nil {
			next = now.Index() + 1
		}
		do(old, now)
	}
}

// report adds a finding of a rule about an element, or about a file if that is
// nil.
func (w *bufWalk) report(r *rule.Rule, about protoreflect.Descriptor, new, old protobuf.Anchor, newNote, oldNote, format string, args ...any) {
	w.found = append(w.found, pending{
		finding: &rule.Finding{Rule: r, Breaks: breaks(r), Path: elementPath(about), Pointer: elementPointer(about),
			Message: fmt.Sprintf(format, args...), NewNote: newNote, OldNote: oldNote},
		new: new, old: old,
	})
}

// breaks is whom a finding of a rule breaks for certain. Buf's rules have no direction,
// and many mind what today's data survives, so whose reading breaks is mostly for a
// message to show. What is certain is said of data that is there: of the old side.
func breaks(r *rule.Rule) rule.Breaks {
	if beyondMessages(r) {
		return r.Breaks &^ rule.OldReaders
	}
	return r.Breaks &^ everyReader
}

// beyondMessages reports whether those whom a rule breaks show in no message of the
// schema: they are in Java, know extensions of other files, or call each other.
func beyondMessages(r *rule.Rule) bool {
	switch r {
	case fieldSameJavaUTF8, extensionMessageNoDelete, rpcClientStreaming, rpcServerStreaming, rpcRequest, rpcResponse:
		return true
	}
	return false
}

// findings gives what was found its positions and its order.
func (w *bufWalk) findings(imports bool) []*rule.Finding {
	if !imports {
		w.found = slices.DeleteFunc(w.found, func(p pending) bool {
			return p.new.File != nil && p.new.File.IsImport || p.old.File != nil && p.old.File.IsImport
		})
	}
	news, olds := make([]protobuf.Anchor, len(w.found)), make([]protobuf.Anchor, len(w.found))
	for i, p := range w.found {
		news[i], olds[i] = p.new, p.old
	}
	newPos, oldPos := w.newer.Locate(news), w.older.Locate(olds)
	out := make([]*rule.Finding, len(w.found))
	for i, p := range w.found {
		p.finding.New, p.finding.Old = newPos[i], oldPos[i]
		if p.insert != "" {
			p.finding.Edit = insertion(p.new.File, p.finding, p.insert)
		}
		out[i] = p.finding
	}
	slices.SortStableFunc(out, compareFindings)
	return slices.CompactFunc(out, func(a, b *rule.Finding) bool { return compareFindings(a, b) == 0 })
}

func compareFindings(a, b *rule.Finding) int {
	return cmp.Or(
		cmp.Compare(a.New.Path, b.New.Path), cmp.Compare(a.New.Line, b.New.Line), cmp.Compare(a.New.Col, b.New.Col),
		cmp.Compare(a.Rule.ID, b.Rule.ID), cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.New.EndLine, b.New.EndLine), cmp.Compare(a.New.EndCol, b.New.EndCol),
	)
}
