package sample

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/codec/avrowire"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/jsonschema"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// avro reads as generated code does: through a plan from the writer's schema to
// the reader's.
func (c *checker) avro(writer lang.Source) (func([]byte) (string, error), error) {
	w, err := avro.ParseLenient(writer) // whatever a registry has let in
	if err != nil {
		return nil, err
	}
	target, ok := c.find(w.Root.Name, lang.Avro, func(t Target) []string {
		if s, ok := t.Schema.(*avro.Schema); ok {
			return s.Root.Aliases
		}
		return nil
	})
	if !ok {
		return func([]byte) (string, error) { return "", errSkipped }, nil
	}
	r, ok := target.Schema.(*avro.Schema)
	if !ok {
		return nil, fmt.Errorf("the schema of %s was not parsed by this module", target.Subject)
	}
	plan, err := avrowire.NewPlan(w, r)
	return func(data []byte) (string, error) {
		if err != nil {
			return target.Subject, err // no data of this schema can be read
		}
		_, err := plan.Transcode(string(data))
		return target.Subject, err
	}, nil
}

// protobuf reads with the reader's descriptor. That bytes parse is not enough: a
// field that changed its type lands among the unknown ones.
func (c *checker) protobuf(writer lang.Source) (func([]byte) (string, error), error) {
	parsed, err := protobuf.Language().Parse(writer)
	if err != nil {
		return nil, err
	}
	w, ok := parsed.(*protobuf.Schema)
	if !ok {
		return nil, errors.New("the writer's schema was not parsed by this module")
	}
	return func(data []byte) (string, error) {
		indexes, rest, err := codec.CutIndexes(data)
		if err != nil {
			return "", err
		}
		name := messageAt(w, indexes)
		if name == "" {
			return "", fmt.Errorf("the writer's schema has no message at %v", indexes)
		}
		target, ok := c.find(name, lang.Protobuf, nil)
		if !ok {
			return "", errSkipped
		}
		md := c.descriptor(target)
		if md == nil {
			return target.Subject, fmt.Errorf("the schema has no message %s", target.Name)
		}
		m := dynamicpb.NewMessage(md)
		if err := proto.Unmarshal(rest, m); err != nil {
			return target.Subject, err
		}
		return target.Subject, misplaced(m)
	}, nil
}

func messageAt(s *protobuf.Schema, indexes []int) string {
	for _, m := range s.Messages() {
		if fmt.Sprint(m.Indexes) == fmt.Sprint(indexes) {
			return m.FullName
		}
	}
	return ""
}

func (c *checker) descriptor(t Target) protoreflect.MessageDescriptor {
	s, ok := t.Schema.(*protobuf.Schema)
	if !ok {
		return nil
	}
	return findMessage(s.File().Messages(), protoreflect.FullName(t.Name))
}

func findMessage(list protoreflect.MessageDescriptors, name protoreflect.FullName) protoreflect.MessageDescriptor {
	for i := range list.Len() {
		if m := list.Get(i); m.FullName() == name {
			return m
		} else if found := findMessage(m.Messages(), name); found != nil {
			return found
		}
	}
	return nil
}

// misplaced reports a field that the reader knows by number and could not take:
// it was written with another type.
func misplaced(m protoreflect.Message) error {
	for b := m.GetUnknown(); len(b) > 0; {
		number, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if fd := m.Descriptor().Fields().ByNumber(number); fd != nil {
			return fmt.Errorf("field %d %q of %s was written with another type than %s", number, fd.Name(), m.Descriptor().FullName(), fd.Kind())
		}
		b = b[n:]
	}
	var err error
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		err = misplacedIn(fd, v)
		return err == nil
	})
	return err
}

func misplacedIn(fd protoreflect.FieldDescriptor, v protoreflect.Value) error {
	switch {
	case fd.IsMap():
		var err error
		if fd.MapValue().Message() != nil {
			v.Map().Range(func(_ protoreflect.MapKey, item protoreflect.Value) bool {
				err = misplaced(item.Message())
				return err == nil
			})
		}
		return err
	case fd.Message() == nil:
	case fd.IsList():
		for i := range v.List().Len() {
			if err := misplaced(v.List().Get(i).Message()); err != nil {
				return err
			}
		}
	default:
		return misplaced(v.Message())
	}
	return nil
}

// json holds documents against the reader's schema.
func (c *checker) json(writer lang.Source) (func([]byte) (string, error), error) {
	root, err := lang.ParseJSON(writer.Path, writer.Text)
	if err != nil {
		return nil, err
	}
	name := ""
	if title := root.Get("title"); title != nil && title.Kind == lang.String {
		name = title.Str
	}
	target, ok := c.find(name, lang.JSON, nil)
	if !ok {
		return func([]byte) (string, error) { return "", errSkipped }, nil
	}
	return func(data []byte) (string, error) { return target.Subject, validate(target, data) }, nil
}

func validate(t Target, data []byte) error {
	s, ok := t.Schema.(*jsonschema.Schema)
	if !ok {
		return fmt.Errorf("the schema of %s was not parsed by this module", t.Subject)
	}
	return s.Validate(data)
}

// plain reads a JSON document with the only target: a schema of JSON, or the
// JSON form of a Protobuf message.
func (c *checker) plain(data []byte) (string, error) {
	if len(c.targets) != 1 {
		return "", fmt.Errorf("a JSON document does not say which of %d events it is; name one with --subject", len(c.targets))
	}
	target := c.targets[0]
	switch target.Schema.(type) {
	case *jsonschema.Schema:
		return target.Subject, validate(target, data)
	case *protobuf.Schema:
		md := c.descriptor(target)
		if md == nil {
			return target.Subject, fmt.Errorf("the schema has no message %s", target.Name)
		}
		return target.Subject, protojson.Unmarshal(data, dynamicpb.NewMessage(md))
	}
	return target.Subject, errors.New("an Avro message in JSON does not say how it was written; sample a container file (.avro), or framed messages")
}
