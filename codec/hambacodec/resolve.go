package hambacodec

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hamba/avro/v2"
)

// resolve returns the schema with which data of writer is read as reader.
func resolve(reader, writer avro.Schema) (s avro.Schema, err error) {
	defer caught(&err)
	for _, schema := range []avro.Schema{writer, reader} {
		l, err := layoutOf(schema, map[string]*layout{})
		if err != nil {
			return nil, err
		}
		if l.recursive(map[*layout]bool{}, map[*layout]bool{}) {
			return nil, errors.New("schema is recursive and not the reader's own; hamba/avro cannot resolve it, generated types can")
		}
		if l.expanded(map[*layout]int{}) > maxExpanded {
			return nil, fmt.Errorf("schema has more than %d types when written out", maxExpanded)
		}
	}
	if err := sameMeaning(reader, writer); err != nil {
		return nil, err
	}
	return avro.NewSchemaCompatibility().Resolve(reader, writer)
}

// expanded returns the number of types in l with every use written out, or a
// number above maxExpanded. l is not recursive.
func (l *layout) expanded(known map[*layout]int) int {
	if l == nil {
		return 0
	}
	if n, ok := known[l]; ok {
		return n
	}
	n := 1 + l.items.expanded(known)
	for _, b := range l.branches {
		n = min(maxExpanded+1, n+b.expanded(known))
	}
	for _, f := range l.fields {
		n = min(maxExpanded+1, n+f.layout.expanded(known))
	}
	known[l] = min(maxExpanded+1, n)
	return known[l]
}

// sameMeaning returns an error if hamba/avro would read a number of writer as
// another number of reader: it looks at how values are laid out, not at the
// scale of a decimal or the unit of a time.
func sameMeaning(reader, writer avro.Schema) error {
	reader, writer = deref(reader), deref(writer)
	if w, ok := writer.(*avro.UnionSchema); ok {
		for _, branch := range w.Types() {
			if err := sameMeaning(reader, branch); err != nil {
				return err
			}
		}
		return nil
	}
	if r, ok := reader.(*avro.UnionSchema); ok {
		for _, branch := range r.Types() {
			if sameName(branch, writer) {
				return sameMeaning(branch, writer)
			}
		}
		for _, branch := range r.Types() {
			if branch = deref(branch); promotes[writer.Type()] == branch.Type() {
				if err := sameMeaning(branch, writer); err != nil {
					return err
				}
			}
		}
		return nil
	}
	switch w := writer.(type) {
	case *avro.RecordSchema:
		if r, ok := reader.(*avro.RecordSchema); ok {
			return sameFields(r, w)
		}
	case *avro.ArraySchema:
		if r, ok := reader.(*avro.ArraySchema); ok {
			return sameMeaning(r.Items(), w.Items())
		}
	case *avro.MapSchema:
		if r, ok := reader.(*avro.MapSchema); ok {
			return sameMeaning(r.Values(), w.Values())
		}
	}
	if r, w := logical(reader), logical(writer); r != "" && w != "" && r != w {
		return fmt.Errorf("data is %s, expected %s", w, r)
	}
	return nil
}

// promotes are the types that another type is read as and that have logical types
// too.
var promotes = map[avro.Type]avro.Type{avro.Int: avro.Long, avro.Bytes: avro.String, avro.String: avro.Bytes}

func sameFields(reader, writer *avro.RecordSchema) error {
	for _, r := range reader.Fields() {
		for _, w := range writer.Fields() {
			if r.Name() != w.Name() && !slices.Contains(r.Aliases(), w.Name()) {
				continue
			}
			if err := sameMeaning(r.Type(), w.Type()); err != nil {
				return fmt.Errorf("field %s: %w", r.Name(), err)
			}
		}
	}
	return nil
}

func sameName(a, b avro.Schema) bool {
	a = deref(a)
	if a.Type() != b.Type() {
		return false
	}
	na, ok := a.(avro.NamedSchema)
	nb, _ := b.(avro.NamedSchema)
	return !ok || na.FullName() == nb.FullName() || slices.Contains(na.Aliases(), nb.FullName())
}

func deref(s avro.Schema) avro.Schema {
	for {
		ref, ok := s.(*avro.RefSchema)
		if !ok {
			return s
		}
		s = ref.Schema()
	}
}

// logical names what the values of s mean, or "" if they mean themselves.
func logical(s avro.Schema) string {
	l, ok := s.(avro.LogicalTypeSchema)
	if !ok || l.Logical() == nil {
		return ""
	}
	if d, ok := l.Logical().(*avro.DecimalLogicalSchema); ok {
		return fmt.Sprintf("decimal of scale %d", d.Scale())
	}
	return string(l.Logical().Type())
}
