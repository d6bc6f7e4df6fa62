package witness_test

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
)

// A protoClaim is a finding that claims data which cannot be read, and who wrote it.
type protoClaim struct {
	*rule.Finding
	writer, reader protoreflect.FileDescriptor
}

// field is the field that a claim is about on one side, or nil.
func (c protoClaim) field(side protoreflect.FileDescriptor) protoreflect.FieldDescriptor {
	steps := strings.Split(strings.TrimPrefix(c.Pointer, "#/"), "/")
	number, err := strconv.Atoi(steps[len(steps)-1])
	md := side.Messages().ByName(protoreflect.Name(steps[0]))
	if len(steps) < 2 || err != nil || md == nil {
		return nil
	}
	return md.Fields().ByNumber(protoreflect.FieldNumber(number))
}

// protoReasons say why a claim may have no witness. A claim without one and without a
// reason fails the law, and so does a reason that no claim needs.
var protoReasons = []struct {
	why     string
	applies func(protoClaim) bool
}{
	{"one value reads as a list of one; the registry counts a label that changed, either way", func(c protoClaim) bool {
		w, r := c.field(c.writer), c.field(c.reader)
		return c.ErrorType == "FIELD_NUMERIC_LABEL_CHANGED" && w != nil && r != nil && !w.IsList() && r.IsList()
	}},
	{"what the writer requires is always there for a reader that does not; the registry counts a label that changed, either way", func(c protoClaim) bool {
		w, r := c.field(c.writer), c.field(c.reader)
		return c.ErrorType == "FIELD_NUMERIC_LABEL_CHANGED" && w != nil && r != nil &&
			w.Cardinality() == protoreflect.Required && r.Cardinality() == protoreflect.Optional
	}},
	{"a reader that does not know a required field reads the data all the same; the registry counts that it is gone", func(c protoClaim) bool {
		return c.ErrorType == "REQUIRED_FIELD_REMOVED" && c.field(c.reader) == nil
	}},
	{"the reader has no oneof that could tell that nothing is set; the registry counts the member", func(c protoClaim) bool {
		w := c.field(c.writer)
		return c.ErrorType == "ONEOF_FIELD_REMOVED" && w != nil && c.field(c.reader) == nil && !inOneof(w, c.reader)
	}},
	{"no field that both sides have holds the enum; other files may have some", func(c protoClaim) bool {
		return strings.HasPrefix(c.Rule.ID, "ENUM_VALUE_") && !holdsEnum(c)
	}},
	{"no message tells what clients and servers expect of each other", func(c protoClaim) bool {
		return strings.HasPrefix(c.Rule.ID, "RPC_SAME_")
	}},
	{"only generated Java checks, and only by this option", func(c protoClaim) bool {
		return c.Rule.ID == "FIELD_SAME_JAVA_UTF8_VALIDATION"
	}},
	{"the extensions are in files that the schema does not know", func(c protoClaim) bool {
		return c.Rule.ID == "EXTENSION_MESSAGE_NO_DELETE"
	}},
	{"nothing in the bytes of a message names its package, unless there is an Any", func(c protoClaim) bool {
		return c.Rule.ID == "FILE_SAME_PACKAGE" && c.writer.Imports().Len() == 0
	}},
}

// inOneof reports whether a side has a member of the oneof of a field in a oneof, or a
// oneof of that name.
func inOneof(fd protoreflect.FieldDescriptor, side protoreflect.FileDescriptor) bool {
	md := side.Messages().ByName(fd.ContainingMessage().Name())
	o := fd.ContainingOneof()
	if md == nil || o == nil {
		return false
	}
	for i := range o.Fields().Len() {
		if other := md.Fields().ByNumber(o.Fields().Get(i).Number()); other != nil && other.ContainingOneof() != nil && !other.ContainingOneof().IsSynthetic() {
			return true
		}
	}
	return md.Oneofs().ByName(o.Name()) != nil
}

// holdsEnum reports whether a field that both sides have holds the enum of a claim.
func holdsEnum(c protoClaim) bool {
	name, _, _ := strings.Cut(c.Path, ".")
	is := func(fd protoreflect.FieldDescriptor) bool {
		return fd != nil && fd.Enum() != nil && string(fd.Enum().Name()) == name
	}
	for i := range c.writer.Messages().Len() {
		w := c.writer.Messages().Get(i)
		r := c.reader.Messages().ByName(w.Name())
		for j := 0; r != nil && j < w.Fields().Len(); j++ {
			if is(w.Fields().Get(j)) && is(r.Fields().ByNumber(w.Fields().Get(j).Number())) {
				return true
			}
		}
	}
	return false
}

// protoFixed are pairs for what the generator does not write.
var protoFixed = []struct{ newer, older string }{
	{`syntax = "proto3"; package b; message M { int32 a = 1; }`, `syntax = "proto3"; package a; message M { int32 a = 1; }`},
	{`syntax = "proto3"; package b; import "google/protobuf/any.proto"; message M { google.protobuf.Any a = 1; }`,
		`syntax = "proto3"; package a; import "google/protobuf/any.proto"; message M { google.protobuf.Any a = 1; }`},
	{`syntax = "proto3"; package a; message M { int32 a = 1; } service S { rpc Get(M) returns (stream M); }`,
		`syntax = "proto3"; package a; message M { int32 a = 1; } service S { rpc Get(M) returns (M); }`},
	{`syntax = "proto2"; package a; message M { optional int32 a = 1; }`, `syntax = "proto2"; package a; message M { optional int32 a = 1; extensions 5 to 9; }`},
	{`syntax = "proto2"; package a; option java_string_check_utf8 = true; message M { optional string a = 1; }`,
		`syntax = "proto2"; package a; message M { optional string a = 1; }`},
	{`edition = "2023"; package a; message M { string a = 1; }`, `edition = "2023"; package a; message M { string a = 1 [features.utf8_validation = NONE]; }`},
	{`syntax = "proto3"; package a; message N {}`, `syntax = "proto3"; package a; message M { int32 a = 1; } message N {}`},
	{`syntax = "proto3"; package a; message M { int32 a = 1; map<string, int32> c = 2; repeated uint32 d = 3; }`,
		`syntax = "proto3"; package a; message M { int64 a = 1; map<string, int64> b = 2; repeated uint64 d = 3; }`},
}
