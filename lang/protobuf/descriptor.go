package protobuf

import (
	"encoding/base64"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// A given is a file whose descriptor was given in place of its text.
type given struct {
	wire []byte
	file *descriptorpb.FileDescriptorProto
}

// fromDescriptor reads a descriptor in base64, as clients that have no text send
// it, and reports whether text is such a thing. What is made of it is compiled
// like any other text, so nothing of it is trusted.
func fromDescriptor(text string) (given, bool) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxText || strings.ContainsAny(text, " ;{\"'") {
		return given{}, false
	}
	wire, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return given{}, false
	}
	f, err := unmarshalFile(wire, new(protoregistry.Types))
	if err != nil || len(f.ProtoReflect().GetUnknown()) > 0 || proto.Size(f) == 0 {
		return given{}, false
	}
	// Printing costs the square of the depth, and the compiler would refuse it.
	for _, m := range f.GetMessageType() {
		if deeper(m, maxDepth) {
			return given{}, false
		}
	}
	return given{wire, f}, true
}

// unmarshalFile reads a descriptor; only the extensions in types are known. Nested
// options of proto2 may lack what they require: the compiler says so.
func unmarshalFile(wire []byte, types *protoregistry.Types) (*descriptorpb.FileDescriptorProto, error) {
	f := new(descriptorpb.FileDescriptorProto)
	err := proto.UnmarshalOptions{Resolver: types, AllowPartial: true, RecursionLimit: 2 * maxDepth}.Unmarshal(wire, f)
	if err == nil && countValues(f.ProtoReflect(), 2*maxDepth, 2*maxStatements) < 0 {
		err = errors.New("the descriptor has more elements than any text may have")
	}
	return f, err
}

// plainText is the text of the file without custom options.
func (g given) plainText() string { return printFile(treeOf(g.file, "(")) }

func deeper(m *descriptorpb.DescriptorProto, than int) bool {
	return than == 0 || slices.ContainsFunc(m.GetNestedType(), func(n *descriptorpb.DescriptorProto) bool { return deeper(n, than-1) })
}

// A describer builds the tree of a descriptor.
type describer struct {
	proto3   bool
	editions bool
	prefix   string // what the names of custom options begin with: "(" or "(."
}

func treeOf(f *descriptorpb.FileDescriptorProto, prefix string) *fileNode {
	d := describer{proto3: f.GetSyntax() == "proto3", editions: f.GetSyntax() == "editions", prefix: prefix}
	out := &fileNode{keyword: "syntax", version: "proto2", pkg: f.GetPackage(), options: d.options(f.GetOptions())}
	if d.proto3 {
		out.version = "proto3"
	}
	if d.editions {
		out.keyword, out.version = "edition", strings.TrimPrefix(f.GetEdition().String(), "EDITION_")
	}
	for i, path := range f.GetDependency() {
		n := &importNode{path: path}
		if slices.Contains(f.GetPublicDependency(), int32(i)) {
			n.modifier = "public"
		}
		out.imports = append(out.imports, n)
	}
	for _, path := range f.GetOptionDependency() {
		out.imports = append(out.imports, &importNode{path: path, modifier: "option"})
	}
	for _, m := range f.GetMessageType() {
		out.messages = append(out.messages, d.message(m))
	}
	for _, e := range f.GetEnumType() {
		out.enums = append(out.enums, d.enum(e))
	}
	out.extends = d.extends(f.GetExtension())
	for _, s := range f.GetService() {
		out.services = append(out.services, d.service(s))
	}
	return out
}

func (d describer) message(m *descriptorpb.DescriptorProto) *messageNode {
	out := &messageNode{name: m.GetName(), visibility: visibilityOf(m.GetVisibility()), options: d.options(m.GetOptions())}
	nested := map[string]*descriptorpb.DescriptorProto{} // by name, until a map or group takes one
	for _, n := range m.GetNestedType() {
		nested[n.GetName()] = n
	}
	for i := range m.GetOneofDecl() {
		o := &oneofNode{name: m.OneofDecl[i].GetName(), options: d.options(m.OneofDecl[i].GetOptions())}
		for _, f := range m.GetField() {
			if f.OneofIndex != nil && int(f.GetOneofIndex()) == i && !f.GetProto3Optional() {
				o.fields = append(o.fields, d.field(f, nested, true))
			}
		}
		if len(o.fields) > 0 {
			out.oneofs = append(out.oneofs, o)
		}
	}
	for _, f := range m.GetField() {
		if f.OneofIndex == nil || f.GetProto3Optional() {
			out.fields = append(out.fields, d.field(f, nested, false))
		}
	}
	for _, n := range m.GetNestedType() {
		if nested[n.GetName()] != nil {
			out.messages = append(out.messages, d.message(n))
		}
	}
	for _, e := range m.GetEnumType() {
		out.enums = append(out.enums, d.enum(e))
	}
	out.extends = d.extends(m.GetExtension())
	for _, r := range m.GetExtensionRange() {
		out.extensions = append(out.extensions, &rangesNode{
			items: []string{rangeText(int64(r.GetStart()), int64(r.GetEnd())-1, 1<<29-1)}, options: d.options(r.GetOptions())})
	}
	for _, r := range m.GetReservedRange() {
		out.reserved = append(out.reserved, &rangesNode{items: []string{rangeText(int64(r.GetStart()), int64(r.GetEnd())-1, 1<<29-1)}})
	}
	for _, name := range m.GetReservedName() {
		out.reserved = append(out.reserved, &rangesNode{items: []string{name}, names: true, quoted: !d.editions})
	}
	return out
}

