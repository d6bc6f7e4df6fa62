package protorules

import (
	"bytes"
	"math"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
)

// pair compares a field that both sides have.
func (w *walker) pair(at spot, r, o protoreflect.FieldDescriptor) {
	path, pointer := at.child(string(o.Name()))
	pointer = numbered(pointer, o)
	w.types(path, pointer, r, o)
	w.cardinality(path, pointer, r, o)
	if w.wire {
		if required(r) != required(o) {
			errorType := requiredFieldAdded
			if required(o) {
				errorType = requiredFieldRemoved
			}
			w.required(at, r, errorType)
			w.found[len(w.found)-1].ErrorType = "" // the protocol speaks of labels here
		}
		w.defaults(path, pointer, r, o)
		if !r.IsExtension() {
			w.sameOneof(path, pointer, r, o)
		}
	}
}

func required(fd protoreflect.FieldDescriptor) bool { return fd.Cardinality() == protoreflect.Required }

// types compares the types of a field: key and value apart where both are maps.
func (w *walker) types(path, pointer string, r, o protoreflect.FieldDescriptor) {
	if r.IsMap() && o.IsMap() {
		w.types(path, pointer, r.MapKey(), o.MapKey())
		w.types(path, pointer, r.MapValue(), o.MapValue())
		return
	}
	errorType := protocolType(r, o)
	if errorType == "" && !(w.wire && wireTypeDiffers(r, o)) {
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

// wireGroup is the set of kinds that share an encoding, named by one of them.
func wireGroup(k protoreflect.Kind) protoreflect.Kind {
	switch k {
	case protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.BoolKind:
		return protoreflect.Int32Kind
	case protoreflect.Sint64Kind:
		return protoreflect.Sint32Kind
	case protoreflect.Sfixed32Kind:
		return protoreflect.Fixed32Kind
	case protoreflect.Sfixed64Kind:
		return protoreflect.Fixed64Kind
	}
	return k
}

// wireTypeDiffers is Buf's FIELD_WIRE_COMPATIBLE_TYPE.
func wireTypeDiffers(r, o protoreflect.FieldDescriptor) bool {
	switch {
	case o.Kind() == protoreflect.StringKind && r.Kind() == protoreflect.BytesKind:
		return false
	case wireGroup(r.Kind()) != wireGroup(o.Kind()):
		return true
	case r.Message() != nil:
		return r.Message().FullName() != o.Message().FullName()
	case r.Enum() != nil:
		return r.Enum().FullName() != o.Enum().FullName() && !movedEnum(r.Enum(), o.Enum())
	}
	return false
}

// movedEnum reports whether r is o under another full name: the short name and
// every value are there.
func movedEnum(r, o protoreflect.EnumDescriptor) bool {
	if r.Name() != o.Name() {
		return false
	}
	for i := range o.Values().Len() {
		v := o.Values().Get(i)
		if have := r.Values().ByName(v.Name()); have == nil || have.Number() != v.Number() {
			return false
		}
	}
	return true
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
	before, wire := len(w.found), w.wire
	w.wire = w.wire && r.Message().FullName() == o.Message().FullName()
	name := localName(r.Message())
	inner := spot{r.Message(), o.Message(), name, "#/" + pointerOf(name)}
	w.message(inner)
	w.wire = wire
	for _, f := range w.found[before:] {
		if f.ErrorType == "" {
			continue
		}
		f := rule.Finding{Rule: fieldTypeContent, ErrorType: fieldNamedTypeChanged, Path: path, Pointer: pointer,
			Message: "the imported type " + typeName(r) + " of field " + quoted(path) + " changed incompatibly"}
		f.NewNote, f.OldNote = w.notes("cannot read the other version", "another version of the type")
		w.report(f, w.typePos(w.reader, r), w.typePos(w.writer, o))
		return
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
	if errorType == "" && !(w.wire && cardinalityGroup(r) != cardinalityGroup(o)) {
		return
	}
	f := rule.Finding{Rule: fieldWireCardinality, ErrorType: errorType, Path: path, Pointer: pointer,
		Message: "field " + quoted(path) + " " + w.change(cardinalityName(r), cardinalityName(o))}
	f.NewNote, f.OldNote = w.notes(cardinalityName(r), cardinalityName(o))
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

func cardinalityGroup(fd protoreflect.FieldDescriptor) string {
	if fd.Cardinality() == protoreflect.Optional {
		return "singular"
	}
	return fd.Cardinality().String()
}

func cardinalityName(fd protoreflect.FieldDescriptor) string {
	switch {
	case fd.IsMap():
		return "map"
	case fd.Cardinality() != protoreflect.Optional:
		return fd.Cardinality().String()
	case fd.HasPresence():
		return "optional with explicit presence"
	}
	return "optional with implicit presence"
}

// defaults is Buf's FIELD_SAME_DEFAULT.
func (w *walker) defaults(path, pointer string, r, o protoreflect.FieldDescriptor) {
	if !mayDefault(r) || !mayDefault(o) || sameDefault(r, o) {
		return
	}
	f := rule.Finding{Rule: fieldSameDefault, Path: path, Pointer: pointer,
		Message: "field " + quoted(path) + " changed default value from " + defaultText(o) + " to " + defaultText(r),
		NewNote: defaultText(r), OldNote: defaultText(o)}
	w.report(f, w.fieldPos(w.reader, r), w.fieldPos(w.writer, o))
}

func mayDefault(fd protoreflect.FieldDescriptor) bool {
	return fd.Cardinality() != protoreflect.Repeated && fd.Message() == nil
}

func defaultText(fd protoreflect.FieldDescriptor) string {
	if fd.Kind() == protoreflect.StringKind || fd.Kind() == protoreflect.BytesKind {
		return quoted(string(textOf(fd)))
	}
	return fd.Default().String()
}

func textOf(fd protoreflect.FieldDescriptor) []byte {
	if fd.Kind() == protoreflect.StringKind {
		return []byte(fd.Default().String())
	}
	return fd.Default().Bytes()
}

func isText(fd protoreflect.FieldDescriptor) bool {
	return protocolGroup(fd.Kind()) == protoreflect.StringKind
}

func sameDefault(r, o protoreflect.FieldDescriptor) bool {
	switch {
	case isText(r) && isText(o):
		return bytes.Equal(textOf(r), textOf(o))
	case isText(r) != isText(o):
		return zeroDefault(r) && zeroDefault(o)
	}
	a, b := numberOf(r), numberOf(o)
	if r.Kind() == protoreflect.FloatKind || o.Kind() == protoreflect.FloatKind {
		x, y := float32(a.float), float32(b.float)
		return x == y || x != x && y != y
	}
	return a == b || math.IsNaN(a.float) && math.IsNaN(b.float)
}

func zeroDefault(fd protoreflect.FieldDescriptor) bool {
	if isText(fd) {
		return len(textOf(fd)) == 0
	}
	return numberOf(fd).float == 0
}

// A numeric is a number by its value, whatever its kind: two integers may be one
// float64 and still differ.
type numeric struct {
	float float64
	whole uint64 // magnitude of an integer
}

func numberOf(fd protoreflect.FieldDescriptor) numeric {
	v := fd.Default()
	switch fd.Kind() {
	case protoreflect.BoolKind:
		if v.Bool() {
			return numeric{1, 1}
		}
		return numeric{}
	case protoreflect.EnumKind:
		return signed(int64(v.Enum()))
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		f := v.Float()
		if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
			return numeric{f, uint64(math.Abs(f))}
		}
		return numeric{float: f}
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return numeric{float64(v.Uint()), v.Uint()}
	}
	return signed(v.Int())
}

func signed(n int64) numeric {
	whole := uint64(n)
	if n < 0 {
		whole = -whole
	}
	return numeric{float64(n), whole}
}
