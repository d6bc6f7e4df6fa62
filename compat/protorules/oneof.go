package protorules

import (
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
)

// realOneof returns the oneof of a field as written, or nil; proto3 optional
// makes one that nobody wrote.
func realOneof(fd protoreflect.FieldDescriptor) protoreflect.OneofDescriptor {
	if o := fd.ContainingOneof(); o != nil && !o.IsSynthetic() {
		return o
	}
	return nil
}

// oneofs compares which members the oneofs of a message have: the registry's
// rules.
func (w *walker) oneofs(at spot) {
	for i := range at.reader.Oneofs().Len() {
		if n := at.reader.Oneofs().Get(i); !n.IsSynthetic() {
			w.movedInto(at, n)
		}
	}
	for i := range at.writer.Oneofs().Len() {
		if o := at.writer.Oneofs().Get(i); !o.IsSynthetic() {
			w.membersGone(at, o)
		}
	}
}

// movedInto reports a oneof that joins fields which could be set together: the
// last one read would erase the others.
func (w *walker) movedInto(at spot, n protoreflect.OneofDescriptor) {
	origins := map[string]bool{}
	top := 0
	for i := range n.Fields().Len() {
		f := n.Fields().Get(i)
		was := at.writer.Fields().ByNumber(f.Number())
		if was == nil {
			continue
		}
		if from := realOneof(was); from != nil {
			origins["oneof "+string(from.Name())] = true
		} else {
			origins["field "+strconv.Itoa(int(f.Number()))] = true
			top++
		}
	}
	if len(origins) < 2 {
		return
	}
	path, pointer := at.child(string(n.Name()))
	errorType, what := fieldMovedToOneof, "a field that could be set beside others moved into oneof "+quoted(path)
	if top > 1 {
		errorType, what = fieldsMovedToOneof, "fields that could be set together moved into oneof "+quoted(path)
	}
	if w.forward {
		what = "members of oneof " + quoted(path) + " became fields that can be set together"
	}
	f := rule.Finding{Rule: fieldsMoved, ErrorType: errorType, Path: path, Pointer: pointer, Message: what}
	f.NewNote, f.OldNote = w.notes("only one of them is kept", "several may be set")
	w.report(f,
		w.reader.OneofPos(string(at.reader.FullName())+"."+string(n.Name())), w.writer.MessagePos(string(at.writer.FullName())))
}

// membersGone reports members of a oneof that the reader no longer has, unless
// the oneof went as a whole.
func (w *walker) membersGone(at spot, o protoreflect.OneofDescriptor) {
	var gone []protoreflect.FieldDescriptor
	for i := range o.Fields().Len() {
		if f := o.Fields().Get(i); at.reader.Fields().ByNumber(f.Number()) == nil {
			gone = append(gone, f)
		}
	}
	stays := at.reader.Oneofs().ByName(o.Name())
	if len(gone) == o.Fields().Len() && (stays == nil || stays.IsSynthetic()) {
		return
	}
	for _, f := range gone {
		path, _ := at.child(string(f.Name()))
		_, pointer := at.child(string(o.Name()) + "/" + number(f))
		finding := rule.Finding{Rule: oneofFieldRemoved, ErrorType: oneofFieldGone, Path: path, Pointer: pointer,
			Message: "field " + quoted(path) + " " + w.gone() + " in oneof " + quoted(o.Name())}
		finding.NewNote, finding.OldNote = w.notes("no field "+number(f), "may be the one that is set")
		w.report(finding, w.reader.MessagePos(string(at.reader.FullName())), w.fieldPos(w.writer, f))
	}
}
