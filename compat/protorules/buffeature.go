package protorules

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/lang/protobuf"
)

// A feature is a value that editions let one set on an element or on anything
// around it. In files of proto2 and proto3 it is fixed.
type feature struct {
	set func(*descriptorpb.FeatureSet) int32 // zero if the set does not say
	// The values where nobody sets one. Proto2 holds for files before editions.
	proto2, proto3, edition2023, edition2024 int32
}

var (
	jsonFormat = feature{
		set:    func(s *descriptorpb.FeatureSet) int32 { return int32(s.GetJsonFormat()) },
		proto2: int32(descriptorpb.FeatureSet_LEGACY_BEST_EFFORT), proto3: jsonAllow, edition2023: jsonAllow, edition2024: jsonAllow,
	}
	utf8Validation = feature{
		set:    func(s *descriptorpb.FeatureSet) int32 { return int32(s.GetUtf8Validation()) },
		proto2: int32(descriptorpb.FeatureSet_NONE), proto3: utf8Verify, edition2023: utf8Verify, edition2024: utf8Verify,
	}
	cppString2023 = feature{
		set:    func(s *descriptorpb.FeatureSet) int32 { return extended(s, featureCpp, featureCppStringType) },
		proto2: cppStringNumber, proto3: cppStringNumber, edition2023: cppStringNumber, edition2024: cppViewNumber,
	}
	javaUTF8Validation = feature{
		set:    func(s *descriptorpb.FeatureSet) int32 { return extended(s, featureJava, featureJavaUTF8) },
		proto2: javaDefault, proto3: javaDefault, edition2023: javaDefault, edition2024: javaDefault,
	}
)

const (
	jsonAllow  = int32(descriptorpb.FeatureSet_ALLOW)
	utf8Verify = int32(descriptorpb.FeatureSet_VERIFY)

	// Values of pb.CppFeatures.StringType and pb.JavaFeatures.Utf8Validation.
	cppViewNumber, cppCordNumber, cppStringNumber = 1, 2, 3
	javaDefault, javaVerify                       = 1, 2

	cppString, cppPiece = "STRING", "STRING_PIECE"
)

// of resolves the feature for an element.
func (f feature) of(d protoreflect.Descriptor) int32 {
	switch d.ParentFile().Syntax() {
	case protoreflect.Proto2:
		return f.proto2
	case protoreflect.Proto3:
		return f.proto3
	}
	for at := d; at != nil; at = at.Parent() {
		if has, ok := at.Options().(interface {
			GetFeatures() *descriptorpb.FeatureSet
		}); ok {
			if set := has.GetFeatures(); set != nil {
				if v := f.set(set); v != 0 {
					return v
				}
			}
		}
	}
	if editionOf(d) >= descriptorpb.Edition_EDITION_2024 {
		return f.edition2024
	}
	return f.edition2023
}

func editionOf(d protoreflect.Descriptor) descriptorpb.Edition {
	return (&protobuf.ImageFile{Descriptor: d.ParentFile()}).Edition()
}

// extended reads a number of a message that extends the features. Nobody has
// linked the extensions of other languages, so they are bytes.
func extended(s *descriptorpb.FeatureSet, extension, field protowire.Number) int32 {
	var value int32
	protobuf.EachField(s.ProtoReflect().GetUnknown(), func(n protowire.Number, inner []byte, _ uint64) {
		if n == extension {
			protobuf.EachField(inner, func(n protowire.Number, _ []byte, v uint64) {
				if n == field {
					value = int32(v)
				}
			})
		}
	})
	return value
}

func jsonName(v int32) string { return descriptorpb.FeatureSet_JsonFormat(v).String() }

func utf8Name(v int32) string { return descriptorpb.FeatureSet_Utf8Validation(v).String() }

// cppStringType is what C++ makes of a string: by the old option, or by the
// feature that replaces it.
func cppStringType(fd protoreflect.FieldDescriptor, im *protobuf.Image) string {
	if options := fieldOptionsOf(fd); options != nil && options.Ctype != nil && im.FileOf(fd).Edition() < descriptorpb.Edition_EDITION_2024 {
		switch options.GetCtype() {
		case descriptorpb.FieldOptions_CORD, descriptorpb.FieldOptions_STRING_PIECE, descriptorpb.FieldOptions_STRING:
			return options.GetCtype().String()
		}
	}
	switch cppString2023.of(fd) {
	case cppViewNumber:
		return "VIEW"
	case cppCordNumber:
		return "CORD"
	}
	return cppString
}

// javaUTF8 is whether Java checks that a string is UTF-8.
func javaUTF8(fd protoreflect.FieldDescriptor) int32 {
	options, _ := fd.ParentFile().Options().(*descriptorpb.FileOptions)
	if fd.ParentFile().Syntax() != protoreflect.Editions || options != nil && options.JavaStringCheckUtf8 != nil {
		if options.GetJavaStringCheckUtf8() {
			return utf8Verify
		}
	} else if javaUTF8Validation.of(fd) == javaVerify {
		return utf8Verify
	}
	return utf8Validation.of(fd)
}
