// Package avrorules says which changes of an Avro schema break whom. Its verdicts
// are those of schema resolution as Java Avro 1.12 checks it
// (SchemaCompatibility): a pair of schemas without a finding of severity error is
// compatible there, and one with such a finding is not. Findings of severity
// warning concern what resolution ignores.
//
// It compares two parsed schemas and does nothing else: levels and histories are
// the business of package compat.
package avrorules

import (
	"strconv"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// Check returns everything that breaks when newer takes the place of older, in
// the order of the reader's text. With dir [rule.Readers] newer reads data of
// older; with [rule.OldReaders] older reads data of newer. Any other dir is
// nobody, and nothing breaks.
//
// A named type that is used in several places is compared once, so one mistake
// gives one finding, at the first place that uses the type.
func Check(newer, older *avro.Schema, dir rule.Breaks) []*rule.Finding {
	w := &walker{dir: dir, seen: map[pair]bool{}, failed: map[pair]bool{}}
	at := place{path: simpleName(newer.Root), what: "the schema", newPos: newer.Root.Pos, oldPos: older.Root.Pos}
	reader, writer := newer.Root, older.Root
	switch dir {
	case rule.Readers:
	case rule.OldReaders:
		reader, writer = writer, reader
	default:
		return nil
	}
	w.compare(reader, writer, at)
	w.meanings(reader, writer, at, map[pair]bool{})
	return w.found
}

// A pair is a reader's type with the writer's type that it has to read.
type pair struct{ reader, writer *avro.Type }

// A walker compares pairs of types from the roots down. A pair that is met again
// is taken as compatible: either it is being compared, and then a recursive type
// is compatible if nothing else speaks against it, or its findings are in.
type walker struct {
	dir   rule.Breaks
	found []*rule.Finding

	seen  map[pair]bool
	trail []pair // seen, in order, so that a trial can be taken back
	// failed holds pairs that a trial found incompatible. A trial assumes too
	// much rather than too little, so these stay incompatible for ever, and a
	// type with many unions cannot make the walk exponential.
	failed map[pair]bool
	trying bool // in a trial: the first finding decides
}

// A place is where the walk stands, in the words of people and of the protocol.
type place struct {
	path           string // OrderPlaced.items[].sku
	what           string // field "total"
	inField        bool
	pointer        string // into the reader
	newPos, oldPos lang.Pos
	union          *words // set below a union's branch
}

// Words are what the protocol says about a finding. Its checker does not look
// into the branches of a union: whatever is wrong there is a missing branch.
type words struct{ errorType, pointer, info string }

// sides orders a reader's and a writer's part as new and old.
func sides[T any](w *walker, reader, writer T) (newer, older T) {
	if w.dir == rule.OldReaders {
		return writer, reader
	}
	return reader, writer
}

// report adds f, which has no protocol words yet.
func (w *walker) report(f *rule.Finding, at place, said words) {
	f.Breaks = w.dir
	f.Path = at.path
	if f.Rule.Severity == rule.Error {
		if at.union != nil {
			said = *at.union
		}
		f.ErrorType, f.Info, f.Pointer = said.errorType, said.info, said.pointer
		if f.Pointer == "" {
			f.Pointer = "/"
		}
	}
	w.found = append(w.found, f)
}

// readable reports whether reader can read writer's data, without a finding.
func (w *walker) readable(reader, writer *avro.Type) bool {
	p := pair{reader, writer}
	if w.seen[p] {
		return true // what is wrong with it is reported where it was met first
	}
	if w.failed[p] {
		return false
	}
	found, mark, trying := w.found, len(w.trail), w.trying
	w.found, w.trying = nil, true
	w.compare(reader, writer, place{})
	ok := len(w.found) == 0
	w.found, w.trying = found, trying
	if !ok {
		for _, q := range w.trail[mark:] {
			delete(w.seen, q)
		}
		w.trail = w.trail[:mark]
		w.failed[p] = true
	}
	return ok
}

// compare reports what of writer's data reader cannot read.
func (w *walker) compare(reader, writer *avro.Type, at place) {
	if w.trying && len(w.found) > 0 {
		return
	}
	p := pair{reader, writer}
	if w.seen[p] {
		return
	}
	if isNamed(reader) && isNamed(writer) { // only these can come back
		w.seen[p] = true
		w.trail = append(w.trail, p)
	}
	switch {
	case writer.Kind == avro.Union:
		w.fromUnion(reader, writer, at)
	case reader.Kind == avro.Union:
		w.intoUnion(reader, writer, at)
	case reader.Kind != writer.Kind:
		if !promotes(writer.Kind, reader.Kind) {
			w.mismatch(reader, writer, at)
		}
	default:
		w.sameKind(reader, writer, at)
	}
}

func (w *walker) sameKind(reader, writer *avro.Type, at place) {
	switch reader.Kind {
	case avro.Array:
		w.compare(reader.Items, writer.Items, w.below(at, reader, writer, "[]", "items"))
	case avro.Map:
		w.compare(reader.Items, writer.Items, w.below(at, reader, writer, "{}", "values"))
	case avro.Fixed:
		w.names(reader, writer, at)
		w.sizes(reader, writer, at)
	case avro.Enum:
		w.names(reader, writer, at)
		w.symbols(reader, writer, at)
	case avro.Record:
		w.names(reader, writer, at)
		w.fields(reader, writer, at)
	}
}

// below is the place of the items of an array or the values of a map.
func (w *walker) below(at place, reader, writer *avro.Type, suffix, token string) place {
	newer, older := sides(w, reader, writer)
	at.newPos, at.oldPos = newer.ItemsPos, older.ItemsPos
	at.path += suffix
	at.what = token + " of " + at.what
	at.pointer += "/" + token
	return at
}

func (w *walker) fields(reader, writer *avro.Type, at place) {
	for i, rf := range reader.Fields {
		if w.trying && len(w.found) > 0 {
			return
		}
		below := at
		below.path = at.path + "." + rf.Name
		below.what = "field " + strconv.Quote(rf.Name)
		below.inField = true
		below.pointer = at.pointer + "/fields/" + strconv.Itoa(i)
		matches := writerFields(rf, writer)
		switch len(matches) {
		case 0:
			if rf.Default == nil {
				w.noValue(rf, reader, writer, below)
			}
		case 1:
			below.newPos, below.oldPos = sides(w, rf.TypePos, matches[0].TypePos)
			below.pointer += "/type"
			w.compare(rf.Type, matches[0].Type, below)
		default:
			w.ambiguous(rf, matches, below)
		}
	}
}

// writerFields returns the writer's fields that hold the value of rf.
func writerFields(rf *avro.Field, writer *avro.Type) []*avro.Field {
	var out []*avro.Field
	for _, name := range append([]string{rf.Name}, rf.Aliases...) {
		if f := writer.Field(name); f != nil {
			out = append(out, f)
		}
	}
	return out
}

// fromUnion asks that every branch of the writer's union can be read.
func (w *walker) fromUnion(reader, writer *avro.Type, at place) {
	for i, branch := range writer.Branches {
		if w.readable(reader, branch) {
			continue
		}
		below := at
		below.pointer += "/" + strconv.Itoa(i) // of the writer's branch, as Java has it
		said := words{missingBranch, below.pointer, "reader union lacking writer type: " + kindName(branch)}
		if reader.Kind != avro.Union {
			said = words{typeMismatch, below.pointer, mismatchInfo(reader, branch)}
		}
		if below.union == nil && reader.Kind == avro.Union {
			below.union = &said
		}
		if near := alike(reader, branch); near != nil && !w.trying {
			w.compare(near, branch, w.inBranch(below, reader, writer, near, branch))
			continue
		}
		w.branch(reader, writer, i, below, said)
	}
}

// intoUnion asks that one branch of the reader's union can read the writer.
func (w *walker) intoUnion(reader, writer *avro.Type, at place) {
	for _, branch := range reader.Branches {
		if w.readable(branch, writer) {
			return
		}
	}
	said := words{missingBranch, at.pointer, "reader union lacking writer type: " + kindName(writer)}
	if at.union == nil {
		at.union = &said
	}
	if near := alike(reader, writer); near != nil && !w.trying {
		w.compare(near, writer, w.inBranch(at, reader, writer, near, writer))
		return
	}
	w.mismatch(reader, writer, at)
}

// inBranch is the place of the value in a branch of a union.
func (w *walker) inBranch(at place, reader, writer, rb, wb *avro.Type) place {
	newer, older := sides(w, reader, writer)
	newBranch, oldBranch := sides(w, rb, wb)
	if newer.Kind == avro.Union {
		at.newPos = branchPos(newer, newBranch)
	}
	if older.Kind == avro.Union {
		at.oldPos = branchPos(older, oldBranch)
	}
	if isNamed(newBranch) {
		at.path += "<" + simpleName(newBranch) + ">"
	}
	return at
}

func branchPos(union, branch *avro.Type) lang.Pos {
	for i, b := range union.Branches {
		if b == branch && i < len(union.BranchPos) {
			return union.BranchPos[i]
		}
	}
	return union.Pos
}

// alike returns the part of reader that was meant to read a branch: a reader of
// the same kind, or the branch of the same kind, and for named types of the same
// name. It is nil if there is none, and then the branch is missing rather than
// different.
func alike(reader, writer *avro.Type) *avro.Type {
	if reader.Kind == writer.Kind {
		return reader
	}
	for _, c := range reader.Branches {
		if c.Kind == writer.Kind && (!isNamed(c) || sameName(c, writer)) {
			return c
		}
	}
	return nil
}
