package protorules

import (
	"bytes"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
)

// pair compares a field that both sides have.
func (w *walker) pair(at spot, r, o protoreflect.FieldDescriptor) {
	path, pointer := at.child(string(o.Name()))
	pointer = numbered(pointer, o)
	w.types(path, pointer, r, o)
	w.cardinality(path, pointer, r, o)
}

// types compares the types of a field: key and value apart where both are maps.
func (w *walker) types(path, pointer string, r, o protoreflect.FieldDescriptor) {
	if r.IsMap() && o.IsMap() {
		w.types(path+".key", pointer, r.MapKey(), o.MapKey())
		w.types(path+".value", pointer, r.MapValue(), o.MapValue())
		return
	}
	errorType := protocolType(r, o)
	if errorType == "" {
		w.contents(path, pointer, r, o)
		return
	}
	f := rule.Finding{Rule: fieldWireType, ErrorType: errorType, Path: path, Pointer: pointer,
		Message: "field " + quoted(path) + " " + w.change(typeName(r), typeName(o))}
	f.NewNote, f.OldNote = w.notes(typeName(r), typeName(o))
	if o.Kind() == protoreflect.BytesKind && r.Kind() == protoreflect.StringKind {
		f.Message += "; bytes that are no UTF-8 cannot be read as text"
	}
	w.report(f, w.typePos(w.reader, r), w.typePos(w.writer, o))
}

// A form is what the registry tells apart first.
type form string

const (
	formScalar  form = "scalar"
	formMessage form = "message"
	formMap     form = "map"
)

func formOf(fd protoreflect.FieldDescriptor) form {
	switch {
	case fd.IsMap():
		return formMap
	case fd.Message() != nil:
		return formMessage
	}
	return formScalar
}

// protocolType is the registry's word for the difference of two types, or empty
// where it accepts them.
func protocolType(r, o protoreflect.FieldDescriptor) string {
	switch {
	case formOf(r) != formOf(o):
		return fieldKindChanged
	case formOf(r) == formMessage && localName(r.Message()) != localName(o.Message()):
		return fieldNamedTypeChanged
	case formOf(r) == formScalar && protocolGroup(r.Kind()) != protocolGroup(o.Kind()):
		return fieldScalarChanged
	}
	return ""
}

// localName is the full name without the package.
func localName(d protoreflect.Descriptor) string {
	full := string(d.FullName())
	if pkg := string(d.ParentFile().Package()); pkg != "" {
		return full[len(pkg)+1:]
	}
	return full
}

// protocolGroup is the set of scalar kinds between which the registry lets a
// field change.
func protocolGroup(k protoreflect.Kind) protoreflect.Kind {
	switch k {
	case protoreflect.EnumKind:
		return protoreflect.Int32Kind
	case protoreflect.BytesKind:
		return protoreflect.StringKind
	}
	return wireGroup(k)
}

// typeName spells a type as an author would write it.
func typeName(fd protoreflect.FieldDescriptor) string {
	switch {
	case fd.IsMap():
		return "map<" + typeName(fd.MapKey()) + ", " + typeName(fd.MapValue()) + ">"
	case fd.Kind() == protoreflect.GroupKind:
		return string(fd.Message().FullName()) + " (delimited encoding)"
	case fd.Message() != nil:
		return string(fd.Message().FullName())
	case fd.Enum() != nil:
		return "enum " + string(fd.Enum().FullName())
	}
	return fd.Kind().String()
}

// contents compares messages of imported files: both sides may have the name and
// yet mean different texts. A message of the file itself is compared where it is
// declared.
func (w *walker) contents(path, pointer string, r, o protoreflect.FieldDescriptor) {
	if r.IsExtension() || formOf(r) != formMessage || w.samePlace(r.Message(), o.Message()) {
		return
	}
	before := len(w.found)
	name := localName(r.Message())
	inner := spot{r.Message(), o.Message(), name, "#/" + pointerOf(name)}
	w.message(inner)
	if len(w.found) > before {
		f := rule.Finding{Rule: fieldTypeContent, ErrorType: fieldNamedTypeChanged, Path: path, Pointer: pointer,
			Message: "the imported type " + typeName(r) + " of field " + quoted(path) + " changed incompatibly"}
		f.NewNote, f.OldNote = w.notes("cannot read the other version", "another version of the type")
		w.report(f, w.typePos(w.reader, r), w.typePos(w.writer, o))
	}
}

func pointerOf(name string) string {
	return string(bytes.ReplaceAll([]byte(name), []byte("."), []byte("/")))
}

// samePlace reports whether two messages need no comparison by content: both are
// of the files that are compared, or of one version of one subject, or of one
// well-known file.
func (w *walker) samePlace(r, o protoreflect.MessageDescriptor) bool {
	rp, op := r.ParentFile().Path(), o.ParentFile().Path()
	rLocal, oLocal := rp == w.reader.File().Path(), op == w.writer.File().Path()
	if rLocal || oLocal {
		return rLocal && oLocal
	}
	rRef, rOK := w.reader.Reference(rp)
	oRef, oOK := w.writer.Reference(op)
	if !rOK || !oOK {
		return !rOK && !oOK // both bundled
	}
	return rRef.Subject != "" && rRef.Subject == oRef.Subject && rRef.Version == oRef.Version
}

// cardinality compares how many values a field has.
func (w *walker) cardinality(path, pointer string, r, o protoreflect.FieldDescriptor) {
	errorType := ""
	if label(r) != "" && label(o) != "" && label(r) != label(o) && formOf(r) == formScalar && formOf(o) == formScalar &&
		protocolGroup(r.Kind()) != protoreflect.StringKind {
		errorType = fieldLabelChanged
	}
	if errorType == "" {
		return
	}
	f := rule.Finding{Rule: fieldWireCardinality, ErrorType: errorType, Path: path, Pointer: pointer,
		Message: "field " + quoted(path) + " " + w.change(string(cardinalityOf(r)), string(cardinalityOf(o)))}
	f.NewNote, f.OldNote = w.notes(string(cardinalityOf(r)), string(cardinalityOf(o)))
	w.report(f, w.fieldPos(w.reader, r), w.fieldPos(w.writer, o))
}

// label is the label as written, or empty. A member of a oneof has none.
func label(fd protoreflect.FieldDescriptor) string {
	switch {
	case fd.IsMap():
		return ""
	case fd.Cardinality() == protoreflect.Repeated:
		return "repeated"
	case fd.Cardinality() == protoreflect.Required:
		return "required"
	case fd.HasOptionalKeyword() && realOneof(fd) == nil:
		return "optional"
	}
	return ""
}
