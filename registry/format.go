package registry

import (
	"encoding/base64"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/lang"
)

// The values of the format parameter that change the text. Every other value
// means the text as it is stored.
const (
	resolvedFormat   = "resolved"          // Avro: references written out
	serializedFormat = "serialized"        // Protobuf: the descriptor in base64, for clients without a compiler
	plainFormat      = "ignore_extensions" // Protobuf: without custom options
)

// An inliner is a schema that can be printed with its references written out.
type inliner interface{ Inlined() string }

// A describer is a schema that has a Protobuf descriptor.
type describer interface {
	File() protoreflect.FileDescriptor
	WithoutExtensions() string
}

// formatted returns a schema in a form of the format parameter, or false if its
// language has no such form.
func formatted(s lang.Schema, name string) (string, bool) {
	switch s := s.(type) {
	case inliner:
		if name == resolvedFormat {
			return s.Inlined(), true
		}
	case describer:
		if name == serializedFormat {
			data, err := proto.MarshalOptions{Deterministic: true}.Marshal(protodesc.ToFileDescriptorProto(s.File()))
			return base64.StdEncoding.EncodeToString(data), err == nil
		}
		if name == plainFormat {
			return s.WithoutExtensions(), true
		}
	}
	return "", false
}
