package protobuf

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// The options that a plain file may set: those whose value means the same
// wherever it stands.
var (
	fileOptions = []string{"java_package", "java_outer_classname", "java_multiple_files", "java_string_check_utf8",
		"java_generate_equals_and_hash", "optimize_for", "go_package", "cc_generic_services", "java_generic_services",
		"py_generic_services", "deprecated", "cc_enable_arenas", "objc_class_prefix", "csharp_namespace", "swift_prefix",
		"php_class_prefix", "php_namespace", "php_metadata_namespace", "ruby_package"}
	commonOptions     = []string{"deprecated"}
	plainFieldOptions = []string{"deprecated", "packed"}
	enumOptions       = []string{"deprecated", "allow_alias"}
	methodOptions     = []string{"deprecated", "idempotency_level"}
)

const (
	plainDepth   = 16     // messages inside of one another
	plainMembers = 10_000 // fields of a message, values of an enum
	highestField = 1<<29 - 1
	highestValue = 1<<31 - 1
)

// A plainBuilder turns a tree into descriptors. It is odd once it has met
// something that the compiler should see.
type plainBuilder struct {
	symbols *symbols
	proto3  bool
	odd     bool
	// custom looks at the custom options of an element; nil means that there are
	// none but those of plainmeta.go.
	custom func(m proto.Message, options []*optionNode) bool
}

func (b *plainBuilder) require(ok bool) { b.odd = b.odd || !ok }

// options sets the options that are allowed, and reports whether there are any.
func (b *plainBuilder) options(m proto.Message, options []*optionNode, allowed []string) bool {
	r := m.ProtoReflect()
	var custom []*optionNode
	for _, o := range options {
		if strings.HasPrefix(o.name, "(") {
			if b.custom == nil {
				b.meta(m, o)
			}
			custom = append(custom, o)
			continue
		}
		f := r.Descriptor().Fields().ByName(protoreflect.Name(o.name))
		if f == nil || !slices.Contains(allowed, o.name) || r.Has(f) {
			b.odd = true
			return false
		}
		v, ok := optionValue(f, o.value)
		b.require(ok)
		if ok {
			r.Set(f, v)
		}
	}
	if b.custom != nil && len(custom) > 0 {
		b.require(b.custom(m, custom))
		return len(options) > len(custom)
	}
	return len(options) > 0
}

func optionValue(f protoreflect.FieldDescriptor, v valueNode) (protoreflect.Value, bool) {
	switch {
	case f.Kind() == protoreflect.BoolKind && v.kind == valueWord && (v.text == "true" || v.text == "false"):
		return protoreflect.ValueOfBool(v.text == "true"), true
	case f.Kind() == protoreflect.StringKind && v.kind == valueString:
		return protoreflect.ValueOfString(v.text), true
	case f.Kind() == protoreflect.EnumKind && v.kind == valueWord && v.text != "LITE_RUNTIME":
		if e := f.Enum().Values().ByName(protoreflect.Name(v.text)); e != nil {
			return protoreflect.ValueOfEnum(e.Number()), true
		}
	}
	return protoreflect.Value{}, false
}

func (b *plainBuilder) message(m *messageNode, full string, depth int) *descriptorpb.DescriptorProto {
	out := &descriptorpb.DescriptorProto{Name: &m.name}
	b.require(depth < plainDepth && len(m.fields)+len(m.oneofs) < plainMembers)
	if opts := new(descriptorpb.MessageOptions); b.options(opts, m.options, commonOptions) {
		out.Options = opts
	}
	type placed[T any] struct {
		at    int
		proto T
	}
	var fields []placed[*descriptorpb.FieldDescriptorProto]
	var nested []placed[*descriptorpb.DescriptorProto]
	add := func(f *fieldNode, oneof *int32) {
		fd := b.field(f, full, oneof != nil)
		fd.OneofIndex = oneof
		fields = append(fields, placed[*descriptorpb.FieldDescriptorProto]{f.nameAt.start, fd})
		if f.key != "" {
			nested = append(nested, placed[*descriptorpb.DescriptorProto]{f.nameAt.start, b.entry(f, fd, full)})
		}
	}
	for _, f := range m.fields {
		add(f, nil)
	}
	for i, o := range m.oneofs {
		od := &descriptorpb.OneofDescriptorProto{Name: &o.name}
		b.require(len(o.options) == 0 && len(o.fields) < plainMembers)
		out.OneofDecl = append(out.OneofDecl, od)
		for _, f := range o.fields {
			add(f, proto.Int32(int32(i)))
		}
	}
	for _, n := range m.messages {
		nested = append(nested, placed[*descriptorpb.DescriptorProto]{n.at.start, b.message(n, join(full, n.name), depth+1)})
	}
	for _, f := range inOrder(fields, func(f placed[*descriptorpb.FieldDescriptorProto]) int { return f.at }) {
		if f.proto.GetProto3Optional() {
			name := "_" + f.proto.GetName()
			f.proto.OneofIndex = proto.Int32(int32(len(out.OneofDecl)))
			out.OneofDecl = append(out.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: &name})
		}
		out.Field = append(out.Field, f.proto)
	}
	b.distinctJSON(out.Field)
	for _, n := range inOrder(nested, func(n placed[*descriptorpb.DescriptorProto]) int { return n.at }) {
		out.NestedType = append(out.NestedType, n.proto)
	}
	for _, e := range m.enums {
		out.EnumType = append(out.EnumType, b.enum(e))
	}
	b.messageRanges(m, out)
	return out
}

