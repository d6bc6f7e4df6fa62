package protobuf

import (
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang"
)

// An Image is many files that were compiled together, with everything that they
// import. It is immutable and safe for concurrent use; its descriptors are shared
// and must not be changed.
type Image struct {
	files    []*ImageFile
	byPath   map[string]*ImageFile
	byImport map[string]*ImageFile
	index    func() *imageIndex
	places   placeCache
}

// An ImageFile is one file of an image.
type ImageFile struct {
	// Path pairs the file with that of another image: the import path, or nothing
	// for the main file of a schema.
	Path     string
	Shown    string // the path in positions
	Text     string // empty in an image that was made of descriptors
	IsImport bool   // compiled only because another file imports it

	Descriptor protoreflect.FileDescriptor

	info *descriptorpb.SourceCodeInfo // of a file that has no text
}

// Edition returns the edition of the file; that of proto2 and proto3 is
// EDITION_PROTO2 and EDITION_PROTO3.
func (f *ImageFile) Edition() descriptorpb.Edition {
	switch f.Descriptor.Syntax() {
	case protoreflect.Proto2:
		return descriptorpb.Edition_EDITION_PROTO2
	case protoreflect.Proto3:
		return descriptorpb.Edition_EDITION_PROTO3
	}
	if f, ok := f.Descriptor.(interface{ Edition() int32 }); ok {
		return descriptorpb.Edition(f.Edition())
	}
	return descriptorpb.Edition_EDITION_UNKNOWN
}

// Files returns the files ordered by their paths. The slice is shared.
func (im *Image) Files() []*ImageFile { return im.files }

// File returns the file with a path, or nil.
func (im *Image) File(path string) *ImageFile { return im.byPath[path] }

// FileOf returns the file that declares d, or nil.
func (im *Image) FileOf(d protoreflect.Descriptor) *ImageFile {
	return im.byImport[d.ParentFile().Path()]
}

// Find returns the message, enum, extension or service with a full name, or nil.
func (im *Image) Find(name protoreflect.FullName) protoreflect.Descriptor {
	return im.index().declared[name]
}

// Extension returns the extension field of a message with a number, or nil.
func (im *Image) Extension(message protoreflect.FullName, number protoreflect.FieldNumber) protoreflect.ExtensionDescriptor {
	return im.index().extensions[extensionKey{message, number}]
}

// Package returns the first file of a package, or nil.
func (im *Image) Package(name protoreflect.FullName) *ImageFile { return im.index().packages[name] }

type extensionKey struct {
	message protoreflect.FullName
	number  protoreflect.FieldNumber
}

// An imageIndex finds elements by name. It is made once, for whoever asks first.
type imageIndex struct {
	declared   map[protoreflect.FullName]protoreflect.Descriptor
	extensions map[extensionKey]protoreflect.ExtensionDescriptor
	packages   map[protoreflect.FullName]*ImageFile
}

func newImage(files []*ImageFile) *Image {
	im := &Image{files: files, byPath: make(map[string]*ImageFile, len(files)), byImport: make(map[string]*ImageFile, len(files))}
	slices.SortFunc(im.files, func(a, b *ImageFile) int {
		if a.Path < b.Path {
			return -1
		}
		return 1
	})
	for _, f := range im.files {
		im.byPath[f.Path] = f
		im.byImport[f.Descriptor.Path()] = f
	}
	im.index = sync.OnceValue(im.newIndex)
	return im
}

func (im *Image) newIndex() *imageIndex {
	x := &imageIndex{
		declared:   make(map[protoreflect.FullName]protoreflect.Descriptor, 8*len(im.files)),
		extensions: map[extensionKey]protoreflect.ExtensionDescriptor{},
		packages:   make(map[protoreflect.FullName]*ImageFile, len(im.files)),
	}
	for _, f := range im.files {
		d := f.Descriptor
		if x.packages[d.Package()] == nil {
			x.packages[d.Package()] = f
		}
		x.container(d)
		for i := range d.Services().Len() {
			s := d.Services().Get(i)
			x.declared[s.FullName()] = s
		}
	}
	return x
}

// A container is a file or a message.
type container interface {
	Messages() protoreflect.MessageDescriptors
	Enums() protoreflect.EnumDescriptors
	Extensions() protoreflect.ExtensionDescriptors
}

