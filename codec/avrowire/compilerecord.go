package avrowire

import (
	"fmt"
	"slices"

	"github.com/wireproof/wireproof/lang/avro"
)

// record returns the step that runs the program of two records, which is made
// when they are first met.
func (c *compiler) record(w, r *avro.Type) (step, error) {
	if !sameName(w, r) {
		return step{}, mismatch(w, r)
	}
	at, ok := c.pairs[pair{w, r}]
	if !ok {
		at = c.program()
		c.pairs[pair{w, r}] = at
		steps, err := c.fields(w, r)
		if err != nil {
			c.failed[at] = err
			steps = program{{op: opFail, data: err.Error()}}
		}
		c.programs[at] = steps
	}
	return step{op: opRecord, sub: at}, c.failed[at]
}

// fields returns the program of two records. The writer's fields come in its
// order and are appended as they come, with the defaults of the reader's other
// fields between; only if the reader has them in another order are they moved.
func (c *compiler) fields(w, r *avro.Type) (program, error) {
	source := match(w, r)
	ordered := true
	last := -1
	for _, i := range source {
		if i >= 0 {
			ordered = ordered && i > last
			last = i
		}
	}
	steps := make([]step, len(r.Fields))
	for i, f := range r.Fields {
		var err error
		if source[i] < 0 {
			steps[i], err = insertDefault(f)
		} else {
			steps[i], err = c.value(w.Fields[source[i]].Type, f.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("field %q: %w", f.Name, err)
		}
		steps[i].name = f.Name
	}
	if ordered {
		return c.inOrder(w, source, steps), nil
	}
	return c.rearranged(w, source, steps), nil
}

// match returns, for each field of the reader, which of the writer's it reads, or
// -1. A writer's field belongs to the reader's field that has its name as an
// alias, before one that has it as its name: an alias says that what was written
// under that name is meant. If a field of the reader gets several, its own name
// comes first.
func match(w, r *avro.Type) []int {
	owner := map[string]int{}
	for i, f := range r.Fields {
		owner[f.Name] = i
	}
	for i, f := range slices.Backward(r.Fields) {
		for _, alias := range f.Aliases {
			owner[alias] = i
		}
	}
	source := make([]int, len(r.Fields))
	for i := range source {
		source[i] = -1
	}
	rank := func(f *avro.Field, name string) int {
		return slices.Index(append([]string{f.Name}, f.Aliases...), name)
	}
	for j, f := range w.Fields {
		i, ok := owner[f.Name]
		if !ok {
			continue
		}
		if have := source[i]; have < 0 || rank(r.Fields[i], f.Name) < rank(r.Fields[i], w.Fields[have].Name) {
			source[i] = j
		}
	}
	return source
}

func (c *compiler) inOrder(w *avro.Type, source []int, steps []step) program {
	var out program
	next := 0 // the writer's field that comes next
	skipTo := func(field int) {
		for ; next < field; next++ {
			out = append(out, c.skip(w.Fields[next].Type, w.Fields[next].Name))
		}
	}
	for i, s := range steps {
		if source[i] >= 0 {
			skipTo(source[i])
			next++
		}
		out = append(out, s)
	}
	skipTo(len(w.Fields))
	return out
}

// rearranged appends every field as a segment, first those of the writer in its
// order, then the defaults, and then puts the segments into the reader's order.
func (c *compiler) rearranged(w *avro.Type, source []int, steps []step) program {
	var out program
	segment := make([]int, len(steps))
	n := 0
	mark := func(reader int, s step) {
		out = append(out, step{op: opMark}, s)
		segment[reader] = n
		n++
	}
	for i, f := range w.Fields {
		if reader := slices.Index(source, i); reader >= 0 {
			mark(reader, steps[reader])
			continue
		}
		out = append(out, c.skip(f.Type, f.Name))
	}
	for reader, s := range steps {
		if source[reader] < 0 {
			mark(reader, s)
		}
	}
	return append(out, step{op: opArrange, n: n, list: segment})
}

// skip returns the step that reads a t and appends nothing.
func (c *compiler) skip(t *avro.Type, name string) step {
	s := c.skipValue(t)
	s.name = name
	return s
}

func (c *compiler) skipValue(t *avro.Type) step {
	switch t.Kind {
	case avro.Boolean:
		return step{op: opSkipFixed, n: 1}
	case avro.Int, avro.Long, avro.Enum:
		return step{op: opSkipLong}
	case avro.Float:
		return step{op: opSkipFixed, n: 4}
	case avro.Double:
		return step{op: opSkipFixed, n: 8}
	case avro.Bytes, avro.String:
		return step{op: opSkipText}
	case avro.Fixed:
		return step{op: opSkipFixed, n: t.Size}
	case avro.Array:
		return step{op: opSkipBlocks, n: c.size(t.Items), sub: c.program(c.skipValue(t.Items))}
	case avro.Map:
		return step{op: opSkipBlocks, n: 1 + c.size(t.Items), sub: c.program(step{op: opSkipText}, c.skipValue(t.Items))}
	case avro.Union:
		s := step{op: opSkipUnion}
		for _, b := range t.Branches {
			s.subs = append(s.subs, c.program(c.skipValue(b)))
		}
		return s
	case avro.Record:
		at, ok := c.skips[t]
		if !ok {
			at = c.program()
			c.skips[t] = at
			var steps program
			for _, f := range t.Fields {
				steps = append(steps, c.skip(f.Type, f.Name))
			}
			c.programs[at] = steps
		}
		return step{op: opSkipRecord, sub: at}
	}
	return step{op: opSkipFixed} // null
}

// enough is where counting the least size of a type stops: records can nest so
// that it doubles with every level.
const enough = 1 << 20

// size returns a number of bytes that no encoding of t is shorter than.
func (c *compiler) size(t *avro.Type) int {
	switch t.Kind {
	case avro.Null:
		return 0
	case avro.Float:
		return 4
	case avro.Double:
		return 8
	case avro.Fixed:
		return min(t.Size, enough)
	case avro.Union:
		return 1 // the branch; counting on would have to look into cycles
	case avro.Record:
		n, ok := c.sizes[t]
		if !ok {
			c.sizes[t] = 0 // while it is counted
			for _, f := range t.Fields {
				n = min(n+c.size(f.Type), enough)
			}
			c.sizes[t] = n
		}
		return n
	}
	return 1
}
