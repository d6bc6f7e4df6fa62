package validaterules

import (
	"fmt"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// Check returns the constraints of the reading side that messages of the writing
// side need not pass. With dir [rule.Readers] newer reads data of older; with
// [rule.OldReaders] older reads data of newer. Messages are paired by full name
// and fields by number; constraints of added messages and fields bind nobody yet.
func Check(newer, older *protobuf.Schema, dir rule.Breaks) []*rule.Finding {
	w := &walker{newer: newer, older: older, dir: dir}
	w.messages(newer.File().Messages(), older.File().Messages())
	return w.found
}

type walker struct {
	newer, older *protobuf.Schema
	dir          rule.Breaks
	found        []*rule.Finding
}

func (w *walker) messages(newer, older protoreflect.MessageDescriptors) {
	for i := range newer.Len() {
		n := newer.Get(i)
		o := older.ByName(n.Name())
		if o == nil || n.FullName() != o.FullName() || n.IsMapEntry() {
			continue
		}
		name := string(n.FullName())
		w.pair("message "+name, name, rulesOf(n), rulesOf(o), w.newer.MessagePos(name), w.older.MessagePos(name))
		for j := range n.Fields().Len() {
			f := n.Fields().Get(j)
			if g := o.Fields().ByNumber(f.Number()); g != nil {
				w.pair(fmt.Sprintf("field %q of %s", f.Name(), name), name+"."+string(f.Name()), rulesOf(f), rulesOf(g),
					w.newer.FieldPos(name, int(f.Number())), w.older.FieldPos(name, int(g.Number())))
			}
		}
		for j := range n.Oneofs().Len() {
			f := n.Oneofs().Get(j)
			if g := o.Oneofs().ByName(f.Name()); g != nil {
				w.pair(fmt.Sprintf("oneof %q of %s", f.Name(), name), name+"."+string(f.Name()), rulesOf(f), rulesOf(g),
					w.newer.OneofPos(string(f.FullName())), w.older.OneofPos(string(g.FullName())))
			}
		}
		w.messages(n.Messages(), o.Messages())
	}
}

// pair compares the constraints of one element. One that cannot be read counts
// as a change: that it could not be compared must not look like no change.
func (w *walker) pair(what, path string, newer, older constraints, newPos, oldPos lang.Pos) {
	reader, writer := newer, older
	r := tightened
	if w.dir == rule.OldReaders {
		reader, writer, r = older, newer, loosened
	}
	gone := missing(active(reader.rules), active(writer.rules), "")
	if reader.err != nil || writer.err != nil {
		gone = []string{"constraints that cannot be read"}
		if newer.raw == older.raw {
			gone = nil
		}
	}
	if len(gone) == 0 {
		return
	}
	const most = 5
	list := strings.Join(gone[:min(len(gone), most)], ", ")
	if len(gone) > most {
		list += ", …"
	}
	f := &rule.Finding{Rule: r, Breaks: w.dir, Path: path, New: newPos, Old: oldPos}
	if w.dir == rule.Readers {
		f.Message = fmt.Sprintf("%s has a stricter constraint: older messages need not pass %s", what, list)
		f.NewNote, f.OldNote = "now "+list, "older messages passed this"
	} else {
		f.Message = fmt.Sprintf("%s has a weaker constraint: new messages need not pass %s", what, list)
		f.NewNote, f.OldNote = "new messages pass this", "asks for "+list
	}
	w.found = append(w.found, f)
}

// constraints are those of one element.
type constraints struct {
	rules protoreflect.Message // nil if there are none
	raw   string               // the options as bytes, to compare what cannot be read
	err   error
}

// rulesOf reads the constraints of a message, field or oneof. The options may
// hold them as bytes or under another descriptor of the extension, so they go
// through bytes once.
func rulesOf(d protoreflect.Descriptor) constraints {
	options := d.Options()
	if options == nil || !options.ProtoReflect().IsValid() || !hasExtension(options.ProtoReflect()) {
		return constraints{}
	}
	raw, err := proto.MarshalOptions{Deterministic: true, AllowPartial: true}.Marshal(options)
	if err != nil {
		return constraints{err: err}
	}
	out := constraints{raw: string(raw)}
	target, extension := proto.Message(&descriptorpb.FieldOptions{}), validate.E_Field
	switch d.(type) {
	case protoreflect.MessageDescriptor:
		target, extension = &descriptorpb.MessageOptions{}, validate.E_Message
	case protoreflect.OneofDescriptor:
		target, extension = &descriptorpb.OneofOptions{}, validate.E_Oneof
	}
	if out.err = (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(raw, target); out.err == nil && proto.HasExtension(target, extension) {
		out.rules = proto.GetExtension(target, extension).(proto.Message).ProtoReflect()
	}
	return out
}

func hasExtension(m protoreflect.Message) bool {
	if len(m.GetUnknown()) > 0 {
		return true
	}
	found := false
	m.Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		found = fd.IsExtension()
		return !found
	})
	return found
}

// active returns nil for constraints that are switched off.
func active(m protoreflect.Message) protoreflect.Message {
	if f, ok := interfaceOf(m).(*validate.FieldRules); ok && f.GetIgnore() == validate.Ignore_IGNORE_ALWAYS {
		return nil
	}
	return m
}

func interfaceOf(m protoreflect.Message) any {
	if m == nil {
		return nil
	}
	return m.Interface()
}