func (b *plainBuilder) messageRanges(m *messageNode, out *descriptorpb.DescriptorProto) {
	for _, r := range m.extensions {
		b.require(!b.proto3 && len(r.options) == 0 && !r.names)
		for _, item := range r.items {
			lo, hi := b.span(item, highestField)
			out.ExtensionRange = append(out.ExtensionRange, &descriptorpb.DescriptorProto_ExtensionRange{Start: &lo, End: proto.Int32(hi + 1)})
		}
	}
	for _, r := range m.reserved {
		b.require(len(r.options) == 0)
		for _, item := range r.items {
			if r.names {
				b.require(isIdentifier(item))
				out.ReservedName = append(out.ReservedName, item)
				continue
			}
			lo, hi := b.span(item, highestField)
			out.ReservedRange = append(out.ReservedRange, &descriptorpb.DescriptorProto_ReservedRange{Start: &lo, End: proto.Int32(hi + 1)})
		}
	}
}

// span reads a range as it stands in a tree, its end included.
func (b *plainBuilder) span(item string, highest int64) (lo, hi int32) {
	first, last, isRange := strings.Cut(item, " to ")
	lo = b.number(first, -1<<31, highest)
	switch {
	case !isRange:
		hi = lo
	case last == "max":
		hi = int32(highest)
	default:
		hi = b.number(last, -1<<31, highest)
	}
	b.require(lo <= hi && (highest != highestField || lo > 0))
	return lo, hi
}

func (b *plainBuilder) number(text string, lowest, highest int64) int32 {
	n, err := strconv.ParseInt(text, 10, 32)
	b.require(err == nil && n >= lowest && n <= highest && text != "-0")
	return int32(n)
}

// distinctJSON requires that no two fields have a name in JSON that somebody might
// take for the other.
func (b *plainBuilder) distinctJSON(fields []*descriptorpb.FieldDescriptorProto) {
	seen := make(map[string]bool, len(fields))
	for _, f := range fields {
		given, own := strings.ToLower(f.GetJsonName()), strings.ToLower(jsonName(f.GetName()))
		b.require(!seen[given] && !seen[own])
		seen[given], seen[own] = true, true
	}
}

func (b *plainBuilder) field(f *fieldNode, message string, inOneof bool) *descriptorpb.FieldDescriptorProto {
	number := b.number(f.number, 1, highestField)
	b.require(number < 19000 || number > 19999)
	out := &descriptorpb.FieldDescriptorProto{Name: &f.name, Number: &number, JsonName: proto.String(jsonName(f.name))}
	isMap := f.key != ""
	label := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL
	switch f.label {
	case "":
		b.require(b.proto3 || inOneof || isMap)
	case "optional":
		if b.proto3 {
			out.Proto3Optional = proto.Bool(true)
		}
	case "repeated":
		label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED
	case "required":
		label = descriptorpb.FieldDescriptorProto_LABEL_REQUIRED
		b.require(!b.proto3)
	}
	b.require(f.label == "" || !inOneof && !isMap)
	b.require(!isMap || !inOneof)
	if isMap {
		label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED
		out.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
		out.TypeName = proto.String("." + join(message, entryName(f.name)))
	} else {
		b.fieldType(out, f.typ, message)
	}
	out.Label = label.Enum()
	b.fieldOptions(out, f)
	return out
}

// fieldType sets the type of a field, as it is spelled in a scope.
func (b *plainBuilder) fieldType(out *descriptorpb.FieldDescriptorProto, typ, scope string) {
	if isScalar(typ) {
		kind := descriptorpb.FieldDescriptorProto_Type(descriptorpb.FieldDescriptorProto_Type_value["TYPE_"+strings.ToUpper(typ)])
		out.Type = &kind
		return
	}
	full, kind := b.symbols.resolve(typ, scope)
	switch kind {
	case messageSymbol:
		out.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
	case enumSymbol:
		out.Type = descriptorpb.FieldDescriptorProto_TYPE_ENUM.Enum()
	default:
		b.odd = true
	}
	out.TypeName = &full
}

func (b *plainBuilder) fieldOptions(out *descriptorpb.FieldDescriptorProto, f *fieldNode) {
	var rest []*optionNode
	for _, o := range f.options {
		switch o.name {
		case "json_name":
			b.require(o.value.kind == valueString && isIdentifier(o.value.text) && f.key == "")
			out.JsonName = &o.value.text
		case "default":
			b.defaultValue(out, f, o.value)
		default:
			// Only lists of numbers can be packed.
			b.require(o.name != "packed" || f.label == "repeated" && isScalar(f.typ) && f.typ != "string" && f.typ != "bytes")
			rest = append(rest, o)
		}
	}
	seen := map[string]bool{}
	for _, o := range f.options {
		b.require(!seen[o.name] || b.custom != nil && strings.HasPrefix(o.name, "("))
		seen[o.name] = true
	}
	if opts := new(descriptorpb.FieldOptions); b.options(opts, rest, plainFieldOptions) {
		out.Options = opts
	}
}