func visibilityOf(v descriptorpb.SymbolVisibility) string {
	switch v {
	case descriptorpb.SymbolVisibility_VISIBILITY_EXPORT:
		return "export"
	case descriptorpb.SymbolVisibility_VISIBILITY_LOCAL:
		return "local"
	}
	return ""
}

func rangeText(lo, hi, highest int64) string {
	switch {
	case lo == hi:
		return strconv.FormatInt(lo, 10)
	case hi == highest:
		return strconv.FormatInt(lo, 10) + " to max"
	}
	return strconv.FormatInt(lo, 10) + " to " + strconv.FormatInt(hi, 10)
}

// field builds a field; entries of maps and bodies of groups are taken from
// nested.
func (d describer) field(f *descriptorpb.FieldDescriptorProto, nested map[string]*descriptorpb.DescriptorProto, inOneof bool) *fieldNode {
	out := &fieldNode{name: f.GetName(), number: strconv.Itoa(int(f.GetNumber())), typ: typeOf(f), options: d.options(f.GetOptions())}
	switch {
	case f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REPEATED:
		out.label = "repeated"
	case f.GetLabel() == descriptorpb.FieldDescriptorProto_LABEL_REQUIRED:
		out.label = "required"
	case !inOneof && (f.GetProto3Optional() || !d.proto3 && !d.editions):
		out.label = "optional"
	}
	local := f.GetTypeName()[strings.LastIndexByte(f.GetTypeName(), '.')+1:]
	if n := nested[local]; n != nil {
		switch {
		case n.GetOptions().GetMapEntry() && len(n.GetField()) == 2:
			out.label, out.key, out.typ = "", typeOf(n.Field[0]), typeOf(n.Field[1])
			delete(nested, local)
		case f.GetType() == descriptorpb.FieldDescriptorProto_TYPE_GROUP:
			out.typ, out.name, out.group = "group", n.GetName(), d.message(n)
			delete(nested, local)
		}
	}
	if f.DefaultValue != nil {
		out.options = append(out.options, &optionNode{name: "default", value: defaultOf(f)})
	}
	if f.Extendee == nil && f.JsonName != nil && f.GetJsonName() != jsonName(f.GetName()) {
		out.options = append(out.options, &optionNode{name: "json_name", value: valueNode{kind: valueString, text: f.GetJsonName()}})
	}
	return out
}

func typeOf(f *descriptorpb.FieldDescriptorProto) string {
	if f.GetTypeName() != "" {
		return f.GetTypeName()
	}
	return strings.ToLower(strings.TrimPrefix(f.GetType().String(), "TYPE_"))
}

// defaultOf spells a default, which a descriptor holds as text: strings as they
// are, bytes with escapes.
func defaultOf(f *descriptorpb.FieldDescriptorProto) valueNode {
	switch f.GetType() {
	case descriptorpb.FieldDescriptorProto_TYPE_STRING:
		return valueNode{kind: valueString, text: f.GetDefaultValue()}
	case descriptorpb.FieldDescriptorProto_TYPE_BYTES:
		return valueNode{kind: valueString, text: string(unquote(nil, `"`+f.GetDefaultValue()+`"`))}
	}
	return valueNode{text: f.GetDefaultValue()}
}

// jsonName is the JSON name that a field has if it states none.
func jsonName(name string) string {
	var b []byte
	up := false
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '_':
			up = true
			continue
		case up && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		up = false
		b = append(b, c)
	}
	return string(b)
}

func (d describer) enum(e *descriptorpb.EnumDescriptorProto) *enumNode {
	out := &enumNode{name: e.GetName(), visibility: visibilityOf(e.GetVisibility()), options: d.options(e.GetOptions())}
	for _, v := range e.GetValue() {
		out.values = append(out.values, &enumValueNode{name: v.GetName(), number: strconv.Itoa(int(v.GetNumber())), options: d.options(v.GetOptions())})
	}
	for _, r := range e.GetReservedRange() {
		out.reserved = append(out.reserved, &rangesNode{items: []string{rangeText(int64(r.GetStart()), int64(r.GetEnd()), math.MaxInt32)}})
	}
	for _, name := range e.GetReservedName() {
		out.reserved = append(out.reserved, &rangesNode{items: []string{name}, names: true, quoted: !d.editions})
	}
	return out
}

func (d describer) extends(fs []*descriptorpb.FieldDescriptorProto) []*extendNode {
	var out []*extendNode
	for _, f := range fs {
		if len(out) == 0 || out[len(out)-1].target != f.GetExtendee() {
			out = append(out, &extendNode{target: f.GetExtendee()})
		}
		last := out[len(out)-1]
		last.fields = append(last.fields, d.field(f, nil, false))
	}
	return out
}

func (d describer) service(s *descriptorpb.ServiceDescriptorProto) *serviceNode {
	out := &serviceNode{name: s.GetName(), options: d.options(s.GetOptions())}
	for _, m := range s.GetMethod() {
		out.rpcs = append(out.rpcs, &rpcNode{name: m.GetName(), input: m.GetInputType(), output: m.GetOutputType(),
			inStream: m.GetClientStreaming(), stream: m.GetServerStreaming(), options: d.options(m.GetOptions())})
	}
	return out
}
