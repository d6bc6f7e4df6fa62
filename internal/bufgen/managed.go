package bufgen

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/internal/bufconfig"
)

// manage sets the options that managed mode sets, in all files but those of
// google/protobuf, and takes the places of what it changes out of the source info.
func manage(files []*descriptorpb.FileDescriptorProto, rules *bufconfig.Managed, moduleOf func(path string) string) {
	for _, f := range files {
		if isWellKnown(f.GetName()) {
			continue
		}
		m := &manager{file: f, rules: rules, module: moduleOf(f.GetName())}
		for i := range textOptions {
			m.text(&textOptions[i])
		}
		for i := range plainOptions {
			m.plain(&plainOptions[i])
		}
		m.jsTypes()
		sweep(f.GetSourceCodeInfo(), m.changed)
	}
}

// A manager sets the options of one file.
type manager struct {
	file    *descriptorpb.FileDescriptorProto
	rules   *bufconfig.Managed
	module  string
	changed [][]int32 // source paths of options that are not as written any more
}

// matches reports whether a rule is about the file.
func (m *manager) matches(r *bufconfig.ManagedRule) bool {
	return (r.Path == "" || bufconfig.Contains(r.Path, m.file.GetName())) && (r.Module == "" || r.Module == m.module)
}

// disabled reports whether an option of the file is left alone.
func (m *manager) disabled(option string) bool {
	return slices.ContainsFunc(m.rules.Disable, func(r bufconfig.ManagedRule) bool {
		return (r.FileOption == "" || r.FileOption == option) && r.FieldOption == "" && m.matches(&r)
	})
}

// A textOption is an option of files whose value is text.
type textOption struct {
	number protoreflect.FieldNumber // in google.protobuf.FileOptions
	name   string                   // of the rules that give the value
	// prefix and suffix are the names of rules that give a part of it, if any.
	prefix, suffix string
	// start is what holds without rules.
	start func(f *descriptorpb.FileDescriptorProto) affixes
	// derive makes the value of prefix and suffix.
	derive func(f *descriptorpb.FileDescriptorProto, a affixes) string
}

// affixes are a value, or what it is made of.
type affixes struct{ value, prefix, suffix string }

func valueOf(of func(*descriptorpb.FileDescriptorProto) string) func(*descriptorpb.FileDescriptorProto) affixes {
	return func(f *descriptorpb.FileDescriptorProto) affixes { return affixes{value: of(f)} }
}

func nothing(*descriptorpb.FileDescriptorProto) affixes { return affixes{} }

