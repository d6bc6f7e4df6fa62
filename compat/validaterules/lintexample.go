package validaterules

import (
	"errors"
	"fmt"
	"time"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// examples tries the example values among constraints of a kind against all
// constraints of what they are examples of: the field, its items, its keys or its
// values. f is that part. Those of extensions are not tried, since protovalidate
// does not look at extensions; nor, as in Buf, those beside which there is nothing
// but required and cel_expression.
func (l *fieldLint) examples(all *validate.FieldRules, kind string, rules protoreflect.Message, f protoreflect.FieldDescriptor) {
	fd := rules.Descriptor().Fields().ByName("example")
	if fd == nil || !rules.Has(fd) || l.outer.IsExtension() || count(rules) == 1 && len(all.GetCel()) == 0 {
		return
	}
	before := len(*l.found)
	t, err := newTrial(l.outer, l.base)
	for i := 0; err == nil && i < rules.Get(fd).List().Len(); i++ {
		v := rules.Get(fd).List().Get(i)
		var broken []*validate.Violation
		if broken, err = t.try(v, f); err != nil {
			break
		}
		for _, b := range broken {
			l.addAt([]string{kind, "example"}, i, "")
			(*l.found)[len(*l.found)-1].Message = fmt.Sprintf("%q is an example value but does not satisfy rule %q: %s", textOf(v), b.GetRuleId(), b.GetMessage())
		}
	}
	var wrong *protovalidate.CompilationError
	if errors.As(err, &wrong) && before > 0 {
		return // what does not compile is told already
	}
	if err != nil {
		l.add([]string{kind, "example"}, "has values in %s that cannot be tried: %v.", l.name(kind, "example"), err)
	}
}

// A trial is a message that has nothing but one field, with its constraints. So what
// is wrong elsewhere is no matter.
type trial struct {
	field     protoreflect.FieldDescriptor
	part      string // items, keys or values; empty is the field
	validator protovalidate.Validator
}

func newTrial(f protoreflect.FieldDescriptor, base []string) (*trial, error) {
	t := &trial{}
	if len(base) > 0 {
		t.part = base[len(base)-1]
	}
	own := protodesc.ToFieldDescriptorProto(f)
	own.OneofIndex, own.Proto3Optional = nil, nil
	of := &descriptorpb.DescriptorProto{Name: proto.String("Trial"), Field: []*descriptorpb.FieldDescriptorProto{own}}
	file := &descriptorpb.FileDescriptorProto{Name: proto.String("wireproof/trial.proto"), Package: proto.String("wireproof.trial"), MessageType: []*descriptorpb.DescriptorProto{of}}
	// The field is present when it was in its own message.
	single := f.Cardinality() != protoreflect.Repeated
	switch syntax := f.ParentFile().Syntax(); {
	case syntax == protoreflect.Editions:
		file.Syntax, file.Edition = proto.String("editions"), descriptorpb.Edition_EDITION_2023.Enum()
		if single && !f.HasPresence() {
			file.Options = &descriptorpb.FileOptions{Features: &descriptorpb.FeatureSet{FieldPresence: descriptorpb.FeatureSet_IMPLICIT.Enum()}}
		}
	case syntax == protoreflect.Proto3 && single && f.HasPresence() && f.Message() == nil:
		file.Syntax = proto.String("proto3")
		own.OneofIndex, own.Proto3Optional = proto.Int32(0), proto.Bool(true)
		of.OneofDecl = []*descriptorpb.OneofDescriptorProto{{Name: proto.String("_" + own.GetName())}}
	default:
		file.Syntax = proto.String(syntax.String())
	}
	types := typesOf{}
	if f.IsMap() {
		entry := protodesc.ToDescriptorProto(f.Message())
		of.NestedType = append(of.NestedType, entry)
		own.TypeName = proto.String(".wireproof.trial.Trial." + entry.GetName())
		types.add(f.MapValue())
	} else {
		types.add(f)
	}
	for path := range types {
		file.Dependency = append(file.Dependency, path)
	}
	made, err := protodesc.NewFile(file, types)
	if err != nil {
		return nil, err
	}
	t.field = made.Messages().Get(0).Fields().Get(0)
	t.validator, err = protovalidate.New()
	return t, err
}

// try returns what a value breaks. part describes what takes it.
func (t *trial) try(v protoreflect.Value, part protoreflect.FieldDescriptor) ([]*validate.Violation, error) {
	v, err := valueFor(v, part)
	if err != nil {
		return nil, err
	}
	m := dynamicpb.NewMessage(t.field.ContainingMessage())
	switch t.part {
	case "items":
		m.Mutable(t.field).List().Append(v)
	case "keys":
		pairs := m.Mutable(t.field).Map()
		pairs.Set(v.MapKey(), pairs.NewValue())
	case "values":
		m.Mutable(t.field).Map().Set(t.field.MapKey().Default().MapKey(), v)
	default:
		m.Set(t.field, v)
	}
	err = t.validate(m)
	var broken *protovalidate.ValidationError
	if !errors.As(err, &broken) {
		return nil, err
	}
	var out []*validate.Violation
	for _, b := range broken.Violations {
		path := b.Proto.GetField().GetElements()
		inside := len(path) == 1 && path[0].GetSubscript() != nil
		if t.part == "" && len(path) == 1 && !inside || inside && b.Proto.GetForKey() == (t.part == "keys") && t.part != "" {
			out = append(out, b.Proto)
		}
	}
	return out, nil
}

// patience is how long the constraints of one value may take. An expression is a
// program of its schema's author.
const patience = 10 * time.Second

// validate gives up what takes too long; it goes on in the background.
func (t *trial) validate(m proto.Message) error {
	done := make(chan error, 1)
	go func() { done <- t.validator.Validate(m) }()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("an expression takes longer than %v", patience)
	}
}

// valueFor returns an example as a field takes it: in its wrapper, or in a message
// of its own type.
func valueFor(v protoreflect.Value, f protoreflect.FieldDescriptor) (protoreflect.Value, error) {
	switch {
	case f.Enum() != nil:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(v.Int())), nil
	case f.Message() == nil:
		return v, nil
	}
	m := dynamicpb.NewMessage(f.Message())
	given, ok := v.Interface().(protoreflect.Message)
	if !ok {
		m.Set(f.Message().Fields().ByName("value"), v)
		return protoreflect.ValueOfMessage(m), nil
	}
	raw, err := proto.Marshal(given.Interface())
	if err == nil {
		err = proto.Unmarshal(raw, m)
	}
	return protoreflect.ValueOfMessage(m), err
}

// textOf is how a message shows an example.
func textOf(v protoreflect.Value) string {
	if m, ok := v.Interface().(protoreflect.Message); ok {
		return fmt.Sprint(m.Interface())
	}
	return fmt.Sprint(v.Interface())
}

// typesOf are the types of one field, by the path of their files.
type typesOf map[string]protoreflect.Descriptor

func (t typesOf) add(f protoreflect.FieldDescriptor) {
	if m := f.Message(); m != nil {
		t[m.ParentFile().Path()] = m
	}
	if e := f.Enum(); e != nil {
		t[e.ParentFile().Path()] = e
	}
}

// FindFileByPath implements [protodesc.Resolver].
func (t typesOf) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if d := t[path]; d != nil {
		return d.ParentFile(), nil
	}
	return nil, protoregistry.NotFound
}

// FindDescriptorByName implements [protodesc.Resolver].
func (t typesOf) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	for _, d := range t {
		if d.FullName() == name {
			return d, nil
		}
	}
	return nil, protoregistry.NotFound
}
