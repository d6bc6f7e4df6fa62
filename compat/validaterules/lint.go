package validaterules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A Mistake is a constraint that does not fit what it constrains, contradicts
// another, or has no effect.
type Mistake struct {
	// Path leads to the constraint from the element's options, as source paths do:
	// the number of the option, then numbers of fields and indexes of lists.
	Path    []int32
	Message string // in the words of buf lint
}

// Numbers of protovalidate's options.
const (
	optionNumber     = 1159 // of messages, fields and oneofs
	predefinedNumber = 1160 // of extensions
)

// LintField returns the mistakes in the constraints of a field or extension.
// Expressions in CEL are compiled, and example values are tried.
func LintField(f protoreflect.FieldDescriptor) []Mistake {
	c := rulesOf(f)
	if c.err != nil {
		return []Mistake{{Path: []int32{optionNumber}, Message: fmt.Sprintf("Field %q has constraints that cannot be read: %v.", f.Name(), c.err)}}
	}
	var found []Mistake
	lintPredefined(f, &found)
	if rules, ok := interfaceOf(c.rules).(*validate.FieldRules); ok {
		l := &fieldLint{outer: f, found: &found, trials: new([]func())}
		l.rules(rules, f, f.Cardinality() == protoreflect.Repeated)
		for _, try := range *l.trials {
			try()
		}
	}
	return found
}

// A fieldLint looks at the constraints of a field, or of its items, keys or values.
type fieldLint struct {
	outer protoreflect.FieldDescriptor
	base  []string // names of the fields that lead to the constraints of a part
	found *[]Mistake
	// trials of example values come last: a part's values are tried against the
	// constraints of all parts, and what is wrong with those is told first.
	trials *[]func()
}

// part looks at what the items, keys or values of the field have to be.
func (l *fieldLint) part(names ...string) *fieldLint {
	return &fieldLint{outer: l.outer, base: names, found: l.found, trials: l.trials}
}

var fieldRules = validate.File_buf_validate_validate_proto.Messages().ByName("FieldRules")

// name returns how a schema writes a constraint.
func (l *fieldLint) name(names ...string) string {
	return strings.Join(append(append([]string{"(buf.validate.field)"}, l.base...), names...), ".")
}

// add reports a mistake at a constraint. The message begins with the field.
func (l *fieldLint) add(names []string, format string, args ...any) {
	l.addAt(names, -1, format, args...)
}

// addAt reports a mistake at one of a list.
func (l *fieldLint) addAt(names []string, index int, format string, args ...any) {
	path, in := []int32{optionNumber}, fieldRules
	for _, n := range append(slices.Clone(l.base), names...) {
		f := in.Fields().ByName(protoreflect.Name(n))
		path, in = append(path, int32(f.Number())), f.Message()
	}
	if index >= 0 {
		path = append(path, int32(index))
	}
	*l.found = append(*l.found, Mistake{path, fmt.Sprintf("Field %q "+format, append([]any{l.outer.Name()}, args...)...)})
}

// rules checks the constraints of f, which is the field itself, its items, or a key
// or value. Those of a list that are not about its items are for lists only.
func (l *fieldLint) rules(rules *validate.FieldRules, f protoreflect.FieldDescriptor, list bool) {
	if rules == nil {
		return
	}
	l.flags(rules, f)
	l.cel(rules, f, list)
	set := rules.ProtoReflect().WhichOneof(fieldRules.Oneofs().ByName("type"))
	if set == nil {
		return
	}
	kind := string(set.Name())
	switch kind {
	case "repeated":
		l.repeated(rules.GetRepeated(), f)
		return
	case "map":
		l.pairs(rules.GetMap(), f)
		return
	}
	if list {
		l.add([]string{kind}, "is of type repeated %s but has %s rules.", typeName(l.outer), l.name(kind))
		return
	}
	if !fits(kind, f) {
		l.add([]string{kind}, "is of type %s but has %s rules.", typeName(l.outer), l.name(kind))
		return
	}
	m := rules.ProtoReflect().Get(set).Message()
	*l.trials = append(*l.trials, func() { l.examples(rules, kind, m, f) })
	switch kind {
	case "bool":
	case "string":
		l.constant(kind, m)
		l.text(rules.GetString())
	case "bytes":
		l.constant(kind, m)
		l.bytes(rules.GetBytes())
	case "enum", "any":
		l.constant(kind, m)
	case "field_mask":
		l.constant(kind, m)
		l.mask(rules.GetFieldMask())
	default:
		l.number(kind, m)
		if kind == "timestamp" {
			l.timestamp(rules.GetTimestamp())
		}
	}
}

