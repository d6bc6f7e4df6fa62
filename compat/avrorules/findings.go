package avrorules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// noValue reports a field of the reader that the writer does not have and that
// has no default.
func (w *walker) noValue(rf *avro.Field, reader, writer *avro.Type, at place) {
	said := words{missingDefault, at.crumb, cut(rf.Name)}
	if rf.Type.Kind == avro.Enum && rf.Type.HasDefault {
		// The protocol's checker takes the default of an enum for the default of
		// the field, and then compares the enum with the whole record.
		said = words{typeMismatch, at.step("", "/type"), mismatchInfo(rf.Type, writer)}
	}
	if w.dir == rule.Readers {
		f := &rule.Finding{
			Rule: fieldAdded, New: rf.NamePos, NewNote: "no default", Old: writer.NamePos,
			Message: fmt.Sprintf("field %q was added without a default", cut(rf.Name)),
		}
		if rf.Type.Kind == avro.Union && len(rf.Type.Branches) > 0 && rf.Type.Branches[0].Kind == avro.Null {
			f.Fix = `add "default": null`
			f.Edit = insertion(rf.TypePos, `, "default": null`)
		}
		if old := renamed(rf, reader, writer); old != nil {
			f.Fix = fmt.Sprintf(`add a "default"; or, if this is %q under a new name, add "aliases": [%q]`, cut(old.Name), cut(old.Name))
			f.Old, f.OldNote = old.NamePos, "was it renamed?"
		}
		w.report(f, at, said)
		return
	}
	w.report(&rule.Finding{
		Rule: fieldRemoved, New: writer.NamePos, NewNote: fmt.Sprintf("no field %q", cut(rf.Name)),
		Old: rf.NamePos, OldNote: "readers on the old schema need a value",
		Message: fmt.Sprintf("field %q was removed, and the old schema has no default for it", cut(rf.Name)),
	}, at, said)
}

// insertion is an edit that puts text behind a value.
func insertion(after lang.Pos, text string) *rule.Edit {
	after.Start = after.End
	return &rule.Edit{Pos: after, Text: text}
}

// renamed guesses which field of the writer became rf: the only one that the
// reader does not have, if the types agree.
func renamed(rf *avro.Field, reader, writer *avro.Type) *avro.Field {
	if len(reader.Fields)*len(writer.Fields) > 10_000 {
		return nil // a guess is not worth a scan of all pairs
	}
	var gone []*avro.Field
	for _, wf := range writer.Fields {
		taken := slices.ContainsFunc(reader.Fields, func(f *avro.Field) bool {
			return f.Name == wf.Name || slices.Contains(f.Aliases, wf.Name)
		})
		if !taken && describe(wf.Type) == describe(rf.Type) {
			gone = append(gone, wf)
		}
	}
	if len(gone) != 1 {
		return nil
	}
	return gone[0]
}

func (w *walker) ambiguous(rf *avro.Field, matches []*avro.Field, at place) {
	names := make([]string, len(matches))
	for i, m := range matches {
		names[i] = fmt.Sprintf("%q", cut(m.Name))
	}
	list := strings.Join(names, " and ")
	newPos, oldPos := sides(w, rf.NamePos, matches[1].NamePos)
	readerNote, writerNote := "its name and aliases match "+list, "one of them"
	newNote, oldNote := sides(w, readerNote, writerNote)
	other := "old"
	if w.dir == rule.OldReaders {
		other = "new"
	}
	w.report(&rule.Finding{
		Rule: fieldAmbiguous, New: newPos, NewNote: newNote, Old: oldPos, OldNote: oldNote,
		Message: fmt.Sprintf("field %q matches %d fields of the %s schema: %s", cut(rf.Name), len(matches), other, list),
	}, at, words{nameMismatch, at.crumb, cut(rf.Name)})
}

// mismatch reports types of which one cannot read the other.
func (w *walker) mismatch(reader, writer *avro.Type, at place) {
	newer, older := sides(w, reader, writer)
	r := typeChanged
	if at.inField {
		r = fieldType
	}
	newNote, oldNote := w.readNotes(describe(reader), describe(writer))
	w.report(&rule.Finding{
		Rule: r, New: at.newPos, NewNote: newNote, Old: at.oldPos, OldNote: oldNote,
		Message: fmt.Sprintf("%s changed from %s to %s", at.what, describe(older), describe(newer)),
	}, at, words{typeMismatch, at.crumb, mismatchInfo(reader, writer)})
}

// readNotes says under the carets what each side does with the data.
func (w *walker) readNotes(reader, writer string) (newNote, oldNote string) {
	if w.dir == rule.Readers {
		return "new schema reads " + reader, "records already written hold " + writer
	}
	return "new records hold " + writer, "old schema reads " + reader
}

