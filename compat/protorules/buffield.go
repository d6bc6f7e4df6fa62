package protorules

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// describe names a field as Buf does.
func describe(fd protoreflect.FieldDescriptor) string {
	name := string(fd.Name())
	if fd.IsExtension() {
		name = string(fd.FullName())
	}
	return describeAs(fd, fmt.Sprintf(" with name %q", name))
}

func describeAs(fd protoreflect.FieldDescriptor, name string) string {
	what, message := "Field", string(fd.ContainingMessage().Name())
	if fd.IsExtension() {
		what, message = "Extension", string(fd.ContainingMessage().FullName())
	}
	return fmt.Sprintf("%s %q%s on message %q", what, number(fd), name, message)
}

// fieldAnchors builds the anchors of both sides with the same steps.
func (w *bufWalk) fieldAnchors(p fieldPair, steps func(*anchorBuilder) *anchorBuilder) (new, old protobuf.Anchor) {
	return steps(anchorAt(w.newer, p.new)).whole(), steps(anchorAt(w.older, p.old)).whole()
}

// reportField is report about a pair of fields.
func (w *bufWalk) reportField(r *rule.Rule, p fieldPair, new, old protobuf.Anchor, is, was, format string, args ...any) {
	w.report(r, p.old, new, old, is, was, "%s "+format, append([]any{describe(p.new)}, args...)...)
}

// A cardinality is how many values a field has, and whether it says that it has
// none.
type cardinality string

const (
	explicit cardinality = "optional with explicit presence"
	implicit cardinality = "optional with implicit presence"
	must     cardinality = "required"
	repeated cardinality = "repeated"
	mapping  cardinality = "map"
)

func cardinalityOf(fd protoreflect.FieldDescriptor) cardinality {
	switch {
	case fd.IsMap():
		return mapping
	case fd.IsList():
		return repeated
	case required(fd):
		return must
	case fd.HasPresence():
		return explicit
	}
	return implicit
}

// sameCardinality returns the check for cardinalities of which those that are in
// one group may change into one another.
func sameCardinality(group func(cardinality) cardinality) func(*bufWalk, *rule.Rule, fieldPair) {
	return func(w *bufWalk, r *rule.Rule, p fieldPair) {
		if inEntries(p) {
			return // nobody chose their cardinality
		}
		is, was := cardinalityOf(p.new), cardinalityOf(p.old)
		if group(is) != group(was) {
			new, old := wholes(w, p)
			w.reportField(r, p, new, old, string(is), string(was), `changed cardinality from %q to %q.`, was, is)
		}
	}
}

func anyOther(c cardinality) cardinality { return c }

func wireJSONCardinality(c cardinality) cardinality {
	if c == implicit {
		return explicit
	}
	return c
}

func wireCardinality(c cardinality) cardinality {
	if c == mapping {
		return repeated
	}
	return wireJSONCardinality(c)
}

func inEntries(p fieldPair) bool {
	return p.new.ContainingMessage().IsMapEntry() && p.old.ContainingMessage().IsMapEntry()
}

func sameFieldName(w *bufWalk, r *rule.Rule, p fieldPair) {
	is, was := string(p.new.Name()), string(p.old.Name())
	if p.old.IsExtension() {
		is, was = string(p.new.FullName()), string(p.old.FullName())
	}
	if is != was {
		new, old := w.fieldAnchors(p, func(b *anchorBuilder) *anchorBuilder { return b.part(elementName) })
		w.report(r, p.old, new, old, is, was, `%s changed name from %q to %q.`, describeAs(p.new, ""), was, is)
	}
}

func sameJSONName(w *bufWalk, r *rule.Rule, p fieldPair) {
	is, was := p.new.JSONName(), p.old.JSONName()
	if p.old.IsExtension() || is == was {
		return
	}
	new, old := w.fieldAnchors(p, func(b *anchorBuilder) *anchorBuilder { return b.part(fieldJSONName) })
	w.reportField(r, p, new, old, is, was, `changed option "json_name" from %q to %q.`, was, is)
}

