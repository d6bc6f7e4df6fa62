package avrorules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// What resolution lets pass and people regret. These findings are never errors
// and have no words in the protocol. The walk of meanings calls them with types
// and fields that match.

// typeRegrets compares two types of one kind.
func (w *walker) typeRegrets(reader, writer *avro.Type, at place) {
	w.logical(reader, writer, at)
	w.precision(reader, writer, at)
	if !isNamed(reader) || reader.Kind != writer.Kind {
		return
	}
	w.namespace(reader, writer, at)
	newer, older := sides(w, reader, writer)
	w.aliasesGone(kindWord(newer)+" "+cut(simpleName(newer)), newer.Name, newer.Aliases, older.Aliases, newer.NamePos, older.NamePos, at)
	if newer.Doc != older.Doc {
		w.doc(kindWord(newer)+" "+cut(simpleName(newer)), newer.NamePos, older.NamePos, at)
	}
	if reader.Kind == avro.Enum {
		w.enumDefault(newer, older, at)
		w.symbolOrder(newer, older, at)
	}
}

func (w *walker) precision(reader, writer *avro.Type, at place) {
	if reader.Logical != avro.Decimal || writer.Logical != avro.Decimal || reader.Precision >= writer.Precision || reader.Scale != writer.Scale {
		return
	}
	newer, older := sides(w, reader, writer)
	newNote, oldNote := w.readNotes(digits(reader), digits(writer))
	w.report(&rule.Finding{
		Rule: precisionChanged, New: at.newPos, NewNote: newNote, Old: at.oldPos, OldNote: oldNote,
		Message: fmt.Sprintf("the precision of %s changed from %d to %d", at.what, older.Precision, newer.Precision),
	}, at, words{})
}

func digits(t *avro.Type) string { return strconv.Itoa(t.Precision) + " digits" }

func (w *walker) namespace(reader, writer *avro.Type, at place) {
	if reader.Name == writer.Name || simpleName(reader) != simpleName(writer) || slices.Contains(reader.Aliases, writer.Name) {
		return
	}
	newer, older := sides(w, reader, writer)
	f := &rule.Finding{
		Rule: namespaceChanged, New: newer.NamePos, NewNote: "is " + cut(newer.Name), Old: older.NamePos, OldNote: "was " + cut(older.Name),
		Message: fmt.Sprintf("%s %s moved to another namespace: it is %s now", kindWord(older), cut(older.Name), cut(newer.Name)),
	}
	if w.dir == rule.Readers {
		f.Fix = fmt.Sprintf(`keep the namespace, or add "aliases": [%q]`, cut(older.Name))
	}
	switch {
	case slices.ContainsFunc(reader.Fields, func(f *avro.Field) bool { return len(f.Aliases) > 0 }):
		f.Decoder = "Java's checker compares simple names, but its decoder looks for aliases of fields under the record's full name: it does not find a field that was renamed"
	case reader.Kind != avro.Record:
		f.Decoder = "Java's checker compares simple names, but its decoder compares full names of an enum or fixed type and refuses the data"
	}
	w.report(f, at, words{})
}

func (w *walker) doc(what string, newPos, oldPos lang.Pos, at place) {
	if w.dir != rule.Readers {
		return
	}
	w.report(&rule.Finding{Rule: docChanged, New: newPos, Old: oldPos, Message: "the documentation of " + what + " changed"}, at, words{})
	w.found[len(w.found)-1].Breaks = 0
}

// aliasesGone reports names under which readers found older data.
func (w *walker) aliasesGone(what, name string, now, before []string, newPos, oldPos lang.Pos, at place) {
	if w.dir != rule.Readers {
		return
	}
	var gone []string
	for _, alias := range before {
		if alias != name && !slices.Contains(now, alias) {
			gone = append(gone, strconv.Quote(cut(alias)))
		}
	}
	if len(gone) == 0 {
		return
	}
	list := strings.Join(gone, " and ")
	w.report(&rule.Finding{
		Rule: aliasRemoved, New: newPos, NewNote: "no alias " + list, Old: oldPos, OldNote: "had it",
		Message: fmt.Sprintf("%s is no longer found under its old name %s", what, list),
	}, at, words{})
}

