package witness

import (
	"fmt"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A loss is what a reader of Protobuf meets in a message: at a field of a message
// of the writer, or with no field if the message as a whole cannot be read.
type loss struct {
	message protoreflect.FullName
	number  protoreflect.FieldNumber
	err     string // empty where it reads on, with another value
	comment string
	kind    lossKind
}

// A lossKind tells losses apart that not every rule minds.
type lossKind uint8

const (
	plainLoss lossKind = iota
	unnamed            // a number that the reader's open enum has no name for
	unclosed           // the same of a closed enum
	absent             // a default was set, and the reader does not know that it was
	noText             // a string that is no UTF-8, which the specification forbids
)

// A comparison goes over a message as it was written and as it was read.
type comparison struct {
	steps  *budget
	losses []loss
	byName bool // symbols of enums count, as in JSON
}

func (c *comparison) lose(fd protoreflect.FieldDescriptor, format string, args ...any) *loss {
	c.losses = append(c.losses, loss{
		message: fd.ContainingMessage().FullName(), number: fd.Number(), comment: fmt.Sprintf(format, args...),
	})
	return &c.losses[len(c.losses)-1]
}

// message compares all that was written.
func (c *comparison) message(w, r protoreflect.Message) {
	unknown := numbersIn(r.GetUnknown())
	fields := w.Descriptor().Fields()
	for i := range fields.Len() {
		wf := fields.Get(i)
		if !c.steps.take(1) {
			return
		}
		rf := r.Descriptor().Fields().ByNumber(wf.Number())
		switch has := w.Has(wf); {
		case rf == nil && has:
			c.dropped(wf, r.Descriptor())
		case rf == nil:
		case has && unknown[wf.Number()]:
			c.lose(wf, "the reader does not understand field %d, which is %s there", wf.Number(), kindText(rf))
		case has:
			c.field(w, r, wf, rf)
		default:
			c.unset(w, r, wf, rf)
		}
	}
}

// numbersIn returns the numbers of fields that a reader put aside.
func numbersIn(b []byte) map[protoreflect.FieldNumber]bool {
	out := map[protoreflect.FieldNumber]bool{}
	for len(b) > 0 {
		number, _, n := protowire.ConsumeField(b)
		if n < 0 {
			break
		}
		out[number], b = true, b[n:]
	}
	return out
}

// dropped looks at a field that the reader does not know. It is kept among the
// unknown ones; but a reader that looks for its name finds another field, and one
// that asks which member of a oneof is set is told that none is.
func (c *comparison) dropped(wf protoreflect.FieldDescriptor, reader protoreflect.MessageDescriptor) {
	if moved := reader.Fields().ByName(wf.Name()); moved != nil {
		c.lose(wf, "the reader has field %d, and looks for %q in field %d", wf.Number(), wf.Name(), moved.Number())
		return
	}
	o := realOneof(wf)
	if o == nil {
		return
	}
	if same := reader.Oneofs().ByName(o.Name()); same != nil && !same.IsSynthetic() {
		c.lose(wf, "for the reader no member of the oneof %q is set", o.Name())
		return
	}
	for i := range o.Fields().Len() {
		other := reader.Fields().ByNumber(o.Fields().Get(i).Number())
		if other != nil && realOneof(other) != nil {
			c.lose(wf, "for the reader no member of the oneof %q is set", realOneof(other).Name())
			return
		}
	}
}

func isText(fd protoreflect.FieldDescriptor) bool {
	return fd.Kind() == protoreflect.StringKind || fd.Kind() == protoreflect.BytesKind
}

func realOneof(fd protoreflect.FieldDescriptor) protoreflect.OneofDescriptor {
	if o := fd.ContainingOneof(); o != nil && !o.IsSynthetic() {
		return o
	}
	return nil
}

// unset compares the defaults of a field that is not in the data.
func (c *comparison) unset(w, r protoreflect.Message, wf, rf protoreflect.FieldDescriptor) {
	if r.Has(rf) || wf.IsList() || wf.IsMap() || rf.IsList() || rf.IsMap() || wf.Message() != nil || rf.Message() != nil {
		return
	}
	if realOneof(wf) != nil || realOneof(rf) != nil {
		return // it is not read unless it is set
	}
	if isText(wf) != isText(rf) && !wf.HasDefault() && !rf.HasDefault() {
		return // both take it for empty
	}
	was, is := c.text(wf, w.Get(wf)), c.text(rf, r.Get(rf))
	if was != is {
		c.lose(wf, "the field is not set: the writer means %s, and the reader takes %s", was, is)
	}
}

func (c *comparison) field(w, r protoreflect.Message, wf, rf protoreflect.FieldDescriptor) {
	switch {
	case !r.Has(rf) && realOneof(rf) != nil:
		c.lose(wf, "another member of the oneof %q has erased the field", realOneof(rf).Name())
	case wf.IsMap() && rf.IsMap():
		c.maps(w.Get(wf).Map(), r.Get(rf).Map(), wf, rf)
	default:
		was, is := values(w, wf), values(r, rf)
		if len(is) == 0 && len(was) == 1 && !rf.IsList() && !rf.IsMap() && rf.Message() == nil {
			is = append(is, r.Get(rf)) // what is not there has its default
			if c.text(wf, was[0]) == c.text(rf, is[0]) {
				c.lose(wf, "the writer has set it, and the reader cannot tell").kind = absent
				return
			}
		}
		if len(was) != len(is) {
			c.lose(wf, "the writer has %d values, and the reader %d", len(was), len(is))
			return
		}
		if wf.IsMap() || rf.IsMap() {
			c.entries(wf, rf)
			return
		}
		for i := range was {
			c.value(wf, rf, was[i], is[i])
		}
	}
}

// entries compares a map with what is none on the other side. Its entries have no
// order, so only their form is compared: they are messages of a key and a value.
func (c *comparison) entries(wf, rf protoreflect.FieldDescriptor) {
	if wf.Message() == nil || rf.Message() == nil || wf.Kind() != rf.Kind() {
		c.lose(wf, "the writer has %s, and the reader takes it for %s", kindText(wf), kindText(rf))
		return
	}
	for _, n := range []protoreflect.FieldNumber{1, 2} {
		k, other := wf.Message().Fields().ByNumber(n), rf.Message().Fields().ByNumber(n)
		if k == nil || other == nil || k.Kind() != other.Kind() || k.IsList() != other.IsList() {
			c.lose(wf, "the writer has %s, and the reader takes it for %s", kindText(wf), kindText(rf))
			return
		}
	}
}

// values returns the values of a field: of a map, its entries without their order.
func values(m protoreflect.Message, fd protoreflect.FieldDescriptor) []protoreflect.Value {
	switch {
	case fd.IsMap():
		return make([]protoreflect.Value, m.Get(fd).Map().Len())
	case fd.IsList():
		list := m.Get(fd).List()
		out := make([]protoreflect.Value, list.Len())
		for i := range out {
			out[i] = list.Get(i)
		}
		return out
	case m.Has(fd):
		return []protoreflect.Value{m.Get(fd)}
	}
	return nil
}

func (c *comparison) maps(w, r protoreflect.Map, wf, rf protoreflect.FieldDescriptor) {
	if w.Len() != r.Len() {
		c.lose(wf, "the writer has %d entries, and the reader %d", w.Len(), r.Len())
		return
	}
	read := map[string]protoreflect.Value{}
	r.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		read[c.text(rf.MapKey(), k.Value())] = v
		return true
	})
	w.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		key := c.text(wf.MapKey(), k.Value())
		is, ok := read[key]
		if !ok {
			c.lose(wf, "the reader has no entry %s", key)
			return false
		}
		before := len(c.losses)
		c.value(wf.MapValue(), rf.MapValue(), v, is)
		for i := before; i < len(c.losses); i++ {
			if c.losses[i].message == wf.MapValue().ContainingMessage().FullName() { // people know the map, not its entry
				c.losses[i].message, c.losses[i].number = wf.ContainingMessage().FullName(), wf.Number()
			}
		}
		return true
	})
}

