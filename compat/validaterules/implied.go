package validaterules

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// missing returns the constraints of reader that writer does not imply, as they
// are written: what a message that passes writer may fail. Both are messages of
// one type of buf.validate; nil has no constraint.
func missing(reader, writer protoreflect.Message, prefix string) []string {
	if reader == nil {
		return nil
	}
	var out []string
	fields := reader.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !reader.Has(fd) || harmless[fd.Name()] {
			continue
		}
		name := strings.TrimPrefix(prefix+"."+string(fd.Name()), ".")
		r := reader.Get(fd)
		if isRules(fd) {
			out = append(out, missing(r.Message(), part(writer, fd), name)...)
			continue
		}
		if !implied(fd, reader, writer) {
			out = append(out, name+" = "+text(fd, r))
		}
	}
	if more := ignored(writer); len(out) == 0 && prefix == "" && more > ignored(reader) && len(missing(reader, nil, "")) > 0 {
		out = append(out, "the constraints where it is ignored on the other side")
	}
	if extra := reader.GetUnknown(); len(extra) > 0 && (writer == nil || !bytes.Equal(extra, writer.GetUnknown())) {
		out = append(out, strings.TrimPrefix(prefix+" with constraints that are not known here", " "))
	}
	return out
}

// harmless are fields that constrain nothing.
var harmless = map[protoreflect.Name]bool{"example": true}

// ignored returns the ignore of a field's constraints: 0 checks always, and more
// checks less.
func ignored(m protoreflect.Message) protoreflect.EnumNumber {
	if m == nil {
		return 0
	}
	if fd := m.Descriptor().Fields().ByName("ignore"); fd != nil {
		return m.Get(fd).Enum()
	}
	return 0
}

// isRules reports whether a field holds constraints of its own, such as
// FieldRules.string or RepeatedRules.items.
func isRules(fd protoreflect.FieldDescriptor) bool {
	return fd.Message() != nil && !fd.IsList() && strings.HasSuffix(string(fd.Message().Name()), "Rules")
}

func part(m protoreflect.Message, fd protoreflect.FieldDescriptor) protoreflect.Message {
	if m == nil || !m.Has(fd) {
		return nil
	}
	return m.Get(fd).Message()
}

// implied reports whether every value that passes writer passes the constraint fd
// of the reader.
func implied(fd protoreflect.FieldDescriptor, reader, writer protoreflect.Message) bool {
	r := reader.Get(fd)
	if writer == nil {
		return fd.Kind() == protoreflect.BoolKind && fd.Name() != "const" && !r.Bool() || fd.Name() == "ignore"
	}
	switch fd.Name() {
	case "gt", "gte", "lt", "lte":
		return turned(reader) == turned(writer) && boundImplied(fd, r, writer)
	case "min_len", "min_bytes", "min_items", "min_pairs":
		return atLeast(writer, r, string(fd.Name()), strings.TrimPrefix(string(fd.Name()), "min_"))
	case "max_len", "max_bytes", "max_items", "max_pairs":
		return atMost(writer, r, string(fd.Name()), strings.TrimPrefix(string(fd.Name()), "max_"))
	case "in":
		if c, ok := constOf(writer); ok {
			return contains(r.List(), c)
		}
		return writer.Has(fd) && subset(writer.Get(fd).List(), r.List())
	case "not_in":
		return subset(r.List(), writer.Get(fd).List())
	case "cel", "cel_expression", "oneof":
		return sameExpressions(r.List(), writer.Get(fd).List())
	case "ignore":
		return true // see ignored
	}
	if fd.Kind() == protoreflect.BoolKind && fd.Name() != "const" {
		return !r.Bool() || writer.Get(fd).Bool()
	}
	return writer.Has(fd) && writer.Get(fd).Equal(r)
}

// boundImplied compares ranges. Where the lower bound is above the upper one the
// range is outside of both, and then only an equal range implies it.
func boundImplied(fd protoreflect.FieldDescriptor, r protoreflect.Value, writer protoreflect.Message) bool {
	lower := strings.HasPrefix(string(fd.Name()), "g")
	names := [2]protoreflect.Name{"lt", "lte"}
	if lower {
		names = [2]protoreflect.Name{"gt", "gte"}
	}
	if turned(writer) {
		return writer.Has(fd) && writer.Get(fd).Equal(r)
	}
	if c, ok := constOf(writer); ok {
		return within(c, r, fd.Name())
	}
	for _, name := range names {
		other := writer.Descriptor().Fields().ByName(name)
		if other == nil || !writer.Has(other) {
			continue
		}
		d, ok := compare(writer.Get(other), r)
		if !ok {
			return false
		}
		if !lower {
			d = -d
		}
		// An open bound of the reader at the writer's closed one lets one value through.
		open := fd.Name() == "gt" || fd.Name() == "lt"
		closed := name == "gte" || name == "lte"
		return d > 0 || d == 0 && !(open && closed)
	}
	return false
}

