package witness

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
)

// A class is what can be wrong with a value at a place. Several rules may speak
// of one class.
type class uint8

const (
	noValue class = iota + 1
	ambiguous
	mismatch
	missingBranch
	unknownSymbol
	otherName
	otherSize
	otherMeaning
	plainMeaning // on one side the value has a logical type, and on the other none
)

// noClass is what a rule is about that no fault shows.
const noClass class = 0

// A fault is what a reader meets in a message.
type fault struct {
	class          class
	reader, writer spotKey // as the rules place it
	err            string  // empty where the value is read, as another one
	comment        string
}

// A site is where two types meet, with the places as the rules give them.
type site struct {
	reader, writer *avro.Type
	rPos, wPos     lang.Pos
	path           string // for people
}

type typePair struct{ reader, writer *avro.Type }

// A resolver reads values of one schema as those of another, by the rules of the
// specification.
type resolver struct {
	steps  *budget
	states map[typePair]bool // whether the reader can read the writer's type
	trail  []typePair
	fields map[*avro.Type]map[string]int
	// symbols holds the indexes of symbols; a default is under the empty name.
	symbols  map[*avro.Type]map[string]int
	branches map[*avro.Type]*branchIndex
}

func newResolver(steps *budget) *resolver {
	return &resolver{
		steps: steps, states: map[typePair]bool{}, fields: map[*avro.Type]map[string]int{}, symbols: map[*avro.Type]map[string]int{},
		branches: map[*avro.Type]*branchIndex{},
	}
}

