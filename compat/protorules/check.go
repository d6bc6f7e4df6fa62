// Package protorules says which changes of a Protobuf schema break whom, by two
// judges. [Breaking] gives the verdict of Buf's breaking rules on two images, and
// [Check] with [CheckOldReaders] that of the registry protocol on two schemas;
// [Gate] joins both.
//
// The verdicts pair elements differently. The registry's compares messages by
// their name without the package, and looks only at messages and fields; Buf's
// compares elements by their full name, so after a change of package it has
// little more to say. A finding whose ErrorType is empty is Buf's alone and must
// not make a registry refuse a schema.
package protorules

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// Check returns what keeps newer from reading data of older: what BACKWARD
// forbids in the registry.
func Check(newer, older *protobuf.Schema) []*rule.Finding {
	w := &walker{reader: newer, writer: older, seen: map[string]bool{}}
	w.files()
	return w.found
}

// CheckOldReaders returns what keeps older from reading data of newer: what
// FORWARD forbids. These are the verdicts of [Check] with the sides swapped.
func CheckOldReaders(newer, older *protobuf.Schema) []*rule.Finding {
	w := &walker{reader: older, writer: newer, seen: map[string]bool{}, forward: true}
	w.files()
	return w.found
}

// A walker compares what a reader knows with what a writer writes. In the words
// of the protocol the writer's side is the original and the reader's the update.
type walker struct {
	reader, writer *protobuf.Schema
	forward        bool // the reader is the older side
	found          []*rule.Finding
	seen           map[string]bool // pairs of messages, by their full names
}

// A spot is where the walk stands: the message on both sides.
type spot struct {
	reader, writer protoreflect.MessageDescriptor
	path           string // Outer.Inner
	pointer        string // #/Outer/Inner
}

func (s spot) child(name string) (path, pointer string) {
	return strings.TrimPrefix(s.path+"."+name, "."), strings.TrimSuffix(s.pointer, "/") + "/" + name
}

// report adds a finding. The positions are of the reader's and the writer's
// element; what is new and what is old depends on the direction.
func (w *walker) report(f rule.Finding, reader, writer lang.Pos) {
	f.Breaks = rule.Readers
	f.New, f.Old = reader, writer
	if w.forward {
		f.Breaks = rule.OldReaders
		f.New, f.Old = writer, reader
	}
	w.found = append(w.found, &f)
}

// gone words that the reader lacks an element of the writer.
func (w *walker) gone() string {
	if w.forward {
		return "was added"
	}
	return "was removed"
}

// change words a value of both sides in the order of time.
func (w *walker) change(reader, writer string) string {
	if w.forward {
		reader, writer = writer, reader
	}
	return "changed from " + writer + " to " + reader
}

// notes returns what stands at the new and at the old place.
func (w *walker) notes(reader, writer string) (newNote, oldNote string) {
	if w.forward {
		return writer, reader
	}
	return reader, writer
}

func (w *walker) files() {
	r, o := w.reader.File(), w.writer.File()
	if r.Package() != o.Package() {
		f := rule.Finding{Rule: fileSamePackage, ErrorType: packageChanged, Pointer: "#/",
			Message: "file package " + w.change(quoted(r.Package()), quoted(o.Package()))}
		f.NewNote, f.OldNote = w.notes(string(r.Package()), string(o.Package()))
		w.report(f, w.reader.PackagePos(), w.writer.PackagePos())
	}
	w.messages(spot{pointer: "#/"}, r.Messages(), o.Messages(), w.reader.PackagePos())
}

// messages pairs messages of one level by name. Entries of maps belong to their
// fields.
func (w *walker) messages(at spot, readers, writers protoreflect.MessageDescriptors, parent lang.Pos) {
	for i := range writers.Len() {
		o := writers.Get(i)
		if o.IsMapEntry() {
			continue
		}
		path, pointer := at.child(string(o.Name()))
		r := readers.ByName(o.Name())
		if r == nil {
			f := rule.Finding{Rule: messageNoDelete, ErrorType: messageRemoved, Path: path, Pointer: pointer,
				Message: "message " + quoted(path) + " " + w.gone()}
			f.NewNote, f.OldNote = w.notes("no message "+string(o.Name())+" here", "data of it is written")
			w.report(f, parent, w.writer.MessagePos(string(o.FullName())))
			continue
		}
		w.message(spot{r, o, path, pointer})
	}
}

