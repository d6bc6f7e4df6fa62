package witness

import (
	"math/rand/v2"
	"slices"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang/avro"
)

// An avroEngine crosses Avro messages.
type avroEngine struct {
	dir            rule.Breaks
	reader, writer *avro.Schema
	steps          budget
	cut            bool // some places were left out: the walk was too long, or no message of bounded size has them
	resolver       *resolver
	size           map[*avro.Type]int // of the smallest value; none if there is no finite one
	small          map[typePair]*value
	open           map[typePair]bool

	edges    *edgeList
	spots    []*spot
	byReader map[spotKey][]*spot
	byWriter map[spotKey][]*spot
}

// A spot is a place in the message where two types meet. Above is the spot of the
// value that this one is part of.
type spot struct {
	site
	above *spot
	step  int // the field of the record, or the branch of the union
}

func newAvroEngine(reader, writer *avro.Schema, dir rule.Breaks) *avroEngine {
	e := &avroEngine{
		dir: dir, reader: reader, writer: writer, steps: budget{indexSteps},
		small: map[typePair]*value{}, open: map[typePair]bool{},
		byReader: map[spotKey][]*spot{}, byWriter: map[spotKey][]*spot{},
	}
	e.resolver = newResolver(&e.steps)
	e.measure()
	e.walk()
	e.cut = e.cut || e.steps.left <= 0
	return e
}

// walk finds every place where the message has something for the reader, the
// nearest first. What is below a pair of named types is found once.
func (e *avroEngine) walk() {
	e.add(&spot{site: e.root()})
	seen := map[typePair]bool{}
	for i := 0; i < len(e.spots) && e.steps.take(1); i++ {
		s := e.spots[i]
		p := typePair{s.site.reader, s.site.writer}
		if p.reader.Kind.IsNamed() && p.writer.Kind.IsNamed() {
			if seen[p] {
				continue
			}
			seen[p] = true
		}
		e.expand(s)
	}
}

// root is the site of the whole message.
func (e *avroEngine) root() site {
	s := site{e.reader.Root, e.writer.Root, e.reader.Root.Pos, e.writer.Root.Pos, describe(e.writer.Root)}
	if e.writer.Root.Kind == avro.Record {
		s.path = short(simpleName(e.writer.Root))
	}
	return s
}

func (e *avroEngine) add(s *spot) {
	if _, ok := e.size[s.site.writer]; !ok {
		e.cut = true
		return
	}
	if !e.steps.take(1) {
		return
	}
	e.spots = append(e.spots, s)
	for _, p := range distinctKeys(keyOf(s.rPos), keyOf(s.site.reader.NamePos), keyOf(s.site.reader.SizePos)) {
		e.byReader[p] = append(e.byReader[p], s)
	}
	for _, p := range distinctKeys(keyOf(s.wPos), keyOf(s.site.writer.NamePos), keyOf(s.site.writer.SizePos)) {
		e.byWriter[p] = append(e.byWriter[p], s)
	}
	if s.site.reader.Kind == avro.Record && s.site.writer.Kind == avro.Record && e.steps.take(len(s.site.reader.Fields)) {
		for _, rf := range s.site.reader.Fields {
			e.byReader[keyOf(rf.NamePos)] = append(e.byReader[keyOf(rf.NamePos)], s)
		}
	}
}

