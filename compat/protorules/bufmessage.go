package protorules

import (
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/wireproof/wireproof/compat/rule"
)

// deletedFields returns the check for fields that are gone, unless allowed says
// that what the message reserves makes up for it. Suffix says what should have
// been done.
func deletedFields(allowed func(protoreflect.MessageDescriptor, protoreflect.FieldDescriptor) bool, suffix func(protoreflect.FieldDescriptor) string) func(*bufWalk, *rule.Rule, messagePair) {
	return func(w *bufWalk, r *rule.Rule, p messagePair) {
		eachOld(p, func(old, now protoreflect.FieldDescriptor) {
			if now != nil || allowed(p.new, old) {
				return
			}
			description := describe(old)
			w.report(r, old, whole(w.newer, p.new), whole(w.older, old), "no field "+number(old), "number "+number(old),
				`Previously present %s was deleted%s.`, strings.ToLower(description[:1])+description[1:], suffix(old))
			if r != fieldNoDelete {
				w.mendField(p.new, old, r == fieldNoDeleteName)
			}
		})
	}
}

func never(protoreflect.MessageDescriptor, protoreflect.FieldDescriptor) bool { return false }

func noSuffix(protoreflect.FieldDescriptor) string { return "" }

func numberReserved(m protoreflect.MessageDescriptor, old protoreflect.FieldDescriptor) bool {
	return m.ReservedRanges().Has(old.Number())
}

func numberSuffix(old protoreflect.FieldDescriptor) string {
	return fmt.Sprintf(` without reserving the number "%d"`, old.Number())
}

func nameReserved(m protoreflect.MessageDescriptor, old protoreflect.FieldDescriptor) bool {
	return m.ReservedNames().Has(old.Name())
}

func nameSuffix(old protoreflect.FieldDescriptor) string {
	return fmt.Sprintf(` without reserving the name %q`, old.Name())
}

func oneofGone(w *bufWalk, r *rule.Rule, p messagePair) {
	for i := range p.old.Oneofs().Len() {
		old := p.old.Oneofs().Get(i)
		if old.IsSynthetic() || p.new.Oneofs().ByName(old.Name()) != nil {
			continue
		}
		w.report(r, old, whole(w.newer, p.new), whole(w.older, old), "no oneof "+string(old.Name()), "was declared",
			`Previously present oneof %q on message %q was deleted.`, old.Name(), p.new.Name())
	}
}

const requiredText = ` Required fields must always be sent, so if one side does not know about the required field, this will result in a breakage.`

// sameRequired compares which fields are required. For Buf that is a label, which
// editions do not have: a field that is required by a feature is seen here where
// the other side has no field of that number, see [RequiredByEdition]; where it has one,
// the rules on cardinality speak.
func sameRequired(w *bufWalk, r *rule.Rule, p messagePair) {
	eachOld(p, func(old, now protoreflect.FieldDescriptor) {
		if now == nil && required(old) || now != nil && requiredLabel(old) && !requiredLabel(now) {
			w.report(r, old, whole(w.newer, p.new), whole(w.older, old), "not required here", "required",
				`Message %q had required field "%d" deleted.`+requiredText, p.old.Name(), old.Number())
		}
	})
	eachOld(messagePair{p.old, p.new}, func(now, old protoreflect.FieldDescriptor) {
		if old == nil && required(now) || old != nil && requiredLabel(now) && !requiredLabel(old) {
			w.report(r, now, whole(w.newer, now), whole(w.older, p.old), "required", "not required here",
				`Message %q had required field "%d" added.`+requiredText, p.new.Name(), now.Number())
		}
	})
}

func required(fd protoreflect.FieldDescriptor) bool { return fd.Cardinality() == protoreflect.Required }

func requiredLabel(fd protoreflect.FieldDescriptor) bool {
	return required(fd) && fd.ParentFile().Syntax() == protoreflect.Proto2
}

func keptAccessor(w *bufWalk, r *rule.Rule, p messagePair) {
	removed := func(m protoreflect.MessageDescriptor) bool {
		options, _ := m.Options().(*descriptorpb.MessageOptions)
		return options.GetNoStandardDescriptorAccessor()
	}
	if !removed(p.old) && removed(p.new) {
		w.report(r, p.old,
			anchorAt(w.newer, p.new).part(messageOptions, optionNoAccessor).anchor, anchorAt(w.older, p.old).part(messageOptions, optionNoAccessor).whole(),
			"true", "false", `Message option "no_standard_descriptor_accessor" changed from "false" to "true".`)
	}
}

func sameMessageJSON(w *bufWalk, r *rule.Rule, p messagePair) {
	is, was := jsonFormat.of(p.new), jsonFormat.of(p.old)
	if was == jsonAllow && is != jsonAllow {
		w.report(r, p.old,
			anchorAt(w.newer, p.new).option(messageOptions, messageFeatures, featureJSON).whole(),
			anchorAt(w.older, p.old).option(messageOptions, messageFeatures, featureJSON).whole(),
			jsonName(is), jsonName(was), `Message %q JSON format support changed from %s to %s.`, p.new.Name(), jsonName(was), jsonName(is))
	}
}

func extensionRangesKept(w *bufWalk, r *rule.Rule, p messagePair) {
	w.ranges(r, "extension", p.new, p.old,
		halfOpen(p.new.ExtensionRanges()), halfOpen(p.old.ExtensionRanges()), highestField)
}

func reservedOfMessageKept(w *bufWalk, r *rule.Rule, p messagePair) {
	w.ranges(r, "reserved", p.new, p.old,
		halfOpen(p.new.ReservedRanges()), halfOpen(p.old.ReservedRanges()), highestField)
	w.names(r, p.new, p.old, p.new.ReservedNames(), p.old.ReservedNames())
}

func halfOpen(ranges protoreflect.FieldRanges) []bounds {
	out := make([]bounds, ranges.Len())
	for i := range out {
		r := ranges.Get(i)
		out[i] = bounds{int64(r[0]), int64(r[1]) - 1}
	}
	return out
}

// highestField is the end of what numbers of fields may be. Message sets would
// allow more, but no library of today takes them, and so no compiler here.
const highestField = int64(protowire.MaxValidNumber)

// ranges reports each range of the older side of which the newer has not all
// numbers.
func (w *bufWalk) ranges(r *rule.Rule, what string, new, old protoreflect.Descriptor, now, was []bounds, highest int64) {
	if len(was) == 0 {
		return
	}
	for _, b := range was {
		var parts []string
		for _, m := range missing(b, now) {
			parts = append(parts, m.text(highest))
		}
		if len(parts) > 0 {
			list := strings.Join(parts, ", ")
			w.report(r, old, whole(w.newer, new), whole(w.older, old), list+" is free", what+" "+b.text(highest),
				`Previously present %s range %q on %s %q is missing values: %s were removed.`, what, b.text(highest), kindOf(new), new.Name(), list)
		}
	}
}

// names reports reserved names that are free now.
func (w *bufWalk) names(r *rule.Rule, new, old protoreflect.Descriptor, now, was protoreflect.Names) {
	for i := range was.Len() {
		if n := was.Get(i); !now.Has(n) {
			w.report(r, old, whole(w.newer, new), whole(w.older, old), strconv.Quote(string(n))+" is free", "reserved "+strconv.Quote(string(n)),
				`Previously present reserved name %q on %s %q was deleted.`, n, kindOf(new), new.Name())
		}
	}
}