// defaultValue sets a default whose spelling in a descriptor is that in the text.
func (b *plainBuilder) defaultValue(out *descriptorpb.FieldDescriptorProto, f *fieldNode, v valueNode) {
	b.require(!b.proto3 && f.label != "repeated" && f.key == "")
	switch f.typ {
	case "bool":
		b.require(v.kind == valueWord && (v.text == "true" || v.text == "false"))
	case "string":
		b.require(v.kind == valueString)
	case "int32", "int64", "sint32", "sint64", "sfixed32", "sfixed64", "uint32", "uint64", "fixed32", "fixed64":
		n, err := strconv.ParseInt(v.text, 10, 64)
		b.require(v.kind == valueWord && err == nil && strconv.FormatInt(n, 10) == v.text)
	default: // an enum with two names for a number would come out with the other one
		b.odd = true
	}
	out.DefaultValue = &v.text
}

// entry returns the message that holds the entries of a map.
func (b *plainBuilder) entry(f *fieldNode, field *descriptorpb.FieldDescriptorProto, message string) *descriptorpb.DescriptorProto {
	part := func(name string, number int32, typ string) *descriptorpb.FieldDescriptorProto {
		out := &descriptorpb.FieldDescriptorProto{Name: &name, Number: &number, JsonName: &name,
			Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()}
		b.fieldType(out, typ, message)
		return out
	}
	b.require(isScalar(f.key))
	return &descriptorpb.DescriptorProto{
		Name:    proto.String(entryName(f.name)),
		Field:   []*descriptorpb.FieldDescriptorProto{part("key", 1, f.key), part("value", 2, f.typ)},
		Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
	}
}

func (b *plainBuilder) enum(e *enumNode) *descriptorpb.EnumDescriptorProto {
	out := &descriptorpb.EnumDescriptorProto{Name: &e.name}
	b.require(len(e.values) < plainMembers)
	if opts := new(descriptorpb.EnumOptions); b.options(opts, e.options, enumOptions) {
		out.Options = opts
	}
	shortened := map[string]string{}
	for _, v := range e.values {
		number := b.number(v.number, -1<<31, highestValue)
		value := &descriptorpb.EnumValueDescriptorProto{Name: &v.name, Number: &number}
		if opts := new(descriptorpb.EnumValueOptions); b.options(opts, v.options, commonOptions) {
			value.Options = opts
		}
		out.Value = append(out.Value, value)
		short := shortValue(v.name, e.name)
		b.require(shortened[short] == "" || shortened[short] == v.number)
		shortened[short] = v.number
	}
	for _, r := range e.reserved {
		b.require(len(r.options) == 0)
		for _, item := range r.items {
			if r.names {
				b.require(isIdentifier(item))
				out.ReservedName = append(out.ReservedName, item)
				continue
			}
			lo, hi := b.span(item, highestValue)
			out.ReservedRange = append(out.ReservedRange, &descriptorpb.EnumDescriptorProto_EnumReservedRange{Start: &lo, End: &hi})
		}
	}
	return out
}

// shortValue is what generators may make of the name of a constant.
func shortValue(name, enum string) string {
	name, enum = strings.ToLower(strings.ReplaceAll(name, "_", "")), strings.ToLower(strings.ReplaceAll(enum, "_", ""))
	if rest := strings.TrimPrefix(name, enum); rest != "" {
		return rest
	}
	return name
}

func (b *plainBuilder) service(s *serviceNode, full string) *descriptorpb.ServiceDescriptorProto {
	out := &descriptorpb.ServiceDescriptorProto{Name: &s.name}
	if opts := new(descriptorpb.ServiceOptions); b.options(opts, s.options, commonOptions) {
		out.Options = opts
	}
	for _, r := range s.rpcs {
		m := &descriptorpb.MethodDescriptorProto{Name: &r.name, InputType: b.messageType(r.input, full), OutputType: b.messageType(r.output, full)}
		if r.inStream {
			m.ClientStreaming = proto.Bool(true)
		}
		if r.stream {
			m.ServerStreaming = proto.Bool(true)
		}
		if opts := new(descriptorpb.MethodOptions); b.options(opts, r.options, methodOptions) {
			m.Options = opts
		}
		out.Method = append(out.Method, m)
	}
	return out
}

func (b *plainBuilder) messageType(name, scope string) *string {
	full, kind := b.symbols.resolve(name, scope)
	b.require(kind == messageSymbol)
	return &full
}

func isIdentifier(s string) bool {
	for i := range len(s) {
		if !isWordByte(s[i]) || i == 0 && isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