// writerFields returns the indexes of the writer's fields that hold rf.
func (r *resolver) writerFields(rf *avro.Field, writer *avro.Type) []int {
	byName, ok := r.fields[writer]
	if !ok {
		byName = make(map[string]int, len(writer.Fields))
		for i, f := range writer.Fields {
			byName[f.Name] = i
		}
		r.fields[writer] = byName
	}
	var out []int
	if i, ok := byName[rf.Name]; ok {
		out = append(out, i)
	}
	for _, alias := range rf.Aliases {
		if i, ok := byName[alias]; ok && !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out
}

// readable reports whether every value of writer can be read. Of a pair that is
// being looked at it assumes so; what was concluded from that is forgotten if it
// turns out wrong.
func (r *resolver) readable(reader, writer *avro.Type) bool {
	p := typePair{reader, writer}
	if ok, known := r.states[p]; known {
		return ok
	}
	if !r.steps.take(1) {
		return false
	}
	mark := len(r.trail)
	r.states[p] = true
	r.trail = append(r.trail, p)
	if r.reads(reader, writer) {
		return true
	}
	for _, q := range r.trail[mark:] {
		delete(r.states, q)
	}
	r.trail = r.trail[:mark]
	r.states[p] = false
	return false
}

func (r *resolver) reads(reader, writer *avro.Type) bool {
	switch {
	case writer.Kind == avro.Union:
		return !slices.ContainsFunc(writer.Branches, func(b *avro.Type) bool { return !r.readable(reader, b) })
	case reader.Kind == avro.Union:
		return slices.ContainsFunc(r.candidates(reader, writer), func(b *avro.Type) bool { return r.steps.take(1) && r.readable(b, writer) })
	case reader.Kind != writer.Kind:
		return avro.Promotes(writer.Kind, reader.Kind)
	case reader.Kind.IsNamed() && !sameName(reader, writer):
		return false
	}
	switch reader.Kind {
	case avro.Array, avro.Map:
		return r.readable(reader.Items, writer.Items)
	case avro.Fixed:
		return reader.Size == writer.Size
	case avro.Enum:
		return !slices.ContainsFunc(writer.Symbols, func(s avro.Symbol) bool {
			_, ok := r.symbolFor(reader, s.Name)
			return !ok
		})
	case avro.Record:
		return r.fieldsReadable(reader, writer)
	}
	return true
}

// fieldsReadable reports whether every value of the record writer has what the fields of
// reader need, whatever their names are.
func (r *resolver) fieldsReadable(reader, writer *avro.Type) bool {
	return !slices.ContainsFunc(reader.Fields, func(rf *avro.Field) bool {
		at := r.writerFields(rf, writer)
		return len(at) > 1 || len(at) == 0 && rf.Default == nil ||
			len(at) == 1 && !r.readable(rf.Type, writer.Fields[at[0]].Type)
	})
}

// symbolFor returns the index of the symbol that a reader takes for another's.
func (r *resolver) symbolFor(reader *avro.Type, name string) (int, bool) {
	byName, ok := r.symbols[reader]
	if !ok {
		byName = make(map[string]int, len(reader.Symbols)+1)
		for i, s := range reader.Symbols {
			byName[s.Name] = i
		}
		if i, known := byName[reader.Default]; known && reader.HasDefault {
			byName[""] = i
		}
		r.symbols[reader] = byName
	}
	if i, ok := byName[name]; ok {
		return i, true
	}
	i, ok := byName[""]
	return i, ok
}

// pick returns the part of reader that reads values of writer, which is no union:
// reader itself, or the first of its branches that reads all of them, or else the
// one of the same kind and name, which has a try. Nil means that there is none.
func (r *resolver) pick(reader, writer *avro.Type) *avro.Type {
	if reader.Kind != avro.Union {
		if reader.Kind == writer.Kind || avro.Promotes(writer.Kind, reader.Kind) {
			return reader
		}
		return nil
	}
	near := r.candidates(reader, writer)
	if !r.steps.take(1 + len(near)/8) {
		return nil
	}
	for _, b := range near {
		if r.readable(b, writer) {
			return b
		}
	}
	for _, b := range near {
		if b.Kind == writer.Kind {
			return b
		}
	}
	return nil
}

// A reading is one message being read.
type reading struct {
	*resolver
	faults []fault
	plain  bool // whether a value that has a logical type on one side only is one
}

// javaReads is the comment of a fault that is one by the specification, and to Java's checker.
const javaReads = "Java's decoder compares no names of records and reads it all the same"

// noBranch says that the union reader has nothing for a value of writer.
func (r *reading) noBranch(c class, s site, wPos lang.Pos, writer *avro.Type, format string) {
	r.fail(c, s.rPos, wPos, format, s.path, describe(writer))
	if writer.Kind == avro.Record && s.reader.Kind == avro.Union && slices.ContainsFunc(s.reader.Branches, func(b *avro.Type) bool {
		return b.Kind == avro.Record && r.steps.take(1) && r.fieldsReadable(b, writer)
	}) {
		r.faults[len(r.faults)-1].comment = javaReads
	}
}

func (r *reading) fail(c class, reader, writer lang.Pos, format string, args ...any) {
	r.faults = append(r.faults, fault{class: c, reader: keyOf(reader), writer: keyOf(writer), err: fmt.Sprintf(format, args...)})
}

// read returns what the reader has of v. After a fault it goes on as well as it
// can, so that each fault of a message is known; what it returns is then no
// value that any reader would have.
func (r *reading) read(s site, v *value) *value {
	if !r.steps.take(1) {
		return v
	}
	if s.writer.Kind == avro.Union {
		branch := s.writer.Branches[v.n]
		part := r.pick(s.reader, branch)
		if part == nil {
			r.noBranch(missingBranch, s, r.branchPos(s.writer, branch), branch, "%s holds %s, and the reader has nothing for it")
			return v.items[0]
		}
		return r.into(s, part, branch, v.items[0])
	}
	if s.reader.Kind == avro.Union {
		part := r.pick(s.reader, s.writer)
		if part == nil {
			r.noBranch(mismatch, s, s.wPos, s.writer, "%s holds %s, and no branch of the reader's union takes it")
			return v
		}
		return r.into(s, part, s.writer, v)
	}
	return r.one(s, v)
}

// into reads a value that is in a union on one side or both.
func (r *reading) into(s site, reader, writer *avro.Type, v *value) *value {
	in := s
	in.reader, in.writer = reader, writer
	if s.reader.Kind == avro.Union {
		in.rPos = r.branchPos(s.reader, reader)
	}
	if s.writer.Kind == avro.Union {
		in.wPos = r.branchPos(s.writer, writer)
	}
	out := r.one(in, v)
	if s.reader.Kind == avro.Union {
		return &value{n: int64(r.index(s.reader).at[reader]), items: []*value{out}}
	}
	return out
}

// one reads a value where neither side has a union.
func (r *reading) one(s site, v *value) *value {
	reader, writer := s.reader, s.writer
	if reader.Kind != writer.Kind {
		if !avro.Promotes(writer.Kind, reader.Kind) {
			r.fail(mismatch, s.rPos, s.wPos, "%s holds %s, and the reader expects %s", s.path, describe(writer), describe(reader))
			return v
		}
		r.meaning(s, v)
		return promoted(reader.Kind, writer.Kind, v)
	}
	if reader.Kind.IsNamed() && !sameName(reader, writer) {
		r.fail(otherName, reader.NamePos, writer.NamePos, "%s holds %s %s, and the reader expects %s", s.path, writer.Kind, short(writer.Name), short(reader.Name))
	}
	r.meaning(s, v)
	switch reader.Kind {
	case avro.Fixed:
		if reader.Size != writer.Size {
			r.fail(otherSize, reader.SizePos, writer.SizePos, "%s holds %d bytes, and the reader expects %d", s.path, writer.Size, reader.Size)
		}
	case avro.Enum:
		symbol := writer.Symbols[v.n]
		i, ok := r.symbolFor(reader, symbol.Name)
		if !ok {
			r.fail(unknownSymbol, reader.NamePos, symbol.Pos, "%s holds the symbol %s, which the reader does not know", s.path, short(symbol.Name))
		}
		return &value{n: int64(max(i, 0))}
	case avro.Array, avro.Map:
		out := &value{keys: v.keys, items: make([]*value, len(v.items))}
		for i, item := range v.items {
			out.items[i] = r.read(below(s), item)
		}
		return out
	case avro.Record:
		return r.record(s, v)
	}
	return v
}

func (r *reading) record(s site, v *value) *value {
	out := &value{items: make([]*value, len(s.reader.Fields))}
	for i, rf := range s.reader.Fields {
		switch at := r.writerFields(rf, s.writer); len(at) {
		case 0:
			var err error
			if rf.Default == nil {
				r.fail(noValue, rf.NamePos, s.writer.NamePos, "there is no value for the field %s.%s, and it has no default", s.path, short(rf.Name))
			} else if out.items[i], err = ofDefault(rf.Type, rf.Default, r.steps); err != nil {
				r.fail(noValue, rf.NamePos, s.writer.NamePos, "the default of the field %s.%s cannot be read: %v", s.path, short(rf.Name), err)
			}
		case 1:
			out.items[i] = r.read(fieldSite(s, rf, s.writer.Fields[at[0]]), v.items[at[0]])
		default:
			r.fail(ambiguous, rf.NamePos, s.writer.Fields[at[1]].NamePos, "the field %s.%s has %d values, of %s and %s", s.path, short(rf.Name),
				len(at), short(s.writer.Fields[at[0]].Name), short(s.writer.Fields[at[1]].Name))
		}
	}
	return out
}

func below(s site) site {
	suffix := "[]"
	if s.writer.Kind == avro.Map {
		suffix = "{}"
	}
	return site{s.reader.Items, s.writer.Items, s.reader.ItemsPos, s.writer.ItemsPos, longer(s.path, suffix)}
}

func fieldSite(s site, rf, wf *avro.Field) site {
	return site{rf.Type, wf.Type, rf.TypePos, wf.TypePos, longer(s.path, "."+short(rf.Name))}
}

// longPath is where a path begins to lose its middle: only schemas that were made to
// do harm have longer ones, and they could have one for each of their fields.
const longPath = 300

func longer(path, step string) string {
	if len(path) > longPath {
		path = strings.ToValidUTF8(path[:longPath/2], "") + "…" + strings.ToValidUTF8(path[len(path)-longPath/3:], "")
	}
	return path + step
}

// short cuts a name that nobody could read anyway.
func short(name string) string {
	const most = 120
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "…"
}

func promoted(to, from avro.Kind, v *value) *value {
	if from == avro.Int || from == avro.Long {
		if to == avro.Float || to == avro.Double {
			return &value{f: float64(v.n)}
		}
	}
	return v
}

func simpleName(t *avro.Type) string { return t.Name[strings.LastIndexByte(t.Name, '.')+1:] }

func sameName(reader, writer *avro.Type) bool {
	return simpleName(reader) == simpleName(writer) || slices.Contains(reader.Aliases, writer.Name)
}

// describe names a type in a few words.
func describe(t *avro.Type) string {
	if t.Kind.IsNamed() {
		return t.Kind.String() + " " + short(t.Name)
	}
	return t.Kind.String()
}