func (w *walker) message(at spot) {
	key := string(at.reader.FullName()) + " " + string(at.writer.FullName())
	if w.seen[key] {
		return
	}
	w.seen[key] = true
	w.oneofs(at)
	w.fields(at)
	w.messages(at, at.reader.Messages(), at.writer.Messages(), w.reader.MessagePos(string(at.reader.FullName())))
}

func (w *walker) fields(at spot) {
	for i := range at.writer.Fields().Len() {
		o := at.writer.Fields().Get(i)
		if r := at.reader.Fields().ByNumber(o.Number()); r != nil {
			w.pair(at, r, o)
			continue
		}
		if required(o) {
			w.required(at, o, requiredFieldRemoved)
		}
	}
	for i := range at.reader.Fields().Len() {
		r := at.reader.Fields().Get(i)
		if required(r) && at.writer.Fields().ByNumber(r.Number()) == nil {
			w.required(at, r, requiredFieldAdded)
		}
	}
}

// required reports a required field that one side has and the other has not.
func (w *walker) required(at spot, fd protoreflect.FieldDescriptor, errorType string) {
	path, pointer := at.child(string(fd.Name()))
	verb := "added"
	if errorType == requiredFieldRemoved != w.forward {
		verb = "deleted"
	}
	reader, writer := w.fieldPos(w.reader, fd), w.writer.MessagePos(string(at.writer.FullName()))
	if errorType == requiredFieldRemoved {
		reader, writer = w.reader.MessagePos(string(at.reader.FullName())), w.fieldPos(w.writer, fd)
	}
	f := rule.Finding{Rule: messageSameRequired, ErrorType: errorType, Path: path, Pointer: numbered(pointer, fd),
		Message: "message " + quoted(at.path) + " had required field " + quoted(fd.Name()) + " " + verb}
	f.NewNote, f.OldNote = w.notes("required", "no required field "+string(fd.Name()))
	if errorType == requiredFieldRemoved {
		f.NewNote, f.OldNote = w.notes("no required field "+string(fd.Name()), "required")
	}
	w.report(f, reader, writer)
}

func (w *walker) fieldPos(s *protobuf.Schema, fd protoreflect.FieldDescriptor) lang.Pos {
	if fd.IsExtension() {
		return s.ExtensionPos(string(fd.FullName()))
	}
	if parent := fd.ContainingMessage(); parent.IsMapEntry() {
		// The place of a key or value is that of the map.
		if outer, ok := parent.Parent().(protoreflect.MessageDescriptor); ok {
			for i := range outer.Fields().Len() {
				if f := outer.Fields().Get(i); f.Message() != nil && f.Message().FullName() == parent.FullName() {
					return s.FieldTypePos(string(outer.FullName()), int(f.Number()))
				}
			}
		}
	}
	return s.FieldPos(string(fd.ContainingMessage().FullName()), int(fd.Number()))
}

func (w *walker) typePos(s *protobuf.Schema, fd protoreflect.FieldDescriptor) lang.Pos {
	if fd.IsExtension() || fd.ContainingMessage().IsMapEntry() {
		return w.fieldPos(s, fd)
	}
	return s.FieldTypePos(string(fd.ContainingMessage().FullName()), int(fd.Number()))
}

func quoted[S ~string](s S) string { return strconv.Quote(string(s)) }

func number(fd protoreflect.FieldDescriptor) string { return strconv.Itoa(int(fd.Number())) }

// numbered puts the number of a field in the place of its name.
func numbered(pointer string, fd protoreflect.FieldDescriptor) string {
	return strings.TrimSuffix(pointer, string(fd.Name())) + number(fd)
}
