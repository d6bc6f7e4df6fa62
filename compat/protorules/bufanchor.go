package protorules

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/lang/protobuf"
)

// Numbers of fields in descriptor.proto, of which source paths are made.
const (
	filePackage, fileMessages, fileEnums, fileServices, fileExtensions, fileOptions, fileSyntax = 2, 4, 5, 6, 7, 8, 12

	messageFields, messageNested, messageEnums, messageExtensions, messageOptions, messageOneofs = 2, 3, 4, 6, 7, 8

	elementName                                                                 = 1 // of every element
	fieldType, fieldTypeName, fieldDefaultValue, fieldOptions, fieldJSONName    = 5, 6, 7, 8, 10
	enumValues, enumOptions, enumValueNumber                                    = 2, 3, 2
	serviceMethods, methodInput, methodOutput, methodOptions, optionIdempotency = 2, 2, 3, 4, 34
	optionCType, optionJSType, optionNoAccessor, optionJavaCheckUTF8            = 1, 6, 2, 27
	messageFeatures, fieldFeatures, enumFeatures                                = 12, 21, 7
	featureEnumType, featureUTF8, featureJSON                                   = 2, 4, 6
	featureCpp, featureCppStringType, featureJava, featureJavaUTF8              = 1000, 2, 1001, 2
)

// sourcePath is the path of an element in the descriptor of its file.
func sourcePath(d protoreflect.Descriptor) protoreflect.SourcePath {
	parent := d.Parent()
	if parent == nil {
		return nil
	}
	_, top := parent.(protoreflect.FileDescriptor)
	var number int32
	switch d := d.(type) {
	case protoreflect.MessageDescriptor:
		number = either(top, fileMessages, messageNested)
	case protoreflect.EnumDescriptor:
		number = either(top, fileEnums, messageEnums)
	case protoreflect.FieldDescriptor:
		number = messageFields
		if d.IsExtension() {
			number = either(top, fileExtensions, messageExtensions)
		}
	case protoreflect.OneofDescriptor:
		number = messageOneofs
	case protoreflect.ServiceDescriptor:
		number = fileServices
	case protoreflect.EnumValueDescriptor:
		number = enumValues
	case protoreflect.MethodDescriptor:
		number = serviceMethods
	}
	return append(sourcePath(parent), number, int32(d.Index()))
}

func either(yes bool, a, b int32) int32 {
	if yes {
		return a
	}
	return b
}

// An anchorBuilder collects the places of an element in the order in which they
// are tried.
type anchorBuilder struct {
	element protoreflect.Descriptor
	path    protoreflect.SourcePath
	anchor  protobuf.Anchor
}

func anchorAt(im *protobuf.Image, d protoreflect.Descriptor) *anchorBuilder {
	return &anchorBuilder{element: d, path: sourcePath(d), anchor: protobuf.Anchor{File: im.FileOf(d)}}
}

// part tries a part of the element.
func (b *anchorBuilder) part(steps ...int32) *anchorBuilder {
	return b.try(protobuf.AnchorPath{Path: b.below(steps)})
}

// option tries a part of an option, then what of the option there is. The first
// two steps name the option.
func (b *anchorBuilder) option(steps ...int32) *anchorBuilder {
	return b.try(protobuf.AnchorPath{Path: b.below(steps), Option: len(b.path) + 2})
}

// file tries a part of the file.
func (b *anchorBuilder) file(steps ...int32) *anchorBuilder {
	return b.try(protobuf.AnchorPath{Path: steps})
}

func (b *anchorBuilder) below(steps []int32) protoreflect.SourcePath {
	return append(b.path[:len(b.path):len(b.path)], steps...)
}

func (b *anchorBuilder) try(p protobuf.AnchorPath) *anchorBuilder {
	b.anchor.Paths = append(b.anchor.Paths, p)
	return b
}

// whole tries the element itself and ends.
func (b *anchorBuilder) whole() protobuf.Anchor { return b.part().end() }

// end ends: what nobody wrote, an entry of a map, has the place of the map's type.
func (b *anchorBuilder) end() protobuf.Anchor {
	entry, ok := b.element.(protoreflect.MessageDescriptor)
	if f, isField := b.element.(protoreflect.FieldDescriptor); isField && !f.IsExtension() {
		entry, ok = f.ContainingMessage(), true
	}
	if ok && entry.IsMapEntry() {
		if f := mapField(entry); f != nil {
			b.try(protobuf.AnchorPath{Path: append(sourcePath(f), fieldTypeName)})
		}
	}
	return b.anchor
}

// mapField is the field that an entry of a map belongs to.
func mapField(entry protoreflect.MessageDescriptor) protoreflect.FieldDescriptor {
	outer, ok := entry.Parent().(protoreflect.MessageDescriptor)
	if !ok {
		return nil
	}
	for i := range outer.Fields().Len() {
		if f := outer.Fields().Get(i); f.Message() != nil && f.Message().FullName() == entry.FullName() {
			return f
		}
	}
	return nil
}

// whole is the anchor of an element itself.
func whole(im *protobuf.Image, d protoreflect.Descriptor) protobuf.Anchor {
	return anchorAt(im, d).whole()
}

// wholes anchors a pair at itself on both sides.
func wholes[D protoreflect.Descriptor](w *bufWalk, p pair[D]) (new, old protobuf.Anchor) {
	return whole(w.newer, p.new), whole(w.older, p.old)
}

// start is the anchor of a whole file.
func start(f *protobuf.ImageFile) protobuf.Anchor { return protobuf.Anchor{File: f} }

// elementPath names an element for people: without the package, and the key and
// value of a map by the map's field. A file has no such name.
func elementPath(d protoreflect.Descriptor) string {
	switch d := d.(type) {
	case nil:
		return ""
	case protoreflect.FieldDescriptor:
		if d.IsExtension() {
			return string(d.FullName())
		}
		if entry := d.ContainingMessage(); entry.IsMapEntry() {
			if f := mapField(entry); f != nil {
				return elementPath(f) + "." + string(d.Name())
			}
		}
	case protoreflect.EnumValueDescriptor:
		return nestedName(d.Parent()) + "." + string(d.Name())
	}
	return nestedName(d)
}

// nestedName is the full name without the package.
func nestedName(d protoreflect.Descriptor) string {
	pkg := d.ParentFile().Package()
	if pkg == "" {
		return string(d.FullName())
	}
	return strings.TrimPrefix(string(d.FullName()), string(pkg)+".")
}

// elementPointer names an element as the registry does: fields and values of enums
// by their number, the key and value of a map by the map's field.
func elementPointer(d protoreflect.Descriptor) string {
	switch d := d.(type) {
	case nil:
		return "#/"
	case protoreflect.FieldDescriptor:
		if d.IsExtension() {
			break
		}
		entry := d.ContainingMessage()
		if f := mapField(entry); f != nil && entry.IsMapEntry() {
			return elementPointer(f)
		}
		return elementPointer(entry) + "/" + number(d)
	case protoreflect.EnumValueDescriptor:
		return elementPointer(d.Parent()) + "/" + strconv.Itoa(int(d.Number()))
	}
	return "#/" + pointerOf(nestedName(d))
}