// turned reports whether the lower bound of a range is above its upper one.
func turned(m protoreflect.Message) bool {
	var low, high protoreflect.Value
	for _, name := range []protoreflect.Name{"gt", "gte"} {
		if fd := m.Descriptor().Fields().ByName(name); fd != nil && m.Has(fd) {
			low = m.Get(fd)
		}
	}
	for _, name := range []protoreflect.Name{"lt", "lte"} {
		if fd := m.Descriptor().Fields().ByName(name); fd != nil && m.Has(fd) {
			high = m.Get(fd)
		}
	}
	if !low.IsValid() || !high.IsValid() {
		return false
	}
	d, ok := compare(low, high)
	return !ok || d > 0
}

func within(c, bound protoreflect.Value, name protoreflect.Name) bool {
	d, ok := compare(c, bound)
	if !ok {
		return false
	}
	switch name {
	case "gt":
		return d > 0
	case "gte":
		return d >= 0
	case "lt":
		return d < 0
	}
	return d <= 0
}

func constOf(m protoreflect.Message) (protoreflect.Value, bool) {
	fd := m.Descriptor().Fields().ByName("const")
	if fd == nil || !m.Has(fd) {
		return protoreflect.Value{}, false
	}
	return m.Get(fd), true
}

// atLeast reports whether one of the named sizes of writer is at least r.
func atLeast(writer protoreflect.Message, r protoreflect.Value, names ...string) bool {
	n, ok := size(writer, names)
	return ok && n >= r.Uint()
}

func atMost(writer protoreflect.Message, r protoreflect.Value, names ...string) bool {
	n, ok := size(writer, names)
	return ok && n <= r.Uint()
}

func size(m protoreflect.Message, names []string) (uint64, bool) {
	for _, name := range names {
		if fd := m.Descriptor().Fields().ByName(protoreflect.Name(name)); fd != nil && m.Has(fd) {
			return m.Get(fd).Uint(), true
		}
	}
	return 0, false
}

func subset(small, large protoreflect.List) bool {
	for i := range small.Len() {
		if !contains(large, small.Get(i)) {
			return false
		}
	}
	return true
}

func contains(list protoreflect.List, v protoreflect.Value) bool {
	for i := range list.Len() {
		if list.Get(i).Equal(v) {
			return true
		}
	}
	return false
}

// sameExpressions asks that each of reader's expressions is one of writer's.
// Identifiers and messages of a CEL rule do not count.
func sameExpressions(reader, writer protoreflect.List) bool {
	have := map[string]bool{}
	for i := range writer.Len() {
		have[expression(writer.Get(i))] = true
	}
	for i := range reader.Len() {
		if !have[expression(reader.Get(i))] {
			return false
		}
	}
	return true
}

func expression(v protoreflect.Value) string {
	m, ok := v.Interface().(protoreflect.Message)
	if !ok {
		return v.String()
	}
	if fd := m.Descriptor().Fields().ByName("expression"); fd != nil {
		return m.Get(fd).String()
	}
	out, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.Interface())
	if err != nil {
		return fmt.Sprint(err)
	}
	return string(out)
}

// compare orders two numbers, times or durations of one type.
func compare(a, b protoreflect.Value) (int, bool) {
	switch x := a.Interface().(type) {
	case int32:
		return cmp.Compare(int64(x), b.Int()), true
	case int64:
		return cmp.Compare(x, b.Int()), true
	case uint32:
		return cmp.Compare(uint64(x), b.Uint()), true
	case uint64:
		return cmp.Compare(x, b.Uint()), true
	case float32:
		return floats(float64(x), b.Float())
	case float64:
		return floats(x, b.Float())
	case protoreflect.Message:
		return moments(x, b.Message())
	}
	return 0, false
}

func floats(a, b float64) (int, bool) {
	return cmp.Compare(a, b), !math.IsNaN(a) && !math.IsNaN(b)
}

// moments compares google.protobuf.Timestamp or Duration.
func moments(a, b protoreflect.Message) (int, bool) {
	seconds, nanos := a.Descriptor().Fields().ByName("seconds"), a.Descriptor().Fields().ByName("nanos")
	if seconds == nil || nanos == nil {
		return 0, false
	}
	return cmp.Or(cmp.Compare(a.Get(seconds).Int(), b.Get(seconds).Int()), cmp.Compare(a.Get(nanos).Int(), b.Get(nanos).Int())), true
}

// longText is how much of a value a message shows.
const longText = 80

func text(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	var out string
	switch {
	case fd.IsList():
		parts := make([]string, v.List().Len())
		for i := range parts {
			parts[i] = one(fd, v.List().Get(i))
		}
		out = "[" + strings.Join(parts, ", ") + "]"
	default:
		out = one(fd, v)
	}
	if len(out) > longText {
		out = strings.ToValidUTF8(out[:longText], "") + "…"
	}
	return out
}

func one(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch x := v.Interface().(type) {
	case protoreflect.Message:
		return expression(v)
	case protoreflect.EnumNumber:
		if value := fd.Enum().Values().ByNumber(x); value != nil {
			return string(value.Name())
		}
	case string, []byte:
		return fmt.Sprintf("%q", x)
	}
	return v.String()
}
