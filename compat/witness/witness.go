package witness

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/wireproof/wireproof/compat/rule"
	"github.com/wireproof/wireproof/lang"
	"github.com/wireproof/wireproof/lang/avro"
	"github.com/wireproof/wireproof/lang/jsonschema"
	"github.com/wireproof/wireproof/lang/protobuf"
)

const (
	// buildSteps is the budget for the witness of one finding.
	buildSteps = 100_000
	// indexSteps is the budget for the walk over both schemas.
	indexSteps = 400_000
	// messageSteps is the budget for one message of [Prove].
	messageSteps = 20_000
	// maxNodes is how many values a message may hold, and maxBytes how long it
	// may be.
	maxNodes = 20_000
	maxBytes = 1 << 20
)

// ErrTooLarge says that a search ended because its budget was spent.
var ErrTooLarge = errors.New("no witness: too large")

// A Pair finds the witnesses of several findings on the same two schemas, which
// are walked once. It is not safe for concurrent use.
type Pair struct {
	newer, older lang.Schema
	engines      map[rule.Breaks]engine
	err          error
}

// NewPair returns a Pair. It does no work yet.
func NewPair(newer, older lang.Schema) *Pair {
	return &Pair{newer: newer, older: older, engines: map[rule.Breaks]engine{}}
}

// An engine crosses messages of one language in one direction.
type engine interface {
	// build finds the smallest message that shows f to readers of the data, or to
	// those who exchange it as JSON where the language has another form.
	build(f *rule.Finding, asJSON bool) *rule.Witness
	// spent reports whether the last search ended for its budget.
	spent() bool
	// prove returns what shows that the i-th message does not cross, or nil, and
	// whether there was one to be read. Messages begin with the edges: each symbol,
	// each branch, each empty value.
	prove(i int, r *rand.Rand) (w *rule.Witness, written bool)
}

// Build returns the smallest message that shows a finding of [NewPair]'s schemas.
// It is false where the finding claims no unreadable data, and where the search
// ends without one: then [Pair.Err] says whether that was for the size of the schemas.
func (p *Pair) Build(f *rule.Finding) (*rule.Witness, bool) {
	p.err = nil
	if f == nil || f.Rule == nil {
		return nil, false
	}
	for _, asJSON := range []bool{false, true} {
		if asJSON && claimed(f)&rule.JSONReaders == 0 || !asJSON && claimed(f)&everyReader == 0 {
			continue
		}
		for _, dir := range directions(f) {
			if e := p.engine(dir); e != nil {
				if w := e.build(f, asJSON); w != nil {
					p.err, w.Writer = nil, dir
					return w, true
				}
				if e.spent() {
					p.err = ErrTooLarge
				}
			}
		}
	}
	return nil, false
}

// Err returns [ErrTooLarge] if the last [Pair.Build] ended without a witness because
// its budget was spent: one may be there all the same. Otherwise it is nil.
func (p *Pair) Err() error { return p.err }

// Whom returns whom a finding breaks. What it says itself holds, but a rule of Buf's
// alone has no direction: it breaks those readers for whom a message shows it. Where a
// search for one was too large, it breaks whom the rule says.
func (p *Pair) Whom(f *rule.Finding) rule.Breaks {
	out := f.Breaks
	if !bufAlone(f) || f.Rule.Breaks&everyReader == 0 {
		return out
	}
	for _, dir := range directions(f) {
		if e := p.engine(dir); e != nil && (e.build(f, false) != nil || e.spent()) {
			out |= dir
		}
	}
	return out
}

const everyReader = rule.Readers | rule.OldReaders

// bufAlone reports whether a finding is of Buf's rules and no verdict of a registry.
func bufAlone(f *rule.Finding) bool { return f.ErrorType == "" && len(f.Rule.Categories) > 0 }

// claimed is who may be broken by a finding.
func claimed(f *rule.Finding) rule.Breaks {
	if bufAlone(f) {
		return f.Breaks | f.Rule.Breaks
	}
	return f.Breaks
}

// directions returns which sides may have written what shows a finding, the likelier
// first. Readers of JSON have no direction either: what is there is of the old side.
func directions(f *rule.Finding) []rule.Breaks {
	has := claimed(f)
	if bufAlone(f) && has&(everyReader|rule.JSONReaders) != 0 || has&everyReader == 0 && has&rule.JSONReaders != 0 {
		has |= rule.Readers
	}
	var out []rule.Breaks
	for _, dir := range []rule.Breaks{rule.Readers, rule.OldReaders} {
		if has&dir != 0 {
			out = append(out, dir)
		}
	}
	return out
}

// Build is [Pair.Build] for one finding.
func Build(f *rule.Finding, newer, older lang.Schema) (*rule.Witness, bool) {
	return NewPair(newer, older).Build(f)
}

// Prove has one side write n messages and the other read them: with
// [rule.Readers] older writes, with [rule.OldReaders] newer does. It returns the
// first message that does not cross, made as small as it gets, or nil if all
// cross. The messages depend on the schemas and the seed only. It is an error if
// dir is neither, if the schemas are not of one known language, or if no message
// could be written at all.
func Prove(newer, older lang.Schema, dir rule.Breaks, n int, seed uint64) (*rule.Witness, error) {
	if dir != rule.Readers && dir != rule.OldReaders {
		return nil, fmt.Errorf("the direction is %d, expected rule.Readers or rule.OldReaders", dir)
	}
	e := NewPair(newer, older).engine(dir)
	if e == nil {
		return nil, fmt.Errorf("the schemas are %T and %T, expected two of one language", newer, older)
	}
	return prove(e, dir, n, seed)
}

func prove(e engine, dir rule.Breaks, n int, seed uint64) (*rule.Witness, error) {
	r := rand.New(rand.NewPCG(seed, 0x7769746e657373))
	any := false
	for i := range n {
		w, written := e.prove(i, r)
		if w != nil {
			w.Writer = dir
			return w, nil
		}
		any = any || written
	}
	if n > 0 && !any {
		return nil, fmt.Errorf("none of %d generated messages could be written and read: the schemas are too large, or take no message", n)
	}
	return nil, nil
}

// engine returns the engine for a direction, or nil if the schemas are not of one
// language.
func (p *Pair) engine(dir rule.Breaks) engine {
	if e, ok := p.engines[dir]; ok {
		return e
	}
	reader, writer := p.newer, p.older
	if dir == rule.OldReaders {
		reader, writer = writer, reader
	}
	var e engine
	switch w := writer.(type) {
	case *avro.Schema:
		if r, ok := reader.(*avro.Schema); ok {
			e = newAvroEngine(r, w, dir)
		}
	case *protobuf.Schema:
		if r, ok := reader.(*protobuf.Schema); ok {
			e = newProtoEngine(r, w)
		}
	case *jsonschema.Schema:
		if r, ok := reader.(*jsonschema.Schema); ok {
			e = newJSONEngine(r, w)
		}
	}
	p.engines[dir] = e
	return e
}

// sides returns the reader's and the writer's position of a finding.
func sides(f *rule.Finding, dir rule.Breaks) (reader, writer spotKey) {
	reader, writer = keyOf(f.New), keyOf(f.Old)
	if dir == rule.OldReaders {
		reader, writer = writer, reader
	}
	return reader, writer
}

// A spotKey is a place in a text.
type spotKey struct {
	path  string
	start int
}

func keyOf(p lang.Pos) spotKey { return spotKey{p.Path, p.Start} }

// A budget counts steps down. Once it is spent, every search ends.
type budget struct{ left int }

func (b *budget) take(n int) bool {
	b.left -= n
	return b.left > 0
}