// sameOneof reports a field that came into a oneof, left it or went to another;
// the stray letter is Buf's.
func sameOneof(w *bufWalk, r *rule.Rule, p fieldPair) {
	if p.old.IsExtension() {
		return
	}
	is, was := realOneof(p.new), realOneof(p.old)
	new, old := protobuf.Anchor{}, protobuf.Anchor{}
	if (is == nil) != (was == nil) || is != nil && is.Name() != was.Name() {
		new, old = wholes(w, p)
	}
	switch {
	case is == nil && was == nil:
	case is == nil:
		w.reportField(r, p, new, old, oneofNote(is), oneofNote(was), `moved from inside to outside a oneof.`)
	case was == nil:
		w.reportField(r, p, new, old, oneofNote(is), oneofNote(was), `moved from outside to inside a oneof.`)
	case is.Name() != was.Name():
		w.report(r, p.old, new, old, oneofNote(is), oneofNote(was),
			`%sq moved from oneof %q to oneof %q.`, describe(p.new), was.Name(), is.Name())
	}
}

func oneofNote(o protoreflect.OneofDescriptor) string {
	if o == nil {
		return "in no oneof"
	}
	return "in oneof " + string(o.Name())
}

func sameJSType(w *bufWalk, r *rule.Rule, p fieldPair) {
	if !is64Bit(p.new.Kind()) || !is64Bit(p.old.Kind()) {
		return
	}
	is, was := fieldOptionsOf(p.new).GetJstype(), fieldOptionsOf(p.old).GetJstype()
	if is != was {
		new, old := w.fieldAnchors(p, func(b *anchorBuilder) *anchorBuilder { return b.part(fieldOptions, optionJSType) })
		w.reportField(r, p, new, old, is.String(), was.String(), `changed option "jstype" from %q to %q.`, was, is)
	}
}

func is64Bit(k protoreflect.Kind) bool {
	switch k {
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return true
	}
	return false
}

func fieldOptionsOf(fd protoreflect.FieldDescriptor) *descriptorpb.FieldOptions {
	options, _ := fd.Options().(*descriptorpb.FieldOptions)
	return options
}

func sameCppString(w *bufWalk, r *rule.Rule, p fieldPair) {
	if inEntries(p) || !isText(p.new) || !isText(p.old) {
		return
	}
	is, was := cppStringType(p.new, w.newer), cppStringType(p.old, w.older)
	if is == was || was == cppPiece && is == cppString {
		return
	}
	new, old := w.fieldAnchors(p, func(b *anchorBuilder) *anchorBuilder {
		return b.part(fieldOptions, optionCType).option(fieldOptions, fieldFeatures, featureCpp, featureCppStringType)
	})
	w.reportField(r, p, new, old, is, was, `changed C++ string type from %q to %q.`, was, is)
}

func isText(fd protoreflect.FieldDescriptor) bool {
	return fd.Kind() == protoreflect.StringKind || fd.Kind() == protoreflect.BytesKind
}

func areStrings(p fieldPair) bool {
	return p.new.Kind() == protoreflect.StringKind && p.old.Kind() == protoreflect.StringKind
}

func sameJavaUTF8(w *bufWalk, r *rule.Rule, p fieldPair) {
	if !areStrings(p) {
		return
	}
	is, was := javaUTF8(p.new), javaUTF8(p.old)
	if is == was {
		return
	}
	new, old := w.fieldAnchors(p, func(b *anchorBuilder) *anchorBuilder {
		return b.file(fileOptions, optionJavaCheckUTF8).option(fieldOptions, fieldFeatures, featureJava, featureJavaUTF8)
	})
	w.reportField(r, p, new, old, utf8Name(is), utf8Name(was), `changed Java string UTF8 validation from %q to %q.`, utf8Name(was), utf8Name(is))
}

func sameUTF8(w *bufWalk, r *rule.Rule, p fieldPair) {
	if !areStrings(p) {
		return
	}
	is, was := utf8Validation.of(p.new), utf8Validation.of(p.old)
	if is == was {
		return
	}
	new, old := w.fieldAnchors(p, func(b *anchorBuilder) *anchorBuilder { return b.option(fieldOptions, fieldFeatures, featureUTF8) })
	w.reportField(r, p, new, old, utf8Name(is), utf8Name(was), `changed UTF8 validation from %s to %s.`, utf8Name(was), utf8Name(is))
}
