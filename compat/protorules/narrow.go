package protorules

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/protobuf"
)

// NarrowTable returns the rules of [Narrowed]. The rows are shared and must not be
// changed.
func NarrowTable() []*rule.Rule { return []*rule.Rule{integerNarrowed} }

var integerNarrowed = &rule.Rule{
	ID: "PROTO_INTEGER_NARROWED",
	Doc: `an integer is read with a type that does not hold every value of the other

The bytes are compatible, so neither Buf's WIRE rules nor a registry mind. A value
that does not fit is cut to its low bits or read with another sign, without an error:
5000000000 becomes 705032704.

Before:  int64 total = 2;
After:   int32 total = 2;
Instead: keep the type, or add a field with the new one.`,
	Fix:      "keep the wider type, or add a field with the new type",
	Breaks:   rule.Readers | rule.OldReaders,
	Severity: rule.Error,
}

// Narrowed returns the integer fields whose reader does not hold every value that
// the writer may write, for one of the directions. Messages are paired by full
// name and fields by number.
func Narrowed(newer, older *protobuf.Schema, dir rule.Breaks) []*rule.Finding {
	w := &narrower{newer: newer, older: older, dir: dir}
	w.messages(newer.File().Messages(), older.File().Messages())
	return w.found
}

type narrower struct {
	newer, older *protobuf.Schema
	dir          rule.Breaks
	found        []*rule.Finding
}

func (w *narrower) messages(newer, older protoreflect.MessageDescriptors) {
	for i := range newer.Len() {
		n := newer.Get(i)
		o := older.ByName(n.Name())
		if o == nil || n.FullName() != o.FullName() || n.IsMapEntry() {
			continue
		}
		for j := range n.Fields().Len() {
			f := n.Fields().Get(j)
			g := o.Fields().ByNumber(f.Number())
			switch {
			case g == nil || f.IsMap() != g.IsMap():
			case f.IsMap():
				w.field(f, g, f.MapKey().Kind(), g.MapKey().Kind(), "the keys of ")
				w.field(f, g, f.MapValue().Kind(), g.MapValue().Kind(), "the values of ")
			default:
				w.field(f, g, f.Kind(), g.Kind(), "")
			}
		}
		w.messages(n.Messages(), o.Messages())
	}
}

func (w *narrower) field(f, g protoreflect.FieldDescriptor, newer, older protoreflect.Kind, part string) {
	reader, writer := newer, older
	if w.dir == rule.OldReaders {
		reader, writer = older, newer
	}
	r, ok := integers[reader]
	s, ok2 := integers[writer]
	if !ok || !ok2 || r.wire != s.wire || r.low <= s.low && r.high >= s.high {
		return
	}
	name := string(f.ContainingMessage().FullName())
	out := &rule.Finding{
		Rule: integerNarrowed, Breaks: w.dir, Path: nestedName(f),
		Message: fmt.Sprintf("%sfield %d %q of %s changed from %s to %s, and %s does not hold every %s", part, f.Number(), f.Name(), name, older, newer, reader, writer),
		New:     w.newer.FieldTypePos(name, int(f.Number())), Old: w.older.FieldTypePos(name, int(g.Number())),
		NewNote: "new schema reads " + newer.String(), OldNote: "records already written hold " + older.String(),
	}
	if w.dir == rule.OldReaders {
		out.NewNote, out.OldNote = "new records hold "+newer.String(), "old schema reads "+older.String()
	}
	w.found = append(w.found, out)
}

// An integer is a kind of integer: how it is written, and the powers of two that
// bound it. A bool reads any number as true, which is a value of its own.
type integer struct {
	wire      string
	low, high int
}

var integers = map[protoreflect.Kind]integer{
	protoreflect.BoolKind:     {"varint", 0, 1},
	protoreflect.Int32Kind:    {"varint", -31, 31},
	protoreflect.Int64Kind:    {"varint", -63, 63},
	protoreflect.Uint32Kind:   {"varint", 0, 32},
	protoreflect.Uint64Kind:   {"varint", 0, 64},
	protoreflect.Sint32Kind:   {"zigzag", -31, 31},
	protoreflect.Sint64Kind:   {"zigzag", -63, 63},
	protoreflect.Fixed32Kind:  {"fixed32", 0, 32},
	protoreflect.Sfixed32Kind: {"fixed32", -31, 31},
	protoreflect.Fixed64Kind:  {"fixed64", 0, 64},
	protoreflect.Sfixed64Kind: {"fixed64", -63, 63},
}
