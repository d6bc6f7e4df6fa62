package validaterules

import (
	"fmt"
	"strings"
	"sync"

	pvcel "buf.build/go/protovalidate/cel"
	"cel.dev/cel-go/cel"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
)

// base has what every expression may use. It is made when the first expression is
// compiled, since that takes longer than most runs.
var base = sync.OnceValues(func() (*cel.Env, error) { return cel.NewEnv(cel.Lib(pvcel.NewLibrary())) })

// environment returns what the expressions about a field, its items or a message
// may use.
func environment(options ...cel.EnvOption) func() (*cel.Env, error) {
	return sync.OnceValues(func() (*cel.Env, error) {
		env, err := base()
		if err != nil {
			return nil, err
		}
		return env.Extend(options...)
	})
}

func messageEnvironment(m protoreflect.MessageDescriptor) func() (*cel.Env, error) {
	return environment(cel.Types(dynamicpb.NewMessage(m)), cel.Variable("this", cel.ObjectType(string(m.FullName()))))
}

// fieldEnvironment is about a field, or about one of its items.
func fieldEnvironment(f protoreflect.FieldDescriptor, item bool) func() (*cel.Env, error) {
	return environment(append(pvcel.RequiredEnvOptions(f), cel.Variable("this", pvcel.ProtoFieldToType(f, false, item)))...)
}

// predefinedThis are the types of what constraints of a kind are about, where that
// is no type of Protobuf.
var predefinedThis = map[string]*cel.Type{
	"any": cel.AnyType, "duration": cel.DurationType, "timestamp": cel.TimestampType, "enum": cel.IntType,
	"repeated": cel.ListType(cel.DynType), "map": cel.MapType(cel.DynType, cel.DynType),
	"field_mask": cel.ObjectType("google.protobuf.FieldMask"),
}

// predefinedEnvironment is about an extension of the constraints of a kind.
func predefinedEnvironment(f protoreflect.FieldDescriptor) func() (*cel.Env, error) {
	of := f.ContainingMessage()
	this := cel.DynType
	for i := range fieldRules.Fields().Len() {
		member := fieldRules.Fields().Get(i)
		if m := member.Message(); m == nil || m.FullName() != of.FullName() {
			continue
		}
		if this = predefinedThis[string(member.Name())]; this == nil {
			// Scalars: the field that says what they equal has their type.
			this = pvcel.ProtoFieldToType(member.Message().Fields().ByName("const"), false, false)
		}
	}
	return environment(append(pvcel.RequiredEnvOptions(f),
		cel.Types(&validate.FieldRules{}),
		cel.Variable("this", this), cel.Variable("rule", pvcel.ProtoFieldToType(f, false, false)),
		cel.Variable("rules", cel.ObjectType(string(of.FullName()))))...)
}

// compile tells what is wrong with an expression, and whether its value is text.
func (c celRules) compile(expression string) (mistakes []string, text bool) {
	env, err := c.env()
	if err != nil {
		return []string{fmt.Sprintf("%s on %s cannot be compiled: %v", c.expression, c.what, err)}, false
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		for _, e := range issues.Errors() {
			mistakes = append(mistakes, fmt.Sprintf("%s on %s fails to compile: %s", c.expression, c.what, strings.TrimPrefix(e.Message, "Syntax error: ")))
		}
		return mistakes, false
	}
	out := ast.OutputType()
	if !out.IsAssignableType(cel.BoolType) && !out.IsAssignableType(cel.StringType) {
		return []string{fmt.Sprintf("%s on %s evaluates to a %s, only string and boolean are allowed.", c.expression, c.what, cel.FormatCELType(out))}, false
	}
	return nil, out.IsExactType(cel.StringType)
}