// messages are the types of messages that constraints of a kind are for too.
var messages = map[string]protoreflect.FullName{
	"float": "google.protobuf.FloatValue", "double": "google.protobuf.DoubleValue",
	"int32": "google.protobuf.Int32Value", "int64": "google.protobuf.Int64Value",
	"uint32": "google.protobuf.UInt32Value", "uint64": "google.protobuf.UInt64Value",
	"bool": "google.protobuf.BoolValue", "string": "google.protobuf.StringValue", "bytes": "google.protobuf.BytesValue",
	"any": "google.protobuf.Any", "duration": "google.protobuf.Duration",
	"timestamp": "google.protobuf.Timestamp", "field_mask": "google.protobuf.FieldMask",
}

// fits reports whether constraints of a kind, which are named as the types of
// Protobuf are, can hold for a field.
func fits(kind string, f protoreflect.FieldDescriptor) bool {
	if m := f.Message(); m != nil {
		return messages[kind] != "" && m.FullName() == messages[kind]
	}
	return f.Kind().String() == kind
}

func isWrapper(m protoreflect.MessageDescriptor) bool {
	return slices.Contains([]string{"float", "double", "int32", "int64", "uint32", "uint64", "bool", "string", "bytes"}, kindOf(m))
}

// kindOf is the kind of constraints that a message type takes, or nothing.
func kindOf(m protoreflect.MessageDescriptor) string {
	for kind, name := range messages {
		if name == m.FullName() {
			return kind
		}
	}
	return ""
}

func typeName(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Message() == nil:
		return f.Kind().String()
	case f.IsMap():
		return "map<" + typeName(f.MapKey()) + ", " + typeName(f.MapValue()) + ">"
	}
	return string(f.Message().FullName())
}

// flags checks what holds for fields of all types.
func (l *fieldLint) flags(rules *validate.FieldRules, f protoreflect.FieldDescriptor) {
	required, ignore, always, zero := l.name("required"), l.name("ignore"), validate.Ignore_IGNORE_ALWAYS, validate.Ignore_IGNORE_IF_ZERO_VALUE
	isZero := rules.GetIgnore() == zero
	if f.IsExtension() && rules.GetRequired() {
		l.add([]string{"required"}, "is an extension field and cannot have %s.", required)
	}
	if f.IsExtension() && isZero {
		l.add([]string{"ignore"}, "is an extension field and cannot have %s=%v.", ignore, zero)
	}
	if o := f.ContainingOneof(); o != nil && !o.IsSynthetic() && rules.GetRequired() {
		l.add([]string{"required"}, "has %s but is in a oneof (%s). Oneof fields must not have %s.", required, o.Name(), required)
	}
	if rules.GetIgnore() == always && count(rules.ProtoReflect()) > 1 {
		l.add([]string{"ignore"}, "has %s=%v and therefore other rules in %s are not applied and should be removed.", ignore, always, l.name())
	}
	if rules.GetRequired() && isZero {
		for _, name := range []string{"required", "ignore"} {
			l.add([]string{name}, "has both %s and %s=%v. A field cannot be empty if it is required.", required, ignore, zero)
		}
	}
	if isZero && f.HasPresence() && !f.IsExtension() {
		l.add([]string{"ignore"}, "has %s=%v and tracks presence. This is the same as the default and the ignore option can be removed.", ignore, zero)
	}
}

// count returns how many fields are set.
func count(m protoreflect.Message) int {
	n := 0
	m.Range(func(protoreflect.FieldDescriptor, protoreflect.Value) bool {
		n++
		return true
	})
	return n
}

