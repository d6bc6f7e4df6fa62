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
	w := &walker{dir: dir, seen: map[pair]bool{}, failed: map[pair]bool{}, renamed: map[*avro.Type][]*avro.Type{}, indexes: newIndexes()}
	at := place{crumb: (*crumb)(nil).step(simpleName(newer.Root), ""), what: "the schema", newPos: newer.Root.Pos, oldPos: older.Root.Pos}
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
	// renamed holds the readers of another name that a writer was compared with.
	// In a recursive type they are met again as branches, which are looked up by
	// name; and the new name is one finding, wherever it is used.
	renamed map[*avro.Type][]*avro.Type
	trying  bool // in a trial: the first finding decides

	indexes
}

// A place is where the walk stands, in the words of people and of the protocol.
type place struct {
	*crumb
	what           string // field "total"
	inField        bool
	newPos, oldPos lang.Pos
	union          *words // set below a union's branch
}

// Words are what the protocol says about a finding. Its checker does not look
// into the branches of a union: whatever is wrong there is a missing branch.
type words struct {
	errorType string
	at        *crumb
	info      string
}

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
	if w.trying {
		w.found = append(w.found, f) // nobody reads it
		return
	}
	f.Path = at.path()
	if f.Rule.Severity == rule.Error {
		if at.union != nil {
			said = *at.union
		}
		f.ErrorType, f.Info, f.Pointer = said.errorType, said.info, said.at.pointer()
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
		if !sameName(reader, writer) {
			w.renamed[writer] = append(w.renamed[writer], reader)
		}
	}
	switch {
	case writer.Kind == avro.Union:
		w.fromUnion(reader, writer, at)
	case reader.Kind == avro.Union:
		w.intoUnion(reader, writer, at)
	case reader.Kind != writer.Kind:
		if !avro.Promotes(writer.Kind, reader.Kind) {
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
	at.what = token + " of " + at.what
	at.crumb = at.step(suffix, "/"+token)
	return at
}

func (w *walker) fields(reader, writer *avro.Type, at place) {
	for i, rf := range reader.Fields {
		if w.trying && len(w.found) > 0 {
			return
		}
		below := at
		below.what = "field " + strconv.Quote(cut(rf.Name))
		below.inField = true
		below.crumb = at.step("."+rf.Name, "/fields/"+strconv.Itoa(i))
		matches := w.writerFields(rf, writer)
		switch len(matches) {
		case 0:
			if rf.Default == nil {
				w.noValue(rf, reader, writer, below)
			}
		case 1:
			below.newPos, below.oldPos = sides(w, rf.TypePos, matches[0].TypePos)
			below.crumb = below.step("", "/type")
			w.compare(rf.Type, matches[0].Type, below)
		default:
			w.ambiguous(rf, matches, below)
		}
	}
}

// writerFields returns the writer's fields that hold the value of rf.
func (w *walker) writerFields(rf *avro.Field, writer *avro.Type) []*avro.Field {
	byName := w.fieldsOf(writer)
	var out []*avro.Field
	for _, name := range append([]string{rf.Name}, rf.Aliases...) {
		if f := byName[name]; f != nil {
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
		below.crumb = at.step("", "/"+strconv.Itoa(i)) // of the writer's branch, as Java has it
		said := words{missingBranch, below.crumb, "reader union lacking writer type: " + kindName(branch)}
		if reader.Kind != avro.Union {
			said = words{typeMismatch, below.crumb, mismatchInfo(reader, branch)}
		}
		if below.union == nil && reader.Kind == avro.Union {
			below.union = &said
		}
		if near := w.alike(reader, branch); near != nil && !w.trying {
			w.compare(near, branch, w.inBranch(below, reader, writer, near, branch))
			continue
		}
		w.branch(reader, writer, i, below, said)
	}
}

// intoUnion asks that one branch of the reader's union can read the writer.
func (w *walker) intoUnion(reader, writer *avro.Type, at place) {
	for _, r := range w.renamed[writer] {
		if w.branchesOf(reader).has(r) && w.seen[pair{r, writer}] {
			return
		}
	}
	for _, branch := range w.branchesOf(reader).candidates(writer) {
		if w.readable(branch, writer) {
			return
		}
	}
	said := words{missingBranch, at.crumb, "reader union lacking writer type: " + kindName(writer)}
	if at.union == nil {
		at.union = &said
	}
	if near := w.alike(reader, writer); near != nil && !w.trying {
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
		at.newPos = w.branchPos(newer, newBranch)
	}
	if older.Kind == avro.Union {
		at.oldPos = w.branchPos(older, oldBranch)
	}
	if isNamed(newBranch) {
		at.crumb = at.step("<"+simpleName(newBranch)+">", "")
	}
	return at
}
