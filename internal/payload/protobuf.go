package payload

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/wireproof/wireproof/codec"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/jsonschema"
	"github.com/wireproof/wireproof/lang/protobuf"
)

func (d *Document) protobuf(writer lang.Source, value []byte) error {
	parsed, err := protobuf.Language().Parse(writer)
	if err != nil {
		return err
	}
	s, ok := parsed.(*protobuf.Schema)
	if !ok {
		return errors.New("the schema was not parsed by this module")
	}
	path, rest, err := codec.CutIndexes(value)
	if err != nil {
		return err
	}
	if len(path) == 0 {
		path = []int{0}
	}
	md, err := messageAt(s, path)
	if err != nil {
		return err
	}
	d.Name = string(md.FullName())
	d.frame = append(d.frame, value[:len(value)-len(rest)]...)
	types := typesOf(s.File())
	m := dynamicpb.NewMessage(md)
	if err := (proto.UnmarshalOptions{Resolver: types}).Unmarshal(rest, m); err != nil {
		return err
	}
	doc, err := protojson.MarshalOptions{Resolver: types, UseProtoNames: true}.Marshal(m)
	if err != nil {
		return err
	}
	read := func(doc []byte) (proto.Message, error) {
		out := dynamicpb.NewMessage(md)
		return out, protojson.UnmarshalOptions{Resolver: types}.Unmarshal(doc, out)
	}
	same, err := read(doc)
	if err != nil {
		return err
	}
	lossy := !proto.Equal(m, same)
	d.encode = func(doc []byte) ([]byte, error) {
		if lossy {
			return nil, errors.New("the data holds fields that its schema does not have, which an edit would lose")
		}
		m, err := read(doc)
		if err != nil {
			return nil, err
		}
		return proto.MarshalOptions{Deterministic: true}.Marshal(m)
	}
	return d.show(doc)
}

func messageAt(s *protobuf.Schema, path []int) (protoreflect.MessageDescriptor, error) {
	for _, m := range s.Messages() {
		if fmt.Sprint(m.Indexes) != fmt.Sprint(path) {
			continue
		}
		d, err := filesOf(s.File()).FindDescriptorByName(protoreflect.FullName(m.FullName))
		if err != nil {
			return nil, err
		}
		if md, ok := d.(protoreflect.MessageDescriptor); ok {
			return md, nil
		}
	}
	return nil, fmt.Errorf("the schema has no message at %v", path)
}

// filesOf returns a file and all that it imports.
func filesOf(f protoreflect.FileDescriptor) *protoregistry.Files {
	files := &protoregistry.Files{}
	var add func(protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if _, err := files.FindFileByPath(f.Path()); err == nil || f.IsPlaceholder() {
			return
		}
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		_ = files.RegisterFile(f) // fails for a name that is there already
	}
	add(f)
	return files
}

func typesOf(f protoreflect.FileDescriptor) *dynamicpb.Types { return dynamicpb.NewTypes(filesOf(f)) }

// json shows a document whether or not it fits its schema, which may be why it is
// looked at; an edited one has to.
func (d *Document) json(writer lang.Source, value []byte) error {
	parsed, err := jsonschema.Language().Parse(writer)
	if err != nil {
		return err
	}
	s, ok := parsed.(*jsonschema.Schema)
	if !ok {
		return errors.New("the schema was not parsed by this module")
	}
	d.encode = func(doc []byte) ([]byte, error) {
		if err := s.Validate(doc); err != nil {
			return nil, err
		}
		return compact(doc)
	}
	return d.show(value)
}