func (l *fieldLint) repeated(rules *validate.RepeatedRules, f protoreflect.FieldDescriptor) {
	if !f.IsList() {
		l.add([]string{"repeated"}, "is not repeated but has %s rules.", l.name("repeated"))
		return
	}
	if m := f.Message(); rules.GetUnique() && m != nil && !isWrapper(m) {
		l.add([]string{"repeated", "unique"}, "is of type %s but has %s set to true, which is only allowed for scalar types and wrapper types.",
			typeName(l.outer), l.name("repeated", "unique"))
	}
	l.order("repeated", "min_items", rules.MinItems, "max_items", rules.MaxItems)
	items := l.part("repeated", "items")
	if rules.GetItems().GetRequired() {
		items.add([]string{"required"}, "has %s on repeated item rules, which is unenforceable. The %[2]s constraint cannot be applied to individual items in a repeated field.", items.name("required"))
	}
	items.rules(rules.GetItems(), f, false)
}

func (l *fieldLint) pairs(rules *validate.MapRules, f protoreflect.FieldDescriptor) {
	if !f.IsMap() {
		l.add([]string{"map"}, "is not a map but has %s.", l.name("map"))
		return
	}
	l.order("map", "min_pairs", rules.MinPairs, "max_pairs", rules.MaxPairs)
	keys, values := l.part("map", "keys"), l.part("map", "values")
	if rules.GetKeys().GetRequired() {
		keys.add([]string{"required"}, "has %s on map key rules, which is unenforceable. The %[2]s constraint cannot be applied to map keys.", keys.name("required"))
	}
	keys.rules(rules.GetKeys(), f.MapKey(), false)
	if rules.GetValues().GetRequired() {
		values.add([]string{"required"}, "has %s on map value rules, which is unenforceable. The %[2]s constraint cannot be applied to map values.", values.name("required"))
	}
	values.rules(rules.GetValues(), f.MapValue(), false)
}

// order checks a least and a greatest size.
func (l *fieldLint) order(kind, lowName string, low *uint64, highName string, high *uint64) {
	if low == nil || high == nil || *low <= *high {
		return
	}
	lowRule, highRule := l.name(kind, lowName), l.name(kind, highName)
	l.add([]string{kind, lowName}, "has value %d for %s, which must be lower than value %d for %s.", *low, lowRule, *high, highRule)
	l.add([]string{kind, highName}, "has value %d for %s, which must be higher than value %d for %s.", *high, highRule, *low, lowRule)
}

// sizes checks an exact size against bounds, and the bounds against one another.
func (l *fieldLint) sizes(kind, exactName string, exact *uint64, lowName string, low *uint64, highName string, high *uint64) {
	if exact != nil && low != nil {
		l.add([]string{kind, lowName}, "has %s and therefore, %s is redundant and should be removed.", l.name(kind, exactName), l.name(kind, lowName))
	}
	if exact != nil && high != nil {
		l.add([]string{kind, highName}, "has %s and therefore, %s is redundant and should be removed.", l.name(kind, exactName), l.name(kind, highName))
	}
	l.order(kind, lowName, low, highName, high)
	if low != nil && high != nil && *low == *high {
		for _, name := range []string{lowName, highName} {
			l.add([]string{kind, name}, "has equal %s and %s, use %s.%s instead.", l.name(kind, lowName), highName, l.name(kind), exactName)
		}
	}
}

// constant reports constraints beside a constant.
func (l *fieldLint) constant(kind string, m protoreflect.Message) {
	if fd := m.Descriptor().Fields().ByName("const"); fd != nil && m.Has(fd) && count(m) > 1 {
		l.add([]string{kind, "const"}, "has %s, therefore other rules in %s are not applied and should be removed.", l.name(kind, "const"), l.name(kind))
	}
}

func (l *fieldLint) pattern(kind string, pattern *string) {
	if pattern == nil {
		return
	}
	if _, err := regexp.Compile(*pattern); err != nil {
		l.add([]string{kind, "pattern"}, "has a %s that fails to compile: %v.", l.name(kind, "pattern"), err)
	}
}