func (w *walker) enumDefault(newer, older *avro.Type, at place) {
	if w.dir != rule.Readers || !older.HasDefault || newer.HasDefault && newer.Default == older.Default {
		return
	}
	f := &rule.Finding{
		Rule: enumDefaultChanged, New: newer.NamePos, NewNote: "no default", Old: older.NamePos, OldNote: "default " + cut(older.Default),
		Message: fmt.Sprintf("the default of enum %s was removed", cut(newer.Name)),
	}
	if newer.HasDefault {
		f.NewNote = "default " + cut(newer.Default)
		f.Message = fmt.Sprintf("the default of enum %s changed from %s to %s", cut(newer.Name), cut(older.Default), cut(newer.Default))
	}
	w.report(f, at, words{})
}

// symbolOrder reports symbols that are on both sides in another order.
func (w *walker) symbolOrder(newer, older *avro.Type, at place) {
	where := make(map[string]int, len(older.Symbols))
	for i, s := range older.Symbols {
		where[s.Name] = i
	}
	last := -1
	for _, s := range newer.Symbols {
		i, ok := where[s.Name]
		if !ok {
			continue
		}
		if i < last {
			w.report(&rule.Finding{
				Rule: symbolsReordered, New: s.Pos, NewNote: "after " + cut(older.Symbols[last].Name), Old: older.Symbols[i].Pos, OldNote: "before " + cut(older.Symbols[last].Name),
				Message: fmt.Sprintf("the symbols of enum %s are in another order: %s comes after %s", cut(newer.Name), cut(s.Name), cut(older.Symbols[last].Name)),
			}, at, words{})
			return
		}
		last = i
	}
}

// fieldRegrets compares a field with the one whose value it takes.
func (w *walker) fieldRegrets(rf, wf *avro.Field, at place) {
	if w.dir != rule.Readers {
		return
	}
	name := "field " + strconv.Quote(cut(rf.Name))
	w.aliasesGone(name, rf.Name, rf.Aliases, wf.Aliases, rf.NamePos, wf.NamePos, at)
	if rf.Doc != wf.Doc {
		w.doc(name, rf.NamePos, wf.NamePos, at)
	}
	switch {
	case wf.Default == nil || sameDefault(rf.Default, wf.Default):
	case rf.Default == nil:
		w.report(&rule.Finding{
			Rule: defaultRemoved, New: rf.NamePos, NewNote: "no default", Old: wf.Default.Pos, OldNote: "had one",
			Message: fmt.Sprintf("the default of %s was removed", name),
		}, at, words{})
	default:
		w.report(&rule.Finding{
			Rule: defaultChanged, New: rf.Default.Pos, NewNote: "default " + shortJSON(rf.Default), Old: wf.Default.Pos, OldNote: "default " + shortJSON(wf.Default),
			Message: fmt.Sprintf("the default of %s changed from %s to %s", name, shortJSON(wf.Default), shortJSON(rf.Default)),
		}, at, words{})
	}
}

// renames reports a field that looks like another one under a new name: it has a
// default, so readers take that and lose the value in silence.
func (w *walker) renames(rf *avro.Field, reader, writer *avro.Type, at place) {
	if w.dir != rule.Readers || rf.Default == nil {
		return
	}
	old := renamed(rf, reader, writer)
	if old == nil {
		return
	}
	w.report(&rule.Finding{
		Rule: fieldRenamed, New: rf.NamePos, NewNote: "no alias for " + cut(old.Name), Old: old.NamePos, OldNote: "readers no longer see this value",
		Message: fmt.Sprintf("field %q seems to be %q under a new name; readers find the default %s in old data instead of its value", cut(rf.Name), cut(old.Name), shortJSON(rf.Default)),
		Fix:     fmt.Sprintf(`if it was renamed, add "aliases": [%q]`, cut(old.Name)),
	}, at, words{})
}

func sameDefault(a, b *lang.Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind == lang.Number && b.Kind == lang.Number && a.Str != b.Str {
		x, errX := strconv.ParseFloat(a.Str, 64)
		y, errY := strconv.ParseFloat(b.Str, 64)
		const exact = 15 // digits that a float64 keeps
		return errX == nil && errY == nil && x == y && len(a.Str) <= exact && len(b.Str) <= exact
	}
	return string(a.AppendJSON(nil)) == string(b.AppendJSON(nil))
}

// shortJSON prints a default for a message.
func shortJSON(v *lang.Value) string { return cut(string(v.AppendJSON(nil))) }
