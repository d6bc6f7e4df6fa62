package protobuf

import (
	"sync"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/lang"
)

// A Schema is a .proto file that compiles. It is immutable and safe for
// concurrent use.
type Schema struct {
	source lang.Source
	file   protoreflect.FileDescriptor
	tree   *fileNode

	canonical  func() string
	normalized func() string
	places     func() *places
	image      func() *Image

	text string // of positions: that of the source, unless it is a descriptor
}

// Parse compiles src. Its Path is the import path of the file; an empty Path
// means "schema.proto", and so does one that is no import path, such as
// "payments-value v3", except in positions. The Name of each reference is the
// import path of the text it holds; references of references count too. The text
// may also be a file descriptor in base64, which clients without a text send;
// positions are then those of the canonical text.
//
// The error is a [lang.ErrorList] with every mistake, in imported text as well.
func Parse(src lang.Source) (*Schema, error) {
	given := src
	if d, ok := fromDescriptor(src.Text); ok {
		src.Text = d.text(src)
	}
	in, err := gather(src)
	if err != nil {
		return nil, err
	}
	file, tree, ok := in.plain()
	if !ok {
		if file, tree, err = in.full(src); err != nil {
			return nil, err
		}
	}
	s := &Schema{source: given, file: file, tree: tree, text: src.Text}
	s.image = sync.OnceValue(s.newImage)
	s.canonical = sync.OnceValue(func() string { return printFile(tree) })
	s.normalized = sync.OnceValue(func() string { return printFile(normalize(tree, file)) })
	s.places = sync.OnceValue(func() *places { return newPlaces(src, tree) })
	return s, nil
}

// full has the compiler look at the file, whose text is that of src, unless there
// is nothing to look at.
func (in *input) full(src lang.Source) (protoreflect.FileDescriptor, *fileNode, error) {
	tree, _, treeErr := in.parsed()
	if treeErr != nil && len(src.Text) > maxGarbage {
		return nil, nil, treeErr
	}
	if treeErr == nil {
		if bad := duplicates(src.Path, src.Text, tree); len(bad) >= maxMistakes {
			return nil, nil, withMore(bad)
		}
	}
	set, err := in.compile(false)
	if err != nil {
		return nil, nil, err
	}
	file, err := in.link(set)
	if err != nil {
		return nil, nil, err
	}
	return file, tree, treeErr
}

// Source returns what was parsed.
func (s *Schema) Source() lang.Source { return s.source }

// Canonical returns the text without comments and in a fixed layout; types are
// spelled as written. It compiles to the same descriptor but for the order of
// fields, which section "canonical form" of the registry protocol fixes: those
// of a oneof come after the others.
func (s *Schema) Canonical() string { return s.canonical() }

// Normalized returns Canonical with what has no meaning put in a fixed order:
// imports, fields, constants, reserved ranges and options sorted, type names
// absolute.
func (s *Schema) Normalized() string { return s.normalized() }

// File returns the linked descriptor. Custom options are unknown fields in it.
func (s *Schema) File() protoreflect.FileDescriptor { return s.file }

type language struct{}

// Language returns Protobuf as the registry and the checker see it.
func Language() lang.Language { return language{} }

func (language) Type() lang.Type { return lang.Protobuf }

func (language) Parse(src lang.Source) (lang.Schema, error) {
	s, err := Parse(src)
	if err != nil {
		return nil, err
	}
	return s, nil
}