func (x *imageIndex) container(c container) {
	for i := range c.Enums().Len() {
		e := c.Enums().Get(i)
		x.declared[e.FullName()] = e
	}
	for i := range c.Extensions().Len() {
		e := c.Extensions().Get(i)
		x.declared[e.FullName()] = e
		x.extensions[extensionKey{e.ContainingMessage().FullName(), e.Number()}] = e
	}
	for i := range c.Messages().Len() {
		m := c.Messages().Get(i)
		x.declared[m.FullName()] = m
		x.container(m)
	}
}

// Image returns the schema and what it refers to as an image, made on the first
// call. The files that everybody knows are its imports.
func (s *Schema) Image() *Image { return s.image() }

func (s *Schema) newImage() *Image {
	texts := map[string]string{}
	eachReference(s.source, func(r lang.Reference) {
		texts[r.Name] = r.Source.Text
		if d, ok := fromDescriptor(r.Source.Text); ok {
			texts[r.Name] = d.plainText()
		}
	})
	main := &ImageFile{Shown: s.source.Path, Text: s.text, Descriptor: s.file}
	files := []*ImageFile{main}
	seen := map[string]bool{s.file.Path(): true}
	var add func(protoreflect.FileDescriptor)
	add = func(d protoreflect.FileDescriptor) {
		for i := range d.Imports().Len() {
			f := d.Imports().Get(i).FileDescriptor
			if seen[f.Path()] || f.IsPlaceholder() {
				continue
			}
			seen[f.Path()] = true
			text, referred := texts[f.Path()]
			files = append(files, &ImageFile{Path: f.Path(), Shown: f.Path(), Text: text, IsImport: !referred, Descriptor: f})
			add(f)
		}
	}
	add(s.file)
	return newImage(files)
}

// NewImage makes an image of descriptors, such as a file that buf build or
// protoc --descriptor_set_out wrote. Which files are imports is asked of isImport;
// if that is nil, the mark that Buf's images carry says it. Positions come from the
// source info of the descriptors and have no offsets. The image shares nothing with
// set.
func NewImage(set *descriptorpb.FileDescriptorSet, isImport func(path string) bool) (*Image, error) {
	registry, err := protodesc.NewFiles(set)
	if err != nil {
		return nil, fmt.Errorf("descriptors of an image: %w", err)
	}
	if isImport == nil {
		marked := map[string]bool{}
		for _, f := range set.GetFile() {
			marked[f.GetName()] = markedImport(f)
		}
		isImport = func(path string) bool { return marked[path] }
	}
	files := make([]*ImageFile, 0, len(set.GetFile()))
	for _, f := range set.GetFile() {
		d, err := registry.FindFileByPath(f.GetName())
		if err != nil {
			return nil, fmt.Errorf("descriptors of an image: %w", err)
		}
		files = append(files, &ImageFile{Path: f.GetName(), Shown: f.GetName(), IsImport: isImport(f.GetName()),
			Descriptor: d, info: f.GetSourceCodeInfo()})
	}
	return newImage(files), nil
}

// Buf marks an imported file of an image in the extension buf_extension of the
// file, a message whose first field is is_import.
const (
	bufExtension = 8042
	bufIsImport  = 1
)

func markedImport(f *descriptorpb.FileDescriptorProto) bool {
	var extension []byte
	EachField(f.ProtoReflect().GetUnknown(), func(n protowire.Number, value []byte, _ uint64) {
		if n == bufExtension {
			extension = append(extension, value...)
		}
	})
	marked := false
	EachField(extension, func(n protowire.Number, _ []byte, value uint64) {
		if n == bufIsImport {
			marked = value != 0
		}
	})
	return marked
}

// EachField calls do with the fields of a message that hold bytes or a varint. It
// ends where the data is broken.
func EachField(data []byte, do func(n protowire.Number, value []byte, varint uint64)) {
	for len(data) > 0 {
		number, typ, n := protowire.ConsumeTag(data)
		if n < 0 {
			return
		}
		size := protowire.ConsumeFieldValue(number, typ, data[n:])
		if size < 0 {
			return
		}
		switch typ {
		case protowire.BytesType:
			value, _ := protowire.ConsumeBytes(data[n:])
			do(number, value, 0)
		case protowire.VarintType:
			value, _ := protowire.ConsumeVarint(data[n:])
			do(number, nil, value)
		}
		data = data[n+size:]
	}
}

// OpeningBrace returns the offset of the first { in a text that is none of a
// comment or a string, or -1.
func OpeningBrace(text string) int {
	for sc := (scanner{text: text}); ; {
		switch tok := sc.next(); {
		case tok.kind == tokEnd:
			return -1
		case tok.kind == tokSymbol && tok.text == "{":
			return tok.start
		}
	}
}
