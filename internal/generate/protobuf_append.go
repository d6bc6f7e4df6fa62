package generate

import (
	"slices"
	"strconv"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func (f *fastFile) printAppend(m *protogen.Message) {
	g := f.g
	g.P()
	g.P(appendDoc)
	g.P("// proto.Marshal makes. On error it returns dst as it was.")
	g.P("func (x *", m.GoIdent, ") AppendFast(dst []byte) ([]byte, error) {")
	g.P("out, err := x.appendFast(dst)")
	g.P("if err != nil {")
	g.P("return dst, err")
	g.P("}")
	g.P("return out, nil")
	g.P("}")
	g.P()
	g.P("func (x *", m.GoIdent, ") appendFast(dst []byte) ([]byte, error) {")
	g.P("if x == nil {")
	g.P("return dst, nil")
	g.P("}")
	if f.appendsMessages(m) {
		g.P("var err error")
	}
	fields, oneofs := appendOrder(m)
	for _, fd := range fields {
		f.appendField(m, fd)
	}
	for _, o := range oneofs {
		g.P("switch v := x.", o.GoName, ".(type) {")
		for _, fd := range o.Fields {
			g.P("case *", fd.GoIdent, ":")
			g.P("if v != nil {")
			f.appendTagged(m, fd, "v."+fd.GoName)
			g.P("}")
		}
		g.P("}")
	}
	g.P("return append(dst, x.unknownFields...), nil")
	g.P("}")
}

// appendOrder is the order of google.golang.org/protobuf: fields by number, then
// the oneofs as declared.
func appendOrder(m *protogen.Message) (fields []*protogen.Field, oneofs []*protogen.Oneof) {
	for _, fd := range m.Fields {
		if fd.Oneof == nil || fd.Oneof.Desc.IsSynthetic() {
			fields = append(fields, fd)
		}
	}
	slices.SortFunc(fields, func(a, b *protogen.Field) int { return int(a.Desc.Number()) - int(b.Desc.Number()) })
	for _, o := range m.Oneofs {
		if !o.Desc.IsSynthetic() {
			oneofs = append(oneofs, o)
		}
	}
	return fields, oneofs
}

// appendsMessages reports whether the function needs a variable for the error of
// a nested message.
func (f *fastFile) appendsMessages(m *protogen.Message) bool {
	return slices.ContainsFunc(m.Fields, func(fd *protogen.Field) bool {
		if fd.Desc.IsMap() {
			fd = fd.Message.Fields[1]
		}
		if fd.Message == nil {
			return false
		}
		c := f.call(fd.Message)
		return c != byTimestamp && c != byDuration
	})
}

func (f *fastFile) appendField(m *protogen.Message, fd *protogen.Field) {
	g := f.g
	field := "x." + fd.GoName
	switch kind := fd.Desc.Kind(); {
	case fd.Desc.IsMap():
		f.appendMap(m, fd)
	case fd.Desc.IsList() && fd.Desc.IsPacked():
		f.appendPacked(fd)
	case fd.Desc.IsList():
		g.P("for _, v := range ", field, " {")
		f.appendTagged(m, fd, "v")
		g.P("}")
	case kind == protoreflect.MessageKind:
		g.P("if ", field, " != nil {")
		f.appendTagged(m, fd, field)
		g.P("}")
	case fd.Desc.HasPresence():
		g.P("if ", field, " != nil {")
		value := "*" + field
		if kind == protoreflect.BytesKind {
			value = field
		}
		f.appendTagged(m, fd, value)
		g.P("}")
	default:
		g.P("if ", f.notZero(kind, field), " {")
		f.appendTagged(m, fd, field)
		g.P("}")
	}
}

// notZero is the condition under which a field without presence is written.
func (f *fastFile) notZero(kind protoreflect.Kind, v string) string {
	switch kind {
	case protoreflect.BoolKind:
		return v
	case protoreflect.StringKind:
		return v + ` != ""`
	case protoreflect.BytesKind:
		return "len(" + v + ") > 0"
	case protoreflect.FloatKind, protoreflect.DoubleKind: // minus zero is not zero
		return v + " != 0 || " + f.g.QualifiedGoIdent(mathPackage.Ident("Signbit")) + "(float64(" + v + "))"
	}
	return v + " != 0"
}

// appendTagged prints the tag and the value of a field.
func (f *fastFile) appendTagged(m *protogen.Message, fd *protogen.Field, v string) {
	tag := tagBytes(fd.Desc, wireType(fd.Desc.Kind()))
	if fd.Desc.Kind() == protoreflect.MessageKind {
		f.appendMessage(fd.Message, tag, v, "at")
		return
	}
	f.g.P("dst = append(dst, ", tag, ")")
	f.appendValue(m, fd, v)
}

// appendMessage leaves one byte for the length and fills it in afterwards.
func (f *fastFile) appendMessage(m *protogen.Message, tag, v, at string) {
	g := f.g
	g.P("dst = append(dst, ", tag, ", 0)")
	if at == "at" {
		g.P("at := len(dst)")
	} else {
		g.P(at, " := len(dst)")
	}
	var call string
	switch f.call(m) {
	case byTimestamp:
		g.P("dst = ", protofastPackage.Ident("AppendTimestamp"), "(dst, ", v, ")")
	case byDuration:
		g.P("dst = ", protofastPackage.Ident("AppendDuration"), "(dst, ", v, ")")
	case byOwnMethod:
		call = v + ".appendFast(dst)"
	case byMethod:
		call = v + ".AppendFast(dst)"
	default:
		call = g.QualifiedGoIdent(protofastPackage.Ident("AppendMessage")) + "(dst, " + v + ")"
	}
	if call != "" {
		g.P("if dst, err = ", call, "; err != nil {")
		g.P("return dst, err")
		g.P("}")
	}
	g.P("dst = ", protofastPackage.Ident("Close"), "(dst, ", at, ")")
}

// appendValue prints a scalar without its tag.
func (f *fastFile) appendValue(m *protogen.Message, fd *protogen.Field, v string) {
	g := f.g
	if mustBeUTF8(fd.Desc) {
		g.P("if !", utf8Package.Ident("ValidString"), "(", v, ") {")
		g.P("return dst, ", protofastPackage.Ident("InvalidUTF8"), "(", strconv.Quote(string(m.Desc.FullName())), ", ", strconv.Quote(string(fd.Desc.Name())), ")")
		g.P("}")
	}
	g.P("dst = ", f.appendScalar(fd.Desc.Kind(), v))
}

func (f *fastFile) appendScalar(kind protoreflect.Kind, v string) string {
	fast := func(name, arg string) string {
		return f.g.QualifiedGoIdent(protofastPackage.Ident(name)) + "(dst, " + arg + ")"
	}
	switch kind {
	case protoreflect.BoolKind:
		return fast("AppendBool", v)
	case protoreflect.StringKind, protoreflect.BytesKind:
		return fast("AppendString", v)
	case protoreflect.Sint32Kind, protoreflect.Sint64Kind:
		return fast("AppendUvarint", f.g.QualifiedGoIdent(protofastPackage.Ident("Unzigzag"))+"(int64("+v+"))")
	case protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return fast("AppendFixed32", "uint32("+v+")")
	case protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return fast("AppendFixed64", "uint64("+v+")")
	case protoreflect.FloatKind:
		return fast("AppendFixed32", f.g.QualifiedGoIdent(mathPackage.Ident("Float32bits"))+"("+v+")")
	case protoreflect.DoubleKind:
		return fast("AppendFixed64", f.g.QualifiedGoIdent(mathPackage.Ident("Float64bits"))+"("+v+")")
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return fast("AppendUvarint", "uint64("+v+")")
	}
	return fast("AppendUvarint", "uint64(int64("+v+"))")
}

func (f *fastFile) appendPacked(fd *protogen.Field) {
	g := f.g
	g.P("if len(x.", fd.GoName, ") > 0 {")
	g.P("dst = append(dst, ", tagBytes(fd.Desc, protowire.BytesType), ", 0)")
	g.P("at := len(dst)")
	g.P("for _, v := range x.", fd.GoName, " {")
	g.P("dst = ", f.appendScalar(fd.Desc.Kind(), "v"))
	g.P("}")
	g.P("dst = ", protofastPackage.Ident("Close"), "(dst, at)")
	g.P("}")
}

func (f *fastFile) appendMap(m *protogen.Message, fd *protogen.Field) {
	g := f.g
	key, value := fd.Message.Fields[0], fd.Message.Fields[1]
	field := "x." + fd.GoName
	if key.Desc.Kind() == protoreflect.BoolKind {
		g.P("for _, k := range [...]bool{false, true} {")
		g.P("v, ok := ", field, "[k]")
		g.P("if !ok {")
		g.P("continue")
		g.P("}")
	} else {
		g.P("for _, k := range ", protofastPackage.Ident("Keys"), "(", field, ", make([]", goScalar(key.Desc.Kind()), ", 0, 16)) {")
		g.P("v := ", field, "[k]")
	}
	g.P("dst = append(dst, ", tagBytes(fd.Desc, protowire.BytesType), ", 0)")
	g.P("at := len(dst)")
	f.mapPart(m, fd, key, "k")
	f.mapPart(m, fd, value, "v")
	g.P("dst = ", protofastPackage.Ident("Close"), "(dst, at)")
	g.P("}")
}

// mapPart prints the key or the value of an entry; both are always written.
// Errors name the map, not the entry.
func (f *fastFile) mapPart(m *protogen.Message, field, part *protogen.Field, v string) {
	tag := tagBytes(part.Desc, wireType(part.Desc.Kind()))
	if part.Desc.Kind() == protoreflect.MessageKind {
		f.appendMessage(part.Message, tag, v, "inner")
		return
	}
	f.g.P("dst = append(dst, ", tag, ")")
	if mustBeUTF8(part.Desc) {
		f.g.P("if !", utf8Package.Ident("ValidString"), "(", v, ") {")
		f.g.P("return dst, ", protofastPackage.Ident("InvalidUTF8"), "(", strconv.Quote(string(m.Desc.FullName())), ", ", strconv.Quote(string(field.Desc.Name())), ")")
		f.g.P("}")
	}
	f.g.P("dst = ", f.appendScalar(part.Desc.Kind(), v))
}

// goScalar is the Go type of a scalar kind.
func goScalar(k protoreflect.Kind) string {
	switch k {
	case protoreflect.BoolKind:
		return "bool"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return "int32"
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return "int64"
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return "uint32"
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return "uint64"
	case protoreflect.FloatKind:
		return "float32"
	case protoreflect.DoubleKind:
		return "float64"
	case protoreflect.BytesKind:
		return "[]byte"
	}
	return "string"
}