// branch reports branch i of the writer's union, which reader has nothing for.
func (w *walker) branch(reader, writer *avro.Type, i int, at place, said words) {
	b := writer.Branches[i]
	name := describe(b)
	f := &rule.Finding{New: at.newPos, Old: at.oldPos}
	if w.dir == rule.Readers {
		f.Rule, f.Old, f.OldNote = branchRemoved, w.branchPos(writer, b), "records already written may hold it"
		f.NewNote = "new schema reads " + describe(reader)
		f.Message = fmt.Sprintf("branch %s of %s was removed", name, at.what)
		if b.Kind == avro.Null {
			f.Message = at.what + " may no longer be null"
		}
	} else {
		f.Rule, f.New, f.NewNote = branchAdded, w.branchPos(writer, b), "readers on the old schema do not know it"
		f.OldNote = "old schema reads " + describe(reader)
		f.Message = fmt.Sprintf("branch %s was added to %s", name, at.what)
		if b.Kind == avro.Null {
			f.Message = at.what + " became nullable"
		}
	}
	w.report(f, at, said)
}

func (w *walker) names(reader, writer *avro.Type, at place) {
	if sameName(reader, writer) {
		return
	}
	newer, older := sides(w, reader, writer)
	f := &rule.Finding{
		Rule: nameChanged, New: newer.NamePos, Old: older.NamePos, OldNote: "was " + cut(older.Name),
		Message: fmt.Sprintf("%s %s was renamed to %s", kindWord(older), cut(older.Name), cut(newer.Name)),
	}
	if reader.Kind == avro.Record {
		f.Decoder = "Java's checker compares names, but its decoder matches records by their fields and reads the data all the same"
	}
	if w.dir == rule.Readers {
		f.NewNote = "no alias for " + cut(older.Name)
		f.Fix = fmt.Sprintf(`keep the name, or add "aliases": [%q]`, cut(older.Name))
		if len(newer.Aliases) == 0 {
			f.Edit = insertion(newer.NamePos, fmt.Sprintf(`, "aliases": [%q]`, older.Name))
		}
	} else {
		f.NewNote = "readers on the old schema know it as " + cut(older.Name)
		f.Fix = "keep the name: readers on the old schema do not see new aliases"
	}
	w.report(f, at, words{nameMismatch, at.step("", "/name"), "expected: " + cut(reader.Name)})
}

func (w *walker) sizes(reader, writer *avro.Type, at place) {
	if reader.Size == writer.Size {
		return
	}
	newer, older := sides(w, reader, writer)
	newNote, oldNote := w.readNotes(fmt.Sprintf("%d bytes", reader.Size), fmt.Sprintf("%d bytes", writer.Size))
	w.report(&rule.Finding{
		Rule: fixedSize, New: newer.SizePos, NewNote: newNote, Old: older.SizePos, OldNote: oldNote,
		Message: fmt.Sprintf("fixed %s changed from %d to %d bytes", cut(newer.Name), older.Size, newer.Size),
	}, at, words{sizeMismatch, at.step("", "/size"), fmt.Sprintf("expected: %d, found: %d", reader.Size, writer.Size)})
}

// symbols reports each symbol that the writer may write and the reader does not
// know, unless the reader has a default for such.
func (w *walker) symbols(reader, writer *avro.Type, at place) {
	known := make(map[string]bool, len(reader.Symbols))
	for _, s := range reader.Symbols {
		known[s.Name] = true
	}
	if reader.HasDefault && known[reader.Default] {
		return
	}
	var missing []avro.Symbol
	var names []string
	for _, s := range writer.Symbols {
		if !known[s.Name] {
			missing, names = append(missing, s), append(names, s.Name)
		}
	}
	said := words{missingSymbols, at.step("", "/symbols"), "[" + strings.Join(names, ", ") + "]"}
	for _, s := range missing {
		f := &rule.Finding{}
		if w.dir == rule.Readers {
			f.Rule, f.New, f.Old = symbolRemoved, reader.NamePos, s.Pos
			f.NewNote, f.OldNote = "no default", "records already written may hold it"
			f.Message = fmt.Sprintf("symbol %s of enum %s was removed", cut(s.Name), cut(reader.Name))
		} else {
			f.Rule, f.New, f.Old = symbolAdded, s.Pos, reader.NamePos
			f.NewNote, f.OldNote = "readers on the old schema do not know it", "no default"
			f.Message = fmt.Sprintf("symbol %s was added to enum %s", cut(s.Name), cut(writer.Name))
		}
		w.report(f, at, said)
	}
}
