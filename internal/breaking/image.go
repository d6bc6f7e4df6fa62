package breaking

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/goccy/go-yaml"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/wireproof/wireproof/internal/bufconfig"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// An imageInput is a side that was compiled before.
type imageInput struct {
	set *descriptorpb.FileDescriptorSet
	// files are the import paths of its files, sorted, without those that are marked
	// as imports.
	files []string
	check bufconfig.Check
}

// targets returns the import paths of the files that are compared.
func (i *imageInput) targets(only func(string) bool) []string {
	if only == nil {
		return i.files
	}
	return slices.DeleteFunc(slices.Clone(i.files), func(name string) bool { return !only(name) })
}

// build makes an image in which everything but the targets is an import.
func (i *imageInput) build(targets []string) (*protobuf.Image, error) {
	return protobuf.NewImage(i.set, func(name string) bool {
		_, ok := slices.BinarySearch(targets, name)
		return !ok
	})
}

// readImage reads an image in any of its formats. What protoc writes is an image
// too.
func readImage(in Input, cwd string, stdin io.Reader) (*imageInput, error) {
	f, err := openInput(in, cwd, stdin)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxInput+1))
	if err == nil && len(data) > maxInput {
		err = fmt.Errorf("more than %d bytes", maxInput)
	}
	if err == nil && in.Format == YAML {
		data, err = yaml.YAMLToJSON(data)
	}
	set := new(descriptorpb.FileDescriptorSet)
	if err == nil {
		err = unmarshalImage(in.Format, data, set)
	}
	if err != nil {
		return nil, inputError(in, fmt.Errorf("not an image in the format %s: %w", in.Format, err))
	}
	image, err := protobuf.NewImage(set, nil)
	if err == nil && len(image.Files()) == 0 {
		err = errors.New("an image without files") // such as what a command that failed writes
	}
	if err != nil {
		return nil, inputError(in, err)
	}
	out := &imageInput{set: set}
	for _, f := range image.Files() {
		if !f.IsImport {
			out.files = append(out.files, f.Path)
		}
	}
	return out, nil
}

func unmarshalImage(format Format, data []byte, set *descriptorpb.FileDescriptorSet) error {
	if format == Binary {
		return proto.Unmarshal(data, set)
	}
	typ, err := imageType()
	if err != nil {
		return err
	}
	m := dynamicpb.NewMessage(typ)
	if format == Text {
		err = prototext.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, m)
	} else {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(bytes.TrimSpace(data), m)
	}
	if err != nil {
		return err
	}
	wire, err := proto.Marshal(m)
	if err != nil {
		return err
	}
	return proto.Unmarshal(wire, set)
}

// imageType is a set of file descriptors whose files have the one field more that
// marks imports. It is only for the text formats, which know fields by name.
func imageType() (protoreflect.MessageDescriptor, error) {
	file := protodesc.ToFileDescriptorProto(descriptorpb.File_google_protobuf_descriptor_proto)
	file.Name = proto.String("image.proto")
	optional := descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum()
	for _, m := range file.GetMessageType() {
		if m.GetName() == "FileDescriptorProto" {
			m.ExtensionRange = nil
			m.Field = append(m.Field, &descriptorpb.FieldDescriptorProto{
				Name: proto.String("buf_extension"), JsonName: proto.String("bufExtension"), Number: proto.Int32(8042), Label: optional,
				Type: descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum(), TypeName: proto.String(".google.protobuf.ImageFileExtension"),
			})
		}
	}
	file.MessageType = append(file.MessageType, &descriptorpb.DescriptorProto{
		Name: proto.String("ImageFileExtension"),
		Field: []*descriptorpb.FieldDescriptorProto{{
			Name: proto.String("is_import"), JsonName: proto.String("isImport"), Number: proto.Int32(1), Label: optional,
			Type: descriptorpb.FieldDescriptorProto_TYPE_BOOL.Enum(),
		}},
	})
	d, err := protodesc.NewFile(file, nil)
	if err != nil {
		return nil, err
	}
	return d.Messages().ByName("FileDescriptorSet"), nil
}
