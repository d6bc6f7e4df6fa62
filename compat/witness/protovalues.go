package witness

import (
	"math"
	"math/rand/v2"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// protoDepth is how deep messages are filled.
const protoDepth = 6

// newMessage returns the smallest message of a type: only what is required is set.
// It is false where that never ends.
func newMessage(md protoreflect.MessageDescriptor, depth int, steps *budget) (*dynamicpb.Message, bool) {
	m := dynamicpb.NewMessage(md)
	if md.RequiredNumbers().Len() == 0 {
		return m, true
	}
	if depth <= 0 {
		return nil, false
	}
	for i := range md.RequiredNumbers().Len() {
		fd := md.Fields().ByNumber(md.RequiredNumbers().Get(i))
		if !steps.take(1) {
			return nil, false
		}
		if fd.Message() != nil {
			inner, ok := newMessage(fd.Message(), depth-1, steps)
			if !ok {
				return nil, false
			}
			m.Set(fd, protoreflect.ValueOfMessage(inner))
			continue
		}
		m.Set(fd, scalars(fd)[0])
	}
	return m, true
}

// scalars returns values of a field that tell: the first is neither the default nor
// an extreme.
func scalars(fd protoreflect.FieldDescriptor) []protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return []protoreflect.Value{protoreflect.ValueOfBool(true), protoreflect.ValueOfBool(false)}
	case protoreflect.EnumKind:
		return symbols(fd.Enum())
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return list(protoreflect.ValueOfInt32, 1, -1, math.MaxInt32, math.MinInt32, 0)
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return list(protoreflect.ValueOfInt64, 1, -1, math.MaxInt32+1, math.MaxInt64, math.MinInt64, 0)
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return list(protoreflect.ValueOfUint32, 1, math.MaxUint32, 0)
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return list(protoreflect.ValueOfUint64, 1, math.MaxUint32+1, math.MaxUint64, 0)
	case protoreflect.FloatKind:
		return list(protoreflect.ValueOfFloat32, 1.5, -1, math.MaxFloat32, 0)
	case protoreflect.DoubleKind:
		return list(protoreflect.ValueOfFloat64, 1.5, -1, math.MaxFloat64, 0)
	case protoreflect.StringKind:
		out := list(protoreflect.ValueOfString, "a", "é", "")
		if !checksUTF8(fd) {
			out = append(out, protoreflect.ValueOfString("\xff"))
		}
		return out
	case protoreflect.BytesKind:
		out := list(protoreflect.ValueOfBytes, []byte("a"), []byte{0xff})
		return append(out, protoreflect.ValueOfBytes(nil))
	}
	return nil
}

func list[T any](of func(T) protoreflect.Value, values ...T) []protoreflect.Value {
	out := make([]protoreflect.Value, len(values))
	for i, v := range values {
		out[i] = of(v)
	}
	return out
}

// symbols returns the values of an enum, that of zero last.
func symbols(e protoreflect.EnumDescriptor) []protoreflect.Value {
	const most = 2000
	var out, zero []protoreflect.Value
	for i := range min(e.Values().Len(), most) {
		n := e.Values().Get(i).Number()
		if n == 0 {
			zero = []protoreflect.Value{protoreflect.ValueOfEnum(0)}
			continue
		}
		out = append(out, protoreflect.ValueOfEnum(n))
	}
	return append(out, zero...)
}

// checksUTF8 reports whether a writer refuses text that is no UTF-8.
func checksUTF8(fd protoreflect.FieldDescriptor) bool {
	if s, ok := fd.(interface{ EnforceUTF8() bool }); ok {
		return s.EnforceUTF8()
	}
	return fd.ParentFile().Syntax() != protoreflect.Proto2
}

// fieldValues returns what to try in a field: settings of a message. The reader's
// field steers which parts of a message are filled; it may be nil.
func (e *protoEngine) fieldValues(wf, rf protoreflect.FieldDescriptor, depth int) []func(*dynamicpb.Message) {
	var out []func(*dynamicpb.Message)
	switch {
	case wf.IsMap():
		return e.mapValues(wf, rf, depth)
	case wf.Message() != nil:
		for _, inner := range e.inner(wf, rf, depth) {
			out = append(out, func(m *dynamicpb.Message) {
				if wf.IsList() {
					m.Mutable(wf).List().Append(protoreflect.ValueOfMessage(inner))
				} else {
					m.Set(wf, protoreflect.ValueOfMessage(inner))
				}
			})
		}
		if wf.IsList() {
			if two, ok := newMessage(wf.Message(), protoDepth, &e.steps); ok {
				out = append(out, func(m *dynamicpb.Message) {
					m.Mutable(wf).List().Append(protoreflect.ValueOfMessage(two))
					m.Mutable(wf).List().Append(protoreflect.ValueOfMessage(two))
				})
			}
		}
		return out
	}
	all := scalars(wf)
	for _, v := range all {
		out = append(out, func(m *dynamicpb.Message) {
			if wf.IsList() {
				m.Mutable(wf).List().Append(v)
			} else {
				m.Set(wf, v)
			}
		})
	}
	if wf.IsList() && len(all) > 0 {
		out = append(out, func(m *dynamicpb.Message) {
			m.Mutable(wf).List().Append(all[0])
			m.Mutable(wf).List().Append(all[len(all)-1])
		})
	}
	return out
}