func distinctKeys(keys ...spotKey) []spotKey {
	var out []spotKey
	for _, k := range keys {
		if k != (spotKey{}) && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

func (e *avroEngine) expand(s *spot) {
	r, w := s.site.reader, s.site.writer
	switch {
	case w.Kind == avro.Union:
		for i, b := range w.Branches {
			next := s.site
			next.writer, next.wPos = b, e.resolver.branchPos(w, b)
			if part := e.resolver.pick(r, b); part != nil && r.Kind == avro.Union {
				next.reader, next.rPos = part, e.resolver.branchPos(r, part)
			}
			e.add(&spot{next, s, i})
		}
	case r.Kind == avro.Union:
		if part := e.resolver.pick(r, w); part != nil {
			next := s.site
			next.reader, next.rPos = part, e.resolver.branchPos(r, part)
			e.add(&spot{next, s, -1})
		}
	case r.Kind != w.Kind:
	case w.Kind == avro.Array, w.Kind == avro.Map:
		e.add(&spot{below(s.site), s, 0})
	case w.Kind == avro.Record:
		for _, rf := range r.Fields {
			if at := e.resolver.writerFields(rf, w); len(at) == 1 {
				e.add(&spot{fieldSite(s.site, rf, w.Fields[at[0]]), s, at[0]})
			}
		}
	}
}

// message returns the smallest message that has v at a spot, or nil.
func (e *avroEngine) message(s *spot, v *value) *value {
	for ; s.above != nil; s = s.above {
		up := s.above
		if s.step < 0 {
			continue // the same value, in a union of the reader
		}
		switch w := up.site.writer; w.Kind {
		case avro.Union:
			v = &value{n: int64(s.step), items: []*value{v}}
		case avro.Array:
			v = &value{items: []*value{v}}
		case avro.Map:
			v = &value{keys: []string{"k"}, items: []*value{v}}
		case avro.Record:
			whole := e.least(up.site.reader, w)
			if whole == nil {
				return nil
			}
			v = &value{items: slices.Replace(slices.Clone(whole.items), s.step, s.step+1, v)}
		}
	}
	return v
}

// values returns what to try at a spot: what a reader might not know comes first.
func (e *avroEngine) values(s *spot, most int) []*value {
	w := s.site.writer
	var out []*value
	switch w.Kind {
	case avro.Enum:
		for i, symbol := range w.Symbols {
			_, known := e.resolver.symbolFor(s.site.reader, symbol.Name)
			if s.site.reader.Kind == avro.Enum && !known && len(out) < most {
				out = append(out, &value{n: int64(i)})
			}
		}
	case avro.Union:
		for i, b := range w.Branches[:min(most, len(w.Branches))] {
			part := e.resolver.pick(s.site.reader, b)
			if part == nil {
				part = b
			}
			if v := e.least(part, b); v != nil {
				out = append(out, &value{n: int64(i), items: []*value{v}})
			}
		}
	}
	out = append(out, telling(s.site)...)
	if v := e.least(s.site.reader, w); v != nil {
		out = append(out, v)
	}
	return out
}

// cross writes a message and reads it. It returns the data, what the reader has,
// and every fault; of some classes those that count for a rule of that class only.
func (e *avroEngine) cross(v *value, c class) (data []byte, read *value, faults []fault, err error) {
	if data, err = appendValue(nil, e.writer.Root, v); err != nil {
		return nil, nil, nil, err
	}
	d := &decoder{data, budget{maxNodes}}
	written, err := d.value(e.writer.Root)
	if err != nil {
		return nil, nil, nil, err
	}
	r := &reading{resolver: e.resolver, plain: c == plainMeaning}
	read = r.read(e.root(), written)
	if e.steps.left <= 0 {
		return nil, nil, nil, ErrTooLarge
	}
	return data, read, r.faults, nil
}

// classOf says what a rule of Avro is about.
func classOf(id string) class {
	switch id {
	case "AVRO_FIELD_ADDED_NO_DEFAULT", "AVRO_FIELD_REMOVED_NO_DEFAULT":
		return noValue
	case "AVRO_FIELD_AMBIGUOUS":
		return ambiguous
	case "AVRO_FIELD_TYPE_CHANGED", "AVRO_TYPE_CHANGED":
		return mismatch
	case "AVRO_ENUM_SYMBOL_ADDED", "AVRO_ENUM_SYMBOL_REMOVED":
		return unknownSymbol
	case "AVRO_UNION_BRANCH_ADDED", "AVRO_UNION_BRANCH_REMOVED":
		return missingBranch
	case "AVRO_NAME_CHANGED":
		return otherName
	case "AVRO_FIXED_SIZE_CHANGED":
		return otherSize
	case "AVRO_LOGICAL_TYPE_CHANGED", "AVRO_DECIMAL_PRECISION_CHANGED":
		return otherMeaning
	case "AVRO_LOGICAL_TYPE_ADDED_OR_REMOVED":
		return plainMeaning
	}
	return noClass
}

// matches reports whether a fault is what a rule of class c found at two places.
// Whether a value that is in a union has the wrong type or no branch depends on
// where one stands.
func (f *fault) matches(c class, reader, writer spotKey) bool {
	if c == mismatch || c == missingBranch {
		return (f.class == mismatch || f.class == missingBranch) && (f.writer == writer || c == mismatch && f.reader == reader)
	}
	// The writer's place of a missing value may be a guess of what it was before.
	return f.class == c && f.reader == reader && (f.writer == writer || c == noValue)
}

func (e *avroEngine) spent() bool { return e.cut || e.steps.left <= 0 }

func (e *avroEngine) build(f *rule.Finding, _ bool) *rule.Witness {
	if len(e.spots) == 0 {
		return nil
	}
	e.steps.left = buildSteps
	rKey, wKey := sides(f, e.dir)
	switch c := classOf(f.Rule.ID); {
	case c != noClass:
		return e.faulty(c, rKey, wKey)
	case f.Rule.ID == "AVRO_FIELD_RENAMED_NO_ALIAS":
		return e.renamed(rKey, wKey)
	case f.Rule.ID == "AVRO_ENUM_SYMBOLS_REORDERED":
		return e.reordered(wKey)
	}
	return nil
}

// faulty builds the smallest message that has a fault of a class at two places.
func (e *avroEngine) faulty(c class, rKey, wKey spotKey) *rule.Witness {
	const most = 64
	near := slices.Concat(e.byWriter[wKey], e.byReader[rKey])
	if c == unknownSymbol {
		near = e.byReader[rKey]
	}
	var best *rule.Witness
	least := 0
	for i, s := range near[:min(most, len(near))] {
		if slices.Contains(near[:i], s) {
			continue
		}
		values := e.values(s, most)
		if c == unknownSymbol {
			values = append(e.symbolAt(s, wKey), values...)
		}
		for _, v := range values {
			m := e.message(s, v)
			if m == nil {
				continue
			}
			data, read, faults, err := e.cross(m, c)
			if err != nil {
				continue
			}
			at := slices.IndexFunc(faults, func(f fault) bool { return f.matches(c, rKey, wKey) })
			if at < 0 {
				continue
			}
			if weight := len(faults)*maxBytes + len(data); best == nil || weight < least {
				best, least = e.show(m, data, read, faults[at]), weight
			}
		}
	}
	return best
}

// symbolAt returns the symbol that is written at a place.
func (e *avroEngine) symbolAt(s *spot, at spotKey) []*value {
	for i, symbol := range s.site.writer.Symbols {
		if keyOf(symbol.Pos) == at {
			return []*value{{n: int64(i)}}
		}
	}
	return nil
}

func (e *avroEngine) show(m *value, data []byte, read *value, f fault) *rule.Witness {
	meaning := f.class == otherMeaning || f.class == plainMeaning
	w := &rule.Witness{
		JSON: string(appendJSON(nil, e.writer.Root, m, meaning)), Data: data,
		Err: f.err, Comment: f.comment,
	}
	if f.err == "" {
		w.Read = string(appendJSON(nil, e.reader.Root, read, meaning))
	}
	if f.class == otherName && e.kindAt(f) == avro.Record {
		w.Comment = javaReads
	}
	return w
}

func (e *avroEngine) kindAt(f fault) avro.Kind {
	for _, s := range e.byReader[f.reader] {
		if keyOf(s.site.reader.NamePos) == f.reader {
			return s.site.reader.Kind
		}
	}
	return avro.Null
}

// prove begins with each value that differs from the smallest message in one
// place, and goes on at random.
func (e *avroEngine) prove(i int, r *rand.Rand) (*rule.Witness, bool) {
	if len(e.spots) == 0 {
		return nil, false
	}
	e.steps.left = messageSteps
	m := e.edge(i)
	if m == nil {
		m = e.random(r)
	}
	data, read, faults, err := e.cross(m, noClass)
	if err != nil || len(faults) == 0 {
		return nil, err == nil
	}
	if w := e.smallest(faults[0]); w != nil {
		return w, true
	}
	return e.show(m, data, read, faults[0]), true
}

// smallest builds the message of a fault.
func (e *avroEngine) smallest(f fault) *rule.Witness {
	for _, s := range slices.Concat(e.byWriter[f.writer], e.byReader[f.reader]) {
		e.steps.left = messageSteps
		for _, v := range e.values(s, 64) {
			m := e.message(s, v)
			if m == nil {
				continue
			}
			data, read, faults, err := e.cross(m, noClass)
			if err == nil && len(faults) == 1 && faults[0] == f {
				return e.show(m, data, read, f)
			}
		}
	}
	return nil
}
