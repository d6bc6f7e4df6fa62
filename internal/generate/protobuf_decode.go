package generate

import (
	"strconv"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func (f *fastFile) printDecode(m *protogen.Message) {
	g := f.g
	full := strconv.Quote(string(m.Desc.FullName()))
	g.P()
	g.P(decodeDoc)
	g.P("// strings of x are parts of data. On error x holds what came before.")
	g.P("func (x *", m.GoIdent, ") DecodeFast(data string) error { return x.decodeFast(data, ", protofastPackage.Ident("MaxDepth"), ") }")
	g.P()
	g.P("func (x *", m.GoIdent, ") decodeFast(data string, depth int) error {")
	g.P("if depth--; depth < 0 {")
	g.P("return ", protofastPackage.Ident("TooDeep"), "(", full, ")")
	g.P("}")
	g.P("for i := 0; i < len(data); {")
	g.P("start := i")
	// Most tags are one byte from 8 to 127; a call for each would cost more
	// than the rest of a small field.
	g.P("tag := uint64(data[i])")
	g.P("i++")
	g.P("if tag-8 >= 0x78 {")
	g.P("if tag, i = ", protofastPackage.Ident("Tag"), "(data, start); i < 0 {")
	g.P("return ", protofastPackage.Ident("Fail"), "(", full, `, "", start, i)`)
	g.P("}")
	g.P("}")
	g.P("switch tag {")
	for _, fd := range m.Fields {
		f.decodeField(m, fd)
	}
	g.P("default:")
	g.P("n := ", protofastPackage.Ident("Skip"), "(data, i, tag)")
	f.check(m, "", "n")
	g.P("x.unknownFields = ", protofastPackage.Ident("AppendUnknown"), "(x.unknownFields, tag, data[i:n])")
	g.P("i = n")
	g.P("}")
	g.P("}")
	g.P("return nil")
	g.P("}")
}

// check prints the way out when a read returned no offset.
func (f *fastFile) check(m *protogen.Message, field, n string) {
	f.g.P("if ", n, " < 0 {")
	f.g.P("return ", protofastPackage.Ident("Fail"), "(", strconv.Quote(string(m.Desc.FullName())), ", ", strconv.Quote(field), ", start, ", n, ")")
	f.g.P("}")
}

func (f *fastFile) decodeField(m *protogen.Message, fd *protogen.Field) {
	g := f.g
	d := fd.Desc
	wire := wireType(d.Kind())
	caseOf := func(t protowire.Type) {
		g.P("case ", uint64(d.Number())<<3|uint64(t), ": // ", d.Name())
	}
	switch {
	case d.IsMap():
		caseOf(protowire.BytesType)
		f.decodeMap(m, fd)
	case d.IsList():
		if wire != protowire.BytesType {
			caseOf(protowire.BytesType)
			f.decodePacked(m, fd)
		}
		caseOf(wire)
		f.read(m, string(d.Name()), fd, "data", "i")
		f.store(m, fd, func(v string) { g.P("x.", fd.GoName, " = append(x.", fd.GoName, ", ", v, ")") })
		g.P("i = n")
	case fd.Message != nil:
		caseOf(wire)
		f.read(m, string(d.Name()), fd, "data", "i")
		f.decodeMessage(m, fd)
		g.P("i = n")
	default:
		caseOf(wire)
		f.read(m, string(d.Name()), fd, "data", "i")
		f.storeScalar(fd)
		g.P("i = n")
	}
}

// read prints the reading of a raw value into u, with n the offset after it.
func (f *fastFile) read(m *protogen.Message, field string, fd *protogen.Field, data, i string) {
	f.g.P("u, n := ", protofastPackage.Ident(readFunc(fd.Desc)), "(", data, ", ", i, ")")
	f.check(m, field, "n")
}

func readFunc(d protoreflect.FieldDescriptor) string {
	switch wireType(d.Kind()) {
	case protowire.Fixed32Type:
		return "Fixed32"
	case protowire.Fixed64Type:
		return "Fixed64"
	case protowire.BytesType:
		if mustBeUTF8(d) {
			return "Text"
		}
		return "Bytes"
	}
	return "Uvarint"
}

// value is the Go value of the raw value u.
func (f *fastFile) value(fd *protogen.Field) string {
	fast := func(name string) string { return f.g.QualifiedGoIdent(protofastPackage.Ident(name)) + "(u)" }
	switch k := fd.Desc.Kind(); k {
	case protoreflect.BoolKind:
		return "u != 0"
	case protoreflect.EnumKind:
		return f.typeName(fd.Enum.GoIdent) + "(int32(u))"
	case protoreflect.StringKind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind, protoreflect.Fixed32Kind:
		return "u"
	case protoreflect.BytesKind:
		return fast("Clone")
	case protoreflect.Sint32Kind:
		return fast("Zigzag32")
	case protoreflect.Sint64Kind:
		return fast("Zigzag")
	case protoreflect.FloatKind:
		return f.g.QualifiedGoIdent(mathPackage.Ident("Float32frombits")) + "(u)"
	case protoreflect.DoubleKind:
		return f.g.QualifiedGoIdent(mathPackage.Ident("Float64frombits")) + "(u)"
	default:
		return goScalar(k) + "(u)"
	}
}

// store prints what to do with an element of a list.
func (f *fastFile) store(m *protogen.Message, fd *protogen.Field, put func(v string)) {
	if fd.Message == nil {
		put(f.value(fd))
		return
	}
	f.g.P("v := new(", f.typeName(fd.Message.GoIdent), ")")
	f.merge(m, string(fd.Desc.Name()), fd.Message, "v", "u")
	put("v")
}

func (f *fastFile) storeScalar(fd *protogen.Field) {
	g := f.g
	v := f.value(fd)
	switch {
	case fd.Oneof != nil && !fd.Oneof.Desc.IsSynthetic():
		g.P("x.", fd.Oneof.GoName, " = &", fd.GoIdent, "{", fd.GoName, ": ", v, "}")
	case fd.Desc.HasPresence() && fd.Desc.Kind() != protoreflect.BytesKind:
		g.P("v := ", v)
		g.P("x.", fd.GoName, " = &v")
	default:
		g.P("x.", fd.GoName, " = ", v)
	}
}

func (f *fastFile) decodeMessage(m *protogen.Message, fd *protogen.Field) {
	g := f.g
	if fd.Oneof != nil && !fd.Oneof.Desc.IsSynthetic() {
		g.P("w, _ := x.", fd.Oneof.GoName, ".(*", fd.GoIdent, ")")
		g.P("if w == nil {")
		g.P("w = new(", fd.GoIdent, ")")
		g.P("x.", fd.Oneof.GoName, " = w")
		g.P("}")
		g.P("if w.", fd.GoName, " == nil {")
		g.P("w.", fd.GoName, " = new(", f.typeName(fd.Message.GoIdent), ")")
		g.P("}")
		f.merge(m, string(fd.Desc.Name()), fd.Message, "w."+fd.GoName, "u")
		return
	}
	g.P("if x.", fd.GoName, " == nil {")
	g.P("x.", fd.GoName, " = new(", f.typeName(fd.Message.GoIdent), ")")
	g.P("}")
	f.merge(m, string(fd.Desc.Name()), fd.Message, "x."+fd.GoName, "u")
}

// merge prints the decoding of a nested message from data.
func (f *fastFile) merge(m *protogen.Message, field string, nested *protogen.Message, v, data string) {
	g := f.g
	var call string
	switch f.call(nested) {
	case byTimestamp:
		call = g.QualifiedGoIdent(protofastPackage.Ident("MergeTimestamp")) + "(" + v + ", " + data + ")"
	case byDuration:
		call = g.QualifiedGoIdent(protofastPackage.Ident("MergeDuration")) + "(" + v + ", " + data + ")"
	case byOwnMethod:
		call = v + ".decodeFast(" + data + ", depth)"
	case byMethod:
		call = v + ".DecodeFast(" + data + ")"
	default:
		call = g.QualifiedGoIdent(protofastPackage.Ident("MergeMessage")) + "(" + v + ", " + data + ")"
	}
	g.P("if err := ", call, "; err != nil {")
	g.P("return ", protofastPackage.Ident("Inside"), "(", strconv.Quote(string(m.Desc.FullName())), ", ", strconv.Quote(field), ", start, err)")
	g.P("}")
}

func (f *fastFile) decodePacked(m *protogen.Message, fd *protogen.Field) {
	g := f.g
	name := string(fd.Desc.Name())
	g.P("list, end := ", protofastPackage.Ident("Bytes"), "(data, i)")
	f.check(m, name, "end")
	count := "len(list)/4"
	switch wireType(fd.Desc.Kind()) {
	case protowire.VarintType:
		count = g.QualifiedGoIdent(protofastPackage.Ident("Count")) + "(list)"
	case protowire.Fixed64Type:
		count = "len(list)/8"
	}
	g.P("if list != \"\" {")
	g.P("x.", fd.GoName, " = ", slicesPackage.Ident("Grow"), "(x.", fd.GoName, ", ", count, ")")
	g.P("}")
	g.P("for j := 0; j < len(list); {")
	f.read(m, name, fd, "list", "j")
	g.P("x.", fd.GoName, " = append(x.", fd.GoName, ", ", f.value(fd), ")")
	g.P("j = n")
	g.P("}")
	g.P("i = end")
}

func (f *fastFile) decodeMap(m *protogen.Message, fd *protogen.Field) {
	g := f.g
	name := string(fd.Desc.Name())
	full := strconv.Quote(string(m.Desc.FullName()))
	key, value := fd.Message.Fields[0], fd.Message.Fields[1]
	goValue := goScalar(value.Desc.Kind())
	switch {
	case value.Message != nil:
		goValue = "*" + f.typeName(value.Message.GoIdent)
	case value.Enum != nil:
		goValue = f.typeName(value.Enum.GoIdent)
	}
	g.P("entry, end := ", protofastPackage.Ident("Bytes"), "(data, i)")
	f.check(m, name, "end")
	// An entry is a message too, and counts.
	g.P("if depth < 1 {")
	g.P("return ", protofastPackage.Ident("TooDeep"), "(", full, ")")
	g.P("}")
	if value.Message != nil && f.call(value.Message) == byOwnMethod {
		g.P("depth := depth - 1")
	}
	g.P("var k ", goScalar(key.Desc.Kind()))
	if value.Message != nil {
		g.P("v := new(", f.typeName(value.Message.GoIdent), ")")
	} else {
		g.P("var v ", goValue)
	}
	g.P("for j := 0; j < len(entry); {")
	g.P("tag, n := ", protofastPackage.Ident("Tag"), "(entry, j)")
	f.check(m, name, "n")
	g.P("j = n")
	g.P("switch tag {")
	for _, part := range []struct {
		fd  *protogen.Field
		dst string
	}{{key, "k"}, {value, "v"}} {
		g.P("case ", uint64(part.fd.Desc.Number())<<3|uint64(wireType(part.fd.Desc.Kind())), ":")
		f.read(m, name, part.fd, "entry", "j")
		if part.fd.Message != nil {
			f.merge(m, name, part.fd.Message, part.dst, "u")
		} else {
			g.P(part.dst, " = ", f.value(part.fd))
		}
		g.P("j = n")
	}
	g.P("default:")
	g.P("if j = ", protofastPackage.Ident("Skip"), "(entry, j, tag); j < 0 {")
	g.P("return ", protofastPackage.Ident("Fail"), "(", full, ", ", strconv.Quote(name), ", start, j)")
	g.P("}")
	g.P("}")
	g.P("}")
	g.P("if x.", fd.GoName, " == nil {")
	g.P("x.", fd.GoName, " = make(map[", goScalar(key.Desc.Kind()), "]", goValue, ")")
	g.P("}")
	g.P("x.", fd.GoName, "[k] = v")
	g.P("i = end")
}
