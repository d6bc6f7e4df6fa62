package protorules

import (
	"strconv"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// A fileOption is an option of files of which both sides must have the same
// value.
type fileOption struct {
	name   string
	number int32
	value  func(*descriptorpb.FileOptions) string
}

func (o fileOption) check(w *bufWalk, r *rule.Rule, p filePair) {
	sameOfFile(w, r, p, `option "`+o.name+`"`, o.value(optionsOf(p.new)), o.value(optionsOf(p.old)), fileOptions, o.number)
}

func optionsOf(f *protobuf.ImageFile) *descriptorpb.FileOptions {
	options, _ := f.Descriptor.Options().(*descriptorpb.FileOptions)
	return options
}

func yes(get func(*descriptorpb.FileOptions) bool) func(*descriptorpb.FileOptions) string {
	return func(o *descriptorpb.FileOptions) string { return strconv.FormatBool(get(o)) }
}

func samePackage(w *bufWalk, r *rule.Rule, p filePair) {
	sameOfFile(w, r, p, "package", string(p.new.Descriptor.Package()), string(p.old.Descriptor.Package()), filePackage)
}

func sameSyntax(w *bufWalk, r *rule.Rule, p filePair) {
	sameOfFile(w, r, p, "syntax", syntaxName(p.new.Descriptor), syntaxName(p.old.Descriptor), fileSyntax)
}

// syntaxName is the same for every edition.
func syntaxName(f protoreflect.FileDescriptor) string { return f.Syntax().String() }

func sameOfFile(w *bufWalk, r *rule.Rule, p filePair, what, is, was string, path ...int32) {
	if is == was {
		return
	}
	at := func(f *protobuf.ImageFile) protobuf.Anchor {
		return protobuf.Anchor{File: f, Paths: []protobuf.AnchorPath{{Path: path}}}
	}
	w.report(r, nil, at(p.new), at(p.old), note(is), note(was), "File %s changed from %q to %q.", what, was, is)
}

// note is what stands somewhere, for under the carets.
func note(value string) string {
	if value == "" {
		return "not set"
	}
	return value
}