// inner returns messages for a field: the smallest, and those that differ from it
// in one field.
func (e *protoEngine) inner(wf, rf protoreflect.FieldDescriptor, depth int) []*dynamicpb.Message {
	var reader protoreflect.MessageDescriptor
	if rf != nil {
		reader = rf.Message()
	}
	small, ok := newMessage(wf.Message(), protoDepth, &e.steps)
	if !ok {
		return nil
	}
	out := []*dynamicpb.Message{small}
	if depth <= 0 {
		return out
	}
	const most = 200
	for i := range wf.Message().Fields().Len() {
		if len(out) >= most || !e.steps.take(1) {
			break
		}
		fd := wf.Message().Fields().Get(i)
		var other protoreflect.FieldDescriptor
		if reader != nil {
			other = reader.Fields().ByNumber(fd.Number())
		}
		for j, set := range e.fieldValues(fd, other, depth-1) {
			if j > 0 && reader == nil || len(out) >= most || !e.steps.take(1) {
				break
			}
			if m, ok := newMessage(wf.Message(), protoDepth, &e.steps); ok {
				set(m)
				out = append(out, m)
			}
		}
	}
	return out
}

func (e *protoEngine) mapValues(wf, rf protoreflect.FieldDescriptor, depth int) []func(*dynamicpb.Message) {
	var out []func(*dynamicpb.Message)
	put := func(k, v protoreflect.Value) {
		out = append(out, func(m *dynamicpb.Message) { m.Mutable(wf).Map().Set(k.MapKey(), v) })
	}
	keys := scalars(wf.MapKey())
	var held []protoreflect.Value
	if wf.MapValue().Message() == nil {
		held = scalars(wf.MapValue())
	} else {
		var other protoreflect.FieldDescriptor
		if rf != nil && rf.IsMap() {
			other = rf.MapValue()
		}
		for _, m := range e.inner(wf.MapValue(), other, depth-1) {
			held = append(held, protoreflect.ValueOfMessage(m))
		}
	}
	if len(held) == 0 || len(keys) == 0 {
		return nil
	}
	for _, v := range held {
		put(keys[0], v)
	}
	for _, k := range keys[1:] {
		put(k, held[0])
	}
	return out
}

// random fills a message: every field has a chance, and each value of a field.
func (e *protoEngine) random(m *dynamicpb.Message, r *rand.Rand, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !e.steps.take(1) || r.IntN(2) == 0 || depth <= 0 {
			continue
		}
		switch {
		case fd.IsMap():
			e.randomMap(m, fd, r, depth)
		case fd.IsList():
			for range r.IntN(3) {
				if v, ok := e.randomValue(fd, r, depth); ok {
					m.Mutable(fd).List().Append(v)
				}
			}
		default:
			if v, ok := e.randomValue(fd, r, depth); ok {
				m.Set(fd, v)
			}
		}
	}
}

func (e *protoEngine) randomMap(m *dynamicpb.Message, fd protoreflect.FieldDescriptor, r *rand.Rand, depth int) {
	for range r.IntN(3) {
		k, ok := e.randomValue(fd.MapKey(), r, depth)
		v, ok2 := e.randomValue(fd.MapValue(), r, depth)
		if ok && ok2 {
			m.Mutable(fd).Map().Set(k.MapKey(), v)
		}
	}
}

func (e *protoEngine) randomValue(fd protoreflect.FieldDescriptor, r *rand.Rand, depth int) (protoreflect.Value, bool) {
	if fd.Message() != nil {
		inner, ok := newMessage(fd.Message(), protoDepth, &e.steps)
		if !ok {
			return protoreflect.Value{}, false
		}
		e.random(inner, r, depth-1)
		return protoreflect.ValueOfMessage(inner), true
	}
	all := scalars(fd)
	if len(all) == 0 {
		return protoreflect.Value{}, false
	}
	if r.IntN(3) == 0 {
		return all[r.IntN(len(all))], true
	}
	switch n := int64(r.Uint64()) >> r.IntN(64); fd.Kind() {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(n)), true
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(n), true
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(n)), true
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(uint64(n)), true
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(strings.Repeat("aé", r.IntN(4))), true
	}
	return all[r.IntN(len(all))], true
}
