package protorules

import (
	"cmp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/rule"
)

// named reports a name that should be written in another way.
func (l *linter) named(r *rule.Rule, d protoreflect.Descriptor, kind, style, want string) {
	if name := string(d.Name()); name != want {
		l.report(r, d, l.part(d, elementName), "%s name %q should be %s, such as %q.", kind, name, style, want)
	}
}

func lintEnumName(l *linter, r *rule.Rule, d protoreflect.EnumDescriptor) {
	l.named(r, d, "Enum", "PascalCase", pascalCase(string(d.Name())))
}

func lintMessageName(l *linter, r *rule.Rule, d protoreflect.MessageDescriptor) {
	l.named(r, d, "Message", "PascalCase", pascalCase(string(d.Name())))
}

func lintServiceName(l *linter, r *rule.Rule, d protoreflect.ServiceDescriptor) {
	l.named(r, d, "Service", "PascalCase", pascalCase(string(d.Name())))
}

func lintMethodName(l *linter, r *rule.Rule, d protoreflect.MethodDescriptor) {
	l.named(r, d, "RPC", "PascalCase", pascalCase(string(d.Name())))
}

func lintFieldName(l *linter, r *rule.Rule, d protoreflect.FieldDescriptor) {
	name := string(d.Name())
	l.named(r, d, "Field", "lower_snake_case", lowerSnakeCase(name))
}

func lintOneofName(l *linter, r *rule.Rule, d protoreflect.OneofDescriptor) {
	l.named(r, d, "Oneof", "lower_snake_case", lowerSnakeCase(string(d.Name())))
}

func lintValueName(l *linter, r *rule.Rule, d protoreflect.EnumValueDescriptor) {
	l.named(r, d, "Enum value", "UPPER_SNAKE_CASE", upperSnakeCase(string(d.Name())))
}

func lintValuePrefix(l *linter, r *rule.Rule, d protoreflect.EnumValueDescriptor) {
	prefix := upperSnakeCase(string(d.Parent().Name())) + "_"
	if !strings.HasPrefix(string(d.Name()), prefix) {
		l.report(r, d, l.part(d, elementName), "Enum value name %q should be prefixed with %q.", d.Name(), prefix)
	}
}

func lintZeroSuffix(l *linter, r *rule.Rule, d protoreflect.EnumValueDescriptor) {
	suffix := cmp.Or(l.options.EnumZeroValueSuffix, "_UNSPECIFIED")
	if d.Number() == 0 && !strings.HasSuffix(string(d.Name()), suffix) {
		l.report(r, d, l.part(d, elementName), "Enum zero value name %q should be suffixed with %q.", d.Name(), suffix)
	}
}

const enumAllowAlias = 2

func lintAlias(l *linter, r *rule.Rule, d protoreflect.EnumDescriptor) {
	if o, ok := d.Options().(*descriptorpb.EnumOptions); ok && o.GetAllowAlias() {
		l.report(r, d, l.part(d, enumOptions, enumAllowAlias), `Enum option "allow_alias" on enum %q must be false.`, d.Name())
	}
}

func lintFirstZero(l *linter, r *rule.Rule, d protoreflect.EnumDescriptor) {
	if d.Values().Len() > 0 && d.Values().Get(0).Number() != 0 {
		v := d.Values().Get(0)
		l.report(r, v, l.part(v, enumValueNumber), "First enum value %q should have a numeric value of 0", v.Name())
	}
}

func lintNoDescriptor(l *linter, r *rule.Rule, d protoreflect.FieldDescriptor) {
	if strings.EqualFold(strings.Trim(string(d.Name()), "_"), "descriptor") {
		l.report(r, d, l.part(d, elementName), `Field name %q cannot be any capitalization of "descriptor" with any number of prefix or suffix underscores.`, d.Name())
	}
}

func lintNotRequired(l *linter, r *rule.Rule, d protoreflect.FieldDescriptor) {
	if d.Cardinality() == protoreflect.Required {
		l.report(r, d, l.part(d, elementName), "Field named %q should not be required.", d.Name())
	}
}

func lintServiceSuffix(l *linter, r *rule.Rule, d protoreflect.ServiceDescriptor) {
	suffix := cmp.Or(l.options.ServiceSuffix, "Service")
	if !strings.HasSuffix(string(d.Name()), suffix) {
		l.report(r, d, l.part(d, elementName), "Service name %q should be suffixed with %q.", d.Name(), suffix)
	}
}

func lintRequestName(l *linter, r *rule.Rule, d protoreflect.MethodDescriptor) {
	l.typeName(r, d, d.Input(), methodInput, "request", "Request", l.options.RPCAllowGoogleProtobufEmptyRequests)
}

func lintResponseName(l *linter, r *rule.Rule, d protoreflect.MethodDescriptor) {
	l.typeName(r, d, d.Output(), methodOutput, "response", "Response", l.options.RPCAllowGoogleProtobufEmptyResponses)
}

const emptyMessage = "google.protobuf.Empty"

// typeName reports a request or response that is not named after its RPC.
func (l *linter) typeName(r *rule.Rule, d protoreflect.MethodDescriptor, of protoreflect.MessageDescriptor, step int32, what, suffix string, allowEmpty bool) {
	if allowEmpty && of.FullName() == emptyMessage {
		return
	}
	short := pascalCase(string(d.Name())) + suffix
	long := pascalCase(string(d.Parent().Name())) + short
	if name := string(of.Name()); name != short && name != long {
		l.report(r, d, l.part(d, step), "RPC %s type %q should be named %q or %q.", what, name, short, long)
	}
}

func lintClientStream(l *linter, r *rule.Rule, d protoreflect.MethodDescriptor) {
	if d.IsStreamingClient() {
		l.report(r, d, l.part(d), "RPC %q is client streaming.", d.Name())
	}
}

func lintServerStream(l *linter, r *rule.Rule, d protoreflect.MethodDescriptor) {
	if d.IsStreamingServer() {
		l.report(r, d, l.part(d), "RPC %q is server streaming.", d.Name())
	}
}

// comment reports an element that has no comment but such as switch rules off.
func (l *linter) comment(r *rule.Rule, d protoreflect.Descriptor, kind string) {
	comment, written := l.image.LeadingComment(l.image.FileOf(d), sourcePath(d))
	if !written {
		return
	}
	for line := range strings.Lines(comment) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "buf:lint:ignore") {
			return
		}
	}
	l.report(r, d, l.part(d), "%s %q should have a non-empty comment for documentation.", kind, d.Name())
}

// The comment in front of a group of proto2 is that of its message.
func lintFieldComment(l *linter, r *rule.Rule, d protoreflect.FieldDescriptor) {
	if d.Kind() != protoreflect.GroupKind || d.ParentFile().Syntax() != protoreflect.Proto2 {
		l.comment(r, d, "Field")
	}
}