var textOptions = []textOption{
	{
		number: 1, name: "java_package", prefix: "java_package_prefix", suffix: "java_package_suffix",
		start: func(*descriptorpb.FileDescriptorProto) affixes { return affixes{prefix: "com"} },
		derive: func(f *descriptorpb.FileDescriptorProto, a affixes) string {
			return joined(a.prefix, f.GetPackage(), a.suffix, ".")
		},
	},
	{number: 8, name: "java_outer_classname", start: valueOf(javaOuterClassname)},
	{number: 11, name: "go_package", prefix: "go_package_prefix", start: nothing, derive: goPackage},
	{number: 36, name: "objc_class_prefix", start: valueOf(objcClassPrefix)},
	{
		number: 37, name: "csharp_namespace", prefix: "csharp_namespace_prefix", start: valueOf(csharpNamespace),
		derive: func(f *descriptorpb.FileDescriptorProto, a affixes) string {
			return joined(a.prefix, csharpNamespace(f), "", ".")
		},
	},
	{number: 39, name: "swift_prefix", start: nothing},
	{number: 41, name: "php_namespace", start: valueOf(phpNamespace)},
	{
		number: 44, name: "php_metadata_namespace", suffix: "php_metadata_namespace_suffix",
		start: valueOf(func(f *descriptorpb.FileDescriptorProto) string {
			return joined("", phpNamespace(f), "GPBMetadata", `\`)
		}),
		derive: func(f *descriptorpb.FileDescriptorProto, a affixes) string {
			return joined("", phpNamespace(f), a.suffix, `\`)
		},
	},
	{
		number: 45, name: "ruby_package", suffix: "ruby_package_suffix", start: valueOf(rubyPackage),
		derive: func(f *descriptorpb.FileDescriptorProto, a affixes) string {
			return joined("", rubyPackage(f), a.suffix, "::")
		},
	},
}

func (m *manager) text(o *textOption) {
	if m.disabled(o.name) {
		return
	}
	a := o.start(m.file)
	prefix, suffix := o.prefix != "" && !m.disabled(o.prefix), o.suffix != "" && !m.disabled(o.suffix)
	if !prefix {
		a.prefix = ""
	}
	if !suffix {
		a.suffix = ""
	}
	for i := range m.rules.Override {
		r := &m.rules.Override[i]
		value, ok := r.Value.(string)
		if !ok || !m.matches(r) {
			continue
		}
		switch {
		case r.FileOption == o.name:
			a = affixes{value: value}
		case r.FileOption == o.prefix && prefix:
			a = affixes{prefix: value, suffix: a.suffix}
		case r.FileOption == o.suffix && suffix:
			a = affixes{prefix: a.prefix, suffix: value}
		}
	}
	value := a.value
	if value == "" && a != (affixes{}) && o.derive != nil {
		value = o.derive(m.file, a)
	}
	if value != "" {
		m.set(o.number, protoreflect.ValueOfString(value))
	}
}

// A plainOption is an option of files whose value is true, false or a mode.
type plainOption struct {
	number protoreflect.FieldNumber
	name   string
	start  protoreflect.Value
	until  descriptorpb.Edition // the first that does not have the option, or 0
}

var plainOptions = []plainOption{
	{31, "cc_enable_arenas", protoreflect.ValueOfBool(true), descriptorpb.Edition_EDITION_2026},
	{10, "java_multiple_files", protoreflect.ValueOfBool(true), descriptorpb.Edition_EDITION_2024},
	{27, "java_string_check_utf8", protoreflect.ValueOfBool(false), 0},
	{9, "optimize_for", protoreflect.ValueOfEnum(descriptorpb.FileOptions_SPEED.Number()), 0},
}

func (m *manager) plain(o *plainOption) {
	if m.disabled(o.name) || o.until != 0 && m.file.GetEdition() >= o.until {
		return
	}
	value := o.start
	for i := range m.rules.Override {
		r := &m.rules.Override[i]
		if r.FileOption != o.name || !m.matches(r) {
			continue
		}
		switch v := r.Value.(type) {
		case bool:
			value = protoreflect.ValueOfBool(v)
		case string:
			value = protoreflect.ValueOfEnum(protoreflect.EnumNumber(descriptorpb.FileOptions_OptimizeMode_value[v]))
		}
	}
	m.set(o.number, value)
}

// set gives an option a value, unless that is what it is.
func (m *manager) set(number protoreflect.FieldNumber, value protoreflect.Value) {
	field := (*descriptorpb.FileOptions)(nil).ProtoReflect().Descriptor().Fields().ByNumber(number)
	if m.file.GetOptions().ProtoReflect().Get(field).Equal(value) {
		return
	}
	if m.file.Options == nil {
		m.file.Options = &descriptorpb.FileOptions{}
	}
	m.file.Options.ProtoReflect().Set(field, value)
	m.changed = append(m.changed, []int32{fileOptions, int32(number)})
}

// jsTypes sets the option jstype of 64-bit fields, where a rule asks for it.
func (m *manager) jsTypes() {
	var set, keep []bufconfig.ManagedRule
	for _, r := range m.rules.Override {
		if r.FieldOption == bufconfig.JSType && m.matches(&r) {
			set = append(set, r)
		}
	}
	for _, r := range m.rules.Disable {
		if (r.FieldOption == bufconfig.JSType || r.FieldOption == "" && r.FileOption == "") && m.matches(&r) {
			keep = append(keep, r)
		}
	}
	if len(set) == 0 || slices.ContainsFunc(keep, func(r bufconfig.ManagedRule) bool { return r.Field == "" }) {
		return
	}
	eachField(m.file, func(name string, path []int32, f *descriptorpb.FieldDescriptorProto) {
		if !isWide(f.GetType()) || slices.ContainsFunc(keep, func(r bufconfig.ManagedRule) bool { return r.Field == name }) {
			return
		}
		for _, r := range slices.Backward(set) {
			value, _ := r.Value.(string)
			if r.Field != "" && r.Field != name {
				continue
			}
			want := descriptorpb.FieldOptions_JSType(descriptorpb.FieldOptions_JSType_value[value])
			if f.Options != nil && f.Options.Jstype != nil && *f.Options.Jstype == want {
				return
			}
			if f.Options == nil {
				f.Options = &descriptorpb.FieldOptions{}
			}
			f.Options.Jstype = want.Enum()
			m.changed = append(m.changed, append(slices.Clone(path), fieldOptions, jsTypeOption))
			return
		}
	})
}

func isWide(t descriptorpb.FieldDescriptorProto_Type) bool {
	switch t {
	case descriptorpb.FieldDescriptorProto_TYPE_INT64, descriptorpb.FieldDescriptorProto_TYPE_UINT64,
		descriptorpb.FieldDescriptorProto_TYPE_SINT64, descriptorpb.FieldDescriptorProto_TYPE_FIXED64,
		descriptorpb.FieldDescriptorProto_TYPE_SFIXED64:
		return true
	}
	return false
}

// eachField calls do with every field and extension of a file, its full name and
// its source path.
func eachField(file *descriptorpb.FileDescriptorProto, do func(name string, path []int32, f *descriptorpb.FieldDescriptorProto)) {
	fields := func(scope string, path []int32, tag int32, fs []*descriptorpb.FieldDescriptorProto) {
		for i, f := range fs {
			do(joined(scope, f.GetName(), "", "."), append(slices.Clone(path), tag, int32(i)), f)
		}
	}
	var messages func(scope string, path []int32, tag int32, ms []*descriptorpb.DescriptorProto)
	messages = func(scope string, path []int32, tag int32, ms []*descriptorpb.DescriptorProto) {
		for i, m := range ms {
			name, at := joined(scope, m.GetName(), "", "."), append(slices.Clone(path), tag, int32(i))
			fields(name, at, messageFields, m.GetField())
			fields(name, at, messageExtensions, m.GetExtension())
			messages(name, at, messageMessages, m.GetNestedType())
		}
	}
	messages(file.GetPackage(), nil, fileMessages, file.GetMessageType())
	fields(file.GetPackage(), nil, fileExtensions, file.GetExtension())
}

// Numbers of fields in descriptors, which source paths are made of.
const (
	fileMessages      = 4
	fileExtensions    = 7
	fileOptions       = 8
	messageFields     = 2
	messageMessages   = 3
	messageExtensions = 6
	fieldOptions      = 8
	jsTypeOption      = 6
)
