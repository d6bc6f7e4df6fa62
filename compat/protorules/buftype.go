package protorules

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

const (
	updatingLink = "https://developers.google.com/protocol-buffers/docs/proto3#updating"
	jsonLink     = "https://developers.google.com/protocol-buffers/docs/proto3#json"

	wireText     = " See " + updatingLink + " for wire compatibility rules."
	wireJSONText = " See " + updatingLink + " for wire compatibility rules and " + jsonLink + " for JSON compatibility rules."
	bytesText    = " Note that while string and bytes are compatible if the data is valid UTF-8, there is no way to enforce that a bytes field is UTF-8, so these fields may be incompatible."
)

func sameType(w *bufWalk, r *rule.Rule, p fieldPair) {
	if p.new.Kind() != p.old.Kind() {
		w.typeChanged(r, p, "")
		return
	}
	if typeOf(p.new) != typeOf(p.old) {
		w.typeNameChanged(r, p)
	}
}

func wireType(w *bufWalk, r *rule.Rule, p fieldPair) {
	is, was := p.new.Kind(), p.old.Kind()
	switch {
	case wireGroup(is) == wireGroup(was):
		w.sameNamedType(r, p)
	case was == protoreflect.StringKind && is == protoreflect.BytesKind:
	case was == protoreflect.BytesKind && is == protoreflect.StringKind:
		w.typeChanged(r, p, wireText+bytesText)
	default:
		w.typeChanged(r, p, wireText)
	}
}

func wireJSONType(w *bufWalk, r *rule.Rule, p fieldPair) {
	if wireJSONGroup(p.new.Kind()) != wireJSONGroup(p.old.Kind()) {
		w.typeChanged(r, p, wireJSONText)
		return
	}
	w.sameNamedType(r, p)
}

// sameNamedType compares the names of messages and enums; an enum may have moved
// to another package.
func (w *bufWalk) sameNamedType(r *rule.Rule, p fieldPair) {
	if typeOf(p.new) != typeOf(p.old) && (p.new.Enum() == nil || !movedEnum(p.new.Enum(), p.old.Enum())) {
		w.typeNameChanged(r, p)
	}
}

// typeOf is the full name of the message or enum, or empty.
func typeOf(fd protoreflect.FieldDescriptor) protoreflect.FullName {
	switch {
	case fd.Message() != nil:
		return fd.Message().FullName()
	case fd.Enum() != nil:
		return fd.Enum().FullName()
	}
	return ""
}

// wireGroup is the set of kinds that share an encoding, named by one of them.
func wireGroup(k protoreflect.Kind) protoreflect.Kind {
	switch k {
	case protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.BoolKind:
		return protoreflect.Int32Kind
	case protoreflect.Sint64Kind:
		return protoreflect.Sint32Kind
	}
	return fixedGroup(k)
}

// wireJSONGroup is the set of kinds that share an encoding and a form in JSON.
func wireJSONGroup(k protoreflect.Kind) protoreflect.Kind {
	switch k {
	case protoreflect.Uint32Kind:
		return protoreflect.Int32Kind
	case protoreflect.Uint64Kind:
		return protoreflect.Int64Kind
	}
	return fixedGroup(k)
}

func fixedGroup(k protoreflect.Kind) protoreflect.Kind {
	switch k {
	case protoreflect.Sfixed32Kind:
		return protoreflect.Fixed32Kind
	case protoreflect.Sfixed64Kind:
		return protoreflect.Fixed64Kind
	}
	return k
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

func (w *bufWalk) typeNameChanged(r *rule.Rule, p fieldPair) {
	is, was := typeOf(p.new), typeOf(p.old)
	w.reportField(r, p, typeAnchor(w.newer, p.new), typeAnchor(w.older, p.old), string(is), string(was),
		`changed type from %q to %q.`, was, is)
}

func (w *bufWalk) typeChanged(r *rule.Rule, p fieldPair, more string) {
	is, was := kindName(p.new), kindName(p.old)
	w.reportField(r, p, typeAnchor(w.newer, p.new), typeAnchor(w.older, p.old), typeName(p.new), typeName(p.old),
		`changed type from %q to %q.%s`, was, is, more)
}

// typeAnchor is the type as written.
func typeAnchor(im *protobuf.Image, fd protoreflect.FieldDescriptor) protobuf.Anchor {
	if typeOf(fd) != "" {
		return anchorAt(im, fd).part(fieldTypeName).end()
	}
	return anchorAt(im, fd).part(fieldType).end()
}

// kindName is Buf's word for a kind.
func kindName(fd protoreflect.FieldDescriptor) string {
	if fd.Kind() == protoreflect.GroupKind && fd.ParentFile().Syntax() != protoreflect.Proto2 {
		return "message (delimited encoding)"
	}
	return fd.Kind().String()
}