func (c *comparison) value(wf, rf protoreflect.FieldDescriptor, was, is protoreflect.Value) {
	if !c.steps.take(1) {
		return
	}
	switch {
	case wf.Message() != nil && rf.Message() != nil:
		c.message(was.Message(), is.Message())
		return
	case wf.Message() != nil || rf.Message() != nil:
		c.lose(wf, "the writer has %s, and the reader takes it for %s", kindText(wf), kindText(rf))
		return
	}
	before, after := c.text(wf, was), c.text(rf, is)
	if c.byName && wf.Kind() == protoreflect.EnumKind && rf.Kind() == protoreflect.StringKind {
		if v := wf.Enum().Values().ByNumber(was.Enum()); v != nil {
			before = string(v.Name()) // which JSON has for it, unless it has no name
		}
	}
	switch {
	case before != after:
		c.lose(wf, "the writer has %s, and the reader %s", before, after)
	case wf.Enum() != nil && rf.Enum() != nil:
		c.symbol(wf, rf, was.Enum())
	}
}

// symbol compares what a number of an enum is called.
func (c *comparison) symbol(wf, rf protoreflect.FieldDescriptor, n protoreflect.EnumNumber) {
	was, is := wf.Enum().Values().ByNumber(n), rf.Enum().Values().ByNumber(n)
	switch {
	case was == nil:
	case is == nil:
		l := c.lose(wf, "the writer has %s, and the reader no name for %d", was.Name(), n)
		if l.kind = unnamed; rf.Enum().IsClosed() {
			l.kind = unclosed
		}
	case c.byName && was.Name() != is.Name():
		c.lose(wf, "the writer has %s, and the reader %s", was.Name(), is.Name())
	}
}

// text prints a scalar so that equal values of different types are equal.
func (c *comparison) text(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		if v.Bool() {
			return "1"
		}
		return "0"
	case protoreflect.EnumKind:
		return strconv.Itoa(int(v.Enum()))
	case protoreflect.StringKind:
		if c.byName {
			return v.String() // which JSON has for numbers of 64 bits too
		}
		return strconv.Quote(v.String())
	case protoreflect.BytesKind:
		if c.byName {
			return string(v.Bytes())
		}
		return strconv.Quote(string(v.Bytes()))
	case protoreflect.FloatKind:
		return strconv.FormatFloat(v.Float(), 'g', -1, 32)
	case protoreflect.DoubleKind:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	}
	return v.String()
}

func kindText(fd protoreflect.FieldDescriptor) string {
	text := fd.Kind().String()
	switch {
	case fd.IsMap():
		return "map"
	case fd.Message() != nil:
		text = "message " + string(fd.Message().FullName())
	case fd.Enum() != nil:
		text = "enum " + string(fd.Enum().FullName())
	}
	if fd.IsList() {
		return "repeated " + text
	}
	return text
}
