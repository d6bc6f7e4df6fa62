package avrorules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang/avro"
)

func isNamed(t *avro.Type) bool {
	return t.Kind == avro.Record || t.Kind == avro.Enum || t.Kind == avro.Fixed
}

// simpleName returns the name without its namespace, or the kind of a type that
// has no name.
func simpleName(t *avro.Type) string {
	if t.Name == "" {
		return kindWord(t)
	}
	return t.Name[strings.LastIndexByte(t.Name, '.')+1:]
}

// sameName is the name check of resolution: the namespace does not count, and an
// alias of the reader is a full name.
func sameName(reader, writer *avro.Type) bool {
	return simpleName(reader) == simpleName(writer) || slices.Contains(reader.Aliases, writer.Name)
}

// kindWord names a kind as schemas spell it.
func kindWord(t *avro.Type) string {
	switch t.Kind {
	case avro.Null:
		return "null"
	case avro.Boolean:
		return "boolean"
	case avro.Int:
		return "int"
	case avro.Long:
		return "long"
	case avro.Float:
		return "float"
	case avro.Double:
		return "double"
	case avro.Bytes:
		return "bytes"
	case avro.String:
		return "string"
	case avro.Record:
		return "record"
	case avro.Enum:
		return "enum"
	case avro.Array:
		return "array"
	case avro.Map:
		return "map"
	case avro.Union:
		return "union"
	default:
		return "fixed"
	}
}

// kindName names a kind as the protocol's messages spell it.
func kindName(t *avro.Type) string { return strings.ToUpper(kindWord(t)) }

func mismatchInfo(reader, writer *avro.Type) string {
	return fmt.Sprintf("reader type: %s not compatible with writer type: %s", kindName(reader), kindName(writer))
}

// describe names a type in a few words, without looking into named types.
func describe(t *avro.Type) string {
	switch t.Kind {
	case avro.Record, avro.Enum, avro.Fixed:
		return kindWord(t) + " " + cut(simpleName(t))
	case avro.Array:
		return "array of " + describe(t.Items)
	case avro.Map:
		return "map of " + describe(t.Items)
	case avro.Union:
		const most = 8 // more tell a reader nothing
		var parts []string
		for _, b := range t.Branches[:min(most, len(t.Branches))] {
			parts = append(parts, describe(b))
		}
		if len(t.Branches) > most {
			parts = append(parts, "…")
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return kindWord(t)
}
