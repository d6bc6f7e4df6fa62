package codec

import (
	"errors"
	"fmt"
	"slices"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// sameText reports whether a and b are one schema, letter for letter, with all
// that they refer to. Paths and subjects are no part of a schema.
func sameText(a, b lang.Source) bool {
	return sameTexts(&a, &b, map[[2]*lang.Source]bool{})
}

// sameTexts is sameText for two texts that were not compared so far: many texts may
// draw in the same one.
func sameTexts(a, b *lang.Source, compared map[[2]*lang.Source]bool) bool {
	pair := [2]*lang.Source{a, b}
	if a == b || compared[pair] {
		return true // equal, or found unequal already
	}
	compared[pair] = true
	if a.Type != b.Type || a.Text != b.Text || len(a.References) != len(b.References) {
		return false
	}
	for i, ra := range a.References {
		rb := b.References[i]
		if ra.Name != rb.Name || (ra.Source == nil) != (rb.Source == nil) {
			return false
		}
		if ra.Source != nil && !sameTexts(ra.Source, rb.Source, compared) {
			return false
		}
	}
	return true
}

// sameData reports whether data of the Avro schemas a and b is laid out in the
// same way and means the same. A registry prints a schema anew, and a change of
// documentation, defaults or aliases makes another id: such data needs no
// resolution. Fingerprints would not do, since the canonical form that they are
// made of leaves out the scale of a decimal and the unit of a time.
func sameData(a, b lang.Source) bool {
	if sameText(a, b) {
		return true
	}
	// Leniently, as one of the two is in use already.
	sa, err := avro.ParseLenient(a)
	if err != nil {
		return false
	}
	sb, err := avro.ParseLenient(b)
	if err != nil {
		return false
	}
	return sameType(sa.Root, sb.Root, map[[2]*avro.Type]bool{})
}

func sameType(a, b *avro.Type, compared map[[2]*avro.Type]bool) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Name != b.Name || a.Size != b.Size ||
		a.Logical != b.Logical || a.Precision != b.Precision || a.Scale != b.Scale {
		return false
	}
	pair := [2]*avro.Type{a, b}
	if compared[pair] {
		return true // equal, or about to be found unequal further up
	}
	compared[pair] = true
	return sameType(a.Items, b.Items, compared) &&
		slices.EqualFunc(a.Symbols, b.Symbols, func(a, b avro.Symbol) bool { return a.Name == b.Name }) &&
		slices.EqualFunc(a.Branches, b.Branches, func(a, b *avro.Type) bool { return sameType(a, b, compared) }) &&
		slices.EqualFunc(a.Fields, b.Fields, func(a, b *avro.Field) bool {
			return a.Name == b.Name && sameType(a.Type, b.Type, compared)
		})
}

// avroName returns the full name of the type that an Avro schema declares, or
// the word for it if it has no name.
func avroName(src lang.Source) (string, error) {
	s, err := avro.ParseLenient(src)
	if err != nil {
		return "", fmt.Errorf("writer's schema: %w", err)
	}
	switch s.Root.Kind {
	case avro.Record, avro.Enum, avro.Fixed:
		return s.Root.Name, nil
	case avro.Union:
		// It may well hold a type that is handled: to skip it would lose events.
		return "", errors.New("writer's schema is a union, expected a record; give each event its own subject")
	}
	return "unnamed Avro type", nil
}
